"""Parity: one fixed program gives the same results, files and exit codes at home and on Daytona."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from release_channels.errors import FailedError
from release_channels.gate.sandbox.base import Sandbox, Sandboxes

_SECONDS = 60
_KEEP = 4 * 2**20
# Each command in its words; what they leave in `work` is told by the last one.
_ORACLE: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("binary", ("/bin/sh", "-c", "printf '\\000\\001\\377\\012' > binary && cat binary")),
    ("unicode", ("/bin/sh", "-c", "printf 'gr\\303\\274\\303\\237e \\360\\237\\232\\200' | tee 'n\u00e4me'")),
    ("link", ("/bin/sh", "-c", "ln -s binary link && readlink link")),
    ("much", ("/bin/sh", "-c", "yes 0123456789abcde | head -c 2097152")),
    ("non-zero", ("/bin/sh", "-c", "echo told; echo warned >&2; exit 7")),
    ("killed", ("/bin/sh", "-c", "kill -KILL $$")),
    ("environment", ("/bin/sh", "-c", "env | cut -d= -f1 | sort | grep -v -e ^PWD -e ^OLDPWD -e ^SHLVL -e ^_$")),
    ("files", ("/bin/sh", "-c", "find . -type f -exec sha256sum {} + | sort -k2; find . -type l | sort")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class CommandDigest:
    """What one command of the oracle came to: its exit code, and the size and sha256 of its output."""

    code: int | None
    size: int
    sha256: str


def run_parity_suite(sandbox: Sandbox) -> Mapping[str, CommandDigest]:
    """Run the oracle in a sandbox.

    Raises: FailedError if the sandbox does not do its part.
    """
    text = {}
    for name, words in _ORACLE:
        ran = sandbox.run(words, seconds=_SECONDS, keep=_KEEP)
        text[name] = CommandDigest(ran.code, ran.size, hashlib.sha256(ran.output).hexdigest())
    return text


def check_parity(home: Sandboxes, away: Sandboxes) -> str:
    """Run the oracle in both and compare.

    Raises: FailedError that names every difference.
    """
    with home.open(None) as sandbox:
        here = run_parity_suite(sandbox)
    with away.open(None) as sandbox:
        there = run_parity_suite(sandbox)
    different = [_difference(name, here[name], there[name]) for name in here if here[name] != there[name]]
    if different:
        raise FailedError(
            f"{away.name} does not do what {home.name} does: {'; '.join(different)}",
            hint="what passed here may not be what runs there: look at the snapshot's shell and tools",
        )
    return f"{len(here)} commands gave the same on {away.name} as in {home.name}"


def _difference(name: str, here: CommandDigest, there: CommandDigest) -> str:
    if here.code != there.code:
        return f"{name} ended with {json.dumps(there.code)} instead of {json.dumps(here.code)}"
    return f"{name} output differs: {there.size} bytes there, {here.size} here"
