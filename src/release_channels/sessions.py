"""The nox sessions: each is a named list of steps, done in order until one does not succeed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from release_channels.model.session_names import BUILD_AND_CHECK, PREVIEW, PUBLIC

if TYPE_CHECKING:
    from nox import Session

    from release_channels.cli.context import TaskContext
    from release_channels.model.next_step import NextStep
    from release_channels.model.outcome import Outcome


def build(session: Session) -> None:
    """Build sdist and wheel of one commit from a clean clone, with the channel's version written in."""
    _run(session, "build")


def check(session: Session) -> None:
    """Check the files for everything an index would refuse or a user would trip over, before the upload."""
    _run(session, "check")


def build_and_check(session: Session) -> None:
    """Build and check in one run, as the release workflows do."""
    _run(session, *BUILD_AND_CHECK)


def preview_publish(session: Session) -> None:
    """Upload a checked build to the preview channel: the local index, or the one that --index names."""
    _run(session, "preview-publish", channel="preview")


def public_publish(session: Session) -> None:
    """Validate the release tag and upload a checked build to the public channel."""
    _run(session, "public-publish", channel="public")


def github_release(session: Session) -> None:
    """Create the GitHub Release: draft, assets, compare, publish."""
    _run(session, "github-release", channel="public")


def verify(session: Session) -> None:
    """Install from the index in clean environments, with pip and with uv, from both channels."""
    _run(session, "verify")


def preview(session: Session) -> None:
    """Release a preview: build, check, preview-publish and verify, in order."""
    _run(session, *PREVIEW, channel="preview")


def public(session: Session) -> None:
    """Release a tag: build, check, public-publish, github-release and verify, in order."""
    _run(session, *PUBLIC, channel="public")


def ci_provenance(session: Session) -> None:
    """Workflow only: verify which commit and run passed tests and gate."""
    from release_channels.release.ci_provenance import run_ci_provenance

    _run_alone(session, run_ci_provenance)


def ci_preflight(session: Session) -> None:
    """Workflow only: check that the index trusts this job, and upload nothing."""
    from release_channels.release.ci_preflight import run_ci_preflight

    _run_alone(session, run_ci_preflight)


def ci_result(session: Session) -> None:
    """Workflow only: end a release workflow; fail if a job failed or was skipped unexpectedly."""
    from release_channels.release.ci_result import run_ci_result

    _run_alone(session, run_ci_result)


def gate(session: Session) -> None:
    """Run the live integration gate: provider, smoke rollout, judge, Daytona checks."""
    from release_channels.gate.session import run_gate

    _run_alone(session, run_gate)


def rehearse(session: Session) -> None:
    """Practice: run the whole release on this machine, with the real workflow files and a local index."""
    if _shows_help(session):
        return
    from release_channels.adapters import console

    with console.progress("loading the rehearsal"):
        from release_channels.rehearsal.session import run_rehearsal

    _run_alone(session, run_rehearsal)


SESSIONS: dict[str, Callable[[Session], None]] = {
    "preview": preview,
    "public": public,
    "build": build,
    "check": check,
    "build-and-check": build_and_check,
    "preview-publish": preview_publish,
    "public-publish": public_publish,
    "github-release": github_release,
    "verify": verify,
    "gate": gate,
    "rehearse": rehearse,
    "ci-provenance": ci_provenance,
    "ci-preflight": ci_preflight,
    "ci-result": ci_result,
}


def register(nox: ModuleType) -> None:
    """Add the release sessions to a noxfile; none of them runs unless it is named.

    A session of the noxfile that has one of their names is not changed, and then every release session refuses to
    run and says why: half a release would be worse than none, and the project's other sessions still work.
    """
    from nox import registry

    taken = sorted(SESSIONS.keys() & registry.get().keys())
    for name, session in SESSIONS.items():
        if name not in taken:
            usable = _refusing(taken[0]) if taken else session
            nox.session(usable, name=name, default=False, venv_backend="none")


def _refusing(taken: str) -> Callable[[Session], None]:
    why = f"this noxfile has its own session {taken!r}, which is the name of a release session: rename yours"

    def refuse(session: Session) -> None:
        session.error(f"refused: {why}")

    refuse.__doc__ = f"Not usable: {why}."
    return refuse


def _run(session: Session, *steps: str, channel: str = "") -> None:
    if _shows_help(session):
        return
    from release_channels.model.version import Channel
    from release_channels.release.pipeline import run_pipeline

    outcome = run_pipeline(
        session.name, steps, session.posargs,
        root=Path.cwd(), channel=Channel(channel) if channel else None, dry_run=_only_install(session),
        find_next=_find_next if session.name in ("preview", "public") else None,
    )  # fmt: skip
    if not outcome.result.is_good:
        session.error(str(outcome.result))  # the reason stands above already


def _find_next(context: TaskContext) -> NextStep | None:
    from release_channels.commands.status import read_next

    return read_next(context)


def _run_alone(session: Session, run: Callable[..., Outcome]) -> None:
    """Run a session that is not a step of a release."""
    if _shows_help(session):
        return
    outcome = run(session.posargs, root=Path.cwd(), dry_run=_only_install(session))
    if not outcome.result.is_good:
        session.error(str(outcome.result))  # the reason stands above already


def _shows_help(session: Session) -> bool:
    """Print the options of a session if they are asked for, and return whether they were."""
    if not {"--help", "-h"}.intersection(session.posargs):
        return False
    from release_channels.adapters import console
    from release_channels.cli.options import GateOptions, Options, RehearsalOptions, describe_options

    kinds = {"gate": GateOptions, "rehearse": RehearsalOptions}
    console.result(describe_options(kinds.get(session.name, Options), session.name))
    return True


def _only_install(session: Session) -> bool:
    """Return whether --install-only was given, which promises that nothing is run; nox has no public way to ask."""
    return bool(session._runner.global_config.install_only)
