"""The reaper: sandboxes on Daytona that a killed run of this project left behind, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from release_channels.adapters import console
from release_channels.errors import FailedError
from release_channels.gate.daytona_sandbox import LABEL, said

if TYPE_CHECKING:
    import daytona


def reap(
    client: daytona.Daytona,
    project: str,
    minutes: int,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> str:
    """Delete this project's sandboxes that are older than so many minutes; younger ones may be another run's.

    Raises: FailedError if Daytona does not list them, or keeps one.
    """
    import daytona

    try:
        mine = list(client.list(daytona.ListSandboxesQuery(labels={LABEL: project})))
    except daytona.DaytonaError as err:
        raise FailedError(f"Daytona does not list its sandboxes: {said(err)}", hint="is Daytona well?") from err
    old = list(_old(mine, project, clock() - timedelta(minutes=minutes)))
    kept = [problem for sandbox in old if (problem := _delete(client, sandbox))]
    if kept:
        raise FailedError(f"{len(kept)} old sandboxes stay on Daytona: {'; '.join(kept)}", hint="delete them by hand")
    return f"{len(old)} old sandboxes of {project} removed, {len(mine) - len(old)} left alone"


def _old(sandboxes: list[daytona.Sandbox], project: str, before: datetime) -> Iterator[daytona.Sandbox]:
    """Pick by the label itself, whatever the list was asked for; an age that nobody knows is no age."""
    for sandbox in sandboxes:
        created = _time(sandbox.created_at)
        if (sandbox.labels or {}).get(LABEL) == project and created is not None and created < before:
            yield sandbox


def _time(text: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _delete(client: daytona.Daytona, sandbox: daytona.Sandbox) -> str:
    import daytona

    try:
        client.delete(sandbox, timeout=60)
    except daytona.DaytonaError as err:
        return f"{sandbox.id}: {said(err)}"
    console.say(f"  removed the sandbox {sandbox.id}, which a killed run left behind")
    return ""
