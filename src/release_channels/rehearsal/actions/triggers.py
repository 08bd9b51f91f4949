"""Match events against a workflow's `on:` as GitHub does, which act leaves out. Pure.

Source: GitHub's documentation of `on`: filters for branches, tags and types, and the patterns in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from release_channels.adoption.workflows.patterns import matches
from release_channels.rehearsal.actions.workflow import Workflow
from release_channels.rehearsal.actions.yaml_nodes import Node, child, texts

_BRANCH = "refs/heads/"
_TAG = "refs/tags/"


@dataclass(frozen=True, slots=True)
class Event:
    """An event: its ref, commit and payload."""

    name: str
    ref: str
    sha: str
    payload: Mapping[str, Any] = field(default_factory=dict)

    @property
    def branch(self) -> str:
        """The name of the branch or tag, as runs show it."""
        return self.ref.removeprefix(_BRANCH).removeprefix(_TAG)


def is_started(workflow: Workflow, event: Event) -> bool:
    """Return whether a workflow runs for an event."""
    trigger = workflow.triggers.get(event.name)
    if trigger is None:
        return False
    match event.name:
        case "push":
            return _is_pushed(trigger, event)
        case "workflow_run":
            return _follows(trigger, event)
        case _:
            return True


def _is_pushed(trigger: Node, event: Event) -> bool:
    """Filters for branches alone leave tags out, and the other way round; without any, both are allow."""
    kinds = {
        _BRANCH: [child(trigger, key) for key in ("branches", "branches-ignore")],
        _TAG: [child(trigger, key) for key in ("tags", "tags-ignore")],
    }
    filtered = any(node is not None for nodes in kinds.values() for node in nodes)
    for prefix, (wanted, ignored) in kinds.items():
        if event.ref.startswith(prefix):
            if wanted is None and ignored is None:
                return not filtered
            return _passes(event.branch, wanted, ignored)
    return not filtered


def followed_names(workflow: Workflow) -> tuple[str, ...]:
    """Return the patterns of the names of the workflows whose runs start a workflow."""
    trigger = workflow.triggers.get("workflow_run")
    return texts(child(trigger, "workflows")) if trigger is not None else ()


def _follows(trigger: Node, event: Event) -> bool:
    run = event.payload["workflow_run"]
    types = texts(child(trigger, "types")) or ("requested", "completed")
    return (
        matches(run["name"], texts(child(trigger, "workflows")))
        and event.payload["action"] in types
        and _passes(run["head_branch"] or "", child(trigger, "branches"), child(trigger, "branches-ignore"))
    )


def _passes(name: str, wanted: Node | None, ignored: Node | None) -> bool:
    if ignored is not None and matches(name, texts(ignored)):
        return False
    return wanted is None or matches(name, texts(wanted))
