"""Match events against a workflow's `on:` as GitHub does. Pure.

Source: GitHub's workflow syntax reference, `on`: the filters for branches, tags, paths and types.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from release_channels.model.workflow_semantics.file import Value
from release_channels.model.workflow_semantics.patterns import matches

_BRANCH = "refs/heads/"
_TAG = "refs/tags/"
_TAGS_AT_ONCE = 3
_LONGEST_DIFF = 300


@dataclass(frozen=True, slots=True)
class Event:
    """An event: its ref, commit and payload."""

    name: str
    ref: str
    sha: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    files: Collection[str] | None = None
    """The files that a push to a branch changes; None where they are not known, and no filter of paths is asked."""

    @property
    def branch(self) -> str:
        """The name of the branch or tag, as runs show it."""
        return self.ref.removeprefix(_BRANCH).removeprefix(_TAG)


def push_to(branch: str, files: Collection[str] | None = None) -> Event:
    """Describe a push to a branch, of some commit."""
    return Event("push", f"{_BRANCH}{branch}", "", files=files)


def push_of_tag(tag: str) -> Event:
    """Describe the push of a tag, on some commit."""
    return Event("push", f"{_TAG}{tag}", "")


def end_of_run(name: str, branch: str) -> Event:
    """Describe the end of a run of a workflow, by the workflow's name, on a branch."""
    run = {"name": name, "head_branch": branch}
    return Event("workflow_run", f"{_BRANCH}{branch}", "", {"action": "completed", "workflow_run": run})


def is_started(on: Value, event: Event) -> bool:
    """Return whether a workflow with this `on:` runs for an event."""
    if event.name not in on and event.name not in on.texts:
        return False
    match event.name:
        case "push":
            return _is_pushed(on["push"], event)
        case "workflow_run":
            return _is_followed(on["workflow_run"], event)
        case _:
            return True


def announced_refs(pushed: Collection[str]) -> tuple[str, ...]:
    """Return the refs of one push that make events: no tag does where there are more than three.

    Source: GitHub's events reference, `push`.
    """
    tags = sum(ref.startswith(_TAG) for ref in pushed)
    return tuple(ref for ref in pushed if tags <= _TAGS_AT_ONCE or not ref.startswith(_TAG))


def filters_of(trigger: Value, *kinds: str) -> str:
    """Format the filters of these kinds, such as `paths`, as a workflow file has them; empty without any."""
    keys = [key for kind in kinds for key in (kind, f"{kind}-ignore") if key in trigger]
    return ", ".join(f"`{key}: [{', '.join(trigger[key].texts)}]`" for key in keys)


def _is_pushed(push: Value, event: Event) -> bool:
    """Check a push: filters for branches alone leave tags out and the other way round, and a tag has no paths.

    Of a long diff, GitHub reads the first files alone.
    """
    is_tag = event.ref.startswith(_TAG)
    kind, other = ("tags", "branches") if is_tag else ("branches", "tags")
    if filters_of(push, other) and not filters_of(push, kind):
        return False
    if not is_tag and event.files is not None and not _passes(push, "paths", tuple(event.files)[:_LONGEST_DIFF]):
        return False
    return _passes(push, kind, (event.branch,))


def _is_followed(trigger: Value, event: Event) -> bool:
    run = event.payload["workflow_run"]
    return (
        matches(run["name"], trigger["workflows"].texts)
        and event.payload["action"] in (trigger["types"].texts or ("requested", "completed"))
        and _passes(trigger, "branches", (run["head_branch"] or "",))
    )


def _passes(trigger: Value, kind: str, names: Collection[str]) -> bool:
    """Check whether a filter has one of the names, or its `-ignore` not all of them; GitHub takes only one of both."""
    ignored = f"{kind}-ignore"
    if kind in trigger:
        return ignored not in trigger and any(matches(name, trigger[kind].texts) for name in names)
    return ignored not in trigger or not all(matches(name, trigger[ignored].texts) for name in names)
