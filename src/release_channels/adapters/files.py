"""Write files completely or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from glob import escape
from pathlib import Path

from release_channels.adapters.interrupts import signals_held
from release_channels.adapters.leftovers import SUFFIX, clear_left_behind, locked_directory, locked_file
from release_channels.errors import RefusedError

STATE = ".release-channels"
GITHUB = ".github/"
"""The directory that GitHub reads, at the top of a repository alone."""
_STAGING = "staging-"
_OURS = "release-channels-"


def repository_top(root: Path) -> Path:
    """Return the top of the working tree that a directory is in; the directory itself where it is in none."""
    if (root / "HEAD").is_file() and (root / "objects").is_dir():  # a git directory is in no working tree
        return root
    return next((place for place in (root, *root.absolute().parents) if (place / ".git").exists()), root)


def locate(root: Path, path: str) -> Path:
    """Return where a project's file is: at the top of the repository what GitHub reads, below `root` all else."""
    return (repository_top(root) if path.startswith(GITHUB) else root) / path


def state_directory(root: Path) -> Path:
    """Return the tool's own directory in a project; it is created on first use, and ignored by git.

    Raises: RefusedError if it cannot be made.
    """
    state = root / STATE
    with reporting_unwritable(state):
        state.mkdir(exist_ok=True)
    ignore = state / ".gitignore"
    if not ignore.exists():
        atomic_write(ignore, "*\n")
    return state


def atomic_write(path: Path, text: str | bytes) -> None:
    """Write a file through a temporary file and a rename, so that no reader sees half of it.

    Raises: RefusedError if it cannot be written; what was there before is there still.
    """
    content = text.encode("utf-8") if isinstance(text, str) else text
    prefix = f".{path.name}."
    with reporting_unwritable(path):
        clear_left_behind(path.parent, f"{escape(prefix)}????????{SUFFIX}")
        with locked_file(path.parent, prefix) as (temporary, stream):
            stream.write(content)
            stream.flush()
            temporary.chmod(path.stat().st_mode & 0o7777 if path.exists() else 0o644)
            temporary.replace(path)


def require_directory(target: Path) -> None:
    """Refuse a path that exists and is not a directory.

    Raises: RefusedError
    """
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise RefusedError(f"{target.name} is not a directory", hint=f"move {target} away: built files are put there")


def replace_directory(root: Path, name: str, files: Sequence[Path]) -> None:
    """Replace a directory of the project by one with these files, in one step.

    Raises: RefusedError if the name is taken by something that is not a directory of its own, or cannot be written.
    """
    with staged_replace(root, files) as put_into:
        put_into(name)


@contextmanager
def staged_replace(root: Path, files: Sequence[Path]) -> Iterator[Callable[[str], None]]:
    """Copy files into a staging directory, and yield the function that renames it to its final name.

    Until then nothing has changed, so a disk that is full has cost nothing. Only one run may be at work
    (`checkout_lock`): what a killed one left half-way is cleared away.

    Raises: RefusedError if a file cannot be written.
    """
    state = state_directory(root)
    clear_left_behind(state, f"{_STAGING}*")
    with reporting_unwritable(state), locked_directory(_STAGING, state) as directory:
        new, old = directory / "new", directory / "old"
        new.mkdir()
        new.chmod(0o755)
        (new / ".gitignore").write_text("*\n", encoding="utf-8")
        for file in files:
            shutil.copyfile(file, new / file.name)
            (new / file.name).chmod(0o644)

        def put_into(name: str) -> None:
            target = root / name
            require_directory(target)
            with signals_held():
                if target.exists():
                    target.rename(old)
                new.rename(target)

        yield put_into


@contextmanager
def temporary_directory(name: str, inside: Path | None = None) -> Iterator[Path]:
    """Create an empty directory outside the project, and remove it when the block ends.

    `inside` is where to make it, if that matters: a runner has a directory for it that it clears itself.
    """
    clear_temporary_directories(inside or Path(tempfile.gettempdir()))
    with locked_directory(f"{_OURS}{name}-", inside) as directory:
        yield directory.resolve()


def clear_temporary_directories(inside: Path) -> None:
    """Remove the temporary directories of killed runs."""
    clear_left_behind(inside, f"{_OURS}*-????????{SUFFIX}/")


@contextmanager
def checkout_lock(root: Path) -> Iterator[None]:
    """Lock the checkout against a second release run; the lock ends with the process.

    Raises: RefusedError if another run is at work.
    """
    from filelock import FileLock, Timeout

    path = state_directory(root) / "lock"
    lock = FileLock(path)
    with reporting_unwritable(path):
        try:
            lock.acquire(timeout=0)
        except Timeout as err:  # an OSError, too
            raise RefusedError(
                "another release run is at work in this checkout",
                hint="wait until it has ended",
            ) from err
    try:
        yield
    finally:
        lock.release()


@contextmanager
def reporting_unwritable(path: Path) -> Iterator[None]:
    """Turn an OSError of the block into an error that names the file.

    Raises: RefusedError instead of an OSError of the block.
    """
    try:
        yield
    except OSError as err:
        why = err.strerror or str(err)
        hint = "is the disk full, or does the directory belong to another user?"
        if isinstance(err, FileNotFoundError | NotADirectoryError):
            hint = f"name a file in a directory that is there: {path.parent} is none"
        elif isinstance(err, IsADirectoryError):
            hint = "name a file instead of a directory"
        raise RefusedError(f"{path} cannot be written: {why}", hint=hint) from err
