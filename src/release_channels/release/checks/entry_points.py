"""Find malformed scripts of a wheel, and scripts of the previous release that it lacks. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from configparser import ConfigParser
from configparser import Error as ConfigError
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from release_channels.model.findings import Allowable, Finding
from release_channels.release.checks.archive import Archive
from release_channels.release.checks.context import CheckContext, error, summarize
from release_channels.release.checks.wheel_layout import script_files

_GROUPS = ("console_scripts", "gui_scripts")
_REFERENCE = re.compile(
    r"(?P<module>\w+(?:\.\w+)*)\s*(?::\s*(?P<attr>\w+(?:\.\w+)*))?\s*(?:\[(?P<extras>[\w\s,.-]*)\])?", re.UNICODE
)
_MISSING_MODULE = re.compile(r"No module named '(\w+)")
# Source: the standard library's reference, availability of modules; each is missing on some platform.
_PLATFORM_MODULES = frozenset(
    {"_winapi", "_winreg", "msvcrt", "winreg", "winsound", "_overlapped", "pythoncom", "pywintypes", "win32api"}
    | {"curses", "fcntl", "grp", "pty", "pwd", "readline", "resource", "syslog", "termios", "tty"}
    | {"AppKit", "Cocoa", "Foundation", "objc"}
)


@dataclass(frozen=True, slots=True)
class Script:
    """A script from an entry point: its name, its object reference, and its extras."""

    name: str
    module: str
    attr: str
    extras: tuple[str, ...] = ()


class MalformedError(ValueError):
    """An entry_points.txt does not parse."""


class _Sections(ConfigParser):
    """The file format of entry points: names keep their case, and `%` means nothing."""

    def __init__(self) -> None:
        super().__init__(delimiters=("=",), interpolation=None, default_section="")

    def optionxform(self, optionstr: str) -> str:
        """Keep a name as it is written."""
        return optionstr


def parse_entry_points(text: bytes) -> dict[str, tuple[Script, ...]]:
    """Parse entry_points.txt into the entry points of each group.

    Raises: MalformedError if it does not parse, or an entry is not a reference to an object.
    Source: entry points specification, file format.
    """
    sections = _Sections()
    try:
        sections.read_string(text.decode("utf-8"))
    except (ConfigError, UnicodeDecodeError) as err:
        raise MalformedError(" ".join(str(err).split())) from err
    return {
        group: tuple(_entry_point(group, name, reference) for name, reference in sections.items(group))
        for group in sections.sections()
    }


def _entry_point(group: str, name: str, reference: str) -> Script:
    match = _REFERENCE.fullmatch(reference.strip())
    if match is None or (group in _GROUPS and not match["attr"]):
        raise MalformedError(f"{name} = {reference!r} in [{group}] is not of the form module:object")
    extras = tuple(filter(None, (extra.strip() for extra in (match["extras"] or "").split(","))))
    return Script(name, match["module"], match["attr"] or "", extras)


def scripts(archive: Archive) -> tuple[Script, ...]:
    """List the console and GUI scripts of a wheel; none if entry_points.txt is missing or malformed."""
    try:
        groups = parse_entry_points(archive.about("entry_points.txt") or b"")
    except MalformedError:
        return ()  # check_entry_points reports it
    return tuple(script for group in _GROUPS for script in groups.get(group, ()))


def excuse(script: Script, problem: str, requires: Iterable[str]) -> str:
    """Return why a script need not start in a default install on this machine; empty if it must.

    `requires` are the dependencies of the project, one of which may be for other platforms or for an extra.

    Source: entry points specification, which lets an entry point name extras.
    """
    if script.extras:
        return f"it needs the extra {summarize(script.extras)}"
    missing = _MISSING_MODULE.search(problem)
    if missing is None:
        return ""
    if missing[1] in _PLATFORM_MODULES:
        return f"{missing[1]} is a module of other platforms"
    for text in requires:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue  # the metadata check reports it
        marker = requirement.marker
        is_missing = canonicalize_name(requirement.name) == canonicalize_name(missing[1])
        if is_missing and marker and not marker.evaluate({"extra": ""}):
            return f"{requirement.name} is only for {marker}"
    return ""


def check_entry_points(archive: Archive) -> Iterator[Finding]:
    """Find a malformed entry_points.txt, which the index rejects.

    Source: entry points specification, file format.
    """
    try:
        parse_entry_points(archive.about("entry_points.txt") or b"")
    except MalformedError as err:
        message = f"entry_points.txt does not parse: {err}"
        yield error(archive.name, message, "correct the scripts and entry points you declare")


def check_lost_scripts(subject: CheckContext, archive: Archive, previous: Archive | None) -> Iterator[Finding]:
    """Find scripts of the newest release that this release lacks, since an upgrade removes them."""
    if previous is None:
        return
    lost = _programs(previous) - _programs(archive)
    before = f"{subject.project} {subject.previous_version}" if subject.previous_version else previous.name
    hint = "keep the script, which may print where it moved: an upgrade removes it for its users"
    for name in sorted(lost):
        message = f"{subject.project} {subject.version} has lost the script {name}, which {before} had"
        yield error(archive.name, message, hint, Allowable.LOST_SCRIPTS.case(name))


def _programs(archive: Archive) -> set[str]:
    return {script.name for script in scripts(archive)} | set(script_files(archive))
