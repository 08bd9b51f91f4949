"""What would stop a rehearsal later, asked before it begins and shown together; nothing is built or uploaded."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from packaging.version import Version

from release_channels.cli.context import TaskContext
from release_channels.cli.options import RehearsalOptions
from release_channels.commands.bump import plan_final
from release_channels.commands.tag_checks import Answer, Row, check_chain_of, check_declared_of, check_texts, show
from release_channels.errors import RefusedError
from release_channels.gate.sandbox.bubblewrap import find_bubblewrap
from release_channels.gate.sandbox.daytona import KEY
from release_channels.model.gate_config import GateConfig, SandboxKind
from release_channels.model.next_version import next_dev, next_final
from release_channels.model.tags import release_tags, tag_of
from release_channels.model.verification import WORKFLOWS
from release_channels.rehearsal.actions.act import find_act
from release_channels.rehearsal.temp_dir import MEMORY

LEAST_ROOM = 2**30
"""The bytes without which no rehearsal ends well."""
_LIBRARIES = ("jsonschema", "trustme", "yaml")
_SCRIPT = re.compile(r"--script (\S+\.py)")


def free_room() -> int:
    """Return how many bytes are free where a rehearsal puts its files: in memory or in the temporary directory."""
    return max(shutil.disk_usage(place).free for place in (MEMORY, Path(tempfile.gettempdir())) if place.is_dir())


@dataclass(frozen=True, slots=True)
class Machine:
    """How to find what a rehearsal needs of this machine."""

    room: Callable[[], int] = free_room
    act: Callable[[], object] = find_act
    library: Callable[[str], object] = find_spec
    bubblewrap: Callable[[GateConfig, Mapping[str, str]], tuple[object, str]] = find_bubblewrap


def require_prerequisites(context: TaskContext, options: RehearsalOptions, *, machine: Machine | None = None) -> None:
    """Check everything, and show the answers.

    Raises: RefusedError with all that would stop the rehearsal.
    """
    rows = tuple(_ask(context, options, machine or Machine()))
    show(rows, context.index.name)
    if wrong := [row for row in rows if row.answer is Answer.NO]:
        raise RefusedError(
            "; ".join(row.message for row in wrong),
            hint="\n".join(dict.fromkeys(row.hint for row in wrong if row.hint)),
        )


def _ask(context: TaskContext, options: RehearsalOptions, machine: Machine) -> Iterator[Row]:
    yield _programs(machine)
    yield _room(machine.room())
    workflows = _workflows(context, options)
    yield workflows
    if workflows.answer is Answer.YES:
        yield from check_chain_of(context, context.project.version)
        yield from _locks(context)
    if context.config.gate.needs_sandbox:
        yield _sandbox(context, machine)
    if options.only != "preview":
        yield from _release(context)


def _programs(machine: Machine) -> Row:
    """Check act, and the libraries of the extra."""
    try:
        machine.act()
    except RefusedError as stop:
        return Row("programs", Answer.NO, str(stop), stop.hint)
    missing = [name for name in _LIBRARIES if machine.library(name) is None]
    if missing:
        hint = "install the extra: `pip install 'release-channels[rehearsal]'`"
        return Row("programs", Answer.NO, f"not installed: {', '.join(missing)}", hint)
    return Row("programs", Answer.YES, "act, and what the extra `rehearsal` brings, are installed")


def _room(free: int) -> Row:
    if free < LEAST_ROOM:
        message = (
            f"{free / 2**30:.1f} GiB are free for temporary files, and a rehearsal needs {LEAST_ROOM // 2**30} GiB"
        )
        return Row("room", Answer.NO, message, "make room, or let TMPDIR name a directory with more")
    return Row("room", Answer.YES, f"{free / 2**30:.0f} GiB are free for temporary files")


def _workflows(context: TaskContext, options: RehearsalOptions) -> Row:
    """Check that the commit contains the workflow files."""
    config = context.config
    wanted = [config.test_workflow, *([config.gate_workflow] if config.gate.enabled else [])]
    by_part = {"preview": config.preview_workflow, "public": config.public_workflow}
    wanted += [file for part, file in by_part.items() if options.only in ("", part)]
    paths = [f"{WORKFLOWS}/{file}" for file in wanted]
    if missing := sorted({*paths} - {*context.git.files_at(context.commit.sha)}):
        hint = "a rehearsal runs the commit: write the files with `release-channels init` and commit them"
        return Row("workflows", Answer.NO, f"the commit {context.commit.short} lacks {', '.join(missing)}", hint)
    return Row("workflows", Answer.YES, f"the commit contains {', '.join(wanted)}")


def _locks(context: TaskContext) -> Iterator[Row]:
    """Check that the commit contains the locks that the release workflows run from."""
    config, files = context.config, context.git.files_at(context.commit.sha)
    texts = (context.read(f"{WORKFLOWS}/{file}") or b"" for file in (config.preview_workflow, config.public_workflow))
    scripts = {script for text in texts for script in _SCRIPT.findall(text.decode("utf-8", "replace"))}
    wanted = [path for script in sorted(scripts) for path in (script, f"{script}.lock")]
    if missing := [path for path in wanted if path not in files]:
        yield Row(
            "lock", Answer.NO, f"the workflows run from {', '.join(missing)}, which the commit lacks",
            "write it with `release-channels init` and commit it",
        )  # fmt: skip


def _sandbox(context: TaskContext, machine: Machine) -> Row:
    gate = context.config.gate
    may_be_daytona = gate.sandbox is SandboxKind.AUTO and context.env.get(KEY, "").strip()
    if gate.sandbox is SandboxKind.DAYTONA or may_be_daytona:
        return Row("sandbox", Answer.UNKNOWN, "Daytona is asked by the gate itself")
    found, missing = machine.bubblewrap(gate, context.env)
    if found is None:
        hint = "install bubblewrap, as with `apt-get install bubblewrap`, or switch the gate off: `init --no-gate`"
        return Row("sandbox", Answer.NO, f"the gate has no sandbox: {missing}", hint)
    return Row("sandbox", Answer.YES, "bubblewrap works here")


def _release(context: TaskContext) -> Iterator[Row]:
    """Check the version that the rehearsal releases: whether it can be made final, described and tagged."""
    project, tag_format = context.project, context.config.tag_format
    tags = release_tags(tag_format, context.git.tag_names_here())
    is_final = project.source.is_written and not project.version.is_prerelease
    try:
        final = _final(context, frozenset(tags))
        if is_final and final == project.version:
            yield from check_texts(context, final)
        elif project.news:
            yield Row("changelog", Answer.UNKNOWN, "towncrier writes it when the version is made final")
        else:
            plan_final(context, project, context.read, final, datetime.now(UTC).date())
            yield Row("bump", Answer.YES, f"{project.version} can become {final} everywhere")
    except RefusedError as stop:
        yield Row("bump", Answer.NO, str(stop), stop.hint)
        return
    yield _tag(context, tag_of(tag_format, final), is_taken=final in tags)
    yield from check_declared_of(context, final)


def _final(context: TaskContext, tagged: frozenset[Version]) -> Version:
    """Return the version that the rehearsal releases, as the scenario finds it.

    Raises: RefusedError if there is none.
    """
    project = context.project
    current = project.version
    if not project.source.is_written or current.is_prerelease:
        return next_final(current, tagged, is_declared=project.source.is_written)
    return next_final(next_dev(current, tagged), tagged) if current in tagged else current


def _tag(context: TaskContext, name: str, *, is_taken: bool) -> Row:
    if is_taken and context.git.local_tag(name, context.commit.sha) is not None:
        return Row(
            "tag", Answer.NO, f"the tag {name} is here already", "a release tag is never moved: raise the version"
        )
    return Row("tag", Answer.YES, f"{name} is free")
