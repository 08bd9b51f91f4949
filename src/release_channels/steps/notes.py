"""The text of a GitHub Release: the changelog's section, else GitHub's own notes since the previous final."""

from __future__ import annotations

from functools import partial

from packaging.version import Version

from release_channels.project.changelog import find_changelog, read_changelog, release_body, section
from release_channels.steps.step import Release
from release_channels.tags import release_tags
from release_channels.world.git import Git
from release_channels.world.github import GitHub


def release_notes(release: Release, hub: GitHub, tag: str) -> str:
    """Give the text of a release; a section that is longer than GitHub allows is cut, with a link to the whole."""
    version, commit = release.observed.version, release.observed.commit
    git = Git(release.root)
    read = partial(git.read_file, commit.sha)
    path = find_changelog(release.project.config, read)
    written = section(read_changelog(path, read), version) if path else None
    if written and path:
        whole = (release.source_url or "").replace("/commit/", "/blob/")
        return release_body(written, f"{whole}/{path}")
    return hub.generate_notes(tag, previous_final(git, release, version), commit.sha)


def previous_final(git: Git, release: Release, version: Version) -> str | None:
    """Find the tag of the newest final below a version among the commit's ancestors, never one of a side branch."""
    tags = release_tags(release.project.config.tag_format, git.tags_before(release.observed.commit.sha))
    below = [older for older in tags if older < version]
    return tags[max(below)] if below else None
