"""A public function says in its docstring what it raises."""

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
    """Return what the body of a function raises itself, without the functions in it."""
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


def silent(source: str) -> list[str]:
    """Return the public functions that raise something and do not say so."""
    return [
        f"{function.lineno}: {function.name} raises {raised[0]}"
        for function in _public(ast.parse(source))
        if (raised := list(_raised(function))) and "Raises:" not in (ast.get_docstring(function) or "")
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_what_a_public_function_raises_is_in_its_docstring(path: Path) -> None:
    """Callers need not read the body."""
    assert silent(path.read_text(encoding="utf-8")) == []


def test_a_silent_function_is_found() -> None:
    """The rule finds what it looks for."""
    body = '    """Return it."""\n    raise ValueError(1)\n'
    assert silent(f"def f():\n{body}") == ["1: f raises ValueError(1)"]
    assert silent(f"def _f():\n{body}") == []
    assert silent('def f():\n    """Return it.\n\n    Raises: ValueError\n    """\n    raise ValueError(1)\n') == []
