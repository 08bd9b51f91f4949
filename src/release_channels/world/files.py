"""Files on disk: written whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from release_channels.errors import RefusedError

STATE = ".release-channels"


def state_directory(root: Path) -> Path:
    """Give the tool's own directory in a project, made on first use so that git never sees it.

    Raises: RefusedError if it cannot be made or written to.
    """
    state = root / STATE
    ignore = state / ".gitignore"
    try:
        state.mkdir(exist_ok=True)
        if not ignore.exists():
            write_whole(ignore, "*\n")
    except OSError as err:
        raise RefusedError(
            f"{state} cannot be written: {err.strerror}", hint="a release keeps its files there: make it writable"
        ) from err
    return state


def write_whole(path: Path, text: str) -> None:
    """Write a file through a temporary one and a rename, so that nobody ever sees half of it."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)
        temporary.chmod(path.stat().st_mode & 0o7777 if path.exists() else 0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def put_directory(root: Path, name: str, files: Sequence[Path]) -> None:
    """Put files into a directory of the project in one step; whatever was there before is gone.

    Raises: RefusedError if the name is taken by something that is not a directory of its own.
    """
    target, state = root / name, state_directory(root)
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise RefusedError(f"{name} is not a directory", hint=f"move {target} away: built files are put there")
    with tempfile.TemporaryDirectory(prefix="staging-", dir=state) as staging:
        new, old = Path(staging, "new"), Path(staging, "old")
        new.mkdir()
        new.chmod(0o755)
        (new / ".gitignore").write_text("*\n", encoding="utf-8")
        for file in files:
            shutil.copyfile(file, new / file.name)
        if target.exists():
            target.rename(old)
        new.rename(target)


@contextmanager
def scratch(name: str) -> Iterator[Path]:
    """Lend an empty directory outside the project, and take it away again whatever happens."""
    with tempfile.TemporaryDirectory(prefix=f"release-channels-{name}-", ignore_cleanup_errors=True) as directory:
        yield Path(directory).resolve()


@contextmanager
def only_one_run(root: Path) -> Iterator[None]:
    """Keep a second release run out of this checkout; the lock goes with the process, however that ends.

    Raises: RefusedError if another run is at work.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(state_directory(root) / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as err:
        raise RefusedError(
            "another release run is at work in this checkout", hint="wait until it has ended, then start this one again"
        ) from err
    except OSError as err:  # Timeout is one, too
        raise RefusedError(
            f"{lock.lock_file} cannot be written: {err.strerror}", hint="make the checkout writable"
        ) from err
    try:
        yield
    finally:
        lock.release()
