"""The tasks file: add the release tasks to a project's own, which stay listed without this tool. Pure."""

from __future__ import annotations

import ast
from collections.abc import Collection
from dataclasses import dataclass

from release_channels.errors import RefusedError

TASKS = "tasks.py"
_COLLECTIONS = ("ns", "namespace")
_HEAD = '"""The tasks of this project: `invoke --list`."""\n'
_PART = '''
# The release tasks; where release-channels is not installed, each of them says how to get it.
import sys  # noqa: E402, RUF100

from invoke import Collection, Exit, task  # noqa: E402, RUF100

try:
    from release_channels.tasks import join as join_release_tasks
except ModuleNotFoundError:

    def join_release_tasks(own: Collection) -> Collection:
        """Name the release tasks all the same."""
        how = (
            "this is a task of release-channels, which is not installed here: `uv tool install invoke --with "
            "release-channels`, or `uvx release-channels@VERSION TASK`, VERSION as in {lock}"
        )

        def missing(context: object) -> None:
            """Release task; needs release-channels."""
            raise Exit(how)

        for name in (
{names}
        ):
            if name not in own.task_names:
                if name in sys.argv[1:]:  # its options are not known here, and invoke would stop at the first
                    raise Exit(how)
                own.add_task(task(missing), name=name)
        return own


{collection} = join_release_tasks({own})
'''


@dataclass(frozen=True, slots=True)
class TasksFile:
    """The content of a tasks file, parsed without running it."""

    text: str
    is_invokes: bool
    """True if it imports invoke: a file of this name may be something else altogether."""
    collection: str | None
    """The name of the collection that it makes itself."""
    joins: bool
    """True if it brings the release tasks in."""


def parse_tasks(text: str, path: str = TASKS) -> TasksFile:
    """Parse a tasks file without running it.

    Raises: RefusedError where Python cannot read it.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError) as err:
        raise RefusedError(f"{path} is not valid Python: {err}", hint="fix it") from err
    modules = {name for node in ast.walk(tree) for name in _imported(node)}
    names = [target.id for node in tree.body for target in _targets(node) if isinstance(target, ast.Name)]
    return TasksFile(
        text,
        is_invokes="invoke" in modules or "release_channels" in modules,
        collection=next((name for name in _COLLECTIONS if name in names), None),
        joins="release_channels" in modules,
    )


def new_tasks(names: Collection[str], lock: str) -> str:
    """Return a tasks.py with only the release tasks; `lock` is the lock file that pins release-channels."""
    part = _part("ns", "Collection()", names, lock)
    return _HEAD + part.replace("  # noqa: E402, RUF100", "")


def joined(tasks: TasksFile, names: Collection[str], lock: str) -> str:
    """Return an existing tasks file with all its lines, and the release tasks after its own."""
    if tasks.joins:
        return tasks.text
    own = tasks.collection or "Collection.from_module(sys.modules[__name__])"
    part = _part(tasks.collection or "ns", own, names, lock)
    return tasks.text.rstrip("\n") + "\n\n" + part


def _part(collection: str, own: str, names: Collection[str], lock: str) -> str:
    listed = "\n".join(f'            "{name}",' for name in sorted(names))
    return _PART.format(collection=collection, own=own, lock=lock, names=listed)


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name.partition(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0:
        return [(node.module or "").partition(".")[0]]
    return []


def _targets(node: ast.stmt) -> list[ast.expr]:
    if isinstance(node, ast.Assign):
        return node.targets
    return [node.target] if isinstance(node, ast.AnnAssign) else []
