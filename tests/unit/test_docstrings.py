"""Public functions document the exceptions that they raise."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "release_channels"
# The double of GitHub raises its answers: its own catcher sends them, and no caller sees one.
ANSWERS = SOURCE / "rehearsal" / "github"
FILES = sorted(path for path in SOURCE.rglob("*.py") if not path.is_relative_to(ANSWERS))


def _raised(function: ast.FunctionDef) -> Iterator[str]:
    """Return the exceptions that a function's own body raises, without nested functions."""
    waiting: list[ast.AST] = list(ast.iter_child_nodes(function))
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Lambda):
            continue
        if isinstance(node, ast.Raise) and node.exc is not None:
            yield ast.unparse(node.exc)
        waiting += ast.iter_child_nodes(node)


def _public(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    """Return the public functions of a module and the public methods of its public classes."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            if isinstance(node, ast.FunctionDef):
                yield node
            else:
                yield from _public(node)


def undocumented(source: str) -> list[str]:
    """Return the public functions that raise something and have no `Raises:`."""
    return [
        f"{function.lineno}: {function.name} raises {raised[0]}"
        for function in _public(ast.parse(source))
        if (raised := list(_raised(function))) and "Raises:" not in (ast.get_docstring(function) or "")
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_public_functions_document_their_exceptions(path: Path) -> None:
    assert undocumented(path.read_text(encoding="utf-8")) == []


def test_an_undocumented_exception_is_found() -> None:
    body = '    """Return it."""\n    raise ValueError(1)\n'
    assert undocumented(f"def f():\n{body}") == ["1: f raises ValueError(1)"]
    assert undocumented(f"def _f():\n{body}") == []
    assert (
        undocumented('def f():\n    """Return it.\n\n    Raises: ValueError\n    """\n    raise ValueError(1)\n') == []
    )
