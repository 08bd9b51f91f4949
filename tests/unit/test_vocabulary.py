"""The words that this project does not use: private vocabulary and translated English, with what to write instead."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "release_channels"
FILES = sorted(SOURCE.rglob("*.py"))
TESTS = Path(__file__).parents[1]

# A part of an identifier, split at underscores and capitals.
NAMES = {
    "told": "report", "veil": "redact", "desk": "context", "ground": "environment", "stranger": "clean_installer",
    "journey": "stages", "wayout": "upstream_proxy", "mishap": "error", "fence": "upload_guard", "hub": "github",
    "forge": "dispatcher", "train": "scenario", "wishes": "options", "station": "stage", "sentence": "message",
    "shop": "project",
}  # fmt: skip
# How a docstring begins.
OPENINGS = frozenset({"Give", "Tell", "Say", "Word", "Let", "Ask", "Name", "Look", "Whether"})
# A phrase of a docstring or a message.
PHRASES = {
    r"\banew\b": "again",
    r"\bmend(?:s|ed|ing)?\b": "fix",
    r"(?<![Tt]here )\bis no (?!longer|more|such)": "is not a",
    r"\bstands twice\b": "duplicate",
    r"\bgoes on\b": "continues",
    r"\bway out\b": "upstream proxy",
    r"\bstrangers?\b": "clean install",
    r"\bbesides\b": "also",
    r"\bveil\b": "redactor",
    r"\bjourney\b": "stages",
    r"\bfences?\b": "upload guard",
    r"\bwitness\b": "confirm on the index",
    r"\bstations?\b": "stage",
}
# What the tests do without as well: their names say who does what.
TEST_NAMES = NAMES | {
    "tell": "report", "tells": "report", "brings": "install", "brought": "install", "stands": "is", "anew": "again",
    "nobody": "a noun", "somebody": "a noun", "whoever": "a noun", "beside": "next_to",
}  # fmt: skip
TEST_PHRASES = PHRASES | {
    r"\b(?:[Nn]o|[Ss]ome|[Ee]very)body\b|\b[Ww]hoever\b|(?:^|[.;:] )Who\b": "a noun",
    r"\btells?\b|\b(?:is|are) told\b": "report",
    r"\bbrings?\b": "install",
    r"\bstands\b": "is",
    r"\ball the same\b": "still",
    r"\bin a sentence\b": "in a message",
}


def _words(identifier: str) -> set[str]:
    return {part.lower() for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", identifier.replace("GitHub", "Github"))}


def _identifiers(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every name that is defined: functions, classes, parameters, variables, attributes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id


def _docstrings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Find the docstrings of modules, classes and functions, and the texts below assignments."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module) and (text := ast.get_docstring(node)):
            yield node.body[0].lineno, text
        body = getattr(node, "body", None)
        for before, after in pairwise(body if isinstance(body, list) else []):
            if isinstance(before, ast.Assign | ast.AnnAssign) and isinstance(after, ast.Expr):
                text = getattr(after.value, "value", None)
                if isinstance(text, str):
                    yield after.lineno, text


def _texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def unwanted(
    source: str,
    banned: Mapping[str, str] = NAMES,
    phrases: Mapping[str, str] = PHRASES,
    texts: Callable[[ast.AST], Iterator[tuple[int, str]]] = _texts,
) -> list[str]:
    """Return the words in a module that this project does not use, each with its line."""
    tree = ast.parse(source)
    names = [
        f"{line}: {name}: write {banned[word]}"
        for line, name in _identifiers(tree)
        for word in sorted(_words(name) & banned.keys())
    ]
    openings = [
        f"{line}: begins with {text.split()[0]}" for line, text in _docstrings(tree) if text.split()[0] in OPENINGS
    ]
    found_phrases = [
        f"{line}: {found.group()}: write {better}"
        for line, text in texts(tree)
        for phrase, better in phrases.items()
        if (found := re.search(phrase, text))
    ]
    return names + openings + found_phrases


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_the_code_uses_the_terms_of_the_field(path: Path) -> None:
    """In identifiers, docstrings and messages."""
    assert unwanted(path.read_text(encoding="utf-8")) == []


def test_the_tests_use_the_terms_of_the_field() -> None:
    """In identifiers and docstrings; other strings quote output."""
    files = [path for path in sorted(TESTS.rglob("*.py")) if path != Path(__file__)]
    found = {
        path.relative_to(TESTS).as_posix(): words
        for path in files
        if (words := unwanted(path.read_text(encoding="utf-8"), TEST_NAMES, TEST_PHRASES, _docstrings))
    }
    assert found == {}


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("def sit(desk): ...", id="parameter"),
        pytest.param("class TrainWishes: ...", id="class"),
        pytest.param("told = 1", id="variable"),
        pytest.param('def f():\n    """Give the version."""', id="docstring"),
        pytest.param('raise ValueError("read it anew")', id="message"),
        pytest.param('x = f"{y} is no workflow"', id="formatted message"),
    ],
)
def test_an_unwanted_word_is_found(source: str) -> None:
    """In each kind of place."""
    assert unwanted(source)


def test_a_quoted_word_in_a_test_is_allowed() -> None:
    """A name or docstring with it is not."""
    assert unwanted('x = "nobody is told"', TEST_NAMES, TEST_PHRASES, _docstrings) == []
    for source in ("def test_nobody(): ...", 'def f():\n    """Nobody is told."""'):
        assert unwanted(source, TEST_NAMES, TEST_PHRASES, _docstrings)
