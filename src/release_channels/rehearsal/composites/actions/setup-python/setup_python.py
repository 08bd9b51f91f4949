"""Double of actions/setup-python: a virtual environment of a Python that is on this machine.

What a job installs with pip goes there and never into the Python itself, which on this machine is somebody's own.
"""

import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

QUIET = ("--no-project", "--no-python-downloads", "--no-config")


def requests() -> list[str]:
    """Return the wanted versions: of the input, else of the file, else of `.python-version`, if it exists."""
    given = [line.strip() for line in os.environ["REHEARSAL_PYTHON_VERSION"].splitlines()]
    if any(given):
        return [line for line in given if line]
    named = os.environ["REHEARSAL_PYTHON_VERSION_FILE"]
    path = Path(named or ".python-version")
    if not path.is_file():
        if named:
            sys.exit(f"::error::python-version-file names {named}, which does not exist")
        return []
    text = path.read_text(encoding="utf-8")
    if path.name == "pyproject.toml":
        wanted = tomllib.loads(text).get("project", {}).get("requires-python", "")
        return [wanted] if wanted else []
    if path.name == ".tool-versions":
        return re.findall(r"^\s*python\s+(\S+)", text, re.MULTILINE)[:1]
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def as_specifier(wanted: str) -> str:
    """Return the request as uv reads it: 3.x and 3.13.x, ~3.13, >=3.9 <3.14, 3.14-dev and pypy3.10 become its forms.

    Source: the action's README, the forms of its input; uv's documentation, how a version is asked for.
    """
    wanted = re.sub(r"-(alpha|beta|rc)\.?", lambda found: {"alpha": "a", "beta": "b"}.get(found[1], "rc"), wanted)
    wanted = wanted.removesuffix("-dev").replace("pypy-", "pypy")
    wanted = re.sub(r"^[~^]?(\d+)(\.[xX*])*$", r">=\1,<\1.99", wanted)
    wanted = re.sub(r"^(\d+\.\d+)(\.[xX*])?$", r"\1", wanted)
    wanted = re.sub(r"^~(\d+\.\d+(\.\d+)?)$", lambda found: f"~={found[1]}{'' if found[2] else '.0'}", wanted)
    return re.sub(r"(?<=\d)\s+(?=[<>=!])", ",", wanted)


def find(wanted: str) -> str:
    """Return the interpreter that fits, and is not in an environment; empty if this machine has none."""
    words = ("uv", "python", "find", *QUIET, "--system", "--resolve-links", wanted)
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""


def make(interpreter: str) -> tuple[Path, str]:
    """Make the environment with what a Python of the action has in it; return its interpreter and version.

    Source: Python's documentation of ensurepip: until 3.11 setuptools comes with it, too.
    """
    place = Path(tempfile.mkdtemp(prefix="python-", dir=os.environ["RUNNER_TEMP"]))
    words = ("uv", "venv", "--quiet", *QUIET, "--allow-existing", "--python", interpreter, str(place))
    subprocess.run(words, check=True)
    python = place / "bin" / "python"
    show = "import platform; print(platform.python_version())"
    version = subprocess.run((str(python), "-c", show), check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    older = tuple(map(int, version.split(".")[:2])) < (3, 12)
    brought = ("pip", "setuptools") if older else ("pip",)
    install = ("uv", "pip", "install", "--quiet", "--no-config", "--python", str(python), *brought)
    subprocess.run(install, check=True)
    return python, version


def write(variable: str, **values: str) -> None:
    """Append lines to one of the files by which a step sets something for later ones."""
    with Path(os.environ[variable]).open("a", encoding="utf-8") as stream:
        stream.writelines(f"{name.replace('__', '-')}={value}\n" for name, value in values.items())


def main() -> None:
    """Make an environment for each wanted version; the last one's Python is `python`.

    Source: the action's documents: outputs, environment variables, and which version becomes the default.
    """
    version = python = ""
    for wanted in requests() or [""]:
        interpreter = find(as_specifier(wanted)) if wanted else sys.executable
        if not interpreter:
            here = ".".join(map(str, sys.version_info[:2]))
            print(f"::notice title=not rehearsed::Python {wanted} (not on this machine, so {here} is taken)")
            interpreter = sys.executable
        made, version = make(interpreter)
        python = str(made)
        print(f"Python {version} in {made.parent.parent}")
        if os.environ["REHEARSAL_UPDATE_ENVIRONMENT"] != "false":
            place = str(made.parent.parent)
            with Path(os.environ["GITHUB_PATH"]).open("a", encoding="utf-8") as stream:
                stream.write(f"{made.parent}\n")
            roots = dict.fromkeys(("Python_ROOT_DIR", "Python2_ROOT_DIR", "Python3_ROOT_DIR"), place)
            write("GITHUB_ENV", pythonLocation=place, **roots, PKG_CONFIG_PATH=f"{place}/lib/pkgconfig")
    write("GITHUB_OUTPUT", python__version=version, python__path=python)
    if os.environ["REHEARSAL_CACHE"]:
        write("GITHUB_OUTPUT", cache__hit="false")


main()
