"""Change the pure core in one place at a time and run its unit tests: one of them has to fail.

A sample with a fixed seed, or all changes with --all. `tests/data/mutations.toml` names the tests of each module, and
the changes that no test can notice.
"""

from __future__ import annotations

import ast
import importlib
import os
import random
import re
import resource
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
NAMED = tomllib.loads((ROOT / "tests/data/mutations.toml").read_text())
SAMPLE, SECONDS, BYTES = 120, 60, 3 * 2**30
"""How many changes, and what the tests of one may take of the processor and of memory: more shows the change, too."""
_SHARED = ("github", "hypothesis", "packaging.version", "requests", "rich.console", "tomlkit", "yaml")
_OPERATORS: dict[type[ast.AST], Any] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Add: ast.Sub, ast.Sub: ast.Add,
}  # fmt: skip
_NAMES = {
    "any": "all", "all": "any", "min": "max", "max": "min", "startswith": "endswith", "endswith": "startswith",
    "fullmatch": "match", "match": "search", "partition": "rpartition", "rpartition": "partition",
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """A module with one change: its place, the old words and the new ones."""

    path: Path
    line: int
    change: str
    source: str


def mutants(path: Path, text: str) -> Iterator[Mutant]:
    """Make every change to a module that leaves it readable."""
    content = text.encode()
    starts = [0, *(found.end() for found in re.finditer(b"\n", content))]
    for place, part in _parts(ast.parse(text), path.stem):
        for old, new in _changes(part):
            start = starts[old.lineno - 1] + old.col_offset
            end = starts[(old.end_lineno or 0) - 1] + (old.end_col_offset or 0)
            shown = " ".join(content[start:end].decode().split())
            source = (content[:start] + f"({new})".encode() + content[end:]).decode()
            yield Mutant(path, old.lineno, f"{place}: {shown} -> {new}", source)


def _parts(node: ast.AST, place: str) -> Iterator[tuple[str, ast.AST]]:
    """Walk through what decides: no annotation, decorator, pattern or text for people."""
    inner: Iterable[ast.AST | None] = ast.iter_child_nodes(node)
    match node:
        case ast.FunctionDef(name=name, args=args, body=body):
            place, inner = f"{place}.{name}", [*args.defaults, *args.kw_defaults, *body]
        case ast.ClassDef(name=name, body=body):
            place, inner = f"{place}.{name}", body
        case ast.AnnAssign(value=value):
            inner = [value]
        case ast.match_case(guard=guard, body=body):
            inner = [guard, *body]
        case ast.If(test=ast.Name(id="TYPE_CHECKING")) | ast.Assign(targets=[ast.Name(id="__all__")]):
            return
        case ast.JoinedStr() | ast.Expr(value=ast.Constant()):
            return
    yield place, node
    for child in filter(None, inner):
        yield from _parts(child, place)


def _changes(node: ast.AST) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
    match node:
        case ast.Compare(left=left, ops=ops, comparators=right):
            for at, one in enumerate(ops):
                yield node, ast.unparse(ast.Compare(left, [*ops[:at], _OPERATORS[type(one)](), *ops[at + 1 :]], right))
        case ast.BoolOp(op=op, values=values):
            yield from (
                (node, ast.unparse(ast.BoolOp(op, [other for other in values if other is not one]))) for one in values
            )
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            yield node, ast.unparse(ast.BinOp(left, _OPERATORS[type(op)](), right))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield node, ast.unparse(operand)
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
            yield test, f"not ({ast.unparse(test)})"
        case ast.comprehension(ifs=ifs):
            yield from ((test, "True") for test in ifs)
        case ast.Constant(value=bool(value)):
            yield node, str(not value)
        case ast.Constant(value=int(value)):
            yield node, str(value + 1)
        case ast.Constant(value=str(value)) if value and not re.search(r"\s", value):
            yield node, repr(f"{value}X")
        case ast.Name(id=name) if name in _NAMES:
            yield node, _NAMES[name]
        case ast.Attribute(value=value, attr=name) if name in _NAMES:
            yield node, f"{ast.unparse(value)}.{_NAMES[name]}"
        case ast.Slice(lower=lower, upper=upper):
            yield from ((bound, "None") for bound in (lower, upper) if bound)
        case ast.Call(func=ast.Attribute(value=value), args=[], keywords=[]):
            yield node, ast.unparse(value)
        case ast.Call(func=func, args=args, keywords=words):
            for at, word in enumerate(words):
                if word.arg != "hint":
                    yield node, ast.unparse(ast.Call(func, args, words[:at] + words[at + 1 :]))
        case ast.Raise() | ast.Continue() | ast.Break() | ast.Expr():
            yield node, "None"


def start(mutant: Mutant) -> int:
    """Run the tests of a mutant in a process of its own, which ends with 0 only if all pass; return its id."""
    if process := os.fork():
        return process
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
        for stream in (1, 2):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
        module = ModuleType(".".join(mutant.path.relative_to(ROOT / "src").with_suffix("").parts))
        sys.modules[module.__name__] = module
        exec(compile(mutant.source, str(mutant.path), "exec"), module.__dict__)
        names = NAMED["tests"][str(mutant.path.relative_to(ROOT / "src/release_channels"))]
        files = [str(ROOT / f"tests/unit/test_{name}.py") for name in names]
        quick = ("-x", "-q", "--noconftest", "--assert=plain", "-p", "no:cacheprovider", "-p", "no:xdist")
        os._exit(pytest.main([*quick, *files]))
    finally:
        os._exit(1)


def survivors(chosen: Iterable[Mutant]) -> Iterator[Mutant]:
    """Run mutants, one per core at a time, and yield those that no test notices."""
    running: dict[int, Mutant] = {}
    waiting = list(chosen)
    while waiting or running:
        while waiting and len(running) < (os.cpu_count() or 1):
            mutant = waiting.pop()
            running[start(mutant)] = mutant
        process, status = os.wait()
        done = running.pop(process)
        if status == 0:
            yield done


def main() -> int:
    """Print the survivors without a reason, and the counts; 1 if there is such a survivor, or a reason for none."""
    paths = [ROOT / "src/release_channels" / path for path in NAMED["tests"]]
    if wanted := [word for word in sys.argv[1:] if word != "--all"]:
        paths = [path for path in paths if path.stem in wanted]
    for name in _SHARED:
        importlib.import_module(name)  # once, for all processes
    unchanged = [Mutant(path, 1, "none", path.read_text()) for path in paths]
    if len(list(survivors(unchanged))) < len(unchanged):
        sys.exit("the unit tests fail without a change: `nox -s tests -- tests/unit`")
    every = [mutant for path in paths for mutant in mutants(path, path.read_text())]
    chosen = every if "--all" in sys.argv else random.Random(16).sample(every, min(SAMPLE, len(every)))
    named, survived = NAMED["equivalent"], []
    for mutant in survivors(chosen):
        survived.append(mutant.change)
        if mutant.change not in named:
            sys.stdout.write(f"{mutant.path.relative_to(ROOT)}:{mutant.line}: {mutant.change}\n")
            sys.stdout.flush()
    wrong = [mutant.change for mutant in chosen if mutant.change in named and mutant.change not in survived]
    sys.stdout.write("".join(f"noticed, although it is named as equivalent: {change}\n" for change in wrong))
    unnamed = sum(change not in named for change in survived)
    sys.stdout.write(
        f"{len(chosen)} of {len(every)} changes: {len(chosen) - len(survived)} noticed, "
        f"{len(survived) - unnamed} equivalent, {unnamed} survived\n"
    )
    return 1 if unnamed or wrong else 0


if __name__ == "__main__":
    sys.exit(main())
