"""Check the built files, and report everything that the index would refuse or that would break for a user."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from packaging.version import Version

from release_channels.adapters import console
from release_channels.adapters.distributions import sha256_of
from release_channels.adapters.files import temporary_directory
from release_channels.adapters.git import Git
from release_channels.adapters.index import LOCAL, fetch_file
from release_channels.adapters.process import run_pair
from release_channels.adapters.uv import sanitized_environment, uv_program
from release_channels.errors import CommandError, FailedError, RefusedError
from release_channels.model.findings import Finding, Severity
from release_channels.model.manifest import Manifest, ManifestFile
from release_channels.model.observed import IndexFile, IndexState
from release_channels.model.outcome import Result
from release_channels.model.verification import verify_manifest
from release_channels.model.version import Channel
from release_channels.project.plan_edits import disagreements, old_mentions
from release_channels.release.build import build_files, build_spec_for_release
from release_channels.release.checks.all_checks import check_release
from release_channels.release.checks.context import CheckContext
from release_channels.release.dist_dir import DIST, read_manifest
from release_channels.release.rebuild import ConcurrentRebuild, Difference, explain_difference
from release_channels.release.step import ReleaseContext, Report, Step
from release_channels.release.verify_policy import newest_release


def _act(release: ReleaseContext) -> Report:
    manifest = verify_manifest(read_manifest(release.root), release.plan)
    with temporary_directory("check") as workplace, console.progress("checking the distributions"):
        subject, unread = _subject(release, manifest, workplace)
        problems, differing = run_pair(
            lambda: check_release(subject),
            lambda: _rebuild(release, manifest, release.rebuild) if release.rebuild else (),
        )
    findings = (*_changed(release, manifest), *_texts(release), *unread, *problems, *differing)
    errors, warnings, notes = (
        tuple(_describe(finding) for finding in findings if finding.severity is kind)
        for kind in (Severity.ERROR, Severity.WARNING, Severity.NOTE)
    )
    if errors:
        for warning in warnings:  # a single report, though the errors alone stop the release
            console.warn(warning)
        for note in notes:
            console.say(f"  {note}")
        raise RefusedError(f"{_count(len(errors), 'error')} in the distributions", hint="\n".join(errors))
    again = ", and a second build gave the same bytes" if release.rebuild and not differing else ""
    counted = f"{_count(len(manifest.files), 'file')}: no errors, {_count(len(warnings), 'warning')}"
    return Report(Result.DONE, f"checked {counted}{again}", warnings=warnings, notes=notes, files=manifest.files)


def _texts(release: ReleaseContext) -> Iterator[Finding]:
    """Check whether everything in the commit that names the version says the same."""
    project = release.project
    git, sha = Git(release.root), release.observed.commit.sha
    read = git.files(sha)
    for wrong in disagreements(project, read):
        yield Finding(
            Severity.ERROR, "", wrong, "`release-channels bump` and `release-channels bump-dev` write them all"
        )
    for mention in old_mentions(project, read, project.version, git.files_at(sha)):
        where = f"{mention.path}, line {mention.line}"
        yield Finding(Severity.NOTE, "", f"{where}, names {mention.version}", "is that still meant?")


def _subject(release: ReleaseContext, manifest: Manifest, workplace: Path) -> tuple[CheckContext, tuple[Finding, ...]]:
    """Describe what is checked, and report a comparison that cannot be made."""
    state, config = release.observed.index, release.project.config
    newest = newest_release(state, manifest.version, manifest.channel)
    wheel = _smallest_wheel(state.releases[newest]) if newest else None
    previous = fetch_file(release.index, wheel, workplace) if wheel else None
    subject = CheckContext(
        project=manifest.project,
        version=manifest.version,
        channel=manifest.channel,
        files=tuple(release.root / DIST / file.name for file in manifest.files),
        requires_python=release.project.requires_python,
        scratch=workplace,
        env=sanitized_environment(release.env),
        uv=uv_program(),
        file_limit=config.file_limit,
        project_limit=config.project_limit,
        project_bytes=_bytes_there(state, manifest.version),
        practice=release.index.name == LOCAL,
        previous=previous,
        previous_version=newest,
        sdist_before=partial(_fetch_sdist, release, newest, workplace),
        allow=frozenset(config.allow),
    )
    return subject, (_not_compared(release, manifest, wheel),) if wheel and previous is None else ()


def _not_compared(release: ReleaseContext, manifest: Manifest, wheel: IndexFile) -> Finding:
    """Format that nobody looked for lost scripts: a preview is soon followed by the next, a final is not."""
    severity = Severity.ERROR if manifest.channel is Channel.PUBLIC else Severity.WARNING
    text = f"{release.index.title} does not serve this file of the newest release, so lost scripts cannot be found"
    return Finding(severity, wheel.name, text, "try again when it does")


def _fetch_sdist(release: ReleaseContext, version: Version | None, workplace: Path) -> Path | None:
    """Fetch the sdist of a release, once; an egg, an installer or a .zip of former times is not looked into."""
    files = release.observed.index.releases[version] if version else ()
    sdist = next((file for file in files if file.name.endswith(".tar.gz")), None)
    if sdist is None:
        return None
    there = workplace / sdist.name
    return there if there.is_file() else fetch_file(release.index, sdist, workplace)


def _smallest_wheel(files: Sequence[IndexFile]) -> IndexFile | None:
    wheels = (file for file in files if file.name.endswith(".whl"))
    return min(wheels, key=lambda file: file.size or 0, default=None)


def _bytes_there(state: IndexState, version: Version) -> int:
    """Add up what the other releases take of the project's limit."""
    return sum(file.size or 0 for v, files in state.releases.items() if v != version for file in files)


def _changed(release: ReleaseContext, manifest: Manifest) -> Iterator[Finding]:
    """Find files that are no longer the ones that were built; a missing file is reported by the checks."""
    for file in manifest.files:
        path = release.root / DIST / file.name
        if path.is_file() and sha256_of(path) != file.sha256:
            yield Finding(
                Severity.ERROR, file.name, "was changed after the build that release.json describes", "build again"
            )


def _rebuild(release: ReleaseContext, manifest: Manifest, rebuild: ConcurrentRebuild) -> tuple[Finding, ...]:
    """Build once more, elsewhere, and report each file whose bytes come out differently."""
    build = partial(build_files, build_spec_for_release(release, manifest.version), env=release.env)
    try:
        differing = tuple(_differing(release, manifest, rebuild.result(build)))
        if differing and rebuild.was_concurrent:
            differing = tuple(_differing(release, manifest, rebuild.alone(build)))
    except (CommandError, FailedError) as stop:
        last = stop.hint.splitlines()[-1].strip() if stop.hint else "no reason given"
        message = f"a second build of the same commit failed: {stop}: {last}"
        return (Finding(Severity.WARNING, "", message, _IRREPRODUCIBLE),)
    return differing


def _differing(release: ReleaseContext, manifest: Manifest, again: Sequence[Path]) -> Iterator[Finding]:
    """Report the files of the manifest that another build gives differently; a final with other contents stops."""
    built = {file.name: file for file in again}
    for file in manifest.files:
        why = _difference(file, release.root / DIST / file.name, built.get(file.name))
        if why is not None:
            is_final = manifest.channel is Channel.PUBLIC
            severity = Severity.ERROR if why.is_weighty and is_final else Severity.WARNING
            text = f"a second build of the same commit has other bytes: {why.words}"
            yield Finding(severity, file.name, text, _UNLIKE if why.is_weighty and not is_final else _IRREPRODUCIBLE)


def _difference(file: ManifestFile, first: Path, second: Path | None) -> Difference | None:
    """Describe what differs between a file of the manifest and the second build of it; nothing if nothing does."""
    if second is None:
        return Difference("the second build lacks it", is_weighty=True)
    if sha256_of(second) == file.sha256:
        return None
    if not first.is_file() or sha256_of(first) != file.sha256:
        return Difference(f"the file in {DIST}/ is not the first build any more, so there is nothing to compare")
    return explain_difference(first, second)


_IRREPRODUCIBLE = (
    "an interrupted upload cannot be completed from a new build; "
    "pin the build backend (build-constraints) or set rebuild = false if you know why"
)
_UNLIKE = f"a final is refused for this; {_IRREPRODUCIBLE}"


def _describe(finding: Finding) -> str:
    where = f"{finding.file}: " if finding.file else ""
    hint = f" ({finding.hint})" if finding.hint else ""
    return f"{where}{finding.message}{hint}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


CHECK = Step("check", "what the index would refuse and a user would trip over", _act)
