"""The text of a GitHub Release: the changelog's section, else GitHub's own notes since the previous final."""

from __future__ import annotations

from functools import partial

from packaging.version import Version

from release_channels.adapters.git import Git
from release_channels.adapters.github import GitHub
from release_channels.model.tags import release_tags
from release_channels.project.changelog import find_changelog, read_changelog, release_body, section
from release_channels.steps.step import Release

_ASKED = 10
"""How many older tags GitHub is asked about, where history is cut off here."""


def release_notes(release: Release, hub: GitHub, tag: str) -> str:
    """Give the text of a release; one that is longer than GitHub allows is cut, with a link to the whole."""
    version, commit = release.observed.version, release.observed.commit
    git = Git(release.root)
    read = partial(git.read_file, commit.sha)
    path = find_changelog(release.project.config, read, release.project.news_file(version))
    written = section(read_changelog(path, read), version) if path else None
    page = release.source_url or f"https://github.com/{hub.repository}/commit/{commit.sha}"
    if written and path:
        return release_body(written, f"{page.replace('/commit/', '/blob/')}/{path}")
    return release_body(hub.generate_notes(tag, previous_final(git, hub, release, version), commit.sha), page)


def previous_final(git: Git, hub: GitHub, release: Release, version: Version) -> str | None:
    """Find the tag of the newest final below a version among the commit's ancestors, never one of a side branch.

    Where history is cut off here, as in most workflow jobs, GitHub tells which tags are ancestors.
    """
    config, sha = release.project.config, release.observed.commit.sha
    if not git.is_shallow():
        tags = release_tags(config.tag_format, git.tags_before(sha))
        return next((tags[older] for older in sorted(tags, reverse=True) if older < version), None)
    tags = release_tags(config.tag_format, git.tag_names(config.remote))
    below = sorted((older for older in tags if older < version), reverse=True)[:_ASKED]
    return next((tags[older] for older in below if hub.compare(sha, tags[older]).contains_head), None)
