"""The reference page of sessions, tasks and options, generated from the program."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec, module_from_spec
from inspect import getdoc

from invoke.collection import Collection

from release_channels.cli.options import CommonOptions, GateOptions, Options, RehearsalOptions, describe_options
from release_channels.sessions import SESSIONS

_INTRODUCTION = """# Reference

Every session and task, with its options. This page is generated: `uv run python tests/generate.py` writes it again.

"""
_SESSIONS = """## Sessions

`nox -s NAME` runs one; a bare `nox` runs none of them. Options stand behind `--`, as in `nox -s preview -- --dry-run`,
and `nox -s NAME -- --help` prints them. `--install-only`, an option of nox, is a dry run, too.

"""
_OPTIONS: tuple[tuple[str, type[CommonOptions]], ...] = (
    ("Options of a release session", Options),
    ("Options of `gate`", GateOptions),
    ("Options of `rehearse`", RehearsalOptions),
)
_TASKS = """## Tasks

`release-channels TASK` runs one, in any project; `invoke TASK` runs the same task where the project has a `tasks.py`.
`TASK --help` prints its options. Without `--index` a task reads the real index, and the
local one until the workflow files are on `main` on GitHub; `doctor` and `setup-publishing` always look at the real one.

"""
_GROUPS = {"": "Every day", "Once": "Once", "Emergency": "In an emergency", "Practice": "To practise"} | {
    "Workflow only": "In workflows only"
}


def reference_page() -> str:
    """Write the page."""
    options = "".join(f"### {title}\n\n```text\n{_help(kind)}\n```\n\n" for title, kind in _OPTIONS)
    sessions = {name: getdoc(session) or "" for name, session in SESSIONS.items()}
    ns = _fresh_tasks()
    tasks = {name: getdoc(task) or "" for name, task in ns.tasks.items()}
    listed = "".join(_table("session", sessions)), "".join(_table("task", tasks))
    details = "".join(_task(ns, name) for name in sorted(tasks))
    return f"{_INTRODUCTION}{_SESSIONS}{listed[0]}{options}{_TASKS}{listed[1]}{details}".rstrip() + "\n"


def _help(kind: type[CommonOptions]) -> str:
    """Return the options alone, without the line of one session."""
    _usage, options = describe_options(kind, "NAME").split("\n\n", 1)
    return options


def _table(what: str, described: dict[str, str]) -> Iterator[str]:
    for prefix, title in _GROUPS.items():
        rows = [(name, text) for name, text in described.items() if _prefix(text) == prefix]
        if rows:
            yield f"### {title}\n\n| {what} | does |\n| --- | --- |\n"
            yield from (f"| `{name}` | {_first_line(text, prefix)} |\n" for name, text in rows)
            yield "\n"


def _prefix(text: str) -> str:
    return next((prefix for prefix in _GROUPS if prefix and text.startswith(f"{prefix}: ")), "")


def _first_line(text: str, prefix: str) -> str:
    first = text.partition("\n\n")[0].replace("\n", " ").removeprefix(f"{prefix}: " if prefix else "").rstrip(".")
    return first[:1].lower() + first[1:]


def _fresh_tasks() -> Collection:
    """Import the tasks a second time: invoke removes a task's help texts when it first reads them."""
    spec = find_spec("release_channels.tasks")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    tasks: Collection = module.ns
    return tasks


def _task(ns: Collection, name: str) -> str:
    """Write the options of one task."""
    rows = "".join(
        f"| `{argument.name if argument.positional else '--' + argument.name.replace('_', '-')}` | {argument.help} |\n"
        for argument in ns.tasks[name].get_arguments()
    )
    return f"### `{name}`\n\n| option | means |\n| --- | --- |\n{rows}\n" if rows else ""
