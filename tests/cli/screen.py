"""Running the real programs and reading their screens."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.projects import Sample

BIN = Path(sys.executable).parent
_README = Path(__file__).parents[2] / "README.md"
# What a run may leave behind whatever it decided, and what noxfiles and imports leave.
_BOOKKEEPING = {".release-channels/lock", ".release-channels/outcome.json", ".release-channels/.gitignore"}


def readme_noxfile() -> str:
    """Return the README's noxfile for adopters."""
    found = re.search(r"```python\n(.*?)```", _README.read_text(encoding="utf-8"), re.DOTALL)
    assert found, "the README shows no noxfile"
    return found[1]


def adopter(**changes: object) -> Sample:
    """Build a sample project with the README's noxfile."""
    files = {"noxfile.py": readme_noxfile(), **changes.pop("files", {})}  # type: ignore[dict-item]
    return Sample(files=files, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Screen:
    """The output of a program."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """Both streams, which must have no traceback."""
        both = self.out + self.err
        assert "Traceback" not in both, both
        return both

    @property
    def own(self) -> str:
        """The text without the quoted, indented output of a build backend, which may have a traceback."""
        lines = (self.out + self.err).splitlines()
        own = "\n".join(line for line in lines if not line.startswith("  "))
        assert "Traceback" not in own, own
        return own

    @property
    def last(self) -> str:
        """The last line of results."""
        return self.out.strip().splitlines()[-1] if self.out.strip() else ""

    @property
    def plan(self) -> list[str]:
        """The lines of the plan, without nox's own and the next step."""
        lines = self.err.splitlines()
        return [line for line in lines if not line.startswith(("nox >", "next:"))]

    def shows(self, *parts: str) -> None:
        """Assert that each part is on the screen, in any line width."""
        flat = " ".join(self.text.split())
        for part in parts:
            assert part in flat, self.text


def run(*words: str | Path, cwd: Path, env: Mapping[str, str] | None = None, seconds: float = 120) -> Screen:
    """Run a program to its end; variables of `env` are added, and empty ones removed."""
    with start(*words, cwd=cwd, env=env) as child:
        out, err = child.communicate(timeout=seconds)
    return Screen(child.returncode, out, err)


def nox(cwd: Path, *words: str, env: Mapping[str, str] | None = None) -> Screen:
    """Run the nox of this environment; it ignores the noxfile's block."""
    return run(BIN / "nox", *words, cwd=cwd, env={"NOX_SCRIPT_MODE": "none", **(env or {})})


def environment(env: Mapping[str, str] | None) -> dict[str, str]:
    """Return this process's environment with changes; an empty value removes a variable."""
    merged = {**os.environ, **(env or {})}
    return {name: value for name, value in merged.items() if value != ""}


@contextmanager
def start(*words: str | Path, cwd: Path, env: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """Start a program in its own process group, as a shell does, and leave no process of it."""
    child = subprocess.Popen(
        [str(word) for word in words],
        cwd=cwd,
        env=environment(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Whoever starts the tests in the background has them ignore Ctrl-C, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    with child:
        try:
            yield child
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)


def table(text: str) -> dict[str, list[str]]:
    """Parse the printed table: each row's cells by its first one; a cell may have several lines."""
    rows: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line[:1] == "│":
            first, *cells = (cell.strip() for cell in line.strip("│").split("│"))
            if first:
                rows[first] = cells
            else:
                last = next(reversed(rows))
                rows[last] = [f"{one} {more}".strip() for one, more in zip(rows[last], cells, strict=True)]
    return rows


def snapshot(root: Path) -> dict[str, str]:
    """Return every file of a directory and its refs, without the run's bookkeeping and git's index."""
    seen = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        ours = name in _BOOKKEEPING or name.startswith((".nox/", "__pycache__/"))
        if path.is_file() and not ours and (not name.startswith(".git/") or name == ".git/index"):
            seen[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    if (root / ".git").is_dir():
        words = ("git", "for-each-ref")
        seen["refs"] = subprocess.run(words, cwd=root, check=True, capture_output=True, text=True).stdout
    return seen


def published(root: Path) -> list[str]:
    """List the distributions on the local index."""
    index = root / ".release-channels" / "index"
    return sorted(path.name for path in index.rglob("*") if path.name.endswith((".whl", ".tar.gz")))


def built(root: Path) -> list[str]:
    """List the distributions in dist/, and the manifest."""
    found = [path.name for path in (root / "dist").glob("*") if not path.name.startswith(".")]
    return sorted(found) + (["release.json"] if (root / "release.json").exists() else [])


def marked(marker: str) -> list[str]:
    """List the processes whose environment contains a marker."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if marker.encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # it ended while we looked
    return found


def wait_until(holds: Callable[[], object], what: str, seconds: float = 60) -> None:
    """Wait for an effect of other processes."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain: {what}"
        time.sleep(0.02)
