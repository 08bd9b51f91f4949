"""The inline script metadata of a noxfile: its requirements, so that only nox or uv has to be installed.

Pure.
Source: the inline script metadata specification (once PEP 723).
"""

from __future__ import annotations

import re
import tomllib

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from release_channels.errors import RefusedError

TOOL = "release-channels"
REQUIRES_PYTHON = ">=3.11"
_BLOCK = re.compile(r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$")
# A line for the system and one for the parser have to stay first.
_FIRST_LINES = re.compile(r"(#![^\n]*\n)?(#[^\n]*coding[:=][^\n]*\n)?")


def tool_requirement(text: str, path: str) -> str | None:
    """Return the requirement on this tool in a file's script metadata; None if there is none.

    Raises: RefusedError for a block that cannot be read.
    """
    return next((one for one in _read_requirements(text, path) if _name(one) == TOOL), None)


def needs_nox(text: str, path: str) -> bool:
    """Check whether a file's script metadata requires nox.

    Raises: RefusedError for a block that cannot be read.
    """
    return any(_name(one) == "nox" for one in _read_requirements(text, path))


def with_requirement(text: str, path: str, requirement: str) -> str:
    """Return a file whose script metadata requires nox and this tool, with everything else unchanged.

    Raises: RefusedError for a block that cannot be read.
    """
    import tomlkit  # a tenth of a second, and a noxfile that is as it should be needs none

    wanted = [one for one in _read_requirements(text, path) if _name(one) != TOOL]
    document = tomlkit.parse(_content(text))
    if not any(_name(one) == "nox" for one in wanted):
        wanted.insert(0, "nox")
    document.setdefault("requires-python", REQUIRES_PYTHON)
    array = tomlkit.array()
    for one in [*wanted, requirement]:
        array.append(one)
    document["dependencies"] = array.multiline(True)
    block = _written(tomlkit.dumps(document))
    found = _find(text)
    if found is not None:
        return text[: found.start()] + block + text[found.end() :]
    start = _FIRST_LINES.match(text)
    first = start.end() if start else 0
    return f"{text[:first]}{block}\n{text[first:]}"


def _find(text: str) -> re.Match[str] | None:
    return next((found for found in _BLOCK.finditer(text) if found["type"] == "script"), None)


def _content(text: str) -> str:
    found = _find(text)
    lines = found["content"].splitlines() if found else []
    return "".join(f"{line[2:] if line.startswith('# ') else line[1:]}\n" for line in lines)


def _read_requirements(text: str, path: str) -> list[str]:
    try:
        document = tomllib.loads(_content(text))
    except tomllib.TOMLDecodeError as err:
        raise RefusedError(f"the script block of {path} is not valid TOML: {err}", hint="fix it") from err
    return [str(one) for one in document.get("dependencies", [])]


def _name(requirement: str) -> str:
    try:
        return canonicalize_name(Requirement(requirement).name)
    except InvalidRequirement:
        return ""


def _written(content: str) -> str:
    lines = content.rstrip("\n").splitlines()
    return "\n".join(["# /// script", *(f"# {line}" if line else "#" for line in lines), "# ///"])
