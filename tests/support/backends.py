"""A build backend inside the project, which needs no download and runs any code of a test."""

from __future__ import annotations

from tests.support.projects import Sample

_BACKEND = '''\
"""A build backend of a few lines."""

import io
import os
import tarfile
import tomllib
import zipfile
from pathlib import Path

PROJECT = tomllib.loads(Path("pyproject.toml").read_text())["project"]
STEM = f"{PROJECT['name'].replace('-', '_')}-{PROJECT['version']}"
CLOCK = int(os.environ["SOURCE_DATE_EPOCH"])
URLS = "".join(f"Project-URL: {label}, {url}\\n" for label, url in PROJECT.get("urls", {}).items())
CORE = (
    f"Metadata-Version: 2.4\\nName: {PROJECT['name']}\\nVersion: {PROJECT['version']}\\nSummary: A sample.\\n"
    f"Requires-Python: {PROJECT['requires-python']}\\nDescription-Content-Type: text/markdown\\n{URLS}"
)
README = "\\n# A sample\\n"
EXTRA = {}
SKIP = {".git", "__pycache__"}


def during(kind):
    """Do what the test wants."""


#BODY#


def build_sdist(directory, config_settings=None):
    during("sdist")
    with tarfile.open(f"{directory}/{STEM}.tar.gz", "w:gz", compresslevel=1) as archive:
        names = [name for name in sorted(Path().rglob("*")) if name.is_file() and not SKIP & set(name.parts)]
        for name in names:
            add(archive, name.as_posix(), name.read_bytes())
        add(archive, "PKG-INFO", (CORE + README).encode())
    return f"{STEM}.tar.gz"


def add(archive, name, content):
    member = tarfile.TarInfo(f"{STEM}/{name}")
    member.size, member.mtime = len(content), CLOCK
    archive.addfile(member, io.BytesIO(content))


def build_wheel(directory, config_settings=None, metadata_directory=None):
    during("wheel")
    info = f"{STEM}.dist-info"
    scripts = "".join(f"{name} = {target}\\n" for name, target in PROJECT.get("scripts", {}).items())
    files = {path.relative_to("src").as_posix(): path.read_bytes() for path in sorted(Path("src").rglob("*.*"))}
    files |= {name: text.encode() for name, text in EXTRA.items()}
    files[f"{info}/METADATA"] = (CORE + README).encode()
    files[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\\nGenerator: own\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    files[f"{info}/entry_points.txt"] = f"[console_scripts]\\n{scripts}".encode()
    import base64, hashlib
    rows = "".join(
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(text).digest()).decode().rstrip('=')},{len(text)}\\n"
        for name, text in files.items()
    )
    files[f"{info}/RECORD"] = f"{rows}{info}/RECORD,,\\n".encode()
    with zipfile.ZipFile(f"{directory}/{STEM}-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED)
    return f"{STEM}-py3-none-any.whl"
'''


def own_backend(
    body: str = "", *, settings: str = "", urls: str = "", requires: str = "", scripts: tuple[str, ...] = ("demo-tool",)
) -> Sample:
    """Build a sample project with its own backend, which runs this code."""
    plain = Sample(settings=settings, scripts=scripts, urls=urls or Sample.urls)
    head = f'[build-system]\nrequires = [{requires}]\nbuild-backend = "own_backend"\nbackend-path = ["."]\n'
    pyproject = f"{head}\n[project]{plain.pyproject().partition('[project]')[2]}"
    files: dict[str, str | bytes] = {"pyproject.toml": pyproject, "own_backend.py": _BACKEND.replace("#BODY#", body)}
    return Sample(settings=settings, scripts=scripts, files=files)
