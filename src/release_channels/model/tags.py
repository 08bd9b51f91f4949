"""Release tags: the tag of a version, the version of a tag, and why a tag is wrong. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from packaging.utils import canonicalize_name
from packaging.version import Version

from release_channels.model.version import try_version


@dataclass(frozen=True, slots=True)
class ReachableTags:
    """The release tags of a commit: the one on it, and the newest on it or an ancestor."""

    exact: str | None = None
    nearest: str | None = None


_VERSION_LIKE = re.compile(r"[0-9]+[._][0-9]+")
# The characters of a version in normal form and of a usual prefix: no shell syntax, no white space.
_PLAIN = re.compile(r"[A-Za-z0-9._+!/@-]+", re.ASCII)

# NAME is the project's, as it is written and in its normal form.
_USUAL = (
    *("v{version}", "{version}", "V{version}", "v.{version}", "release-{version}", "release/{version}"),
    *("release_{version}", "releases/{version}", "rel-{version}", "rel_{version}", "version-{version}"),
    *("NAME-{version}", "NAME-v{version}", "NAME@{version}", "NAME@v{version}", "NAME/{version}", "NAME/v{version}"),
    *("NAME_{version}", "NAME_v{version}"),
)


def tag_of(tag_format: str, version: Version) -> str:
    """Return the tag of a version, in normal form."""
    return tag_format.replace("{version}", str(version))


def version_of(name: str, tag_format: str) -> Version | None:
    """Parse the version in a tag's name; None unless the tag is exactly the format with a version in normal form."""
    version = try_version(_between(name, tag_format) or "")
    return version if version is not None and tag_of(tag_format, version) == name else None


def counted_version(name: str, tag_format: str) -> Version | None:
    """Parse the version in a tag's name as the tools that read tags do, in any spelling; None if there is none."""
    text = _between(name, tag_format) or ""
    version = try_version(text) if _PLAIN.fullmatch(name) and text[:1].isdigit() else None
    return version if version is not None and version.local is None else None


def release_tags(tag_format: str, names: Iterable[str], released: Collection[Version] = ()) -> dict[Version, str]:
    """Return the release tags of final and post-releases among all tags, by version.

    A lone major number (`v2` beside `v1.0.0`) is not a release but a name that moves with them, unless the index has
    it (`released`) or no release has a longer number.
    """
    found = {name: version for name in names if (version := version_of(name, tag_format)) is not None}
    finals = {name: version for name, version in found.items() if not version.is_prerelease}
    return _without_moving(finals, lambda version: version.epoch, released)


def counted_tags(tag_format: str, names: Iterable[str]) -> dict[Version, str]:
    """Return the tags that a version can come from, by version: dev and pre-releases too, in any spelling.

    Source: the documentation of setuptools-scm, dunamai and pdm-backend: each counts such tags.
    """
    ordered = sorted(names, key=lambda name: version_of(name, tag_format) is not None)  # the normal form wins
    found = {name: version for name in ordered if (version := counted_version(name, tag_format)) is not None}
    return _without_moving(found, lambda version: (version.epoch, version.major))


def _without_moving(
    tags: Mapping[str, Version], line: Callable[[Version], object], released: Collection[Version] = ()
) -> dict[Version, str]:
    """Leave out the lone major numbers of each `line` that has a longer number, unless they are `released`."""
    longer = {line(each) for each in tags.values() if not each.is_prerelease and len(each.release) > 1}
    on_index = set(map(str, released))  # 1 and 1.0 are equal versions, but not the same tag
    return {
        version: name
        for name, version in tags.items()
        if len(version.release) > 1 or str(version) in on_index or line(version) not in longer
    }


def _between(name: str, tag_format: str) -> str | None:
    """Return the text in place of the version; None if the tag is not of the format."""
    before, after = map(re.escape, tag_format.split("{version}"))
    found = re.fullmatch(f"{before}(.*){after}", name)
    return found[1] if found else None


def looks_like_version(name: str) -> bool:
    """Return whether a tag's name contains something like a version, in any format."""
    return _VERSION_LIKE.search(name) is not None


def guess_format(project: str, names: Sequence[str], directory: str = "") -> str | None:
    """Guess the format of a project's release tags, from the newest tag that has one of the usual formats.

    `names` come oldest first. None where no tag has such a format. A project in a `directory` of its repository is
    not alone there: tags with its name come before others, and are proposed where there is none.
    """
    own = tuple(dict.fromkeys((project, canonicalize_name(project))))
    if directory:
        named = [name for name in names if name.startswith(own)]
        return guess_format(project, named) or guess_format(project, names) or f"{own[-1]}-v{{version}}"
    formats = [one.replace("NAME", name) for one in _USUAL for name in own]
    releases = {one: set(release_tags(one, names).values()) for one in formats}
    found = [(one, name) for name in reversed(names) for one in formats if name in releases[one]]
    # A lone number may be a nightly or a name that moves; it decides only where nothing longer does.
    longer = (one for one, name in found if looks_like_version(name))
    return next(longer, found[0][0] if found else None)


def why_wrong(name: str, version: Version, tag_format: str) -> str:
    """Return why a tag is wrong for a version; empty if it is right."""
    expected = tag_of(tag_format, version)
    if name == expected:
        return ""
    if not _PLAIN.fullmatch(name):
        return f"the tag {name!r} contains characters that a release tag must not have"
    if name.lower() == expected.lower():
        return f"the tag {name} differs from {expected} only in case"
    text = _between(name, tag_format)
    if text is None:
        return f"the tag {name} does not match tag-format {tag_format}"
    named = try_version(text)
    if named is None:
        return f"the tag {name} contains no version ({text!r})"
    if named == version:
        return f"the tag {name} has {version} in another spelling"
    return f"the tag {name} is for {named}, but the commit declares {version}"
