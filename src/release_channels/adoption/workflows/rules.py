"""The rules for workflow files: what may publish, with which permissions, and which commands run there.

Files that this tool writes keep all of them; a project's other workflows keep those that guard its publishers.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from release_channels.adoption.workflows.parse import RunCommand, parse_line
from release_channels.adoption.workflows.render import PREPARE, PREPARE_GATE
from release_channels.errors import RefusedError
from release_channels.model.config import Config
from release_channels.model.verification import WORKFLOWS
from release_channels.model.workflow_semantics.chain import check_chain
from release_channels.model.workflow_semantics.concurrency import concurrency_of
from release_channels.model.workflow_semantics.file import (
    Value,
    environment_of,
    read_workflow,
    steps_of,
)
from release_channels.model.workflow_semantics.permissions import write_permissions

# Sessions that read or write an index, those of them that upload, and the one that makes a GitHub Release.
ON_INDEX = frozenset(
    {
        "build", "check", "build-and-check", "preview-publish", "public-publish", "github-release", "verify",
        "preview", "public", "ci-preflight",
    }
)  # fmt: skip
UPLOADING = frozenset({"preview-publish", "public-publish", "preview", "public"})
# What a job with an OIDC token is for, and what may run where any token can be had: no build backend is among them.
WITH_IDENTITY = UPLOADING | {"ci-preflight"}
WITH_RIGHTS = frozenset({"preview-publish", "public-publish", "github-release", "ci-preflight"})

_PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")
_VERSION_COMMENT = re.compile(r"@[0-9a-f]{40}['\"]? +# v\d+(\.\d+)*")
# The programs that upload to an index, and the word by which each does.
_UPLOADING_PROGRAMS = {
    "uv": "publish",
    "twine": "upload",
    "flit": "publish",
    "hatch": "publish",
    "poetry": "publish",
    "pdm": "publish",
    "rye": "publish",
    "maturin": "(?:publish|upload)",
    r"setup\.py": r"(?:[^\n;&|]*\s)?upload",
}
_GAP = r"(?:\s|\\\n)+"
_UPLOADERS = re.compile(
    r"(?:^|[\s;&|(`\"'/])(?:"
    + "|".join(rf"{program}{_GAP}(?:-\S+{_GAP})*{word}" for program, word in _UPLOADING_PROGRAMS.items())
    + r")(?![\w.-])"
)
# Actions and workflows of others are known by their names, or by what they are given.
_UPLOAD_ACTION = re.compile(
    r"(pypi|poetry|twine|flit)[^@]*(publish|upload|deploy|release)|(publish|upload|deploy|release)[^@]*(pypi|poetry|twine)",
    re.IGNORECASE,
)
_UPLOAD_COMMANDS = ("publish", "upload")


@dataclass(frozen=True, slots=True)
class RuleViolation:
    """A broken rule: the file, the line, the rule, and what to do."""

    path: str
    line: int
    rule: str
    message: str

    def __str__(self) -> str:
        """Write it as compilers do."""
        return f"{self.path}:{self.line}: {self.rule}: {self.message}"


@dataclass(frozen=True, slots=True)
class _File:
    """One workflow file, as text and as values."""

    path: str
    text: str
    top: Value

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.rpartition("/")[2]

    def broken(self, line: int, rule: str, message: str) -> RuleViolation:
        """List a rule that is not kept on a line."""
        return RuleViolation(self.path, line, rule, message)

    def comment(self, line: int) -> bool:
        """Return whether a line carries a comment."""
        return " #" in self.text.splitlines()[line - 1]


def check_workflows(
    files: Mapping[str, str], config: Config, *, ours: Collection[str] = ()
) -> tuple[RuleViolation, ...]:
    """Check workflow files by path; only the files of gate and channels, and those in `ours`, must keep every rule."""
    release = {f"{WORKFLOWS}/{name}" for name in (config.preview_workflow, config.public_workflow)}
    strict = {*release, f"{WORKFLOWS}/{config.gate_workflow}", *ours}
    violations: list[RuleViolation] = []
    readable: dict[str, _File] = {}
    for path, text in sorted(files.items()):
        try:
            file = readable[path] = _File(path, text, read_workflow(text, path))
        except RefusedError as stop:
            violations.append(RuleViolation(path, 1, "yaml", str(stop)))
            continue
        violations += _guard(file, is_release=path in release)
        if path in strict:
            violations += _keep(file, is_release=path in release)
        if path in release:
            violations += _release(file, config)
    tops = {path: file.top for path, file in readable.items()}
    violations += (RuleViolation(fault.path, fault.line, "chain", fault.message) for fault in check_chain(tops, config))
    return tuple(dict.fromkeys(violations))


def _guard(file: _File, *, is_release: bool) -> Iterator[RuleViolation]:
    """Rules for every workflow of the repository: only the release workflows publish, and only jobs of their own."""
    calls = (job for job in file.top["jobs"].table.values() if "uses" in job)
    for part in (*calls, *(step for _, _, step in steps_of(file.top))):
        if _UPLOADERS.search(part["run"].text) or _is_upload(part):
            yield file.broken(part.line, "one-way-out", "uploads past the release sessions: use `preview` or `public`")
    for _, job, step in steps_of(file.top):
        run, line = step["run"], parse_line(step["run"].text)
        uploads = line is not None and UPLOADING.intersection(line.sessions)
        if uploads and not is_release and line is not None and line.index not in (None, "local"):
            yield file.broken(run.line, "one-way-out", f"uploads to {line.index} outside of the release workflows")
        if is_release:
            continue
        if uploads and "id-token" in write_permissions(file.top, job):
            yield file.broken(job.line, "one-way-out", "an identity and an upload outside of the release workflows")


def _is_upload(part: Value) -> bool:
    """Check whether a step or a job calls an action or a workflow of others that uploads to an index."""
    if "uses" not in part:
        return False
    given = {**part["with"].table, **part["secrets"].table}
    has_token = any(
        "secrets." in value.text and "pypi" in f"{key} {value.text}".lower() for key, value in given.items()
    )
    command = part["with"]["command"].text.split()[:1]
    return bool(_UPLOAD_ACTION.search(part["uses"].text)) or has_token or bool({*command} & {*_UPLOAD_COMMANDS})


def _keep(file: _File, *, is_release: bool) -> Iterator[RuleViolation]:
    """Rules for the files that this tool writes."""
    top = file.top
    if "permissions" not in top or top["permissions"].table or top["permissions"].text:
        yield file.broken(top["permissions"].line, "no-rights", "`permissions: {}` on top, grants on the jobs")
    for name, job in top["jobs"].table.items():
        if "timeout-minutes" not in job and "uses" not in job:
            yield file.broken(job.line, "timeout", f"the job {name} has no timeout-minutes")
        yield from _grants(file, name, job, is_release=is_release)
    for name, job, step in steps_of(top):
        if "uses" in step:
            yield from _action(file, step)
        if "run" in step:
            yield from _line(file, name, job, step["run"])


def _grants(file: _File, name: str, job: Value, *, is_release: bool) -> Iterator[RuleViolation]:
    rights = job["permissions"]
    if "permissions" not in job:
        yield file.broken(job.line, "no-rights", f"the job {name} does not say which rights it needs")
    if rights.text:
        yield file.broken(rights.line, "no-rights", f"the job {name} takes rights wholesale: {rights.text}")
    for right, value in rights.table.items():
        if not file.comment(value.line):
            yield file.broken(value.line, "say-why", f"the right {right}: {value.text} has no comment that says why")
        if value.text == "write" and right not in ("id-token", "contents"):
            yield file.broken(value.line, "no-rights", f"nothing here needs {right}: write")
    held = write_permissions(file.top, job)
    if held and not is_release:
        yield file.broken(
            rights.line, "no-rights", f"{', '.join(sorted(held))}: write outside of the release workflows"
        )
    if {"id-token", "contents"} <= held:
        yield file.broken(rights.line, "no-rights", "id-token: write and contents: write in one job")
    if "id-token" in held and "environment" not in job:
        yield file.broken(job.line, "environment", f"the job {name} has an identity and no environment")


def _action(file: _File, step: Value) -> Iterator[RuleViolation]:
    uses, options = step["uses"], step["with"]
    if not uses.text.startswith("./"):
        if not _PINNED.fullmatch(uses.text):
            yield file.broken(uses.line, "pinned", f"{uses.text} is not pinned by a full commit SHA")
        elif not _VERSION_COMMENT.search(file.text.splitlines()[uses.line - 1]):
            yield file.broken(uses.line, "pinned", f"{uses.text} has no comment with its version")
    if uses.text.startswith("actions/checkout@") and options["persist-credentials"].text != "false":
        yield file.broken(uses.line, "credentials", "a checkout keeps its credentials: persist-credentials: false")
    if "setup-uv@" in uses.text and options["enable-cache"].text != "false":
        yield file.broken(uses.line, "no-cache", "a cache can be written by others: enable-cache: false")
    if uses.text.startswith("actions/cache"):
        yield file.broken(uses.line, "no-cache", "a cache can be written by others")


_FROM_LOCK = re.compile(r"uv sync --frozen --script [\w./-]+\.py")


def _line(file: _File, name: str, job: Value, run: Value) -> Iterator[RuleViolation]:
    """Check one `run:`: one plain line that calls nox or invoke, into which nothing is interpolated."""
    if "${{" in run.text:
        yield file.broken(run.line, "no-expression", "an expression inside `run:`: hand values over in `env:`")
    held = write_permissions(file.top, job)
    text = run.text.strip()
    if (held and text == PREPARE) or (not held and (text == PREPARE_GATE or _FROM_LOCK.fullmatch(text))):
        return
    line = parse_line(run.text)
    if line is None or not line.starts_us:
        yield file.broken(run.line, "one-line", "a `run:` is one plain line that calls nox or invoke")
    elif held:
        yield from _with_rights(file, name, run, line)


def _with_rights(file: _File, name: str, run: Value, line: RunCommand) -> Iterator[RuleViolation]:
    """Check what runs where a token can be had: the locked release tool, and of its sessions only some."""
    is_locked = line.words[:3] == ("uv", "run", "--frozen") and line.script is not None
    if line.words[:4] != ("uv", "run", "--no-project", "nox") and not is_locked:
        yield file.broken(
            run.line, "tool-alone",
            f"the job {name} can have a token: start the locked tool alone, `uv run --frozen --script …`",
        )  # fmt: skip
    others = sorted(set(line.sessions) - WITH_RIGHTS) or ([] if line.sessions else ["no session by name"])
    if others:
        yield file.broken(
            run.line, "tool-alone", f"the job {name} can have a token and starts more: {', '.join(others)}"
        )


def _release(file: _File, config: Config) -> Iterator[RuleViolation]:
    """Rules for the two workflows that publish."""
    top = file.top
    for event in ("workflow_call", "pull_request", "pull_request_target"):
        if event in top["on"] or event in top["on"].texts:
            yield file.broken(top["on"].line, "trigger", f"{event} must not start a release workflow")
    if "secrets." in file.text:
        at = next(number for number, text in enumerate(file.text.splitlines(), 1) if "secrets." in text)
        yield file.broken(at, "no-secrets", "Trusted Publishing needs no secret")
    yield from _order(file, is_public=file.name == config.public_workflow)
    environment = config.public_environment if file.name == config.public_workflow else config.preview_environment
    for name, job in top["jobs"].table.items():
        if "uses" in job:
            yield file.broken(job.line, "trigger", f"the job {name} calls another workflow, which no publisher matches")
        if "id-token" not in write_permissions(top, job):
            continue
        if environment_of(job) != environment:
            yield file.broken(job.line, "environment", f"the job {name} is not in the environment {environment}")
        if not WITH_IDENTITY.intersection(_sessions(job)):
            yield file.broken(
                job["permissions"].line, "identity", f"the job {name} can request an OIDC token and publishes nothing"
            )
    for _, _, step in steps_of(top):
        line = parse_line(step["run"].text)
        if line and ON_INDEX.intersection(line.sessions) and line.index != "pypi":
            yield file.broken(step["run"].line, "index", "a session of an index without `-- --index pypi`")
        path = step["with"]["path"].text
        if "download-artifact@" in step["uses"].text and not path.startswith("${{ runner.temp }}/"):
            yield file.broken(
                step.line, "beside", "an artifact is unpacked into the checkout: `path: ${{ runner.temp }}/…`"
            )
    yield from _last_job(file)


def _order(file: _File, *, is_public: bool) -> Iterator[RuleViolation]:
    """Check that no publish is cancelled or dropped, and that two of one kind never run at once."""
    line, concurrency = file.top["concurrency"].line, concurrency_of(file.top)
    if not concurrency.keeps_all:
        yield file.broken(line, "order", "a publish may be dropped: cancel-in-progress: false and queue: max")
    is_per_tag = "github.ref" in concurrency.group
    if not concurrency.group or is_per_tag is not is_public:
        yield file.broken(line, "order", "one group for all previews, and one for each tag")


def _last_job(file: _File) -> Iterator[RuleViolation]:
    """Check that the last job needs all the others, always runs, and concludes."""
    jobs = file.top["jobs"].table
    last = next((name for name, job in jobs.items() if "ci-result" in _sessions(job)), None)
    if last is None:
        yield file.broken(file.top["jobs"].line, "last-job", "no job evaluates the others: `nox -s ci-result`")
        return
    job = jobs[last]
    missing = sorted(set(jobs) - {last} - set(job["needs"].texts))
    if missing:
        yield file.broken(job.line, "last-job", f"the job {last} does not need {', '.join(missing)}")
    if job["if"].text not in ("always()", "${{ always() }}"):
        yield file.broken(job.line, "last-job", f"the job {last} does not run always: `if: always()`")


def _sessions(job: Value) -> set[str]:
    lines = (parse_line(step["run"].text) for step in job["steps"].entries)
    return {session for line in lines if line for session in line.sessions}
