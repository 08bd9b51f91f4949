"""The invoke tasks: what a maintainer does by hand. `release-channels` is the same list as a program."""

from __future__ import annotations

import os
import shlex
import sys
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.collection import Collection
from invoke.context import Context
from invoke.tasks import task

from release_channels.model.session_names import OWN_NOXFILE

if TYPE_CHECKING:
    from release_channels.cli.run import TaskRun
    from release_channels.model.next_step import NextStep

INDEX = "pypi, testpypi, local, or a [[tool.uv.index]]; by default pypi, and local while the project practises"
OFFLINE = "read no index but the local one"
DRY = "show what would be done and do nothing"
PART = {"to": "the version, as in 1.3.0", "part": "major, minor or patch of the newest final"}
FAR = {"commit": "make the one commit", "pull_request": "push it on a branch and open the pull request"}


@task(help=PART | FAR | {"index": INDEX, "offline": OFFLINE, "dry_run": DRY})
def bump(
    context: Context,
    to: str = "",
    part: str = "",
    commit: bool = False,
    pull_request: bool = False,
    index: str = "",
    offline: bool = False,
    dry_run: bool = False,
) -> None:
    """Make main's dev version final, everywhere it is written."""
    from release_channels.commands.bump import BumpRequest, bump

    request = BumpRequest(to, part, commit, pull_request)
    with _open_task("bump", index, offline=offline) as task:
        today = datetime.now(UTC).date()
        task.run.outcome = bump(task.context, request, today=today, dry_run=_dry(context, dry_run))


@task(help=PART | FAR | {"index": INDEX, "offline": OFFLINE, "dry_run": DRY})
def bump_dev(
    context: Context,
    to: str = "",
    part: str = "",
    commit: bool = False,
    pull_request: bool = False,
    index: str = "",
    offline: bool = False,
    dry_run: bool = False,
) -> None:
    """Move main to the next dev version, after a release."""
    from release_channels.commands.bump import BumpRequest, bump_dev

    request = BumpRequest(to, part, commit, pull_request)
    with _open_task("bump-dev", index, offline=offline) as task:
        task.run.outcome = bump_dev(task.context, request, dry_run=_dry(context, dry_run))


@task(
    help={
        "commit": "the commit to release: HEAD by default, named where code came after the one that set the version",
        "version": "the version, where it lives in git tags",
        "sign": "sign the tag",
        "wait": "wait for the test workflow to end first",
        "watch": "follow the release workflow to its end",
        "index": INDEX,
        "offline": OFFLINE,
        "dry_run": DRY,
    }
)
def tag(
    context: Context,
    commit: str = "",
    version: str = "",
    sign: bool = False,
    wait: bool = False,
    watch: bool = False,
    index: str = "",
    offline: bool = False,
    dry_run: bool = False,
) -> None:
    """Check everything, then create and push the release tag."""
    from release_channels.commands.tag import TagRequest, tag

    request = TagRequest(version, sign, wait, watch, names_commit=bool(commit))
    with _open_task("tag", index, revision=commit or "HEAD", offline=offline) as task:
        task.run.outcome = tag(task.context, request, dry_run=_dry(context, dry_run))


@task(
    help={
        "json": "for programs",
        "html": "write the page of both channels to this file, too",
        "exit_code": "exit 1 while a step waits to be done",
        "index": INDEX,
        "offline": OFFLINE,
    }
)
def status(
    _: Context, json: bool = False, html: str = "", exit_code: bool = False, index: str = "", offline: bool = False
) -> None:
    """Show both channels, what is unfinished, and what is next."""
    from release_channels.commands.status import print_status

    with _open_task("status", index, reports_itself=True, offline=offline) as task:
        converged = print_status(task.context, as_json=json, html=html)
        task.run.exit_code = int(exit_code and not converged)


@task(
    help={
        "tag": "the release tag",
        "index": "the index to publish to; without it only the plan is shown",
        "dry_run": DRY,
    }
)
def resume(context: Context, tag: str, index: str = "", dry_run: bool = False) -> None:
    """Emergency: complete an interrupted public release."""
    from release_channels.commands.resume import resume

    with _open_task("resume", index) as task:
        resume(task, tag, publishes=bool(index), dry_run=_dry(context, dry_run))


@task(help={"version": "the version that is bad", "reason": "what to tell its users", "index": INDEX})
def yank(_: Context, version: str, reason: str = "", index: str = "") -> None:
    """Emergency: show how to yank a release, then check it."""
    from release_channels.commands.yank import yank

    with _open_task("yank", index) as task:
        task.run.outcome = yank(task.context, version, reason=reason)


@task(help={"port": "the port to listen on; without it the system picks a free one"})
def serve_index(context: Context, port: str = "") -> None:
    """Practice: serve the local index until Ctrl-C."""
    from release_channels.cli.run import task_run
    from release_channels.commands.serve_index import keep_open, parse_port

    with task_run("serve-index", Path.cwd(), reports_itself=True):
        keep_open(Path.cwd(), parse_port(port), dry_run=context.config.run.dry)


@task(
    help={
        "channel": "preview or public; both without it",
        "format": "text or markdown",
        "write": "update the marked block of this Markdown file",
        "check": "write nothing, and fail where the block of the file (README.md) is out of date",
    }
)
def install_commands(_: Context, channel: str = "", format: str = "text", write: str = "", check: bool = False) -> None:
    """Once: print how users install from each channel."""
    from release_channels.adoption.install_guide import README, keep_block, print_commands
    from release_channels.cli.run import task_run

    with task_run("install-commands", Path.cwd(), reports_itself=True):
        if write or check:
            keep_block(Path.cwd(), write or README, channel=channel, check=check)
        else:
            print_commands(Path.cwd(), channel=channel, form=format)


@task(
    help={
        "path": "the directory of the project, here by default",
        "tool": "what installs release-channels: a requirement, or the path of a wheel or checkout",
        "gate": "with a live gate; by default where the project calls a model",
        "no_gate": "without a live gate",
        "update": "also replace what differs, where git can restore it",
        "check": "write nothing, and fail where something differs",
        "commit": "commit the files, and open the dev line where main declares a released version",
        "dry_run": DRY,
    }
)
def init(
    context: Context,
    path: str = ".",
    tool: str = "",
    gate: bool = False,
    no_gate: bool = False,
    update: bool = False,
    check: bool = False,
    commit: bool = False,
    dry_run: bool = False,
) -> None:
    """Once: write the files that both channels need."""
    from release_channels.adoption.init import InitRequest, init
    from release_channels.cli.run import task_run
    from release_channels.commands.bump import open_dev_line
    from release_channels.commands.status import read_next_here

    with task_run("init", Path.cwd()) as run:
        request = InitRequest(tuple(ns.task_names), tool, _choose(gate, no_gate), update, check, commit, path)
        run.outcome = init(Path(path), request, os.environ, dry_run=_dry(context, dry_run), open_dev_line=open_dev_line)
        if run.outcome.result.is_good and not run.outcome.next:
            run.outcome = replace(run.outcome, next=_in_directory(path, read_next_here(Path(path))))


@task(
    help={
        "json": "for programs",
        "index": "pypi, testpypi, local, or a [[tool.uv.index]]; by default pypi",
        "offline": OFFLINE,
    }
)
def doctor(_: Context, json: bool = False, index: str = "", offline: bool = False) -> None:
    """Once: find what would make a release fail."""
    from release_channels.adapters.index import DEFAULT
    from release_channels.adoption.doctor.report import print_diagnosis
    from release_channels.commands.status import read_next, read_next_here

    root = Path.cwd()
    named = index or ("" if offline else DEFAULT)  # a real release is what would fail
    with _open_task("doctor", named, reports_itself=True, offline=offline) as task:
        find_next = read_next if index or offline else lambda _: read_next_here(root)
        task.run.exit_code = print_diagnosis(task.context, tuple(ns.task_names), find_next, as_json=json)


@task(
    help={
        "apply": "set up GitHub's environments, then try each release workflow out",
        "index": "pypi, testpypi, or a [[tool.uv.index]]",
        "dry_run": DRY,
    }
)
def setup_publishing(context: Context, apply: bool = False, index: str = "pypi", dry_run: bool = False) -> None:
    """Once: show the set-up of the index and of GitHub."""
    from release_channels.adoption.setup_publishing import setup_publishing

    with _open_task("setup-publishing", index) as task:
        task.run.outcome = setup_publishing(task.context, apply=apply, dry_run=_dry(context, dry_run))


def _open_task(
    name: str, index: str, *, revision: str = "HEAD", reports_itself: bool = False, offline: bool = False
) -> AbstractContextManager[TaskRun]:
    """Run a task on the project here; what comes next is read from the state that it leaves."""
    from release_channels.cli.run import open_task
    from release_channels.commands.status import read_next

    here = Path.cwd()
    return open_task(name, here, index, read_next, revision=revision, reports_itself=reports_itself, offline=offline)


def _in_directory(path: str, step: NextStep | None) -> str:
    """Return a command that is typed here and runs in a directory, with the file that has its sessions."""
    command = step.command if step else ""
    if path == "." or not command:
        return command
    session = f"nox -f {OWN_NOXFILE} -s " if Path(path, OWN_NOXFILE).is_file() else "nox -s "
    return f"cd {shlex.quote(path)} && {command.replace('nox -s ', session, 1)}"


def _choose(wanted: bool, unwanted: bool) -> bool | None:
    """Return which of two opposite options was given; None for neither.

    Raises: UsageError for both.
    """
    from release_channels.errors import UsageError

    if wanted and unwanted:
        raise UsageError("--gate and --no-gate exclude each other", hint="leave one of them out")
    return wanted or (False if unwanted else None)


def _dry(context: Context, dry_run: bool) -> bool:
    """Return whether nothing may be done: by --dry-run, or by invoke's own --dry and -R."""
    return dry_run or bool(context.config.run.dry)


ns = Collection(
    bump,
    bump_dev,
    tag,
    status,
    resume,
    yank,
    serve_index,
    install_commands,
    setup_publishing,
    init,
    doctor,
)


def join(own: Collection) -> Collection:
    """Add the release tasks to a project's own; one whose name is taken goes under `release.`."""
    taken = {*own.task_names, *own.collections}
    apart = Collection()
    for name, release_task in ns.tasks.items():
        (apart if name in taken else own).add_task(release_task, name=name)
    if apart.tasks:
        own.add_collection(apart, name="release-channels" if "release" in taken else "release")
    return own


def main() -> None:
    """Run a task by its name, as the console script does."""
    from release_channels.cli.program import TaskProgram

    try:
        TaskProgram(ns).run()
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
