"""Print what `doctor` found."""

from __future__ import annotations

from collections.abc import Sequence

from release_channels.adapters import console
from release_channels.adoption.doctor import examine
from release_channels.adoption.doctor.diagnosis import GUARANTEES, Diagnosis, Verdict, table, to_json
from release_channels.cli.context import TaskContext


def print_diagnosis(context: TaskContext, tasks: tuple[str, ...], *, as_json: bool) -> int:
    """Print what would make a release fail, as lines or as JSON; return 1 if anything would, otherwise 0."""
    with console.progress("looking at files, git, GitHub and the index"):
        findings = examine(context, tasks)
    if as_json:
        console.result(to_json(context.project.name, findings))
    else:
        _print(findings)
    return int(any(finding.verdict is Verdict.BAD for finding in findings))


def _print(findings: Sequence[Diagnosis]) -> None:
    order = list(Verdict)
    console.show(table(sorted(findings, key=lambda finding: order.index(finding.verdict))))
    for held, what in GUARANTEES:
        console.result(f"{held}: {what}")
    counts = {verdict: sum(finding.verdict is verdict for finding in findings) for verdict in Verdict}
    style = "bold red" if counts[Verdict.BAD] else "bold green"
    console.result(
        f"{_count(counts[Verdict.BAD], 'error')}, {_count(counts[Verdict.LOOK], 'warning')}, "
        f"{counts[Verdict.GOOD]} passed",
        style=style,
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
