"""Every printed command runs against the local index, and the installed version is read."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from release_channels.adapters.process import CompletedProcess, run, run_unchecked
from release_channels.adapters.uv import uv_program
from release_channels.adoption.install_guide import Product, already_there, as_markdown, install_guide
from release_channels.indexserver.server import serve
from tests.adoption.printed import commands_in
from tests.support.distributions import Recipe, make_wheel

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
PRODUCT = Product("demo-tool", ("demo", "bench"), f">={HERE}")
GUIDE = as_markdown(install_guide(PRODUCT))
PRINTED = commands_in(GUIDE)
_MAIN = "demo_tool.cli:main"
RELEASE = Recipe(cli="def main():\n    print('new')\n", scripts={"demo": _MAIN, "bench": _MAIN}, requires=["demo-dep"])
DEPENDENCY = Recipe(name="demo-dep", version="1.0", scripts={})
TOO_NEW = "1.3.0"
"""A release that no Python of today may have: the interpreter is too old for it."""

FINAL = {"demo-tool": "1.1.0", "demo-dep": "1.0"}
PREVIEW = {"demo-tool": "1.2.0.dev42", "demo-dep": "2.0.dev3"}
NARROW = {"demo-tool": "1.2.0.dev42", "demo-dep": "1.0"}

# What each command brings, whatever was there before. A new line in the guide needs a new line here.
INSTALLS: dict[str, Mapping[str, str]] = {
    "python -m pip install --upgrade demo-tool": FINAL,
    "uv tool install --upgrade demo-tool": FINAL,
    "uv tool install --upgrade --force demo-tool": FINAL,
    "python -m pip install --pre --upgrade demo-tool": PREVIEW,
    "uv tool install --prerelease allow --upgrade demo-tool": PREVIEW,
    "uv tool install --prerelease allow --upgrade --force demo-tool": PREVIEW,
    "python -m pip install --all-releases demo-tool --upgrade demo-tool": NARROW,
    "uv tool install --prerelease-package demo-tool=allow --upgrade demo-tool": NARROW,
    "python -m pip install --force-reinstall demo-tool": FINAL,
    "uv tool install --force demo-tool": FINAL,
    f"uv tool install --python {HERE} --upgrade demo-tool": FINAL,
    f"uv tool install --python {HERE} --prerelease allow --upgrade demo-tool": PREVIEW,
}
# Going back starts from a preview; everything else upgrades an older install.
BACK = {"python -m pip install --force-reinstall demo-tool", "uv tool install --force demo-tool"}
LOCKS: dict[str, tuple[str, ...]] = {
    "public": ("uv add demo-tool", "uv lock --upgrade-package demo-tool"),
    "preview": (
        "uv add --prerelease allow demo-tool",
        "uv lock --upgrade-package demo-tool --prerelease allow",
    ),
    "narrow": (
        "uv add --prerelease-package demo-tool=allow demo-tool",
        "uv lock --upgrade-package demo-tool --prerelease-package demo-tool=allow",
    ),
}


@dataclass(frozen=True)
class Machine:
    """A user's machine: an empty home, one index, an environment with pip, and a PATH."""

    home: Path
    env: Mapping[str, str]

    def type(self, line: str) -> CompletedProcess:
        """Run a line as it is printed, without a shell."""
        words = shlex.split(line)
        program = uv_program() if words[0] == "uv" else str(self.home / "venv" / "bin" / "python")
        return run_unchecked(program, *words[1:], cwd=self.home, env=self.env, timeout=300)

    def installed(self, line: str) -> dict[str, str]:
        """Read the versions that a line installed."""
        where = self.home / "tools" / "demo-tool" if line.startswith("uv tool") else self.home / "venv"
        listed = run(uv_program(), "pip", "freeze", "--python", where, cwd=self.home, env=self.env)
        pairs = (entry.partition("==") for entry in listed.splitlines())
        return {name: version for name, _, version in pairs if name.startswith("demo-")}

    def program(self, line: str) -> str:
        """Start the executable that a line installed."""
        return run(self.home / ("bin" if line.startswith("uv tool") else "venv/bin") / "demo", cwd=self.home)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, wheelhouse: Path) -> Iterator[str]:
    """An index with finals, previews, a dependency with a preview, and a release for a later Python."""
    root = tmp_path_factory.mktemp("install-index")
    for version in ("1.0.0", "1.1.0", "1.2.0.dev41", "1.2.0.dev42"):
        make_wheel(root, replace(RELEASE, version=version, requires_python=PRODUCT.requires_python))
    make_wheel(root, replace(RELEASE, version=TOO_NEW, requires_python=">=3.99"))
    for version in ("1.0", "2.0.dev3"):
        make_wheel(root, replace(DEPENDENCY, version=version))
    with serve(root) as running:
        yield running.simple_url


@pytest.fixture
def machine(tmp_path: Path, index: str, wheelhouse: Path, offline: None) -> Machine:
    """An empty machine."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("UV_", "PYTHON"))} | {
        "HOME": str(tmp_path),
        "UV_DEFAULT_INDEX": index,
        "PIP_INDEX_URL": index,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "UV_CACHE_DIR": os.environ["UV_CACHE_DIR"],
        "UV_PYTHON": sys.executable,
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_TOOL_DIR": str(tmp_path / "tools"),
        "UV_TOOL_BIN_DIR": str(tmp_path / "bin"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    return Machine(tmp_path, env)


def with_pip(machine: Machine, wheelhouse: Path) -> None:
    """Install a pip into the machine's environment."""
    words = ("--quiet", "--python", sys.executable)
    run(uv_program(), "venv", *words, machine.home / "venv", cwd=machine.home, env=machine.env)
    pip = next(wheelhouse.glob("pip-*.whl"))
    place = ("--quiet", "--python", machine.home / "venv")
    run(uv_program(), "pip", "install", *place, "--no-deps", pip, cwd=machine.home, env=machine.env)


def test_every_printed_command_has_a_test_here() -> None:
    """No more and no less."""
    assert {*INSTALLS, *(line for lines in LOCKS.values() for line in lines)} == set(PRINTED)


# pip takes seconds for what uv does at once.
_SLOW = {"python -m pip install --upgrade demo-tool", "python -m pip install --force-reinstall demo-tool"}


@pytest.mark.parametrize(
    "line", [pytest.param(line, marks=pytest.mark.full if line in _SLOW else ()) for line in INSTALLS]
)
@pytest.mark.parametrize("before", ["older", pytest.param("nothing", marks=pytest.mark.full)])
def test_an_install_command_installs_its_channels_newest(
    machine: Machine, wheelhouse: Path, line: str, before: str
) -> None:
    """On an empty machine and over an older install, among the releases for this Python."""
    if not line.startswith("uv"):
        with_pip(machine, wheelhouse)
    if before == "older":
        old = "1.2.0.dev42" if line in BACK else "1.0.0"
        start = "uv tool install" if line.startswith("uv") else "python -m pip install"
        machine.type(f"{start} demo-tool=={old}").or_raise()
    machine.type(line).or_raise()
    # pip upgrades a dependency only where it has to.
    kept = {"demo-dep": "1.0"} if before == "older" and not line.startswith("uv") else {}
    assert machine.installed(line) == {**INSTALLS[line], **kept}
    assert machine.program(line) == "new"


@pytest.mark.parametrize("channel", ["public", pytest.param("preview", marks=pytest.mark.full)])
def test_a_stale_executable_is_reported_and_replaced_by_force(machine: Machine, channel: str) -> None:
    """Another tool's executable stops the plain command in the words that the guide quotes."""
    (machine.home / "bin").mkdir()
    for name in ("bench", "demo"):
        stale = machine.home / "bin" / name
        stale.write_text("#!/bin/sh\necho stale\n")
        stale.chmod(0o755)
    flag = " --prerelease allow" if channel == "preview" else ""
    plain, forced = (f"uv tool install{flag} --upgrade{force} demo-tool" for force in ("", " --force"))
    done = machine.type(plain)
    assert done.code != 0
    assert already_there(PRODUCT.executables) in done.messages
    assert f"`{already_there(PRODUCT.executables)}`" in GUIDE
    assert machine.program(plain) == "stale"
    machine.type(forced).or_raise()
    assert machine.program(forced) == "new"
    assert {plain, forced} <= set(PRINTED)


@pytest.mark.parametrize("name", LOCKS)
def test_a_downstream_project_locks_its_channels_newest(machine: Machine, name: str) -> None:
    """From an older lock, by the two commands; a later plain lock keeps it."""
    expected = FINAL if name == "public" else NARROW
    (machine.home / "pyproject.toml").write_text(
        f'[project]\nname = "down"\nversion = "1"\nrequires-python = "=={HERE}.*"\ndependencies = ["demo-tool"]\n'
    )
    words = ("lock", "--quiet", "--upgrade-package", "demo-tool==1.0.0")
    run(uv_program(), *words, cwd=machine.home, env=machine.env)
    assert _locked(machine) == {"demo-tool": "1.0.0", "demo-dep": "1.0"}
    for line in LOCKS[name]:
        machine.type(line).or_raise()
    # The lock moves the named package alone: what its dependency is locked to stays.
    assert _locked(machine) == expected
    machine.type("uv lock").or_raise()
    assert _locked(machine) == expected


@pytest.mark.full
def test_an_old_python_gets_the_newest_release_for_it(machine: Machine, wheelhouse: Path) -> None:
    """As the guide describes: an older release, without an error."""
    assert "With an older one you get the newest release that still supports it" in GUIDE
    with_pip(machine, wheelhouse)
    for line in ("python -m pip install --upgrade demo-tool", "uv tool install --upgrade demo-tool"):
        machine.type(line).or_raise()
        assert machine.installed(line) == FINAL
        refused = machine.type(f"{line}=={TOO_NEW}")
        assert refused.code != 0
        assert "3.99" in refused.messages


def _locked(machine: Machine) -> dict[str, str]:
    packages = tomllib.loads((machine.home / "uv.lock").read_text())["package"]
    return {one["name"]: one["version"] for one in packages if one["name"].startswith("demo-")}


def test_a_newer_python_is_selected_by_option(machine: Machine) -> None:
    """Where uv would choose one that is too old, `--python` selects another."""
    other = _another_python()
    if other is None:
        pytest.skip("this machine has no second Python beside the one that runs the tests")
    env = {**machine.env, "UV_PYTHON": other}
    there = replace(machine, env=env)
    plain, named = "uv tool install --upgrade demo-tool", f"uv tool install --python {HERE} --upgrade demo-tool"
    assert there.type(plain).code != 0  # every release asks for the newer Python
    there.type(named).or_raise()
    assert there.installed(named) == FINAL


def _another_python() -> str | None:
    """Return an older Python that uv finds."""
    words = ("python", "find", "--no-project", "--no-python-downloads", f">=3.9,<{HERE}")
    asked = subprocess.run([uv_program(), *words], capture_output=True, text=True, check=False)
    return asked.stdout.strip() if asked.returncode == 0 else None
