"""Small real projects, one for each build backend."""

from __future__ import annotations

from dataclasses import dataclass, field

BACKENDS = {
    "hatchling": ("hatchling", "hatchling.build"),
    "setuptools": ("setuptools", "setuptools.build_meta"),
    "flit-core": ("flit_core>=3.12", "flit_core.buildapi"),
    "poetry-core": ("poetry-core>=2", "poetry.core.masonry.api"),
    "pdm-backend": ("pdm-backend", "pdm.backend"),
    "uv_build": ("uv_build>=0.9,<1", "uv_build"),
}


@dataclass(frozen=True)
class Sample:
    """What a sample project is like; `extra` goes to the end of [project], `tail` to the end of the file.

    The backend unless one is named is the one that uv runs in its own process: any other takes a second a build.
    """

    name: str = "demo-tool"
    version: str = "1.2.0.dev0"
    backend: str = "uv_build"
    scripts: tuple[str, ...] = ("demo-tool",)
    requires_python: str = ">=3.10"
    dependencies: tuple[str, ...] = ()
    urls: str = '[project.urls]\nRepository = "https://github.com/example/demo-tool"\n'
    settings: str = ""
    extra: str = ""
    tail: str = ""
    files: dict[str, str | bytes] = field(default_factory=dict)

    @property
    def package(self) -> str:
        """The import package."""
        return self.name.replace("-", "_")

    def pyproject(self) -> str:
        """The text of pyproject.toml."""
        requirement, backend = BACKENDS[self.backend]
        scripts = "".join(f'{script} = "{self.package}:main"\n' for script in self.scripts)
        dependencies = ", ".join(f'"{requirement}"' for requirement in self.dependencies)
        return (
            f'[build-system]\nrequires = ["{requirement}"]\nbuild-backend = "{backend}"\n\n'
            f'[project]\nname = "{self.name}"\nversion = "{self.version}"\n'
            f'description = "A sample."\nreadme = "README.md"\nrequires-python = "{self.requires_python}"\n'
            f"dependencies = [{dependencies}]\n{self.extra}\n"
            + (f"[project.scripts]\n{scripts}\n" if scripts else "")
            + self.urls
            + (f"\n[tool.release-channels]\n{self.settings}" if self.settings else "")
            + self.tail
        )

    def tree(self) -> dict[str, str | bytes]:
        """Every file of the project."""
        main = (
            f'"""A sample."""\n\nimport importlib.metadata\nimport sys\n\n\ndef main() -> None:\n'
            f'    print("{self.name}", importlib.metadata.version("{self.name}"), *sys.argv[1:])\n'
        )
        return {
            "pyproject.toml": self.pyproject(),
            "README.md": f"# {self.name}\n\nA sample.\n",
            f"src/{self.package}/__init__.py": main,
            f"src/{self.package}/data.txt": "some data\n",
            **self.files,
        }
