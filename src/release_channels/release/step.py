"""The interface of a step, and the runner that runs steps in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from release_channels.adapters import console
from release_channels.adapters.actions_env import read_rehearsal
from release_channels.adapters.distributions import UnreadableError, has_programs
from release_channels.adapters.index import Index
from release_channels.errors import RefusedError, ReleaseError
from release_channels.model.decide import Plan
from release_channels.model.manifest import ManifestFile
from release_channels.model.observed import Observed
from release_channels.model.outcome import Outcome, Result
from release_channels.project.pyproject import Project
from release_channels.release.dist_dir import DIST

if TYPE_CHECKING:
    from release_channels.release.rebuild import ConcurrentRebuild


@dataclass(frozen=True, slots=True)
class Timeouts:
    """The waits of a step in seconds: between tries, for files to be visible, for a script's --help."""

    tries: tuple[float, ...] = (2.0, 5.0)
    visible: float = 300.0
    first_pause: float = 0.2
    script: float = 60.0


@dataclass(frozen=True, slots=True)
class ReleaseContext:
    """The input of every step: the project, the plan, the index, and the observed state."""

    root: Path
    project: Project
    plan: Plan
    observed: Observed
    index: Index
    upstream: str
    env: Mapping[str, str]
    source_url: str | None = None
    gated: tuple[ManifestFile, ...] = ()
    """What the gate tested, where there was one: nothing else may be published."""
    stored_tokens: tuple[str, ...] = ()
    patience: Timeouts = field(default_factory=Timeouts)
    rebuild: ConcurrentRebuild | None = None
    """The second build, for a run that checks whether the build is reproducible."""

    @property
    def installers(self) -> tuple[str, ...]:
        """The installers that `verify` uses: pip and uv, unless a rehearsal configures one."""
        rehearsal = read_rehearsal(self.env)
        return rehearsal.installers if rehearsal and rehearsal.installers else ("pip", "uv")


@dataclass(frozen=True, slots=True)
class Report:
    """The result of one step."""

    result: Result
    message: str
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    files: tuple[ManifestFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a release: its name, its title, and its function."""

    name: str
    title: str
    act: Callable[[ReleaseContext], Report]


def run_steps(steps: Sequence[Step], release: ReleaseContext, *, intermediate: bool = False) -> Outcome:
    """Run the steps in order up to the first failure; the outcome names what was reached.

    What the last step says is not printed where the outcome says it, unless the run is `intermediate` and has none.

    Raises: KeyboardInterrupt that says the published releases already, if anything is.
    """
    reports: list[Report] = []
    for number, step in enumerate(steps, 1):
        console.say(f"[{number}/{len(steps)}] {step.name}: {step.title}", style="bold")
        try:
            report = step.act(release)
        except ReleaseError as stop:
            return _stopped(release, step, stop, reports)
        except KeyboardInterrupt as stop:
            raise KeyboardInterrupt(_far(step, str(stop), reports)) from stop
        reports.append(report)
        is_said_below = number == len(steps) and _telling(reports) is report and not intermediate
        if not is_said_below:
            console.say(f"  {report.message}")
        for note in report.notes:
            console.say(f"  {note}")
        for warning in report.warnings:
            console.warn(warning)
    return _reached(release, reports)


def outcome_of(plan: Plan, result: Result, message: str) -> Outcome:
    """Build an outcome with the values of a plan."""
    return Outcome(
        result=result,
        message=message,
        channel=plan.channel.value,
        project=plan.project,
        version=str(plan.version or ""),
        commit=plan.commit,
        index=plan.index,
        warnings=plan.warnings,
    )


def _telling(reports: list[Report]) -> Report:
    """Return the report that an outcome tells: the first that published, else that found it done, else the last."""
    telling = (next((r for r in reports if r.result is result), None) for result in (Result.PUBLISHED, Result.ALREADY))
    return next(filter(None, telling), reports[-1])


def _reached(release: ReleaseContext, reports: list[Report]) -> Outcome:
    """Report the outcome of steps that all succeeded."""
    text = _telling(reports)
    return replace(
        outcome_of(release.plan, text.result, text.message),
        publish=text.result is not Result.ALREADY,
        warnings=_warnings(release, reports),
        files=_files(reports),
        is_tool=_is_tool(release, _files(reports)),
    )


def _is_tool(release: ReleaseContext, files: tuple[ManifestFile, ...]) -> bool:
    """Check whether the built wheel has a program; without it, whether pyproject.toml declares one."""
    wheels = [release.root / DIST / file.name for file in files if file.name.endswith(".whl")]
    if wheels and wheels[0].is_file():
        with suppress(UnreadableError):
            return has_programs(wheels[0])
    return bool(release.project.scripts)


def _stopped(release: ReleaseContext, step: Step, stop: ReleaseError, reports: list[Report]) -> Outcome:
    """Report the outcome of a run that stopped; what had been published by then comes first, since it stays so."""
    published = next((report for report in reports if report.result is Result.PUBLISHED), None)
    refused = isinstance(stop, RefusedError) and published is None
    message = f"{step.name}: {stop}"
    if published is not None:
        message = f"{published.message} was published, but afterwards {message}"
    return replace(
        outcome_of(release.plan, Result.REFUSED if refused else Result.FAILED, message),
        hint=stop.hint,
        warnings=_warnings(release, reports),
        files=_files(reports),
    )


def _far(step: Step, said: str, reports: list[Report]) -> str:
    """Describe how far an interrupted run had come, if anything is out by then: that stays so."""
    published = next((report for report in reports if report.result is Result.PUBLISHED), None)
    return f"{published.message} was published before {step.name} had ended" if published is not None else said


def _warnings(release: ReleaseContext, reports: list[Report]) -> tuple[str, ...]:
    return release.plan.warnings + tuple(warning for report in reports for warning in report.warnings)


def _files(reports: list[Report]) -> tuple[ManifestFile, ...]:
    return next((report.files for report in reversed(reports) if report.files), ())
