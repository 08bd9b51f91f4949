"""The rules of the public channel: which tag releases which version, and every reason to refuse. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from packaging.version import Version

from release_channels.errors import RefusedError
from release_channels.model.config import Config
from release_channels.model.findings import Finding, Severity
from release_channels.model.observed import IndexState, Observed, Relation
from release_channels.model.plan import Plan, Reason, Request, Verdict, make_plan
from release_channels.model.tags import tag_of, why_wrong
from release_channels.model.version import Line, final_of, line_of, next_dev_line, next_free


def decide_public(observed: Observed, request: Request, config: Config) -> Plan:
    """Build the plan for a tag: it releases its version if every rule holds."""
    stops = (
        *check_version(observed), *check_tag(observed, request, config),
        *check_place(observed, config), *check_yanked(observed.version, observed.index),
    )  # fmt: skip
    if stops:
        return make_plan(
            observed, request, Verdict.REFUSE, Reason.UNFIT,
            "; ".join(stop.message for stop in stops),
            hint="\n".join(dict.fromkeys(stop.hint for stop in stops)),
        )  # fmt: skip
    version, there = observed.version, observed.index.releases.get(observed.version, ())
    if there:
        return make_plan(
            observed, request, Verdict.PUBLISH, Reason.ALREADY,
            f"{version} is on the index ({len(there)} files): its files are compared, and missing ones are uploaded",
            version=version,
        )  # fmt: skip
    return make_plan(
        observed, request, Verdict.PUBLISH, Reason.OPEN,
        f"the tag {request.tag} releases {version}, which is above every final on the index",
        version=version,
    )  # fmt: skip


def check_version(observed: Observed) -> Iterator[Finding]:
    """Check that the commit declares a final or post-release, in normal form."""
    version = observed.version
    try:
        line = line_of(version)
    except RefusedError as stop:
        yield _error(str(stop), stop.hint if observed.is_written else _name_final(version))
        return
    if line is Line.DEV:
        yield _error(
            f"the commit declares {version}, a dev release",
            f"make it final first: `release-channels bump` writes {final_of(version)}"
            if observed.is_written
            else _name_final(version),
        )
    elif not observed.is_normal:
        yield _error(f"the version {version} is not written in normal form", f'write "{version}" and commit that')


def _name_final(version: Version) -> str:
    """Suggest the final where no file contains the version, so that the tag gives it."""
    return f"the tag gives the version: `release-channels tag --version {final_of(version)}`"


def check_tag(observed: Observed, request: Request, config: Config) -> Iterator[Finding]:
    """Check that the tag is the one that tag-format gives for the version, and that it is on this commit."""
    is_dev = observed.version.is_prerelease
    first = "`release-channels bump` makes the version final, then " if is_dev and observed.is_written else ""
    created = f"{first}`release-channels tag` creates {tag_of(config.tag_format, final_of(observed.version))}"
    if request.tag is None:
        yield _error(f"no release tag is on commit {observed.commit.short}", created)
        return
    wrong = why_wrong(request.tag, observed.version, config.tag_format)
    if wrong:
        own = f"the tag for {observed.version} is {tag_of(config.tag_format, observed.version)}"
        yield _error(wrong, created if is_dev else own)
        return
    tag = observed.tag
    if tag is None:
        yield _error(f"there is no tag {request.tag}", "`release-channels tag` creates and pushes it")
    elif tag.relation is not Relation.SAME:
        yield _error(
            f"the tag {tag.name} points to commit {tag.commit[:12]}, not to {observed.commit.short}",
            "a release tag is never moved: release the commit that it points to, or the next version",
        )
    elif config.annotated_tags and not tag.annotated:
        yield _error(
            f"the tag {tag.name} is lightweight, but annotated-tags is set",
            f"delete it (`git push --delete {config.remote} {tag.name}`) and run `release-channels tag`",
        )


def check_place(observed: Observed, config: Config) -> Iterator[Finding]:
    """Check that the commit is contained in main, and that the version is higher than every final."""
    main = f"{config.remote}/{config.main_branch}"
    if observed.on_main not in (None, Relation.SAME, Relation.ANCESTOR):
        yield _error(
            f"commit {observed.commit.short} is not contained in {main}",
            f"public releases come only from {config.main_branch}: push or merge it first, or "
            f"`release-channels tag --commit {main}` releases what is there",
        )
    newest, version = observed.index.newest_final(), observed.version
    if newest is not None and newest > version and version not in observed.index.releases:
        yield _error(f"{version} is below {newest}, which is on the index", _above(newest))


def check_yanked(version: Version, index: IndexState) -> Iterator[Finding]:
    """Check that the version is not yanked: one yanked file counts for the whole release."""
    yanked = [file.name for file in index.releases.get(version, ()) if file.yanked]
    if yanked:
        following = next_free(version, index.releases)
        yield _error(
            f"{version} is yanked on the index ({', '.join(yanked)})",
            f"nothing more of it is uploaded or announced: the next version is {following}; "
            "if the yank was a mistake, undo it on the index first",
        )


def _above(newest: Version) -> str:
    return f"the next version is {final_of(next_dev_line(newest))}: release branches are not supported"


def _error(message: str, hint: str) -> Finding:
    return Finding(Severity.ERROR, "", message, hint)
