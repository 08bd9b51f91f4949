"""The checks before a release tag is created, all reported together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from packaging.version import Version

from release_channels.adapters import console
from release_channels.adapters.git import RemoteRefs
from release_channels.adapters.trusted_settings import require_default_branch_settings
from release_channels.cli.context import TaskContext
from release_channels.commands.commits_since import commits_since_version
from release_channels.errors import RefusedError, ReleaseError, UnansweredError
from release_channels.model.config import ProofPolicy
from release_channels.model.findings import Allowable, Finding, Severity, apply_allowed
from release_channels.model.github import WorkflowRun
from release_channels.model.observed import UNSHALLOW, IndexState, Observed, Relation
from release_channels.model.outcome import name_index
from release_channels.model.public_rules import check_place, check_version
from release_channels.model.tags import counted_tags, release_tags, tag_of
from release_channels.model.workflow_semantics.chain import check_chain
from release_channels.model.workflow_semantics.file import is_workflow, read_all
from release_channels.project.changelog import find_changelog, has_section, read_changelog
from release_channels.project.plan_edits import CopyReport, compare_copies, old_mentions, unlisted_copies
from release_channels.project.unlisted_copies import hint_to_list, stale_copies
from release_channels.release.checks.declared import declared_findings, unknown_before_build

if TYPE_CHECKING:
    from release_channels.release.ci_provenance import ProvenanceQuery


class Answer(StrEnum):
    """The result of a check: yes, no or unknown."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "not known"


_FEW = 3
_SUBJECTS = 10


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the report: the result of a check."""

    topic: str
    answer: Answer
    message: str
    hint: str = ""


def check_tag_preconditions(
    context: TaskContext, version: Version, listed: RemoteRefs, *, sign: bool = False, names_commit: bool = False
) -> tuple[Row, ...]:
    """Run every check, whatever the others find; `listed` are the refs of the remote."""
    try:
        state = context.read_index()
        index = _on_index(state, version, context.index.title)
    except RefusedError as stop:
        state, index = IndexState(context.index.name), Row("index", Answer.NO, str(stop), stop.hint)
    return (
        *_tree(context),
        *_commit(context, version, state, listed),
        *_since(context, version, names_commit=names_commit),
        *check_texts(context, version),
        *_mentions(context, version, state, listed),
        *check_declared_of(context, version),
        *check_chain_of(context, version),
        *_free(version, _tag(context, version, listed, sign=sign), index),
        *_other_tags(context, version, listed, state),
        *(_softened(row, context) for row in _runs(context, version)),
    )


def _free(version: Version, *rows: Row) -> Iterator[Row]:
    """Return whether the version's names are free; of a dev release, which is refused for what it is, only a no."""
    return (row for row in rows if row.answer is Answer.NO or not version.is_prerelease)


def show(rows: tuple[Row, ...], index: str) -> None:
    """Print one line for each check; the hint of a failed one is in the refusal."""
    styles = {Answer.YES: "green", Answer.NO: "bold red", Answer.UNKNOWN: "yellow"}
    signs = {Answer.YES: "ok", Answer.NO: "no", Answer.UNKNOWN: "?"}
    for row in rows:
        console.say(f"  {signs[row.answer]:<3} {row.topic:<10} {row.message}", style=styles[row.answer])
        if row.hint and row.answer is Answer.UNKNOWN:
            console.say(name_index("\n".join(f"      {line}" for line in row.hint.splitlines()), index))


def _tree(context: TaskContext) -> Iterator[Row]:
    changed = context.git.uncommitted()
    if changed:
        few = ", ".join(changed[:_FEW]) + (", …" if len(changed) > _FEW else "")
        yield Row(
            "tree",
            Answer.NO,
            f"{len(changed)} uncommitted: {few}",
            "commit or stash what is uncommitted: a tag names a commit",
        )
    else:
        yield Row("tree", Answer.YES, "nothing uncommitted")


def _commit(context: TaskContext, version: Version, state: IndexState, listed: RemoteRefs) -> Iterator[Row]:
    """Check the version in the commit, and that the commit is on main as fetched now."""
    config = context.config
    main = f"{config.remote}/{config.main_branch}"
    is_normal = not context.project.source.plan(context.project.version)
    is_written = context.project.source.is_written
    seen = Observed(context.project.name, version, context.commit, state, is_written, is_normal)
    for row in _rows("version", check_version(seen), f"{version} is a public version in normal form"):
        bumped = _bumped(context) if row.answer is Answer.NO else ""
        yield replace(row, hint=bumped) if bumped else row
    if context.git.remote_url(config.remote) is None:
        add = f"add it with `git remote add {config.remote} …`; for practice, a bare repository of this machine does"
        yield Row("remote", Answer.NO, f"there is no remote {config.remote}, and a release tag is pushed to one", add)
        return
    try:
        tip = context.git.remote_tip(config.remote, config.main_branch, listed)
        require_default_branch_settings(context.git, config, listed)
        seen = replace(seen, on_main=context.git.relation(context.commit.sha, tip))
    except ReleaseError as stop:
        yield Row("commit", Answer.NO, str(stop), stop.hint)
        return
    ahead = context.git.subjects(context.commit.sha, tip) if seen.on_main is Relation.ANCESTOR else ()
    more = ", …" if len(ahead) > _FEW else ""
    moved = f"; main has moved on by {len(ahead)}: {', '.join(ahead[:_FEW])}{more}" if ahead else ""
    yield from _rows("commit", check_place(seen, config), f"{context.commit.short} is contained in {main}{moved}")


def _since(context: TaskContext, version: Version, *, names_commit: bool) -> Iterator[Row]:
    """Show the commits after the one that set the version; if there is code among them, the commit has to be named."""
    if not context.project.source.is_written or version.is_prerelease:  # a dev release is refused for what it is
        return
    since = commits_since_version(context.git, context.commit.sha, context.project)
    if since is None:
        yield Row(
            "since", Answer.UNKNOWN, f"the commit that set {version} is unknown: this clone is shallow", UNSHALLOW
        )
        return
    count = len(since.after)
    if not count:
        yield Row("since", Answer.YES, f"no commit came after the one that set {version}")
        return
    counted = f"{'' if since.setter else 'at least '}{count} commit{'' if count == 1 else 's'}"
    lines = [commit.title for commit in since.after[:_SUBJECTS]]
    lines += [f"and {count - _SUBJECTS} more"] if count > _SUBJECTS else []
    answer = Answer.UNKNOWN
    if since.code and not names_commit:
        answer = Answer.NO
        other = f"; `--commit {since.setter.name}` leaves them out" if since.setter else ""
        lines.append(f"`release-channels tag --commit HEAD` releases them, too{other}")
    message = f"{context.commit.short} is {counted} after the one that set {version}"
    yield Row("since", answer, message, "\n".join(lines))


def _bumped(context: TaskContext) -> str:
    """Report that the working tree declares a public version which no commit contains yet, if that is so."""
    try:
        there = context.working_tree()[0].version
    except RefusedError:  # an unreadable working tree tells nothing here: the report of the commit stands
        return ""
    if there == context.project.version or there.is_prerelease:
        return ""
    return f"the working tree declares {there}, uncommitted: bring that to {context.config.main_branch}, then tag it"


def check_texts(context: TaskContext, version: Version) -> Iterator[Row]:
    """Check whether everything that names the version agrees, and the changelog has a section for it."""
    files = context.git.files_at(context.commit.sha)
    unlisted = unlisted_copies(context.project, context.read, files, version)
    try:
        copies = compare_copies(context.project, context.read, version)
    except RefusedError as stop:
        copies = CopyReport((), (str(stop),))
    if copies.differing:
        yield Row("copies", Answer.NO, "; ".join(copies.differing), f"{_bump(context, version)} writes them all")
    elif unlisted:
        answer = Answer.NO if stale_copies(unlisted, version) else Answer.UNKNOWN
        yield Row("copies", answer, copies.describe(unlisted), hint_to_list(unlisted))
    else:
        yield Row("copies", Answer.YES, copies.describe(()))
    if not version.is_prerelease:  # a dev release is refused for what it is
        yield _changelog(context, version)


def _mentions(context: TaskContext, version: Version, state: IndexState, listed: RemoteRefs) -> Iterator[Row]:
    """Show the pages that name other versions; one from which users would ask for what never was is refused."""
    config = context.config
    tags = (ref.removeprefix("refs/tags/") for ref in listed.commits if ref.startswith("refs/tags/"))
    known = {*state.releases, *counted_tags(config.tag_format, {*tags, *context.git.tag_names_here()})}
    for mention in old_mentions(context.project, context.read, version, context.git.files_at(context.commit.sha)):
        where = f"{mention.path}, line {mention.line}, names {mention.version}"
        found = Finding(Severity.WARNING, "", where, "is that still meant?")
        if mention.is_exact and mention.version not in known and state.releases:
            case = Allowable.MENTIONED_VERSIONS.case(str(mention.version))
            found = Finding(Severity.ERROR, "", f"{where}, which was never released", "correct it", case)
        found = apply_allowed(found, config.allow)
        yield Row("mentions", _answer(found), found.message, found.hint)


def check_declared_of(context: TaskContext, version: Version) -> Iterator[Row]:
    """Check what pyproject.toml declares by the rules for what is built of it: after the tag they come too late."""
    project = context.project
    findings = declared_findings(project, context.read, version, context.env)
    for finding in findings:
        yield Row("metadata", _answer(finding), finding.message, finding.hint)
    if unknown := unknown_before_build(project):
        yield Row("metadata", Answer.UNKNOWN, f"unknown before the build: {', '.join(unknown)}")
    elif not findings:
        yield Row("metadata", Answer.YES, "the index accepts what pyproject.toml declares")


def check_chain_of(context: TaskContext, version: Version) -> Iterator[Row]:
    """Check that the workflows of the commit follow each other, by their names there, and that the tag starts one."""
    paths = [path for path in context.git.files_at(context.commit.sha) if is_workflow(path)]
    workflows = read_all({path: context.read(path) or b"" for path in paths})
    for fault in check_chain(workflows, context.config, version):
        hint = "`release-channels init --update` writes what fits"
        yield Row("workflows", Answer.NO, f"{fault.path}:{fault.line}: {fault.message}", hint)


def _changelog(context: TaskContext, version: Version) -> Row:
    path = find_changelog(context.config, context.read, context.project.news_file(version))
    if path is None:
        return Row("changelog", Answer.YES, "none was found; GitHub's own notes are used")
    if has_section(read_changelog(path, context.read), version):
        return Row("changelog", Answer.YES, f"{path} has a section for {version}")
    how = "creates it with towncrier" if context.project.news else "creates it from the unreleased changes"
    return Row("changelog", Answer.NO, f"{path} has no section for {version}", f"{_bump(context, version)} {how}")


def _bump(context: TaskContext, version: Version) -> str:
    """Format the command that writes a version; where it lives in git tags, it has to be named."""
    return "`release-channels bump`" if context.project.source.is_written else f"`release-channels bump --to {version}`"


def _tag(context: TaskContext, version: Version, listed: RemoteRefs, *, sign: bool) -> Row:
    """Request the tag here and on the remote: one that was made on this commit and never pushed is as good."""
    git, config, sha = context.git, context.config, context.commit.sha
    name = tag_of(config.tag_format, version)
    here, there = git.local_tag(name, sha), git.remote_tag(name, sha, config.remote, listed)
    for tag, where in ((there, f"on {config.remote}"), (here, "here")):
        if tag is not None and tag.commit != sha:
            return Row("tag", Answer.NO, f"{name} exists {where}, on commit {tag.commit[:12]}", _ELSEWHERE[tag is here])
    if here is None and not listed.is_answered:
        return Row("tag", Answer.UNKNOWN, f"{name} is free here; {config.remote} does not answer")
    if here is None:
        return Row("tag", Answer.YES, f"{name} is free, here and on {config.remote}")
    again = f"`git tag --delete {name}`, and `release-channels tag` makes it again"
    if config.annotated_tags and not here.annotated:
        return Row("tag", Answer.NO, f"{name} is lightweight here, but annotated-tags is set", again)
    if sign and not git.is_signed(name):
        return Row("tag", Answer.NO, f"{name} is here without a signature", again)
    return Row("tag", Answer.YES, f"{name} is here on this commit, not yet on {config.remote}")


def _other_tags(context: TaskContext, version: Version, listed: RemoteRefs, state: IndexState) -> Iterator[Row]:
    """Request release tags that are above this version, or on the same commit: one commit is one release."""
    try:
        names = context.git.tag_names(context.config.remote, listed)
        tags = release_tags(context.config.tag_format, names, state.releases)
        others = {other: name for other, name in tags.items() if other != version}
    except RefusedError as stop:
        yield Row("tag", Answer.NO, str(stop), stop.hint)
        return
    above = max((other for other in others if other > version), default=None)
    if above is not None:
        yield Row("tag", Answer.NO, f"{others[above]} is tagged, which is above {version}", "versions only go up")
    same = sorted(set(context.git.tags_at(context.commit.sha)) & set(others.values()))
    if same:
        yield Row("tag", Answer.NO, f"this commit is released as {', '.join(same)} already", "tag another commit")


_ELSEWHERE = {
    True: "it was never pushed: if it is a mistake, `git tag --delete` removes it; otherwise release the next version",
    False: "a release tag is never moved: release the next version",
}


def _on_index(state: IndexState, version: Version, where: str) -> Row:
    if version in state.releases:
        return Row("index", Answer.NO, f"{version} is on {where} already", "a version is published once: bump again")
    return Row("index", Answer.YES, f"{version} is free on {where}")


def _runs(context: TaskContext, version: Version) -> Iterator[Row]:
    """Request the newest attempts of tests and gate, as the public channel will."""
    config, commit = context.config, context.commit
    workflows = {"tests": config.test_workflow} | ({"gate": config.gate_workflow} if config.gate.enabled else {})
    try:
        github = context.github()
        if github is None:
            for topic, workflow in workflows.items():
                yield Row(topic, Answer.UNKNOWN, f"{workflow} was not checked: the remote is not on GitHub")
            return
        with github:
            test = github.newest_run(config.test_workflow, commit.sha)
            yield judge_run(test, workflows.pop("tests"), commit.short)
            if "gate" in workflows:
                from release_channels.release.ci_provenance import ProvenanceQuery

                yield _gate(ProvenanceQuery(github, config), test, version)
    except ReleaseError as stop:
        for topic, workflow in workflows.items():
            yield Row(topic, Answer.UNKNOWN, f"{workflow} could not be checked: {stop}", stop.hint)


def _gate(inquiry: ProvenanceQuery, test: WorkflowRun | None, version: Version) -> Row:
    """Request the gate's run that followed the tests, and for what it says of the version."""
    from release_channels.release.ci_provenance import verify_gate

    workflow = inquiry.config.gate_workflow
    if test is None or not test.is_green:
        return Row("gate", Answer.NO, f"{workflow} follows the tests, which have not passed", _WAIT)
    try:
        proof = verify_gate(inquiry, test)
    except UnansweredError as stop:
        return Row("gate", Answer.UNKNOWN, f"{workflow} could not be checked: {stop}", stop.hint)
    except RefusedError as stop:
        return Row("gate", Answer.NO, str(stop), stop.hint)
    text = proof.origins[-1].replace(" for it", f" for {test.sha[:12]}")
    # Where the version lives in tags the gate could not know it: the tag makes it.
    return Row("gate", Answer.YES, f"{text}, with {proof.version}" if proof.version != version else text)


def _softened(row: Row, context: TaskContext) -> Row:
    """Turn a no into an open question where the public channel itself will only warn."""
    warns = context.config.public_proof is ProofPolicy.WARN and row.answer is Answer.NO
    return replace(row, answer=Answer.UNKNOWN) if warns else row


_WAIT = "`release-channels tag --wait` waits for it"


def judge_run(run: WorkflowRun | None, workflow: str, commit: str) -> Row:
    """Check whether the newest attempt of a workflow passed for exactly this commit."""
    if run is None:
        return Row("tests", Answer.NO, f"{workflow} has not run for {commit}", f"push it to main, then {_WAIT}")
    if not run.is_done:
        return Row("tests", Answer.NO, f"{workflow} is still {run.status} for {commit}", f"{_WAIT}; {run.url}")
    if not run.is_green:
        return Row("tests", Answer.NO, f"{workflow} ended {run.conclusion} for {commit}", f"see {run.url}")
    return Row("tests", Answer.YES, f"{workflow} passed for {commit} (run {run.number}, attempt {run.attempt})")


def _answer(finding: Finding) -> Answer:
    return Answer.NO if finding.severity is Severity.ERROR else Answer.UNKNOWN


def _rows(topic: str, findings: Iterator[Finding], good: str) -> Iterator[Row]:
    found = tuple(findings)
    for finding in found:
        yield Row(topic, Answer.NO, finding.message, finding.hint)
    if not found:
        yield Row(topic, Answer.YES, good)
