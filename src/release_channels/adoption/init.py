"""`init`: inspect a project, show the files to add, and write them; a second run shows and fixes differences."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from release_channels.adapters import console
from release_channels.adapters.distributions import sha256_of
from release_channels.adapters.edits import all_or_nothing, apply_edits, show_edits
from release_channels.adapters.files import locate, temporary_directory
from release_channels.adapters.git import Git, commit_files
from release_channels.adapters.process import CompletedProcess, run_unchecked
from release_channels.adapters.uv import lacks_python, uv_program
from release_channels.adoption.existing_workflows import (
    ExistingWorkflow,
    existing_workflows,
    is_test_file,
    readers_of_every_workflow,
)
from release_channels.adoption.inspect import ProjectSnapshot, Tree, inspect_project
from release_channels.adoption.plan import AdoptionPlan, Kind, PlannedFile, files_to_write, plan_adoption
from release_channels.adoption.script_metadata import TOOL
from release_channels.adoption.tool_source import ToolSource, asked_tool, running_tool, wheel_of
from release_channels.adoption.workflows.rules import RuleViolation
from release_channels.errors import CommandError, FailedError, RefusedError, UsageError
from release_channels.model.outcome import Outcome, Result
from release_channels.model.session_names import SESSION_NAMES
from release_channels.model.tags import release_tags
from release_channels.project.unlisted_copies import UnlistedCopy, entries_for

_SECONDS = 300
_SUBJECT = "Add the release channels"
_SHOWN = 5
"""How many broken rules of a file are named when nobody asked for all."""


@dataclass(frozen=True, slots=True)
class InitRequest:
    """The options of `init`; `gate` is None if neither --gate nor --no-gate was given."""

    tasks: tuple[str, ...]
    """The names of the tasks that the tool brings."""
    tool: str = ""
    gate: bool | None = None
    update: bool = False
    check: bool = False
    commit: bool = False
    """Commit the files, and open the dev line where main declares a released final."""
    path: str = "."
    """The directory that was named, as it was typed."""

    @property
    def command(self) -> str:
        """The command line with these options."""
        gate = {True: ["--gate"], False: ["--no-gate"], None: []}[self.gate]
        words = [*gate, *(["--update"] if self.update else []), *(["--commit"] if self.commit else [])]
        return self._command(*words, *(["--tool", self.tool] if self.tool else []))

    @property
    def command_to_commit(self) -> str:
        """The command that commits what was written."""
        return self._command("--commit")

    def _command(self, *words: str) -> str:
        return shlex.join([TOOL, "init", *(["--path", self.path] if self.path != "." else []), *words])


def init(
    root: Path,
    request: InitRequest,
    env: Mapping[str, str],
    *,
    dry_run: bool = False,
    open_dev_line: Callable[[Path], str] | None = None,
) -> Outcome:
    """Write the files of an adoption into a project, or with `check` only report what is missing.

    Raises: RefusedError where there is nothing to adopt, where `check` finds a difference, and where an update would
    lose what git cannot restore; FailedError where the lock cannot be made, and then nothing has changed.
    """
    if request.check and (request.update or request.commit):
        raise UsageError(
            f"--check writes nothing, and --{'update' if request.update else 'commit'} writes", hint="leave one out"
        )
    if not root.is_dir():
        raise UsageError(f"{root} is not a directory", hint="--path names the top of the project")
    root = root.resolve()
    snapshot = inspect_project(root, env)
    tool = asked_tool(request.tool, root) if request.tool else running_tool()
    plan = _plan(snapshot, tool, request)
    lock = _Lock(root, plan.noxfile, env, request.command, wheel_of(plan.requirement))
    tests = _read_tests(root)
    _tell(snapshot, tool, plan)
    _report_workflows(existing_workflows(snapshot.workflows, plan, tests, update=request.update), tests)
    files = files_to_write(plan, update=request.update)
    fits = lock.fits() and (request.check or plan.noxfile not in {file.path for file in files})
    _show(plan, lock.path, fits=fits, whole=dry_run or request.update or request.check)
    project = snapshot.project.name
    if request.check:
        return _checked(plan, [] if fits else [lock.path], project, request)
    if dry_run:
        count = len(files) + (not fits)
        message = f"{_files(count)} would be written; nothing was"
        return Outcome(Result.PLANNED, message, project=project, next=request.command if count else "")
    changes = [file.change for file in files] + list(plan.orphans if request.update else ())
    added = {file.path for file in files if file.is_addition}
    _refuse_loss(root, [change.path for change in changes if change.path not in added])
    with all_or_nothing(root, [lock.path, *(change.path for change in changes)]):
        apply_edits(root, changes)
        renewed = lock.renew()
    _warn_of_tool(plan)
    outcome = _outcome(plan, files, renewed, project, update=request.update)
    paths = (lock.path, *(file.path for file in plan.files), *(orphan.path for orphan in plan.orphans))
    if not request.commit:
        return replace(outcome, next=request.command_to_commit if _uncommitted(root, paths) else "")
    committed = _commit(root, paths)
    done = [outcome.message if files or renewed or not committed else "", committed]
    if open_dev_line is not None and _is_released(snapshot, plan):
        try:
            done.append(open_dev_line(root))
        except RefusedError as stop:
            warning = f"main stays on {snapshot.project.version}: {stop}; {stop.hint}"
            console.warn(warning)
            outcome = replace(outcome, warnings=(*outcome.warnings, warning))
    return replace(outcome, message="; ".join(filter(None, done)))


def _commit(root: Path, paths: Sequence[str]) -> str:
    """Commit the files of the adoption that git does not have as they are, and describe the commit."""
    git, changed = Git.open(root, adopts=True), _uncommitted(root, paths)
    if not changed:
        return ""
    commit = commit_files(root, changed, _SUBJECT, new=[path for path in changed if not git.tracks(path)])
    return f"commit {commit[:12]} has {_files(len(changed))}"


def _uncommitted(root: Path, paths: Sequence[str]) -> list[str]:
    """List the files that git does not have as they are; git itself names a new directory and not its files."""
    git = Git.open(root, adopts=True)
    changed = git.uncommitted()
    return [path for path in paths if path in changed or (locate(root, path).exists() and not git.tracks(path))]


def _is_released(snapshot: ProjectSnapshot, plan: AdoptionPlan) -> bool:
    """Return whether main declares a final that has its release tag, so that no preview could follow it."""
    project = snapshot.project
    tagged = release_tags(plan.config.tag_format, snapshot.tags)
    return project.source.is_written and not project.version.is_prerelease and project.version in tagged


def _plan(snapshot: ProjectSnapshot, tool: ToolSource, request: InitRequest) -> AdoptionPlan:
    if snapshot.project.normalized_name == TOOL:
        raise RefusedError(
            f"{TOOL} is the tool itself and adopts nothing", hint="start this in the project that is to be released"
        )
    return plan_adoption(snapshot, tool, request.tasks, SESSION_NAMES, gate=request.gate)


@dataclass(frozen=True, slots=True)
class _Lock:
    """The lock file of the noxfile, which CI runs from."""

    root: Path
    noxfile: str
    env: Mapping[str, str]
    command: str
    """The command that makes it."""
    wheel: Path | None = None
    """The tool, where it is a file: it may have been built again since, with the same name."""

    @property
    def path(self) -> str:
        """The lock file."""
        return f"{self.noxfile}.lock"

    def fits(self) -> bool:
        """Return whether there is a lock, and it is the noxfile's.

        uv takes a file's digest from the lock as it is, so that is compared here.
        """
        there = (self.root / self.path).exists() and (self.root / self.noxfile).exists()
        if not there or self._lock("--check").code:
            return False
        return self.wheel is None or sha256_of(self.wheel) in (self.root / self.path).read_text(encoding="utf-8")

    def renew(self) -> bool:
        """Make the lock fit, and tell whether it had to change.

        Raises: FailedError if it cannot be made.
        """
        path = self.root / self.path
        before = path.read_bytes() if path.exists() else None
        again = ("--upgrade-package", TOOL) if self.wheel else ()
        with console.progress(f"locking what {self.noxfile} needs"):
            try:
                self._lock(*again).or_raise()
            except CommandError as err:
                # What uv lacks, such as the Python that the project needs, has to be brought in first.
                hint, why = f"{err.hint}\nonce uv can lock it, `{self.command}` continues", ""
                if lacks_python(err.hint):
                    hint = f"install a Python that does, or put it on PATH, then `{self.command}`\n{err.hint}"
                    why = ": no Python of this machine fits, and uv could not get one"
                raise FailedError(f"{self.path} cannot be made{why}, so nothing was written", hint=hint) from err
        return path.read_bytes() != before

    def _lock(self, *options: str) -> CompletedProcess:
        """Lock from another directory, since [tool.uv] of the project is for its own lock."""
        script = (self.root / self.noxfile).resolve()
        with temporary_directory("lock") as elsewhere:
            words = ("lock", "--quiet", *options, "--script", str(script))
            return run_unchecked(uv_program(), *words, cwd=elsewhere, env=self.env, timeout=_SECONDS)


def _tell(snapshot: ProjectSnapshot, tool: ToolSource, plan: AdoptionPlan) -> None:
    """Describe what was found."""
    project = snapshot.project
    console.say(f"{project.name}: what is here", style="bold")
    scripts = ", ".join(project.scripts) or "none"
    rows = [
        ("version", f"{project.version}, from {project.source.where}"),
        ("backend", project.build_backend or "none named"),
        ("scripts", scripts),
        ("remote", f"{snapshot.remote}, {snapshot.repository or 'not on GitHub'}" if snapshot.remote else "none"),
        ("main branch", plan.config.main_branch),
        ("release tags", plan.config.tag_format),
        ("workflows", f"{len(snapshot.workflows)}, tests in {plan.config.test_workflow}"),
        ("gate", plan.config.gate_workflow if plan.config.gate.enabled else "none: previews follow the tests"),
        ("uv.lock", "there, stays untouched" if snapshot.has_uv_lock else "none"),
        ("tool", tool.requirement),
    ]
    for name, value in rows:
        console.say(f"  {name:<13}{value}")
    for note in plan.notes:
        console.say(f"  note: {note}", style="cyan")
    _report_copies(snapshot.unlisted)


def _read_tests(root: Path) -> Mapping[str, str]:
    tests = filter(is_test_file, Git.open(root, adopts=True).tracked_files())
    contents = {path: Tree(root).read(path) or b"" for path in tests}
    return {path: content.decode("utf-8", "replace") for path, content in contents.items()}


def _report_workflows(rows: Sequence[ExistingWorkflow], tests: Mapping[str, str]) -> None:
    """Show what becomes of each workflow file that the project has already, as a table."""
    if not rows:
        return
    console.say("workflows of its own", style="bold")
    width = max(len(row.name) for row in rows) + 2
    for row in rows:
        console.say(f"  {row.name:<{width}}{row.fate}")
        for conflict in row.conflicts:
            console.say(f"  {'':<{width}}{conflict}", style="yellow")
        if row.tests:
            console.say(f"  {'':<{width}}read by {', '.join(row.tests)}")
    if readers := readers_of_every_workflow(tests):
        console.say(f"  {'every file':<{width}}read by {', '.join(readers)}: run them after `init`")


def _report_copies(unlisted: Sequence[UnlistedCopy]) -> None:
    """Propose an entry of version-files for each copy of the version that nothing updates."""
    if not unlisted:
        return
    console.say("copies of the version that no release updates", style="bold")
    for copy in unlisted:
        why = "" if copy.pattern else ", and the same text again in another line: no pattern could name it"
        console.say(f"  {copy}{why}")
    console.say("to let `bump` write them, add to pyproject.toml:", style="cyan")
    for line in entries_for(unlisted).splitlines():
        console.say(f"  {line}" if line else "", is_prose=False)


def _show(plan: AdoptionPlan, lock: str, *, fits: bool, whole: bool) -> None:
    """Show how each file stands and what it gets; `whole` shows also what would be replaced, and every broken rule."""
    console.say("files", style="bold")
    for file in plan.files:
        why = f": {file.why}" if file.why else ""
        console.say(f"  {file.path}: {file.kind}{why}")
    console.say(f"  {lock}: {'as it should be' if fits else 'to be made'}")
    for orphan in plan.orphans:
        console.say(f"  {orphan.path}: not used any more, `release-channels init --update` removes it", style="yellow")
    for file in plan.files:
        if file.kind in (Kind.ADDS, Kind.RENEWED) or (whole and file.kind in (Kind.DRIFTED, Kind.EDITED)):
            show_edits([file.change])
    for path in dict.fromkeys(violation.path for violation in plan.broken):
        _show_broken([violation for violation in plan.broken if violation.path == path], whole=whole)


def _show_broken(broken: Sequence[RuleViolation], *, whole: bool) -> None:
    for violation in broken if whole else broken[:_SHOWN]:
        console.say(f"  {violation}", style="yellow")
    if not whole and len(broken) > _SHOWN:
        console.say(f"  … {len(broken) - _SHOWN} more rules in this file: `release-channels init --check` names all")


def _checked(plan: AdoptionPlan, unfit: Sequence[str], project: str, request: InitRequest) -> Outcome:
    """End a check; `unfit` is the lock where it is not the noxfile's.

    Raises: RefusedError where something differs.
    """
    wrong = [file.path for file in plan.files if not file.is_fine]
    wrong += [orphan.path for orphan in plan.orphans]
    wrong += unfit
    others = [f"{violation.path}:{violation.line}" for violation in plan.others_broken]
    if wrong or others:
        replaces = bool(plan.orphans) or any(not (file.is_fine or file.is_addition) for file in plan.files)
        command = replace(request, check=False, update=replaces).command
        ours = f"`{command}` writes what is missing{', and replaces what differs' if replaces else ''}" if wrong else ""
        theirs = f"edit by hand: {', '.join(others)}; `release-channels doctor` says what to do" if others else ""
        raise RefusedError(
            f"not as it should be: {', '.join([*wrong, *others])}",
            hint="\n".join(filter(None, (ours, theirs))),
        )
    edited = [file.path for file in plan.files if file.kind is Kind.EDITED]
    text = "every file is as it should be" + (f", or edited and keeps the rules: {', '.join(edited)}" if edited else "")
    return Outcome(Result.DONE, text, project=project)


def _refuse_loss(root: Path, replaced: Sequence[str]) -> None:
    """Refuse to replace what git could not bring back.

    Raises: RefusedError that names the files.
    """
    git = Git.open(root, adopts=True)
    uncommitted = set(git.uncommitted())
    lost = [path for path in replaced if path in uncommitted or not git.tracks(path)]
    if lost:
        raise RefusedError(
            f"an update would replace what git cannot restore: {', '.join(lost)}",
            hint="commit them first",
        )


def _warn_of_tool(plan: AdoptionPlan) -> None:
    if "file:" in plan.requirement:
        console.warn(
            f"{plan.noxfile} names a tool of this machine, which CI does not have: before you push to GitHub, name "
            "one that it can install, `release-channels init --update --tool REQUIREMENT`"
        )


def _outcome(plan: AdoptionPlan, files: Sequence[PlannedFile], renewed: bool, project: str, *, update: bool) -> Outcome:
    left = [] if update else [file.path for file in plan.files if file.kind is Kind.DRIFTED]
    count = len(files) + renewed
    text = f"{_files(count)} written" if count else "nothing to write"
    if left:
        text += f"; not changed: {', '.join(left)} (`--update` replaces them)"
    if plan.orphans and not update:
        text += f"; not used any more: {', '.join(orphan.path for orphan in plan.orphans)} (`--update` removes it)"
    if plan.others_broken:
        text += f"; rules broken in {', '.join(sorted({violation.path for violation in plan.others_broken}))}"
    return Outcome(Result.DONE, text, project=project)


def _files(count: int) -> str:
    return f"{count} file{'s' if count != 1 else ''}"
