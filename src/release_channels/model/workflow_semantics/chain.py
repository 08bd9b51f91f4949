"""The chain of workflows that a push to main starts, in which each follows the one before it, and that of a tag. Pure.

Source: GitHub's events reference, `workflow_run`: names are patterns, and a workflow without a name has its path.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from packaging.version import Version

from release_channels.model.config import Config
from release_channels.model.tags import tag_of
from release_channels.model.verification import WORKFLOWS
from release_channels.model.workflow_semantics.file import Value, quoted, title_of_workflow
from release_channels.model.workflow_semantics.patterns import escape_pattern, matches
from release_channels.model.workflow_semantics.triggers import end_of_run, filters_of, is_started, push_of_tag

SOME_VERSION = Version("1.2.3")
"""A final whose tag stands for any."""


@dataclass(frozen=True, slots=True)
class ChainFault:
    """A break in the chain: its file, its line and the reason."""

    path: str
    line: int
    message: str


def check_chain(
    workflows: Mapping[str, Value], config: Config, version: Version = SOME_VERSION
) -> Iterator[ChainFault]:
    """Check that gate and preview follow the workflow before them, and that a version's tag starts the public one.

    A workflow that is missing is reported elsewhere.
    """
    files = {path: _File(path, top) for path, top in workflows.items()}
    gate = [config.gate_workflow] if config.gate.enabled else []
    names = (config.test_workflow, *gate, config.preview_workflow)
    for before, after in pairwise(files.get(f"{WORKFLOWS}/{name}") for name in names):
        if before is not None and after is not None:
            yield from _follows(after, before, files.values(), config)
        if before is not None:
            yield from _namesakes(before, files.values(), (*gate, config.preview_workflow, config.public_workflow))
    public, tag = files.get(f"{WORKFLOWS}/{config.public_workflow}"), tag_of(config.tag_format, version)
    if public is not None and not is_started(public.top["on"], push_of_tag(tag)):
        push = public.top["on"]["push"]
        has = filters_of(push, "tags", "branches") or "no `push` under `on:`"
        yield ChainFault(public.path, push.line, f"a push of the tag {tag} does not start it: it has {has}")


@dataclass(frozen=True, slots=True)
class _File:
    path: str
    top: Value

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.rpartition("/")[2]

    @property
    def title(self) -> str:
        """The name by which others follow it."""
        return title_of_workflow(self.top, self.path)


def _namesakes(before: _File, files: Collection[_File], written: Collection[str]) -> Iterator[ChainFault]:
    """Check that no other workflow has the name of one that is followed; reported where this tool does not write it."""
    for other in files:
        if other is not before and other.title == before.title:
            own, namesake = (before, other) if other.name in written else (other, before)
            message = f"has the name of {namesake.path}, so runs of both are followed: rename it"
            yield ChainFault(own.path, own.top["name"].line, message)


def _follows(file: _File, before: _File, files: Collection[_File], config: Config) -> Iterator[ChainFault]:
    """Check that a workflow follows another one on main, and no third one by a pattern that fits more names.

    A name that differs is also reported at the followed workflow where an update writes that one.
    """
    trigger = file.top["on"]["workflow_run"]
    followed = trigger["workflows"]
    names = ", ".join(followed.texts) or "nothing"
    if not matches(before.title, followed.texts):
        pattern = quoted(escape_pattern(before.title))
        message = f"follows {names}, and {before.path} is named {before.title}: `workflows: [{pattern}]`"
        yield ChainFault(file.path, followed.line, message)
        is_gate = before.name == config.gate_workflow
        if matches(before.name.rpartition(".")[0], followed.texts) and (is_gate or before.title == before.path):
            message = f"is named {before.title}, and {file.path} follows {names}"
            yield ChainFault(before.path, before.top["name"].line, message)
    elif not is_started(file.top["on"], end_of_run(before.title, config.main_branch)):
        has = filters_of(trigger, "branches", "types")
        message = f"does not follow the runs of {before.title} on {config.main_branch}: it has {has}"
        yield ChainFault(file.path, trigger.line, message)
    for other in files:
        if other.title != before.title and matches(other.title, followed.texts):
            message = f"also follows {other.path}: name {before.path} alone"
            yield ChainFault(file.path, followed.line, message)
