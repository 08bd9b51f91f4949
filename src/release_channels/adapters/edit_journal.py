"""What a run has begun to edit, on record until it is done: the next run takes back what a killed one left half-way."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from release_channels.adapters.edits import FileState, file_state, restore_files
from release_channels.adapters.files import STATE, atomic_write, state_directory
from release_channels.adapters.git import Git, forget_files
from release_channels.adapters.interrupts import signals_held
from release_channels.errors import RefusedError
from release_channels.project.edit import Change, Removal

_NAME = "unfinished-edits.json"


@contextmanager
def on_record(git: Git, changes: Sequence[Change]) -> Iterator[None]:
    """Record changes before the block makes and commits them; an interrupt takes them back, unless HEAD has moved.

    Raises: RefusedError if the record cannot be written, or a path has a symbolic link in it.
    """
    path = state_directory(git.root) / _NAME
    atomic_write(path, _format(git, changes))
    try:
        yield
    except KeyboardInterrupt:
        with signals_held():
            take_back_unfinished(git)
        raise
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    path.unlink(missing_ok=True)


def has_record(git: Git) -> bool:
    """Return whether a run has begun to edit and not ended, be it killed or at work."""
    return _record(git).exists()


def take_back_unfinished(git: Git, *, dry_run: bool = False) -> tuple[str, ...]:
    """Take back the edits of a run that was killed, and return their paths; those that were committed are done.

    Raises: RefusedError in a dry run, if a file is neither as it was nor as the run wanted it, and if HEAD moved but
    the edits are uncommitted: nothing is changed.
    """
    record = _record(git)
    if not record.exists():
        return ()
    head, before, wanted = _parse(record)
    if git.head() != head:
        uncommitted = {*git.uncommitted()}
        left = [path for path in before if path in uncommitted and _content(file_state(git.root, path)) == wanted[path]]
        if left:
            raise RefusedError(
                f"a run was killed while it edited {', '.join(left)}, uncommitted since then, and HEAD has moved",
                hint=f"commit or restore {', '.join(left)} by hand, then remove {record.relative_to(git.root)}",
            )
        if not dry_run:
            record.unlink()
        return ()
    changed = [path for path in before if file_state(git.root, path) != before[path]]
    foreign = [path for path in changed if _content(file_state(git.root, path)) != wanted[path]]
    if foreign:
        raise RefusedError(
            f"a run was killed while it edited {', '.join(before)}, and {', '.join(foreign)} changed since then",
            hint=f"commit or restore {', '.join(foreign)} by hand, then remove {record.relative_to(git.root)}",
        )
    if changed and dry_run:
        raise RefusedError(
            f"a run was killed while it edited {', '.join(changed)}",
            hint="the same command without --dry-run takes that back first, and does it again",
        )
    if not dry_run:
        restore_files(git.root, before)
        forget_files(git.root, [path for path in before if before[path] is None and git.tracks(path)])
        record.unlink()
    return tuple(changed)


def _record(git: Git) -> Path:
    return git.root / STATE / _NAME


def _format(git: Git, changes: Sequence[Change]) -> str:
    files = {}
    for change in changes:
        state = file_state(git.root, change.path)
        wanted = None if isinstance(change, Removal) else change.new.encode()
        files[change.path] = [state[0] if state else 0, _encode(_content(state)), _encode(wanted)]
    return json.dumps({"head": git.head(), "files": files})


_States = dict[str, FileState]


def _parse(record: Path) -> tuple[str, _States, dict[str, bytes | None]]:
    """Read a record.

    Raises: RefusedError if it was damaged.
    """
    try:
        raw: dict[str, Any] = json.loads(record.read_bytes())
        files = {path: (mode, _decode(old), _decode(new)) for path, (mode, old, new) in raw["files"].items()}
        states: _States = {path: None if old is None else (int(mode), old) for path, (mode, old, _) in files.items()}
        return str(raw["head"]), states, {path: new for path, (_, _, new) in files.items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as err:
        raise RefusedError(
            f"{record.name} cannot be read: {err}",
            hint=f"look at `git diff`, then remove {record}: it says what a killed run was editing",
        ) from err


def _content(state: FileState) -> bytes | None:
    return state[1] if state else None


def _encode(content: bytes | None) -> str | None:
    return None if content is None else base64.b64encode(content).decode()


def _decode(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text, validate=True)
