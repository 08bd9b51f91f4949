"""What a setup.py gives to `setup()`, read without running it. Pure."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress

from release_channels.project.sources.base import Literal
from release_channels.project.sources.python_file import assigned_value, locate_string, parse_python

_SETUP = ("setup", "setuptools.setup")


def read_keywords(text: str, path: str) -> Mapping[str, ast.expr]:
    """Parse a setup.py into the keywords of its only call of `setup()`; empty if there is none, or more than one.

    Raises: RefusedError for a file that is not Python.
    """
    return _keywords(parse_python(text, path))


def read_values(text: str, path: str) -> Mapping[str, object]:
    """Return the keywords of `setup()` that are plain values, or names of plain values; others are left out.

    Raises: RefusedError for a file that is not Python.
    """
    tree = parse_python(text, path)
    values: dict[str, object] = {}
    for keyword, value in _keywords(tree).items():
        node = assigned_value(tree, value.id) if isinstance(value, ast.Name) else value
        try:
            values[keyword] = ast.literal_eval(node) if node is not None else None
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):  # it is computed
            continue
    return values


def find_keyword(name: str, path: str) -> Callable[[str], Literal]:
    """Return a function that finds the string which a setup.py gives to `setup()` by a keyword."""

    def find(text: str) -> Literal:
        tree = parse_python(text, path)
        return locate_string(text, tree, _keywords(tree).get(name), name, path)

    return find


def find_patterns(text: str, path: str) -> tuple[re.Pattern[str], ...]:
    """Return the strings of a setup.py that are regular expressions about a version, with a group.

    Raises: RefusedError for a file that is not Python.
    """
    found = []
    for node in ast.walk(parse_python(text, path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "version" in node.value.lower():
            # Any other text: it may be no pattern, one that is too large, or one that Python warns of.
            with suppress(re.error, OverflowError, RecursionError), warnings.catch_warnings(action="ignore"):
                found.append(re.compile(node.value, re.MULTILINE))
    return tuple(pattern for pattern in found if pattern.groups)


def _keywords(tree: ast.Module) -> Mapping[str, ast.expr]:
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) in _SETUP]
    # In a function, a name may be another one than that of the file.
    scopes = [
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    ]
    if any(call in set(ast.walk(scope)) for call in calls for scope in scopes):
        return {}
    return {
        keyword.arg: keyword.value for call in calls for keyword in call.keywords if keyword.arg and len(calls) == 1
    }
