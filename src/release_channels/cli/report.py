"""Report a plan or an outcome to people and programs."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from release_channels.adapters import console
from release_channels.adapters.actions_env import ActionsEnvironment, annotation, write_output, write_summary
from release_channels.adapters.files import STATE, atomic_write, state_directory
from release_channels.adapters.index import LOCAL, Index
from release_channels.errors import RefusedError, ReleaseError
from release_channels.model.decide import Plan, Verdict
from release_channels.model.observed import Observed
from release_channels.model.outcome import PROGRAM, Outcome, Result, name_index
from release_channels.model.version import Channel

_STYLES = {
    Result.PUBLISHED: "bold green",
    Result.ALREADY: "bold green",
    Result.DONE: "bold green",
    Result.PLANNED: "bold cyan",
    Result.SKIPPED: "bold yellow",
    Result.REFUSED: "bold red",
    Result.FAILED: "bold red",
}
_SHOWN = 5
_NOXS_ENVIRONMENT = "_nox_script_mode"
"""The environment of a noxfile's block, which is on nobody's PATH. Source: nox's `_cli.run_script_mode`."""


def show_plan(plan: Plan, observed: Observed, index: Index, steps: Sequence[str]) -> None:
    """Print the decision and its reasons, the same in a dry run and a real one."""
    version = f" {plan.version}" if plan.version else ""
    console.say(f"{plan.project}{version}: {plan.channel} channel, {index.title}", style="bold")
    is_reported_below = plan.verdict is not Verdict.PUBLISH and console.is_one_screen()
    rows = [
        ("commit", f"{observed.commit.short}, {warn_uncommitted(observed.uncommitted)}"),
        ("it holds", str(observed.version)),
        ("tag", observed.tag.name if observed.tag else ""),
        ("number", plan.numbered),
        ("on the index", _on_index(observed)),
        ("decision", f"{plan.reason}: {plan.message}" if not is_reported_below else ""),
        ("to do", name_index(plan.hint, index.name) if not is_reported_below else ""),
        ("steps", ", ".join(steps) if plan.version and not plan.hint else ""),
    ]
    for name, value in rows:
        if value:
            console.say(f"  {name:<13}{value}".replace("\n", f"\n{'':<15}"))
    for warning in plan.warnings:
        console.warn(warning)


def report_outcome(outcome: Outcome, actions: ActionsEnvironment, root: Path | None = None) -> None:
    """Report an outcome on stdout, to GitHub Actions, and in a project's `outcome.json`."""
    for file in outcome.files:
        console.result(f"  {file.sha256}  dist/{file.name}")
    if outcome.result in (Result.PUBLISHED, Result.ALREADY):
        for line in _commands(outcome):
            console.result(line)
    if actions.runs:
        _annotate(outcome)
    try:
        _write(outcome, actions, root)
    except (OSError, RefusedError) as err:  # the run is over: its outcome must be reported anyway
        console.warn(f"the outcome could not be written to a file: {err}")
    _report_end(outcome, is_annotated=actions.runs)
    console.hint(f"before that: {outcome.why}" if outcome.why else "")
    console.next_step(outcome.next)


def _report_end(outcome: Outcome, *, is_annotated: bool) -> None:
    """Print the outcome as the last line of stdout; one screen shows a refusal once, and stderr alone explains it.

    With `is_annotated` it was in an annotation already, and the log of a workflow is one screen.
    """
    # Every error has a next command; an interrupt has none, and its outcome says everything.
    is_error = not outcome.result.is_good and bool(outcome.next)
    is_explained = is_error and not (is_annotated or console.is_one_screen())
    if is_explained:
        console.error(ReleaseError(outcome.message, hint=outcome.hint))
    console.prose(outcome.line, style=_STYLES[outcome.result])
    if is_error and not is_explained:
        console.hint(outcome.hint)


def _write(outcome: Outcome, actions: ActionsEnvironment, root: Path | None) -> None:
    write_output(actions, outcome.to_outputs())
    write_summary(actions, outcome.to_markdown())
    # Where no project was found nothing is made, but an older outcome must not stand for this one.
    if root is not None and (outcome.commit or (root / STATE).is_dir()):
        atomic_write(state_directory(root) / "outcome.json", outcome.to_json())


def _annotate(outcome: Outcome) -> None:
    for warning in outcome.warnings:
        console.annotate(annotation("warning", "release-channels", warning))
    if not outcome.result.is_good:
        console.annotate(annotation("error", str(outcome.result), f"{outcome.message}\n{outcome.hint}".strip()))


def _commands(outcome: Outcome) -> list[str]:
    """Return the two channels' install commands, and before them what they need to read this index."""
    from release_channels.model.install_commands import pip_command, uv_command

    text: list[str] = []
    if outcome.index == LOCAL:
        text.append(f"the commands below read the local index only while it is kept open: {_keep_open()} prints how")
    elif outcome.index != "pypi" or outcome.rehearsal:
        how = f"name {outcome.index} with pip's --index-url or uv's --default-index"
        text.append(f"the commands below read the default index: {how}")
    lines = ["install from the public channel:", "install from the preview channel:"]
    for line, channel in zip(lines, (Channel.PUBLIC, Channel.PREVIEW), strict=True):
        by_uv = uv_command(outcome.project, channel, is_tool=outcome.is_tool)
        text += [line, *(f"  {shlex.join(words)}" for words in (pip_command(outcome.project, channel), by_uv))]
    return text


def _keep_open() -> str:
    """Return the command that keeps the local index open; with its path where only nox has installed it."""
    program = Path(sys.executable).with_name(PROGRAM)
    elsewhere = [one for one in os.environ.get("PATH", "").split(os.pathsep) if Path(one) != program.parent]
    is_noxs = _NOXS_ENVIRONMENT in program.parts and not shutil.which(PROGRAM, path=os.pathsep.join(elsewhere))
    return f"`{shlex.quote(str(program)) if is_noxs and program.exists() else PROGRAM} serve-index`"


def warn_uncommitted(paths: tuple[str, ...]) -> str:
    """Warn about uncommitted files, which are left out."""
    if not paths:
        return "nothing uncommitted"
    shown = ", ".join(paths[:_SHOWN]) + (", …" if len(paths) > _SHOWN else "")
    return f"{len(paths)} uncommitted and left out: {shown}"


def _on_index(observed: Observed) -> str:
    final, preview = observed.index.newest_final(), observed.index.newest_preview()
    return f"newest public {final or 'none'}, newest preview {preview or 'none'}"
