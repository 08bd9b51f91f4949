"""Release tags: the tag of a version, the version of a tag, how a project writes them, and why a tag is wrong. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from packaging.utils import canonicalize_name
from packaging.version import Version

from release_channels.model.version import try_version


@dataclass(frozen=True, slots=True)
class ReachableTags:
    """The release tags of a commit: the one on it, and the newest on it or an ancestor."""

    exact: str | None = None
    nearest: str | None = None


@dataclass(frozen=True, slots=True)
class TagStyle:
    """The way a project writes its release tags."""

    tag_format: str
    """The format of the newest release tag; the default where no tag has a known one."""
    unread: tuple[str, ...] = ()
    """The tags after that one that look like a version and have no known format, newest first."""
    is_found: bool = True
    """False if tags look like versions, and none has a known format."""

    def describe_unread(self) -> str:
        """Return what is assumed despite the tags that have no known format; empty if there are none."""
        if not self.unread:
            return ""
        return (
            f"no known format has {shorten(self.unread)}; release tags are taken to be {self.tag_format}: "
            "set `tag-format` in [tool.release-channels] if they are not"
        )


# The characters of a version in normal form and of a usual prefix: no shell syntax, no white space.
_PLAIN = re.compile(r"[A-Za-z0-9._+!/@-]+", re.ASCII)


def tag_of(tag_format: str, version: Version) -> str:
    """Return the tag of a version, in normal form."""
    return tag_format.replace("{version}", str(version))


def version_of(name: str, tag_format: str) -> Version | None:
    """Parse the version in a tag's name; None unless the tag is exactly the format with a version in normal form."""
    version = try_version(_between(name, tag_format))
    return version if version is not None and tag_of(tag_format, version) == name else None


def release_tags(tag_format: str, names: Iterable[str], released: Collection[Version] = ()) -> dict[Version, str]:
    """Return the release tags of final and post-releases among all tags, by version.

    A lone major number beside longer versions of that major is a tag that moves, unless the index has it (`released`).
    """
    found = {name: version for name in names if (version := version_of(name, tag_format)) is not None}
    finals = {name: version for name, version in found.items() if not version.is_prerelease}
    return _without_moving(finals, released)


def counted_tags(tag_format: str, names: Iterable[str]) -> dict[Version, str]:
    """Return the tags that a version can come from, by version: dev and pre-releases too, in any spelling.

    Source: the documentation of setuptools-scm, dunamai and pdm-backend: each counts such tags.
    """
    ordered = sorted(names, key=lambda name: version_of(name, tag_format) is not None)  # the normal form wins
    found = {name: version for name in ordered if (version := counted_version(name, tag_format)) is not None}
    return _without_moving(found, ())


def counted_version(name: str, tag_format: str) -> Version | None:
    """Parse the version in a tag's name as the tools that read tags do, in any spelling; None if there is none."""
    text = _between(name, tag_format)
    version = try_version(text) if _PLAIN.fullmatch(name) and text[:1].isdigit() else None
    return version if version is not None and version.local is None else None


def find_style(project: str, names: Sequence[str], default: str) -> TagStyle:
    """Find how a project writes its release tags: as the newest one that has a known format; `names` are oldest first.

    Tags of an older scheme do not count, however many there are, nor do major numbers that move along.
    """
    formats = tuple(_known_formats(project))
    unread: list[str] = []
    for name in reversed(names):
        tag_format = next((one for one in formats if version_of(name, one) is not None), "")
        if tag_format and not _is_lone(version_of(name, tag_format)):
            return TagStyle(tag_format, tuple(unread))
        if not tag_format and LOOKS_LIKE_VERSION.search(name):
            unread.append(name)
    lone = (one for name in reversed(names) for one in formats if version_of(name, one) is not None)
    return TagStyle(next(lone, default), tuple(unread), is_found=not unread)


def shorten(names: Sequence[str], few: int = 5) -> str:
    """Write out the first names, and the number of the others."""
    return ", ".join(names[:few]) + (f", and {len(names) - few} more" if len(names) > few else "")


LOOKS_LIKE_VERSION = re.compile(r"\d+[._-]\d+")
_WORDS = ("release", "rel", "version", "ver")


def _known_formats(project: str) -> Iterator[str]:
    """Yield the usual formats: a version alone, or after a word or the project's name."""
    normalized = canonicalize_name(project)
    names = (project, project.lower(), normalized, normalized.replace("-", "_"))
    for word in dict.fromkeys(("", *_WORDS, *(word.capitalize() for word in _WORDS), *names)):
        for separator in ("-", "/", "_", "@") if word else ("",):
            yield from (f"{word}{separator}{sign}{{version}}" for sign in ("v", "", "V"))


def _without_moving(tags: Mapping[str, Version], released: Collection[Version]) -> dict[Version, str]:
    finals = (version for version in tags.values() if not version.is_prerelease)
    majors = {(version.epoch, version.major) for version in finals if not _is_lone(version)}
    on_index = set(map(str, released))  # 1 and 1.0 are equal versions, but not the same tag
    return {
        version: name
        for name, version in tags.items()
        if not _is_lone(version) or str(version) in on_index or (version.epoch, version.major) not in majors
    }


def _is_lone(version: Version | None) -> bool:
    return version is not None and len(version.release) == 1 and not version.is_prerelease and version.post is None


def _between(name: str, tag_format: str) -> str:
    """Return the text in place of the version; empty if the tag is not of the format."""
    before, _, after = tag_format.partition("{version}")
    fits = name.startswith(before) and name.endswith(after) and len(name) > len(before) + len(after)
    return name[len(before) : len(name) - len(after)] if fits else ""


def why_wrong(name: str, version: Version, tag_format: str) -> str:
    """Return why a tag is wrong for a version; empty if it is right."""
    expected = tag_of(tag_format, version)
    if name == expected:
        return ""
    if not _PLAIN.fullmatch(name):
        return f"the tag {name!r} contains characters that a release tag must not have"
    if name.lower() == expected.lower():
        return f"the tag {name} differs from {expected} only in case"
    before, _, after = tag_format.partition("{version}")
    if not (name.startswith(before) and name.endswith(after)):
        return f"the tag {name} does not match tag-format {tag_format}"
    text = name[len(before) : len(name) - len(after)]
    named = try_version(text)
    if named is None:
        return f"the tag {name} contains no version ({text!r})"
    if named == version:
        return f"the tag {name} has {version} in another spelling"
    return f"the tag {name} is for {named}, but the commit declares {version}"
