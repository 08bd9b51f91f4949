"""The edit of a changelog that releases what is unreleased, and the proof that it breaks no other section. Pure.

Source: Keep a Changelog 1.1.0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date as Date

from packaging.version import Version

from release_channels.errors import RefusedError
from release_channels.model.tags import tag_of
from release_channels.project.changelog import (
    Document,
    Section,
    find_released,
    find_sections,
    find_unreleased,
    parse_changelog,
)
from release_channels.project.changelog_new_section import NewSection
from release_channels.project.edit import Edit
from release_channels.project.markdown import Markdown


def plan_release(
    document: Document, version: Version, date: Date, path: str, tag_format: str = "v{version}"
) -> Edit | None:
    """Plan the edit that turns the unreleased changes into a version's section.

    Below `[Unreleased]` the section gets a heading of its own; a heading of a version marked as unreleased gets the
    version and its date. None if the version already has its section, and nothing is unreleased.

    Raises: RefusedError if nothing is unreleased, or both exist, or the edit would break a section or a link.
    """
    sections = find_sections(document)
    own = _find_own(document, sections, version, path)
    if own is None:
        return None
    new = NewSection(document, sections, own, version, date, tag_of(tag_format, version))
    after = parse_changelog(new.apply(), path)
    by_hand = f"write its heading by hand: {new.title}"
    found = find_released(find_sections(after), version)
    if found is None or not found.content(after):
        raise RefusedError(f"{path} would not parse as having a section for {version}", hint=by_hand)
    prove_sections(document, after, version, path, hint=by_hand)
    if new.is_linked and not found.heading.is_linked:
        raise RefusedError(f"the link in the heading of {version} would lead nowhere in {path}", hint=by_hand)
    return Edit(path, document.text, after.text, new.warning)


def _find_own(document: Document, sections: Sequence[Section], version: Version, path: str) -> Section | None:
    """Find the section of what is unreleased; None if the version has its own, and nothing is left for it."""
    unreleased = find_unreleased(sections)
    has_version = find_released(sections, version) is not None
    if has_version:  # what is announced for a later version stays
        unreleased = [section for section in unreleased if (section.title.version or version) <= version]
        if not unreleased:
            return None
    named = [section for section in sections if section.title.version == version and not section.is_released]
    unreleased = named if len(named) == 1 else unreleased
    if len(unreleased) != 1:
        times = f"{len(unreleased)} headings" if unreleased else "no heading"
        hint = _how_to_write(sections, document, version, path)
        raise RefusedError(f"{path} has {times} for unreleased changes", hint=hint)
    own = unreleased[0]
    if own.content(document) and has_version:
        raise RefusedError(
            f"{path} has a section for {version}, but also unreleased changes",
            hint=f"move what belongs to {version} below its heading",
        )
    if not own.content(document) and not has_version:
        raise RefusedError(
            f"{path} has nothing below its heading for unreleased changes",
            hint=f"write the changes in {version} into {path}: they become the release notes",
        )
    return None if has_version else own


def prove_sections(before: Document, after: Document, version: Version, path: str, *, hint: str) -> None:
    """Prove that an edit keeps every section but the new one, and every link.

    Raises: RefusedError if a section is no longer one, or has another text, or a link leads nowhere.
    """
    kept, found = _kept(before, version), _kept(after, version)
    names = [section.title.name for section in find_unreleased(find_sections(before))]
    lost = [f"the section {source}" for source in kept if kept[source] != found.get(source)]
    lost += [f"the link {text}" for text in Counter(before.links) - Counter(after.links) if text not in names]
    if lost:
        raise RefusedError(f"the edit of {path} would break {lost[0]}", hint=hint)


def _kept(document: Document, version: Version) -> Mapping[str, tuple[bool, str]]:
    """Return the sections that an edit must not touch: by their titles, whether those are links, and the text."""
    kept = {}
    for section in find_sections(document):
        if section.title.version is None:
            kept[section.title.name] = (section.heading.is_linked, "")
        elif section.is_released and section.title.version != version:
            text = section.content(document)
            for item in document.definitions:
                text = text.replace(document.text[item.start : item.end].strip(), "")
            kept[section.heading.source] = (section.heading.is_linked, " ".join(text.split()))
    return kept


def _how_to_write(sections: Sequence[Section], document: Document, version: Version, path: str) -> str:
    """Describe what the file may say instead, in its own markup."""
    marks, underline, is_bracketed = "##", "" if isinstance(document, Markdown) else "-", True
    if sections:
        heading = sections[0].heading
        marks, underline, is_bracketed = heading.marks, heading.underline, heading.source.startswith("[")
    general, own = (f"`{marks} [{name}]`" if is_bracketed else f"`{marks} {name}`" for name in ("Unreleased", version))
    if underline:
        general, own = f"`Unreleased`, underlined with `{underline}`,", f"`{version}`"
    elif not marks:
        general, own = "`**Unreleased**`", f"`**{version}**`"
    return (
        f"write one {general} or {own} above the newest version, with the changes below it; "
        f'`changelog = ""` does without {path}, and [tool.towncrier] lets towncrier write it'
    )
