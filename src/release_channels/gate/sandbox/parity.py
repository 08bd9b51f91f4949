"""Parity: fixed commands have the same output, files and exit codes on this machine and on Daytona."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from release_channels.errors import FailedError
from release_channels.gate.sandbox.base import Sandbox, Sandboxes

_SECONDS = 60
_KEEP = 4 * 2**20  # bytes
# The last command shows the files that the others have left in `work`.
_COMMANDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("binary", ("/bin/sh", "-c", "printf '\\000\\001\\377\\012' > binary && cat binary")),
    ("unicode", ("/bin/sh", "-c", "printf 'gr\\303\\274\\303\\237e \\360\\237\\232\\200' | tee 'n\u00e4me'")),
    ("link", ("/bin/sh", "-c", "ln -s binary link && readlink link")),
    ("much", ("/bin/sh", "-c", "yes 0123456789abcde | head -c 2097152")),
    ("non-zero", ("/bin/sh", "-c", "echo shown; echo warned >&2; exit 7")),
    ("killed", ("/bin/sh", "-c", "kill -KILL $$")),
    ("environment", ("/bin/sh", "-c", "env | cut -d= -f1 | sort | grep -v -e ^PWD -e ^OLDPWD -e ^SHLVL -e ^_$")),
    ("files", ("/bin/sh", "-c", "find . -type f -exec sha256sum {} + | sort -k2; find . -type l | sort")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class CommandDigest:
    """The exit code of one command, and the size in bytes and the sha256 of its output."""

    code: int | None
    size: int
    sha256: str


def run_parity_suite(sandbox: Sandbox) -> Mapping[str, CommandDigest]:
    """Run the commands in a sandbox.

    Raises: FailedError if the sandbox itself fails.
    """
    digests = {}
    for name, words in _COMMANDS:
        ran = sandbox.run(words, seconds=_SECONDS, keep=_KEEP)
        digests[name] = CommandDigest(ran.code, ran.size, hashlib.sha256(ran.output).hexdigest())
    return digests


def check_parity(local: Sandboxes, remote: Sandboxes) -> str:
    """Run the commands in both and compare the results.

    Raises: FailedError with every difference.
    """
    with local.open(None) as sandbox:
        here = run_parity_suite(sandbox)
    with remote.open(None) as sandbox:
        there = run_parity_suite(sandbox)
    different = [_difference(name, here[name], there[name]) for name in here if here[name] != there[name]]
    if different:
        raise FailedError(
            f"{remote.name} differs from {local.name}: {'; '.join(different)}",
            hint="a result here may not hold there: check the snapshot's shell and tools",
        )
    return f"{len(here)} commands gave the same on {remote.name} as in {local.name}"


def _difference(name: str, here: CommandDigest, there: CommandDigest) -> str:
    if here.code != there.code:
        return f"{name} ended with {json.dumps(there.code)} instead of {json.dumps(here.code)}"
    return f"{name} output differs: {there.size} bytes there, {here.size} here"
