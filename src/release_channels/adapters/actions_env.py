"""The environment of GitHub Actions or of a rehearsal; no other module asks where the code runs."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from release_channels.errors import RefusedError
from release_channels.model.redact import printable

REHEARSAL = "RELEASE_CHANNELS_REHEARSAL"
# Where the tools that upload look for a token or a password.
_STORED_TOKENS = (
    *("UV_PUBLISH_TOKEN", "UV_PUBLISH_PASSWORD", "UV_PUBLISH_USERNAME", "TWINE_PASSWORD", "TWINE_USERNAME"),
    *("FLIT_PASSWORD", "HATCH_INDEX_AUTH", "PDM_PUBLISH_PASSWORD", "POETRY_PYPI_TOKEN_PYPI", "PYPI_TOKEN"),
    *("PYPI_API_TOKEN", "TEST_PYPI_API_TOKEN"),
)
_PLAIN_ADDRESS = re.compile(r"https?://[^\s\\@]+", re.ASCII)
_LEAVE = f"unset {REHEARSAL} if no rehearsal is meant"


_TAGS = "refs/tags/"


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The URLs that a rehearsal uses in place of the real index's; every one is on this machine."""

    simple: str
    upload: str
    own: str = ""
    """Where the index is read without leading upstream for other names, if it has such an address."""
    oidc: str = ""
    """Below which the index exchanges identities for tokens; by default next to the upload address."""
    installers: tuple[str, ...] = ()
    """With which installers `verify` looks; all of them unless some are named."""


@dataclass(frozen=True, slots=True)
class ActionsEnvironment:
    """The environment of a GitHub Actions job; elsewhere `runs` is false and nothing is written."""

    runs: bool = False
    workflow: str | None = None
    event: str | None = None
    """The event that started the job: `push`, `workflow_run`, `workflow_dispatch`."""
    temp: Path | None = None
    """Where a job keeps what does not belong into its checkout."""
    tag: str | None = None
    """The tag that was pushed, where a tag started the job."""
    summary: Path | None = None
    output: Path | None = None
    stored_tokens: tuple[str, ...] = ()


def is_rehearsal(env: Mapping[str, str] = os.environ) -> bool:
    """Check whether the process runs in a rehearsal; its outcomes then carry that word."""
    return bool(env.get(REHEARSAL))


def read_actions(env: Mapping[str, str] = os.environ) -> ActionsEnvironment:
    """Read the environment that a runner gives to its steps.

    Source: GitHub's variables reference; `GITHUB_WORKFLOW_REF` is `owner/name/.github/workflows/FILE@ref`.
    """
    if env.get("GITHUB_ACTIONS") != "true":
        return ActionsEnvironment()
    workflow = env.get("GITHUB_WORKFLOW_REF", "").partition("@")[0].rpartition("/")[2]
    return ActionsEnvironment(
        runs=True,
        workflow=workflow or None,
        event=env.get("GITHUB_EVENT_NAME") or None,
        temp=_path(env, "RUNNER_TEMP"),
        tag=env.get("GITHUB_REF", "").removeprefix(_TAGS) if env.get("GITHUB_REF", "").startswith(_TAGS) else None,
        summary=_path(env, "GITHUB_STEP_SUMMARY"),
        output=_path(env, "GITHUB_OUTPUT"),
        stored_tokens=tuple(name for name in _STORED_TOKENS if env.get(name)),
    )


def read_rehearsal(env: Mapping[str, str] = os.environ) -> Rehearsal | None:
    """Read the URLs to which a rehearsal redirects the real index; None without a rehearsal.

    Raises: RefusedError if the file cannot be read or names an address that is not on this machine.
    """
    name = env.get(REHEARSAL)
    if not name:
        return None
    try:
        content = json.loads(Path(name).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as err:
        raise RefusedError(f"the rehearsal file {name} cannot be read: {err}", hint=_LEAVE) from err
    simple, upload = (_address(content, key, name) for key in ("simple", "upload"))
    own, oidc = (_address(content, key, name) if content.get(key) else "" for key in ("own", "oidc"))
    installers = content.get("installers") or []
    if not isinstance(installers, list):
        raise RefusedError(f'the rehearsal file {name} has "installers", which is not a list', hint=_LEAVE)
    return Rehearsal(simple, upload, own, oidc, tuple(str(one) for one in installers))


def _address(content: object, key: str, name: str) -> str:
    address = content.get(key) if isinstance(content, dict) else None
    if not is_loopback(address):
        raise RefusedError(
            f'the rehearsal file {name} has a "{key}" that is not an http(s) address on this machine: {address}',
            hint=_LEAVE,
        )
    return str(address)


def is_loopback(address: object) -> bool:
    """Check whether a URL leads to this machine alone, whichever way a client parses it."""
    # Clients disagree on backslashes, blanks and what stands before an @: one of these is never needed here.
    if not isinstance(address, str) or not _PLAIN_ADDRESS.fullmatch(address):
        return False
    try:
        parts = urlsplit(address)
        _ = parts.port  # refused here, where it is no number
        return parts.hostname == "localhost" or ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False


def write_output(actions: ActionsEnvironment, values: Mapping[str, str]) -> None:
    """Write the step's outputs for later steps; a random delimiter keeps a value from adding outputs of its own.

    Source: GitHub's workflow commands reference, multiline strings.
    """
    if actions.output is None:
        return
    with actions.output.open("a", encoding="utf-8") as stream:
        for name, value in values.items():
            delimiter = f"end-{secrets.token_hex(8)}"
            stream.write(f"{name}<<{delimiter}\n{printable(value)}\n{delimiter}\n")


def write_summary(actions: ActionsEnvironment, markdown: str) -> None:
    """Append Markdown to the job's summary page."""
    if actions.summary is None:
        return
    with actions.summary.open("a", encoding="utf-8") as stream:
        stream.write(printable(markdown))


def annotation(level: str, title: str, message: str) -> str:
    """Format a workflow command that shows a message on the run's page; `level` is error, warning or notice.

    Source: GitHub's workflow commands reference; values are percent-encoded where they would end the command.
    """
    return f"::{level} title={_escape(title, ':,')}::{_escape(message)}"


def _escape(text: str, more: str = "") -> str:
    for character in "%\r\n" + more:
        text = text.replace(character, f"%{ord(character):02X}")
    return text


def _path(env: Mapping[str, str], name: str) -> Path | None:
    return Path(env[name]) if env.get(name) else None
