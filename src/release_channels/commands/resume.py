"""`resume`: complete an interrupted public release, from the state of tag, index and GitHub."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import Version

from release_channels.adapters import console
from release_channels.adapters.build_artifact import unpack_build_artifact
from release_channels.adapters.distributions import sha256_of
from release_channels.adapters.files import checkout_lock, temporary_directory
from release_channels.adapters.index import fetch_file
from release_channels.cli.context import TaskContext
from release_channels.cli.run import TaskRun
from release_channels.commands.status import read_next
from release_channels.errors import RefusedError, UnansweredError, UsageError
from release_channels.model.manifest import Manifest, ManifestFile
from release_channels.model.observed import IndexFile, Tag
from release_channels.model.outcome import PROGRAM, Outcome, Result
from release_channels.model.public_rules import check_yanked
from release_channels.model.session_names import PUBLIC
from release_channels.model.status import files_close_at, unrecoverable
from release_channels.model.tags import release_tags, tag_of, version_of
from release_channels.model.version import Channel, try_version
from release_channels.release.dist_dir import DIST, read_manifest, write_dist
from release_channels.release.pipeline import run_pipeline
from release_channels.release.step import Timeouts

_AFTER_BUILD = tuple(step for step in PUBLIC if step != "build")
_AFTER_CHECK = tuple(step for step in _AFTER_BUILD if step != "check")


@dataclass(frozen=True, slots=True)
class Resumption:
    """An interrupted release: its tag, its version, and its files on the index."""

    tag: str
    commit: str
    version: Version
    there: tuple[IndexFile, ...]
    closes: datetime | None

    @property
    def is_uploaded(self) -> bool:
        """True if the index has an sdist and a wheel."""
        return {file.name.endswith(".whl") for file in self.there} == {True, False}

    @property
    def lines(self) -> tuple[str, ...]:
        """Describe the existing files, the remaining steps, and the deadline for more files."""
        names = ", ".join(file.name for file in self.there) or "no file yet"
        if self.is_uploaded:
            do = "compare the files, then finish the GitHub Release and verify"
        elif self.there:
            do = "get the same bytes again, upload what is missing, then the GitHub Release, and verify"
        else:
            do = "build, check, upload, then the GitHub Release, and verify"
        lines = [f"{self.tag}, commit {self.commit[:12]}", f"  on the index  {names}", f"  to do         {do}"]
        if self.closes is not None and not self.is_uploaded:
            lines.append(f"  until         {self.closes:%Y-%m-%d %H:%M} UTC: after that the index takes no more files")
        return tuple(lines)


def plan_resumption(context: TaskContext, tag: str, now: datetime | None = None) -> Resumption:
    """Read how far a release got.

    Raises: UsageError for what is not a release tag; RefusedError if there is no such tag, it was moved, the release
    was yanked, or the index takes no more files of it.
    """
    now = now or datetime.now(UTC)
    version = version_of(tag, context.config.tag_format)
    if version is None or version.is_prerelease:
        meant = try_version(tag.removeprefix("v"))
        hint = f"one is written as {context.config.tag_format}, with a final version"
        if meant is not None and not meant.is_prerelease and meant.local is None:
            hint = f"`release-channels resume {tag_of(context.config.tag_format, meant)}`"
        raise UsageError(f"{tag!r} is not a release tag", hint=hint)
    found = _find_tag(context, tag)
    state = context.read_index()
    for stop in check_yanked(version, state):
        raise RefusedError(stop.message, hint=stop.hint)
    there = state.releases.get(version, ())
    plan = Resumption(tag, found.commit, version, there, files_close_at(there))
    if plan.closes is not None and now > plan.closes and not plan.is_uploaded:
        raise unrecoverable(
            version, f"the index has taken no more files of it since {plan.closes:%Y-%m-%d}", _taken(context)
        )
    return plan


def resume(
    task: TaskRun, tag: str, *, publishes: bool, dry_run: bool = False, patience: Timeouts | None = None
) -> None:
    """Complete a release, or without a named index only show the remaining steps.

    Raises: RefusedError if the release cannot be completed.
    """
    run, context = task.run, task.context
    run.about = replace(run.about, channel="public", project=context.project.name, index=context.index.name)
    plan = plan_resumption(context, tag)
    for line in plan.lines:
        console.say(line)
    if publishes:
        run.outcome = _finish(context, plan, dry_run=dry_run, patience=patience)
        run.is_reported = True
    else:
        command = f"release-channels resume {tag} --index {context.index.name}"
        message = f"nothing was done; `{command}` does what is named above"
        run.outcome = replace(run.about, result=Result.PLANNED, message=message, next=command)


def _taken(context: TaskContext) -> set[Version]:
    """Return every version that is on the index or tagged."""
    return set(context.read_index().releases) | set(context.tags())


def _find_tag(context: TaskContext, name: str) -> Tag:
    """Find a tag; the remote's word counts, and one that is elsewhere here was moved."""
    remote, sha = context.config.remote, context.commit.sha
    listed = context.git.find_refs(remote) if context.git.remote_url(remote) else None
    names = context.git.tag_names(remote, listed)
    here = context.git.tag(name, sha, remote, listed) if name in names else None
    if here is None:
        known = release_tags(context.config.tag_format, names)
        newest = f"the newest is {known[max(known)]}" if known else "there is none yet"
        raise RefusedError(f"there is no tag {name}", hint=newest)
    if listed is None:
        return here
    there = context.git.remote_tag(name, sha, remote, listed)
    if there is None:
        raise RefusedError(
            f"the tag {name} is in this clone but not on {remote}",
            hint=f"`release-channels tag --commit {name}` checks and pushes it",
        )
    if there.commit != here.commit:
        raise RefusedError(
            f"the tag {name} was moved: commit {here.commit[:12]} here, {there.commit[:12]} on {remote}",
            hint="a release tag is never moved: find out which one was built, and release the next version",
        )
    return there


def _finish(context: TaskContext, plan: Resumption, *, dry_run: bool, patience: Timeouts | None) -> Outcome:
    run = partial(
        run_pipeline,
        words=("--index", context.index.name, "--tag", plan.tag, "--commit", plan.commit),
        root=context.root,
        channel=Channel.PUBLIC,
        dry_run=dry_run,
        env=context.env,
        patience=patience,
        find_next=read_next,
        within=f"{PROGRAM} resume {plan.tag} --index {context.index.name}",
    )
    if dry_run or not plan.there:
        return run("public", PUBLIC)
    built = run("build", ("build",), intermediate=True)
    if not built.result.is_good:
        return built
    manifest = read_manifest(context.root)
    differing = _differing({file.name: file.sha256 for file in manifest.files}, plan)
    if not differing:
        return run("public", _AFTER_BUILD)
    console.warn(f"the rebuild differs from the index in {', '.join(differing)}: looking for the original files")
    with temporary_directory("resume") as place, checkout_lock(context.root):
        _take_first_bytes(context, plan, manifest, place)
    return run("public", _AFTER_CHECK)  # what was uploaded once has been checked


def _differing(files: Mapping[str, str], plan: Resumption) -> list[str]:
    """List the files that are on the index with other bytes, or that would not come out again."""
    return [file.name for file in plan.there if files.get(file.name) != (file.sha256 or files.get(file.name))]


def _take_first_bytes(context: TaskContext, plan: Resumption, rebuilt: Manifest, place: Path) -> None:
    """Put the bytes that were built first into dist/: from the index if it has them all, else from the workflow.

    Raises: RefusedError if they is not available: the version cannot be completed.
    """
    manifest = _from_index(context, plan, rebuilt, place) if plan.is_uploaded else _from_workflow(context, plan, place)
    if manifest is None:
        raise unrecoverable(
            plan.version,
            "its build differs from the files on the index, and no artifact of "
            f"{context.config.public_workflow} contains them",
            _taken(context),
        )
    write_dist(context.root, tuple(place / DIST / file.name for file in manifest.files), manifest)


def _from_index(context: TaskContext, plan: Resumption, rebuilt: Manifest, place: Path) -> Manifest:
    (place / DIST).mkdir()
    paths = [(file, fetch_file(context.index, file, place / DIST)) for file in plan.there]
    missing = [file.name for file, path in paths if path is None]
    if missing:
        raise UnansweredError(f"{context.index.title} does not serve {', '.join(missing)}", hint="try again later")
    files = (ManifestFile(path.name, path.stat().st_size, sha256_of(path)) for _, path in paths if path is not None)
    return replace(rebuilt, files=tuple(files))


def _from_workflow(context: TaskContext, plan: Resumption, place: Path) -> Manifest | None:
    """Search the artifacts of the release workflow's newest run for this commit."""
    github = context.github()
    if github is None:
        return None
    with github:
        run = github.newest_run(context.config.public_workflow, plan.commit)
        for artifact in github.artifacts(run.id) if run else ():
            if artifact.expired:
                continue
            inside = place / str(artifact.id) / DIST
            inside.mkdir(parents=True)
            archive = inside.parent / "artifact.zip"
            github.download_artifact(artifact.id, archive, 2 * context.config.file_limit)
            manifest = unpack_build_artifact(archive, inside)
            if manifest is not None and _is_ours(manifest, context, plan):
                inside.rename(place / DIST)
                console.say(f"  taken from the artifact {artifact.name} of {run.url if run else ''}")
                return manifest
    return None


def _is_ours(manifest: Manifest, context: TaskContext, plan: Resumption) -> bool:
    """Return whether an artifact is of this very release and agrees with every file that is on the index."""
    same = (manifest.channel, manifest.version, manifest.commit) == (Channel.PUBLIC, plan.version, plan.commit)
    named = canonicalize_name(manifest.project) == canonicalize_name(context.project.name)
    return same and named and not _differing({file.name: file.sha256 for file in manifest.files}, plan)
