"""The grammars of values from outside that become a word of a command, a path or a part of an address. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from release_channels.model.github import is_repository_name


@dataclass(frozen=True, slots=True)
class Grammar:
    """The form of a value: what takes it, and the form in words."""

    takes: Callable[[str], object]
    form: str


def _grammar(pattern: str, form: str) -> Grammar:
    return Grammar(re.compile(pattern, re.ASCII).fullmatch, form)


def _is_line(text: str) -> bool:
    return text.isprintable() and not text.startswith("-")


def _is_web_address(text: str) -> bool:
    if not text.isprintable() or set(text) & set(" \\"):
        return False
    try:
        parts = urlsplit(text)
        _ = parts.port  # refused here, where it is no number
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


# Source: git's own manual, check-ref-format; a leading dash would be an option, and git refuses it for branches, too.
_REF = (
    r"(?!-)(?!.*(?:\.\.|//|@\{|/\.|\.lock(?:/|$)))"
    r"[^\x00-\x20\x7f~^:?*\[\\/.][^\x00-\x20\x7f~^:?*\[\\]*(?<![/.])"
)
# Relative, within the directory, and neither an option nor one of git's pathspecs.
_PATH = r"(?![-/:])(?!(?:.*/)?\.\.(?:/|$))[^\x00-\x1f\x7f:\\]+"

REF = _grammar(_REF, "it must be a name as git takes it: no option, no URL, no blank")
PATH = _grammar(_PATH, "it must be a path inside the project, with / between its parts")
PATH_OR_NONE = _grammar(f"({_PATH})?", PATH.form)
WORKFLOW = _grammar(
    r"[A-Za-z0-9_][A-Za-z0-9_. -]*\.ya?ml", "it must be the name of a file in .github/workflows, as in test.yml"
)
# Source: what PyPI's form for a publisher takes as the name of an environment.
ENVIRONMENT = _grammar(
    r"(?![-\s])[^\x00-\x1f\x7f'\"`,;\\]{0,255}(?<!\s)",
    "it must be the name of an environment, without quotes and , ; \\",
)
SECRET = _grammar(r"[A-Za-z_][A-Za-z0-9_]*", "it must be the name of a secret: letters, digits and underscores")
VARIABLE = _grammar(r"[A-Z_][A-Z0-9_]*", "the environment variable with its API key")
PROVIDER = _grammar(r"[a-z][a-z0-9-]*", "its name: lower-case letters, digits and dashes")
REPOSITORY = Grammar(lambda text: not text or is_repository_name(text), 'write it as "owner/name"')
WEB_ADDRESS = Grammar(_is_web_address, "it must be an http(s) URL")
LINE = Grammar(_is_line, "it must be one line of text that does not begin with a dash")
