"""Print the findings of `doctor`."""

from __future__ import annotations

from collections.abc import Sequence

from release_channels.adapters import console
from release_channels.adoption.doctor import examine, repository_of
from release_channels.adoption.doctor.diagnosis import (
    GUARANTEES,
    Diagnosis,
    DiagnosisSeverity,
    count_severities,
    to_json,
)
from release_channels.cli.context import TaskContext
from release_channels.cli.run import FindNext
from release_channels.model.outcome import name_index

_STYLES = {
    DiagnosisSeverity.PASSED: "green",
    DiagnosisSeverity.WARNING: "yellow",
    DiagnosisSeverity.ERROR: "bold red",
}


def print_diagnosis(context: TaskContext, tasks: tuple[str, ...], find_next: FindNext, *, as_json: bool) -> int:
    """Print the findings as lines or as JSON; return the exit code, 1 if there is an error, otherwise 0.

    The lines end with the next command.
    """
    asked = ", GitHub" if repository_of(context) else ""
    with console.progress(f"looking at files, git{asked} and the index", is_short=True):
        findings = examine(context, tasks)
    if as_json:
        console.result(to_json(context.project.name, findings))
    else:
        _print(findings, context.index.name)
        step = find_next(context)
        console.next_step(step.command if step else "")
    return int(any(finding.severity is DiagnosisSeverity.ERROR for finding in findings))


def _print(findings: Sequence[Diagnosis], index: str) -> None:
    order = list(DiagnosisSeverity)
    for finding in sorted(findings, key=lambda finding: order.index(finding.severity)):
        _print_finding(finding, index)
    for held, what in GUARANTEES:
        console.prose(f"{held}: {what}")
    errors, warnings, passed = count_severities(findings).values()
    console.result(
        f"{_count(errors, 'error')}, {_count(warnings, 'warning')}, {passed} passed",
        style="bold red" if errors else "bold green",
    )


def _print_finding(finding: Diagnosis, index: str) -> None:
    """Print a finding and its fix as lines that only the terminal wraps: commands and paths in them are copied."""
    rating = f"{finding.severity} ({finding.certainty})"
    console.prose(f"{rating:<18} {finding.area}: {finding.topic}: {finding.message}", style=_STYLES[finding.severity])
    for label, text in (("fix", finding.fix), ("to verify", finding.verify)):
        if text:
            console.prose(name_index(f"  {label}: {text}".replace("\n", "\n  "), index))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
