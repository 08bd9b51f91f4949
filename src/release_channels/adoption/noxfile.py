"""The noxfile: parse an existing one, write a new one, or add the release sessions to an existing one. Pure."""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from release_channels.adoption.script_metadata import needs_nox, tool_requirement, with_requirement
from release_channels.errors import RefusedError
from release_channels.model.session_names import NOXFILE

_REGISTER = """
# The release sessions: `nox -s preview`, and the others of `nox -l`.
import nox  # noqa: E402, RUF100
from release_channels import sessions as release_sessions  # noqa: E402, RUF100

release_sessions.register(nox)
"""
_MAIN = """

if __name__ == "__main__":
    nox.main()
"""
_HEAD = '''"""The sessions of this project; `nox -s preview` releases a preview to the local index."""

import nox
from release_channels import sessions

'''
_OWN_HEAD = '''"""The release sessions; this project's own are in noxfile.py. `nox -f release_noxfile.py -s preview`."""

import nox
from release_channels import sessions

'''
_UV = 'nox.options.default_venv_backend = "uv|virtualenv"\n'


@dataclass(frozen=True, slots=True)
class Noxfile:
    """The content of a noxfile, parsed without running it."""

    text: str
    sessions: tuple[str, ...]
    foreign_imports: tuple[str, ...]
    """What it imports beyond nox, the standard library and this tool: nothing of it is in the lock."""
    registers: bool
    """True if it asks for the release sessions."""
    main_line: int | None
    """The line of `if __name__ == "__main__":`, which has to stay last."""

    def why_apart(self, taken: Collection[str]) -> str:
        """Return why the release sessions need a separate noxfile; empty if this one can have them."""
        if self.foreign_imports:
            return f"it imports {', '.join(self.foreign_imports)}, which the release must not depend on"
        if names := sorted(set(self.sessions) & set(taken)):
            return f"it has {'a session' if len(names) == 1 else 'sessions'} of the same name: {', '.join(names)}"
        return ""


@dataclass(frozen=True, slots=True)
class TestSession:
    """The test session of a new noxfile."""

    __test__ = False  # not one of pytest's, whatever its name

    pythons: tuple[str, ...]
    installs: str
    """The arguments of `session.install`, as they are written."""
    runs: str
    """The arguments of `session.run`, as they are written."""
    about: str


def parse_noxfile(text: str, path: str = NOXFILE) -> Noxfile:
    """Parse a noxfile without running it.

    Raises: RefusedError where Python cannot read it.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError) as err:
        raise RefusedError(f"{path} is not valid Python: {err}", hint="fix it") from err
    modules = {name for node in ast.walk(tree) for name in _imported(node)}
    known = {*sys.stdlib_module_names, "nox", "release_channels"}
    return Noxfile(
        text,
        sessions=tuple(name for node in tree.body if (name := _session(node))),
        foreign_imports=tuple(sorted(modules - known)),
        registers="release_channels" in modules and any(map(_registers, ast.walk(tree))),
        main_line=next((node.lineno for node in tree.body if _is_main(node)), None),
    )


def new_noxfile(requirement: str, tests: TestSession | None = None, *, apart: bool = False) -> str:
    """Return a noxfile with the release sessions, and with a test session if there is no other noxfile."""
    body = _OWN_HEAD if apart else _HEAD
    body += ("" if apart else _UV) + "sessions.register(nox)\n"
    if tests is not None:
        pythons = ", ".join(f'"{python}"' for python in tests.pythons)
        body += (
            f"\n\n@nox.session(python=[{pythons}])\ndef tests(session: nox.Session) -> None:\n"
            f'    """{tests.about}"""\n    session.install({tests.installs})\n    session.run({tests.runs})\n'
        )
    return with_requirement(body + _MAIN, NOXFILE, requirement)


def joined(noxfile: Noxfile, requirement: str, path: str = NOXFILE) -> str:
    """Return an existing noxfile with all its lines, and the missing ones: block, release sessions, main call."""
    lines = f"{noxfile.text.rstrip()}\n".splitlines(keepends=True)
    at = noxfile.main_line - 1 if noxfile.main_line else len(lines)
    before, last = "".join(lines[:at]), "".join(lines[at:])
    if not noxfile.registers:
        before = f"{before.rstrip()}\n{_REGISTER}" + ("\n\n" if last else "")
    text = before + (last or _MAIN)
    if tool_requirement(text, path) is None or not needs_nox(text, path):
        text = with_requirement(text, path, tool_requirement(text, path) or requirement)
    return text


def _imported(node: ast.AST) -> Sequence[str]:
    if isinstance(node, ast.Import):
        return [alias.name.partition(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [(node.module or "").partition(".")[0]] if node.level == 0 else ["."]
    return []


def _session(node: ast.stmt) -> str:
    """Return the name of the session that a statement defines, or nothing."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return ""
    for decorator in node.decorator_list:
        call = decorator if isinstance(decorator, ast.Call) else None
        what = call.func if call else decorator
        if (what.attr if isinstance(what, ast.Attribute) else getattr(what, "id", "")) == "session":
            named = [word.value for word in call.keywords if word.arg == "name"] if call else []
            value = named[0].value if named and isinstance(named[0], ast.Constant) else node.name
            return str(value)
    return ""


def _registers(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute | ast.Name)
        and (node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id) == "register"
    )


def _is_main(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "__main__" in ast.dump(node.test)
