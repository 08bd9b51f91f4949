"""Findings about git and the index. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from packaging.version import Version

from release_channels.adoption.doctor.diagnosis import Diagnosis, declared, error, passed, unknown, warning
from release_channels.adoption.publishers import Publisher
from release_channels.model.config import Config
from release_channels.model.observed import IndexState
from release_channels.model.plan import Plan, Verdict
from release_channels.model.status import quota_usage
from release_channels.model.tags import looks_like_version, release_tags, tag_of, version_of
from release_channels.model.version import Channel

GIT, INDEX = "git", "index"
_SOON = 60
"""Days for which the room on the index should do."""
_FEW = 5


class Attested(Protocol):
    """The publisher of a file, as verified by the index."""

    @property
    def file(self) -> str:
        """The file name."""

    @property
    def values(self) -> tuple[str, ...]:
        """Repository, workflow file and environment in lower case, as the index compares them."""


def diagnose_git(config: Config, remote: str | None, tags: Sequence[str]) -> Iterator[Diagnosis]:
    """Check the remote, and the tags, given oldest first."""
    if remote is None:
        yield warning(
            GIT, "remote", f"there is no remote {config.remote}, which a release tag needs; previews work without it",
            f"`git remote add {config.remote} …`, or `remote` in [tool.release-channels]",
        )  # fmt: skip
    else:
        yield passed(GIT, "remote", f"{config.remote} is configured")
    yield from _tags(config, tags)


def diagnose_default_branch(config: Config, branch: str) -> Diagnosis:
    """Check the remote's default branch against the settings."""
    where = f"{config.remote}'s is {branch}"
    if branch == config.main_branch:
        return passed(GIT, "default branch", where)
    return error(
        GIT, "default branch", f"{where}, and the settings say {config.main_branch}",
        f'`main-branch = "{branch}"` in [tool.release-channels]: workflows follow the default branch',
    )  # fmt: skip


def _tags(config: Config, tags: Sequence[str]) -> Iterator[Diagnosis]:
    releases = release_tags(config.tag_format, tags)
    others = [name for name in tags if looks_like_version(name) and version_of(name, config.tag_format) is None]
    if others:
        yield warning(
            GIT, "tags", f"not written as {config.tag_format}: {_some(others)}",
            "they count as no releases; `tag-format` in [tool.release-channels] says how a release tag is written",
        )  # fmt: skip
    names = set(releases.values())  # v1 equals v1.0.0 as a version, and only moves with it
    ordered = [version_of(name, config.tag_format) for name in tags if name in names]
    if down := [
        f"{tag_of(config.tag_format, now)} after {tag_of(config.tag_format, before)}" for before, now in _down(ordered)
    ]:
        yield warning(
            GIT, "tags", f"versions that went down: {_some(down)}",
            "installers pick the highest version, whatever its date: number the next one above all of them",
        )  # fmt: skip
    if not others and not down:
        count = len(releases)
        text = f"{count} release tags, each above those before it" if count > 1 else f"release tags so far: {count}"
        yield passed(GIT, "tags", text)


def _down(versions: Sequence[Version | None]) -> Iterator[tuple[Version, Version]]:
    highest: Version | None = None
    for version in versions:
        if version is None:
            continue
        if highest is not None and version < highest:
            yield highest, version
        highest = version if highest is None or version > highest else highest


def diagnose_index(state: IndexState, plan: Plan, config: Config, now: datetime) -> Iterator[Diagnosis]:
    """Check each channel's newest version, whether main is above it, and the remaining size quota."""
    final, preview = state.newest_final(), state.newest_preview()
    if not state.releases:
        yield warning(
            INDEX, "project", f"{plan.project} has no file on {state.index} yet",
            "`release-channels setup-publishing` says how to register the first publisher",
        )  # fmt: skip
        return
    yield passed(
        INDEX, "project", f"on {state.index}: newest public {final or 'none'}, newest preview {preview or 'none'}"
    )
    if final is None:
        yield warning(
            INDEX, "channels", "there is no final release: until the first one, everybody gets the previews",
            "release a first final version, however small",
        )  # fmt: skip
    if plan.verdict is Verdict.REFUSE:
        yield error(INDEX, "next preview", plan.message, plan.hint)
    else:
        yield passed(INDEX, "next preview", plan.message)
    yield _room(state, config, now)


def _room(state: IndexState, config: Config, now: datetime) -> Diagnosis:
    seen = quota_usage(state, config.project_limit, now)
    used = f"{seen.used / seen.limit:.0%} of the project's quota is used"
    if seen.days is not None and seen.days < _SOON:
        return warning(
            INDEX, "room", f"{used}; the rest is enough for {seen.days:.0f} days at the current rate",
            "delete old previews on the index's own page, or ask it for more room (`project-limit` then)",
        )  # fmt: skip
    return passed(INDEX, "room", used)


def diagnose_publishers(
    wanted: Collection[Publisher], attested: Mapping[Channel, Attested | None], project: str
) -> Iterator[Diagnosis]:
    """Compare the expected publishers with the ones in the attestations of each channel's newest file."""
    for publisher in wanted:
        topic, file = f"{publisher.channel} publisher", attested.get(publisher.channel)
        text = ", ".join(value or "unknown repository" for value in publisher.row[1:])
        expected = tuple(value.lower() for value in publisher.row[1:])
        if file is not None and not publisher.repository:
            expected = (file.values[0], *expected[1:])
        if file is not None and file.values != expected:
            yield error(
                INDEX, topic, f"{file.file} was published by {', '.join(value or 'none' for value in file.values)}; "
                f"the settings say {text}",
                "make settings and publisher agree: `release-channels setup-publishing` shows the values",
            )  # fmt: skip
        elif not publisher.repository:
            published = f"; {file.file} was published by {file.values[0]}" if file else ""
            name = file.values[0] if file else "owner/name"
            yield unknown(
                INDEX,
                topic,
                f"the repository on GitHub is unknown{published}",
                f'`repository = "{name}"` in [tool.release-channels]',
            )
        elif file is None:
            yield declared(
                INDEX, topic, f"{text}: no attested file confirms it, and only owners of {project} see it on the index",
                "`release-channels setup-publishing --apply` lets the workflow show its identity to the index",
            )  # fmt: skip
        else:
            yield passed(INDEX, topic, f"{text}: {file.file} was published by it")


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_FEW]) + (f", and {len(names) - _FEW} more" if len(names) > _FEW else "")
