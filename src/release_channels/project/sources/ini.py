"""A version in a setup.cfg: parsed and proven by configparser, as in setuptools. Pure."""

from __future__ import annotations

import configparser
import re

from release_channels.errors import RefusedError
from release_channels.project.sources.base import Literal
from release_channels.project.typed_toml import BOM

_LINE = re.compile(r"^[ \t]*version[ \t]*[=:][ \t]*(?P<value>\S.*?)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_MARK = "0+found"

Sections = dict[str, dict[str, str]]


def parse_cfg(text: str, path: str) -> Sections:
    """Parse a setup.cfg.

    Raises: RefusedError with the position of the error.
    """
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(text.removeprefix(BOM))
    except configparser.Error as err:
        why = str(err).replace("\n", " ").replace("<string>", path)
        raise RefusedError(f"{path} cannot be read: {why}", hint="correct that place in the file") from err
    return {name: dict(parser[name]) for name in parser.sections()}


def find_version(text: str, path: str) -> Literal:
    """Find `version` of `[metadata]`: the line that, if changed, changes that value and no other.

    Raises: RefusedError if it is not on one line.
    """
    sections = parse_cfg(text, path)
    value = sections["metadata"].pop("version")
    for line in _LINE.finditer(text):
        changed = parse_cfg(text[: line.start("value")] + _MARK + text[line.end("value") :], path)
        if changed.get("metadata", {}).get("version") == _MARK:
            return Literal(*line.span("value"), value, sections)
    raise RefusedError(
        f"{path}: [metadata].version is not written on one line", hint="write `version = 1.2.3.dev0` on one line"
    )
