"""The title of a run: evaluate the few expressions in `run-name`. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from release_channels.errors import RefusedError

_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_LITERAL = re.compile(r"'((?:[^']|'')*)'")
_PATH = re.compile(r"([a-z]+)((?:\.[A-Za-z_][\w-]*)+)")


def title_of(run_name: str, contexts: Mapping[str, Any], otherwise: str, *, key: str = "run-name") -> str:
    """Evaluate `run-name` or another key: paths into the contexts, literals and `||` are supported.

    Raises: RefusedError for any other expression: a wrong title would hide a run.
    """
    if not run_name.strip():
        return otherwise
    return " ".join(_EXPRESSION.sub(lambda found: _value(found[1].strip(), contexts, key), run_name).split())


def _value(expression: str, contexts: Mapping[str, Any], key: str) -> str:
    for operand in expression.split("||"):
        value = _operand(operand.strip(), contexts, key)
        if value:
            return value
    return ""


def _operand(text: str, contexts: Mapping[str, Any], key: str) -> str:
    literal = _LITERAL.fullmatch(text)
    if literal:
        return literal[1].replace("''", "'")
    path = _PATH.fullmatch(text)
    if path is None or path[1] not in contexts:
        raise RefusedError(
            f"unsupported expression in {key}: `{text}`",
            hint=f"use paths below {' and '.join(contexts)}, quoted strings, and ||",
        )
    value: Any = contexts[path[1]]
    for name in path[2].split(".")[1:]:
        value = value.get(name) if isinstance(value, Mapping) else None
    return "" if value is None or value is False else str(value)
