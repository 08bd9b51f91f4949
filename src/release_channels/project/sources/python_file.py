"""A version in a Python file: one string, assigned once, at the top level; found by Python's own parser. Pure."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from release_channels.errors import RefusedError
from release_channels.project.sources.base import Literal
from release_channels.project.typed_toml import BOM

_NEWLINE = re.compile(r"\r\n|\r|\n")  # form feeds and other separators are not newlines in Python
_STRING = re.compile(r"(?P<open>[rRuU]?(?P<quotes>'''|\"\"\"|'|\"))(?P<body>.*)(?P=quotes)", re.DOTALL)
_HIDDEN = "the version"
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def find_assignment(name: str, path: str) -> Callable[[str], Literal]:
    """Return a function that finds the string which a Python file assigns to a name."""
    return lambda text: _of_name(text, name, path)


def find_span(path: str, locate: Callable[[str], tuple[int, int]]) -> Callable[[str], Literal]:
    """Return a function that finds the string at the span where a build backend's own pattern reads the version."""
    return lambda text: _at_span(text, locate(text), path)


@dataclass(frozen=True, slots=True)
class Link:
    """The target of an alias: a name in the same file, or in the one of these files that exists."""

    name: str
    files: tuple[str, ...] = ()


def find_link(text: str, name: str, path: str) -> Link | None:
    """Return what a name is an alias of: `a = b`, or `from .m import b as a`; None if it has its own value.

    Raises: RefusedError for a file that is not Python.
    """
    tree = parse_python(text, path)
    if len(list(_bindings(tree, name))) != 1:
        return None
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return Link(alias.name, module_files(node.module or "", node.level, path))
        if isinstance(node, ast.Assign | ast.AnnAssign) and name in _names(node) and isinstance(node.value, ast.Name):
            return Link(node.value.id)
    return None


def module_files(module: str, level: int, path: str) -> tuple[str, ...]:
    """Return the files that an import in a file may mean; with level 0 it may begin at any directory above the file."""
    folders = path.split("/")[:-1]
    depths = range(len(folders), -1, -1)
    starts = ["".join(f"{folder}/" for folder in folders[:depth]) for depth in depths]
    stems = [start + module.replace(".", "/") for start in (starts[level - 1 : level] if level else starts)]
    return tuple(f"{stem}{end}" for stem in stems for end in (".py", "/__init__.py"))


def assigned_value(tree: ast.Module, name: str) -> ast.expr | None:
    """Return the value of a name that is assigned once, at the top level; None for any other name."""
    if len(list(_bindings(tree, name))) != 1:
        return None
    return next((node.value for node in _assignments(tree, name)), None)


def only_text(text: str, name: str, path: str) -> str | None:
    """Return the string that a Python file assigns to a name once, at its top level; None for any other name.

    Raises: RefusedError for a file that is not Python.
    """
    tree = parse_python(text, path)
    # A file that a build writes may declare the types first, which binds nothing.
    tree.body = [node for node in tree.body if not (isinstance(node, ast.AnnAssign) and node.value is None)]
    value = assigned_value(tree, name)
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None


def assigns(text: str, name: str, path: str) -> bool:
    """Check whether a Python file assigns a string to a name at its top level, among other uses."""
    return any(_is_text(node.value) for node in _assignments(parse_python(text, path), name))


def _of_name(text: str, name: str, path: str) -> Literal:
    """Find the only string that is assigned to a name.

    Raises: RefusedError with what is there instead.
    """
    tree = parse_python(text, path)
    bound = list(_bindings(tree, name))
    found = list(_assignments(tree, name))
    if len(bound) > 1:
        lines = ", ".join(str(line) for line in sorted(bound))
        raise _refused(path, name, f"gets its value in more than one place (lines {lines})")
    if not bound:
        raise _refused(path, name, "is not there")
    if not found:
        raise _refused(path, name, _why_not(tree, name))
    value = found[0].value
    numbers = _joined(tree, value)
    return _of_numbers(text, tree, numbers, name, path) if numbers else locate_string(text, tree, value, name, path)


def _joined(tree: ast.Module, value: ast.expr | None) -> ast.Tuple | None:
    """Return the literal tuple that `".".join(map(str, …))` or `".".join(str(x) for x in …)` makes a version of."""
    match value:
        case ast.Call(func=ast.Attribute(value=ast.Constant(value="."), attr="join"), args=[inner], keywords=[]):
            parts = _joined_parts(inner)
        case _:
            return None
    if isinstance(parts, ast.Name):
        parts = assigned_value(tree, parts.id)
    return parts if isinstance(parts, ast.Tuple) and parts.elts else None  # a list may be changed after it is made


def _joined_parts(inner: ast.expr) -> ast.expr | None:
    match inner:
        case ast.Call(func=ast.Name(id="map"), args=[ast.Name(id="str"), parts], keywords=[]):
            return parts
        case ast.GeneratorExp(elt=elt, generators=[each]) | ast.ListComp(elt=elt, generators=[each]):
            plain = isinstance(each.target, ast.Name) and ast.unparse(elt) == f"str({each.target.id})"
            return each.iter if plain and not each.ifs else None
    return None


def _of_numbers(text: str, tree: ast.Module, numbers: ast.Tuple, name: str, path: str) -> Literal:
    """Find the numbers between the parentheses of a tuple that is joined to a version."""
    parts = [element.value for element in numbers.elts if isinstance(element, ast.Constant)]
    start, end = _span(text, numbers.elts[0])[0], _span(text, numbers.elts[-1])[1]
    plain = all(isinstance(part, int | str) for part in parts) and "#" not in text[start:end]
    if len(parts) != len(numbers.elts) or not plain:
        raise _refused(path, name, "is computed")
    numbers.elts = []
    return Literal(start, end, ".".join(map(str, parts)), ast.dump(tree), _spell_numbers)


def _spell_numbers(version: str) -> str:
    return ", ".join(part if part.isdigit() else f'"{part}"' for part in version.split("."))


def _at_span(text: str, span: tuple[int, int], path: str) -> Literal:
    """Find the assigned string that a span covers, except for a leading `v` that a pattern may skip.

    Raises: RefusedError if the span is in a comment, a longer string, or anything else that is not just a version.
    """
    for node in parse_python(text, path).body:
        for name in _names(node):
            if isinstance(node, ast.Assign | ast.AnnAssign) and _covers(text, node.value, span):
                whole = _of_name(text, name, path)
                before = text[whole.start : span[0]]
                if before.lower() in ("", "v") and span[1] == whole.end:
                    return Literal(*span, text[slice(*span)], whole.rest)
    line = len(_NEWLINE.findall(text[: span[0]])) + 1
    raise RefusedError(
        f"{path}: the build backend reads the version from line {line}, which is not a string assigned to a name",
        hint='write `__version__ = "…"` on its own line, before anything that looks like it',
    )


def parse_python(text: str, path: str) -> ast.Module:
    """Parse a Python file.

    Raises: RefusedError with the reason.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an invalid escape elsewhere in the file does not matter here
            return ast.parse(text.removeprefix(BOM))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as err:
        raise RefusedError(f"{path} cannot be parsed as Python: {err}", hint="correct that place") from err


def _assignments(tree: ast.Module, name: str) -> Iterator[ast.Assign | ast.AnnAssign]:
    """Yield the top-level assignments of a value to a name."""
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None and name in _names(node):
            yield node


def _names(node: ast.stmt) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _is_text(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _bindings(tree: ast.Module, name: str) -> Iterator[int]:
    """Yield the line of every binding or deletion of a name in a module's own scope."""
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        if _binds(node, name):
            yield getattr(node, "lineno", 0)
        if not isinstance(node, _SCOPES):
            todo.extend(ast.iter_child_nodes(node))
        elif any(isinstance(inner, ast.Global) and name in inner.names for inner in ast.walk(node)):
            yield node.lineno


def _binds(node: ast.AST, name: str) -> bool:
    if isinstance(node, ast.Name):
        return node.id == name and not isinstance(node.ctx, ast.Load)
    if isinstance(node, ast.AnnAssign):
        return False  # its target is a Name of its own
    if isinstance(node, ast.alias):
        return (node.asname or node.name.partition(".")[0]) == name
    if isinstance(node, ast.MatchMapping):
        return node.rest == name
    return isinstance(node, (*_SCOPES, ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name == name


def _why_not(tree: ast.Module, name: str) -> str:
    """Return how a name gets its value, if not by a plain assignment at the top level."""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and any((a.asname or a.name) == name for a in node.names):
            return f"is imported from {'.' * node.level}{node.module or ''}: name that module's file as the source"
        if isinstance(node, ast.If | ast.Try | ast.With | ast.For | ast.While | ast.Match):
            inner = ast.Module([*ast.iter_child_nodes(node)], [])  # type: ignore[list-item]
            if any(_bindings(inner, name)):
                return f"depends on a condition or a block (line {node.lineno})"
    return "is not assigned automatically"


def locate_string(text: str, tree: ast.Module, value: ast.expr | None, name: str, path: str) -> Literal:
    """Return where the string of a parsed value is written.

    Raises: RefusedError with what is there instead.
    """
    if not isinstance(value, ast.Constant) or not isinstance(value.value, str):
        raise _refused(path, name, _what_instead(value))
    start, end = _span(text, value)
    written = _STRING.fullmatch(text, start, end)
    if written is None or written["quotes"] in written["body"]:
        raise _refused(path, name, "is concatenated from several strings")
    version = value.value
    value.value = _HIDDEN
    return Literal(start + len(written["open"]), end - len(written["quotes"]), version, ast.dump(tree))


def _what_instead(value: ast.expr | None) -> str:
    if isinstance(value, ast.JoinedStr):
        return "is an f-string"
    if isinstance(value, ast.Name | ast.Attribute):
        return f"is another name for {ast.unparse(value)}"
    if isinstance(value, ast.Constant):
        return f"is {value.value!r}, not a string"
    return "is computed"


def _refused(path: str, name: str, why: str) -> RefusedError:
    return RefusedError(
        f"{path}: {name} {why}",
        hint=f'write `{name} = "1.2.3.dev0"` there once, as plain text on its own line, or write the version '
        "into [project] and take it out of `dynamic`",
    )


def _covers(text: str, value: ast.expr | None, span: tuple[int, int]) -> bool:
    if value is None:
        return False
    start, end = _span(text, value)
    return start <= span[0] and span[1] <= end


def _span(text: str, node: ast.expr) -> tuple[int, int]:
    """Convert a node's position, in lines and UTF-8 bytes, to offsets in the text."""
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    mark = len(BOM) if text.startswith(BOM) else 0
    lines = [mark, *(found.end() for found in _NEWLINE.finditer(text))]

    def position(line: int, column: int) -> int:
        start = lines[line - 1]
        return start + len(text[start : start + column].encode("utf-8")[:column].decode("utf-8"))

    return position(node.lineno, node.col_offset), position(node.end_lineno, node.end_col_offset)
