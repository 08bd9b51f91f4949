"""Double of astral-sh/setup-uv: this machine's uv, with the requested Python if installed."""

import os
import subprocess
from pathlib import Path


def notice(text: str) -> None:
    """Report to the rehearsal what cannot be run."""
    print(f"::notice title=not rehearsed::{text}")


def is_here(python: str) -> bool:
    """Check whether this machine has a Python; uv is queried once for all jobs of a rehearsal."""
    note = Path(os.environ["REHEARSAL_LOCKS"], f"python-{python.replace('/', '-')}.txt")
    if not note.exists():
        asked = ["uv", "python", "find", "--no-project", "--no-python-downloads", python]
        done = subprocess.run(asked, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        mine = note.with_suffix(f".{os.getpid()}")  # other jobs may read it meanwhile
        mine.write_text("here" if done.returncode == 0 else "not here")
        mine.replace(note)
    return note.read_text() == "here"


def main() -> None:
    """Choose the Python; report another requested version of uv instead of fetching it."""
    here = subprocess.run(["uv", "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout.split()[1]
    version, python = os.environ["REHEARSAL_VERSION"], os.environ["REHEARSAL_PYTHON_VERSION"]
    if version not in ("", "latest", here):
        notice(f"uv {version} (this machine has {here})")
    if python:
        if is_here(python):
            with Path(os.environ["GITHUB_ENV"]).open("a") as stream:
                stream.write(f"UV_PYTHON={python}\n")
        else:
            notice(f"Python {python} (not on this machine)")
    with Path(os.environ["GITHUB_OUTPUT"]).open("a") as stream:
        stream.write(f"uv-version={here}\n")


main()
