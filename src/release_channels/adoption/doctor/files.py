"""Findings about a project's files. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date

from packaging.version import Version

from release_channels.adapters.tool_lock import LockedTool
from release_channels.adoption.detect import find_gap
from release_channels.adoption.doctor.diagnosis import Diagnosis, error, passed, warning
from release_channels.adoption.plan import AdoptionPlan
from release_channels.adoption.publishers import Publisher
from release_channels.errors import RefusedError
from release_channels.model.config import Config
from release_channels.model.findings import Finding, Severity
from release_channels.model.verification import WORKFLOWS
from release_channels.model.version import Line, final_of, line_of
from release_channels.model.workflow_semantics.file import environment_of, read_workflow, steps_of
from release_channels.model.workflow_semantics.permissions import write_permissions
from release_channels.project.changelog import find_changelog, named_changelog, read_changelog
from release_channels.project.changelog_edit import plan_release
from release_channels.project.files import Read, follow_links
from release_channels.project.plan_edits import CopyReport, compare_copies
from release_channels.project.pyproject import Project
from release_channels.project.unlisted_copies import UnlistedCopy, entries_for, stale_copies

AREA = "files"
_TOKENS = re.compile(r"secrets\.(\w*(?:PYPI|TWINE|UV_PUBLISH|FLIT|HATCH_INDEX|PDM_PUBLISH)\w*)")
_TAGGING = re.compile(r"\bgit\s+(tag\s+[^-\s]|push\b[^\n]*(--tags|refs/tags/|--follow-tags))")


def diagnose_project(
    project: Project, read: Read, unlisted: Sequence[UnlistedCopy] = (), finals: Collection[Version] = ()
) -> Iterator[Diagnosis]:
    """Check the configuration, the version and its copies, and the changelog."""
    yield passed(AREA, "configuration", "every setting is known and of its type")
    source = project.source.where
    if project.source.is_written:
        yield _version(project, source, is_tagged=project.version in finals)
    else:
        yield passed(AREA, "version", f"comes from {source}")
    try:
        copies = compare_copies(project, read, finals=finals)
    except RefusedError as stop:
        copies = CopyReport((), (str(stop),))
    if copies.differing:
        hint = "write the same version everywhere: `release-channels bump` does from now on"
        yield error(AREA, "copies", "; ".join(copies.differing), hint)
    elif unlisted:
        make = error if stale_copies(unlisted, final_of(project.version)) else warning
        yield make(AREA, "copies", copies.describe(unlisted), entries_for(unlisted))
    else:
        yield passed(AREA, "copies", copies.describe(()))
    yield _changelog(project, read)


def diagnose_metadata(findings: Sequence[Finding]) -> Iterator[Diagnosis]:
    """Report what `tag` would say of the declared metadata."""
    for finding in findings:
        if finding.severity is Severity.NOTE:
            yield passed(AREA, "metadata", finding.message)
        else:
            make = error if finding.severity is Severity.ERROR else warning
            yield make(AREA, "metadata", finding.message, finding.hint)
    if not findings:
        yield passed(AREA, "metadata", "the index takes what is declared")


def _version(project: Project, source: str, *, is_tagged: bool) -> Diagnosis:
    try:
        line = line_of(project.version)
    except RefusedError as stop:
        return error(AREA, "version", f"{project.version}, from {source}: {stop}", stop.hint)
    if project.source.plan(project.version):
        return warning(AREA, "version", f"{source} does not write {project.version} in its normal form", "write it so")
    if line is Line.FINAL:
        return warning(
            AREA, "version", f"{source} contains {project.version}, a public version: no previews are published now",
            ("" if is_tagged else "`release-channels tag` releases it; ")
            + "once it is published, `release-channels bump-dev` opens the next line",
        )  # fmt: skip
    return passed(AREA, "version", f"{project.version}, from {source}: previews sort before their public release")


def _changelog(project: Project, read: Read) -> Diagnosis:
    try:
        news = project.news_file(final_of(project.version))
        if news and named_changelog(project.config, news) == news and follow_links(news, read)[1] is None:
            return passed(
                AREA, "changelog", f"{news} does not exist yet; `release-channels bump` creates it with towncrier"
            )
        path = find_changelog(project.config, read, news)
        if path is None:
            return passed(AREA, "changelog", "none was found; GitHub's own notes are used")
        document = read_changelog(path, read)
    except RefusedError as stop:
        return error(AREA, "changelog", str(stop), stop.hint)
    try:
        if not news and project.version.is_prerelease:
            # Only whether it can be done is asked: whatever the date, what would be written is thrown away.
            plan_release(document, final_of(project.version), date(2000, 1, 1), path, project.config.tag_format)
    except RefusedError as stop:
        return warning(AREA, "changelog", f"{stop}: `release-channels bump` would refuse", stop.hint)
    return passed(AREA, "changelog", f"{path} can be read")


def diagnose_adoption(plan: AdoptionPlan, *, has_lock: bool, has_workflows: bool) -> Iterator[Diagnosis]:
    """Check the files that `init` writes, and the rules of the workflows."""
    for file in plan.files:
        if not file.is_fine and not file.broken:
            why = f" ({file.why})" if file.why else ""
            yield warning(
                AREA, "adoption", f"{file.path}: {file.kind}{why}", "`release-channels init` shows and writes it"
            )
    if not has_lock:
        yield error(
            AREA, "lock", f"{plan.noxfile}.lock is not there", "`release-channels init` makes it; CI runs from it"
        )
    for broken in plan.broken:
        fix = "edit that file" if broken in plan.others_broken else "`init --update` fixes it"
        message = f"{broken.path}:{broken.line}: {broken.message}"
        yield error(AREA, "rules", message, f"rule {broken.rule}; {fix}")
    if has_workflows and not plan.broken:
        yield passed(AREA, "rules", "every workflow keeps the rules")


def diagnose_tool(noxfile: str, requirement: str, locked: LockedTool | None, running: Version) -> Iterator[Diagnosis]:
    """Compare the running version of this tool with the one in CI, which cannot be a local file."""
    is_local = "file:" in requirement
    if is_local:
        yield error(
            AREA, "tool", f"{noxfile} names a tool of this machine: {requirement}",
            "`release-channels init --update --tool REQUIREMENT` with one that CI can install, before GitHub has it",
        )  # fmt: skip
    if locked is not None and locked.version != running:
        fix = f"`uvx release-channels@{locked.version} …` runs what CI does; `init --update` renews {locked.lock}"
        yield warning(AREA, "tool", f"{running} runs here, and {locked.lock} has {locked.version}", fix)
    elif locked is not None and not is_local:
        yield passed(AREA, "tool", f"{running} runs here and in CI")


def diagnose_workflows(
    workflows: Mapping[str, str],
    config: Config,
    wanted: tuple[Publisher, ...],
    bumped: Callable[[], Collection[str]] = tuple,
) -> Iterator[Diagnosis]:
    """Check the workflows' file names against the publishers, and the project's other workflows."""
    for publisher in wanted:
        yield _names(workflows, publisher)
    yield _tests(workflows, config, bumped)
    for path, text in sorted(workflows.items()):
        for name in dict.fromkeys(_TOKENS.findall(text)):
            yield error(
                AREA, "tokens", f"{path} uses the secret {name}: a stored token can upload anything",
                "use Trusted Publishing alone, and delete the secret",
            )  # fmt: skip
        yield from _tagging(path, text)


def _names(workflows: Mapping[str, str], publisher: Publisher) -> Diagnosis:
    path = f"{WORKFLOWS}/{publisher.workflow}"
    if path not in workflows:
        return error(
            AREA, "names", f"there is no {path}, which the {publisher.channel} publisher names", "`init` writes it"
        )
    try:
        workflow = read_workflow(workflows[path], path)
    except RefusedError as stop:
        return error(AREA, "names", str(stop), stop.hint)
    jobs = workflow["jobs"].table.values()
    named = {environment_of(job) for job in jobs if "id-token" in write_permissions(workflow, job)}
    if named != {publisher.environment}:
        text = ", ".join(sorted(name or "none" for name in named)) or "none"
        return error(
            AREA, "names", f"{path} publishes from the environment {text}, and the settings say "
            f"{publisher.environment}",
            "rename one of them: this is the most common cause of `invalid-publisher`",
        )  # fmt: skip
    return passed(AREA, "names", f"{publisher.workflow} publishes from {publisher.environment}, as the settings say")


def _tests(workflows: Mapping[str, str], config: Config, bumped: Callable[[], Collection[str]]) -> Diagnosis:
    path = f"{WORKFLOWS}/{config.test_workflow}"
    if path not in workflows:
        return error(
            AREA, "tests", f"there is no {path}, whose run numbers name the previews",
            "`init` writes one; another file is named by `test-workflow` in [tool.release-channels]",
        )  # fmt: skip
    try:
        tests = read_workflow(workflows[path], path)
    except RefusedError as stop:
        return error(AREA, "tests", str(stop), stop.hint)
    gap = find_gap(tests, path, config.main_branch, bumped)
    if gap is None:
        return passed(AREA, "tests", f"{path} runs for each push to {config.main_branch}")
    return (error if gap.is_total else warning)(AREA, "tests", gap.message, gap.fix)


def _tagging(path: str, text: str) -> Iterator[Diagnosis]:
    """Find a workflow that tags.

    Source: GitHub's documentation: what is pushed with the job's own token starts no workflow.
    """
    try:
        steps = list(steps_of(read_workflow(text, path)))
    except RefusedError:
        return  # the rules have said so
    for _, _, step in steps:
        if _TAGGING.search(step["run"].text):
            yield warning(
                AREA, "tagging", f"{path}:{step['run'].line} makes or pushes a tag",
                "a tag pushed with the job's own token starts no workflow: "
                "run `release-channels tag` by hand",
            )  # fmt: skip
            return
