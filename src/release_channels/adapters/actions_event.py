"""Read the run that started a `workflow_run` workflow, from the event file of GitHub.

In such a chain the workflow's own commit is the tip of main; the commit and the run that it is about stand in here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from release_channels.errors import RefusedError
from release_channels.model.strict_json import SHA1_OR_SHA256, StrictJsonReader

_EVENT, _FILE = "GITHUB_EVENT_NAME", "GITHUB_EVENT_PATH"
_MAX_BYTES = 32 * 2**20
_WHERE = f"{_FILE} names the file in which GitHub describes the event; outside of Actions, unset {_EVENT}"
_READER = StrictJsonReader("the event", _WHERE)


@dataclass(frozen=True, slots=True)
class EventRun:
    """A finished run as its `workflow_run` event describes it: a claim until GitHub's API confirms it.

    `path` is the workflow's file in its repository; the repositories are written `owner/name`.
    """

    id: int
    number: int
    attempt: int
    path: str
    event: str
    conclusion: str
    sha: str
    branch: str | None
    repository: str
    head_repository: str | None

    @property
    def workflow(self) -> str:
        """The name of the workflow's file."""
        return self.path.rpartition("/")[2]


def read_event_run(env: Mapping[str, str]) -> EventRun | None:
    """Read the run that started this job; None if another event started it.

    Raises: RefusedError if the event's file is missing, or is not what GitHub writes.
    Source: GitHub's webhook reference, workflow_run; GitHub's variables reference for the two names.
    """
    return parse_event_run(_read(env)) if env.get(_EVENT) == "workflow_run" else None


def read_dispatch_input(env: Mapping[str, str], name: str = "do") -> str | None:
    """Read an input of a manually started workflow; None if another event started it.

    Raises: RefusedError if the event's file is missing, or is not what GitHub writes.
    Source: GitHub's webhook reference, workflow_dispatch.
    """
    if env.get(_EVENT) != "workflow_dispatch":
        return None
    return _READER.string(_READER.nested(_READER.parse(_read(env)), "inputs"), name)


def read_optional_input(env: Mapping[str, str], name: str) -> str:
    """Read what somebody typed who started this workflow by hand; empty where nobody did, or typed nothing.

    Raises: RefusedError if the event's file is missing, or is not what GitHub writes.
    Source: GitHub's webhook reference, workflow_dispatch: `inputs` is null where the workflow has none.
    """
    if env.get(_EVENT) != "workflow_dispatch":
        return ""
    event = _READER.parse(_read(env))
    if isinstance(event, dict) and event.get("inputs") is None:
        return ""
    inputs = _READER.nested(event, "inputs")
    return _READER.string(inputs, name).strip() if inputs.get(name) else ""


def _read(env: Mapping[str, str]) -> str:
    """Read the event's file.

    Raises: RefusedError if there is none, or it is too large to be one.
    """
    try:
        with Path(env.get(_FILE) or "").open("rb") as stream:
            content = stream.read(_MAX_BYTES + 1)
    except OSError as err:
        raise RefusedError(f"the event cannot be read: {err.strerror or err}", hint=_WHERE) from err
    if len(content) > _MAX_BYTES:
        raise RefusedError(f"the event is larger than {_MAX_BYTES} bytes", hint=_WHERE)
    return content.decode("utf-8", "replace")


def read_own_run(env: Mapping[str, str]) -> tuple[int, int] | None:
    """Read the id and the attempt number of this job's run; None outside of GitHub Actions.

    Source: GitHub's variables reference.
    """
    values = [env.get(name, "") for name in ("GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT")]
    if env.get("GITHUB_ACTIONS") != "true" or not all(value.isascii() and value.isdigit() for value in values):
        return None
    run_id, attempt = map(int, values)
    return run_id, attempt


def parse_event_run(text: str) -> EventRun:
    """Parse the used fields of a `workflow_run` event strictly.

    Raises: RefusedError with the first thing that is wrong.
    """
    payload = _READER.parse(text)
    run = _READER.nested(payload, "workflow_run")
    head = run.get("head_repository")  # null if the fork was deleted
    return EventRun(
        id=_READER.number(run, "id"),
        number=_READER.number(run, "run_number"),
        attempt=_READER.number(run, "run_attempt"),
        path=_READER.string(run, "path").partition("@")[0],
        event=_READER.string(run, "event"),
        conclusion=_READER.string(run, "conclusion"),
        sha=_READER.string(run, "head_sha", SHA1_OR_SHA256),
        branch=None if run.get("head_branch") is None else _READER.string(run, "head_branch"),
        repository=_READER.string(_READER.nested(payload, "repository"), "full_name"),
        head_repository=None if head is None else _READER.string(_READER.nested(run, "head_repository"), "full_name"),
    )
