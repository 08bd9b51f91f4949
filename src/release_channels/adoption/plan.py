"""The plan of an adoption: each file as it is and as it should be. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from release_channels.adoption import noxfile as noxfiles
from release_channels.adoption import tasks_file
from release_channels.adoption.detect import find_gap, foreign_settings, own_tests, test_session
from release_channels.adoption.inspect import ProjectSnapshot
from release_channels.adoption.script_metadata import tool_requirement, with_requirement
from release_channels.adoption.settings_table import with_settings
from release_channels.adoption.tool_source import ToolSource, own_workflows
from release_channels.adoption.workflows.render import Adoption, render
from release_channels.adoption.workflows.rules import RuleViolation, check_workflows
from release_channels.model.config import Config, parse_config
from release_channels.model.session_names import NOXFILE, OWN_NOXFILE
from release_channels.model.tags import looks_like_version, release_tags, version_of
from release_channels.model.verification import WORKFLOWS
from release_channels.model.workflow_semantics.file import Value, read_workflow
from release_channels.project.edit import Change, Creation, Edit, Removal
from release_channels.project.pyproject import PYPROJECT
from release_channels.project.typed_toml import parse_toml

_IGNORED = (".nox/", "dist/", "release.json")
_PRIVATE_MARK = "# to check a private repository out"


class Kind(StrEnum):
    """The relation of an existing file to the planned one."""

    SAME = "as it should be"
    NEW = "new"
    ADDS = "lines appended"
    RENEWED = "of other settings, never edited"
    EDITED = "edited, keeps the rules"
    DRIFTED = "differs"


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file's existing and planned content; `broken` are the rules that the existing one breaks."""

    path: str
    old: str | None
    new: str
    kind: Kind
    why: str = ""
    broken: tuple[RuleViolation, ...] = ()

    @property
    def change(self) -> Change:
        """The change that writes the planned content."""
        return Creation(self.path, self.new) if self.old is None else Edit(self.path, self.old, self.new)

    @property
    def is_addition(self) -> bool:
        """True if writing it loses no line of the project's own."""
        return self.kind in (Kind.NEW, Kind.ADDS, Kind.RENEWED)

    @property
    def is_fine(self) -> bool:
        """True if it need not be written."""
        return self.kind in (Kind.SAME, Kind.EDITED)


@dataclass(frozen=True, slots=True)
class AdoptionPlan:
    """The planned files, rule violations of the project's other workflows, and notes for the maintainer."""

    files: tuple[PlannedFile, ...]
    config: Config
    noxfile: str
    """The file that has the release sessions."""
    requirement: str
    """What the noxfile names as the tool, once everything is written; empty in the tool's own repository."""
    others_broken: tuple[RuleViolation, ...]
    notes: tuple[str, ...]
    orphans: tuple[Removal, ...] = ()
    """The workflow files that an adoption wrote and that the settings do not use any more."""

    @property
    def broken(self) -> tuple[RuleViolation, ...]:
        """Every rule violation, by file and line."""
        return (*(violation for file in self.files for violation in file.broken), *self.others_broken)

    @property
    def is_reached(self) -> bool:
        """True if no file is to be written and no rule is broken."""
        return all(file.is_fine for file in self.files) and not self.broken and not self.orphans


def plan_adoption(
    snapshot: ProjectSnapshot,
    tool: ToolSource,
    tasks: Collection[str],
    sessions: Collection[str],
    *,
    gate: bool | None = None,
) -> AdoptionPlan:
    """Plan every file; `tasks` and `sessions` are the tool's own names, `gate` is the option's value.

    Raises: RefusedError for a file that cannot be read, or a setting that cannot stand in a workflow.
    """
    settings = foreign_settings(snapshot, gate)
    pyproject = with_settings(snapshot.project.text, settings, PYPROJECT)
    config = parse_config(parse_toml(pyproject, PYPROJECT).get("tool", {}).get("release-channels", {}))
    tool = tool.with_extras(("gate", "rehearsal") if config.gate.enabled else ("rehearsal",))
    noxfile, notes = _noxfile(snapshot, tool, config, sessions)
    # A project of setuptools can do without the file, as long as no setting differs from its default.
    files = [_kept(PYPROJECT, snapshot.project.text or None, pyproject), noxfile] if pyproject else [noxfile]
    files += _tasks(snapshot, tasks, noxfile.path, notes)
    ignore = snapshot.files[".gitignore"]
    files.append(_kept(".gitignore", ignore, with_ignored(ignore)))
    workflows, orphans, others = _workflows(snapshot, config, noxfile)
    return AdoptionPlan(
        files=(*files, *workflows),
        config=config,
        noxfile=noxfile.path,
        requirement=tool_requirement(noxfile.new, noxfile.path) or tool.requirement,
        others_broken=others,
        notes=(*notes, *_notes(snapshot, config)),
        orphans=orphans,
    )


def plan_own(snapshot: ProjectSnapshot) -> AdoptionPlan:
    """Plan the files of the tool's own repository: only its workflows, since it runs from source."""
    config = snapshot.project.config
    rendered = own_workflows(config)
    broken = check_workflows(snapshot.workflows, config, ours=rendered)
    return AdoptionPlan(
        files=tuple(_workflow(path, snapshot.workflows.get(path), text, broken) for path, text in rendered.items()),
        config=config,
        noxfile=NOXFILE,
        requirement="",
        others_broken=tuple(violation for violation in broken if violation.path not in rendered),
        notes=(),
    )


def _kept(path: str, old: str | None, new: str, why: str = "") -> PlannedFile:
    kind = Kind.NEW if old is None else Kind.SAME if old == new else Kind.ADDS
    return PlannedFile(path, old, new, kind, why)


def _noxfile(
    snapshot: ProjectSnapshot, tool: ToolSource, config: Config, sessions: Collection[str]
) -> tuple[PlannedFile, list[str]]:
    """Decide where the release sessions go: into the project's noxfile, or into a file of their own."""
    text, apart = snapshot.files[NOXFILE], snapshot.files[OWN_NOXFILE]
    if text is None and apart is None:
        tests = None if own_tests(snapshot, config) else test_session(snapshot)
        return _kept(NOXFILE, None, noxfiles.new_noxfile(tool.requirement, tests)), []
    if apart is not None:
        return _renewed(OWN_NOXFILE, apart, tool), []
    parsed = noxfiles.parse_noxfile(text or "")
    why = "" if parsed.registers else parsed.why_apart(sessions)
    if not why:
        return _renewed(NOXFILE, parsed.text, tool), []
    note = f"{NOXFILE} is not changed: {why}. The release sessions are in {OWN_NOXFILE}"
    return _kept(OWN_NOXFILE, None, noxfiles.new_noxfile(tool.requirement, apart=True)), [note]


def _renewed(path: str, text: str, tool: ToolSource) -> PlannedFile:
    """Add what a noxfile lacks; another requirement on the tool is replaced only when that is asked for."""
    new = noxfiles.joined(noxfiles.parse_noxfile(text, path), tool.requirement, path)
    named = tool_requirement(new, path) or ""
    if tool.accepts(named):
        return _kept(path, text, new)
    return PlannedFile(
        path, text, with_requirement(new, path, tool.requirement), Kind.DRIFTED,
        tool.why_not(named),
    )  # fmt: skip


def _tasks(snapshot: ProjectSnapshot, tasks: Collection[str], noxfile: str, notes: list[str]) -> Iterator[PlannedFile]:
    path, text, lock = snapshot.tasks_path, snapshot.files[snapshot.tasks_path], f"{noxfile}.lock"
    if text is None:
        yield _kept(path, None, tasks_file.new_tasks(tasks, lock))
        return
    parsed = tasks_file.parse_tasks(text, path)
    if not parsed.is_invokes:
        notes.append(f"{path} is not invoke's, and is not changed: the tasks are `uvx release-channels TASK`")
        return
    yield _kept(path, text, tasks_file.joined(parsed, tasks, lock))


def with_ignored(text: str | None) -> str:
    """Return a .gitignore with its own lines and those for the files of a release."""
    there = {line.strip().strip("/") for line in (text or "").splitlines()}
    missing = [line for line in _IGNORED if line.strip("/") not in there]
    old = text or ""
    newline = "\r\n" if "\r\n" in old else "\n"
    before = f"{old}{newline}" if missing and old and not old.endswith("\n") else old
    return before + "".join(f"{line}{newline}" for line in missing)


def _workflows(
    snapshot: ProjectSnapshot, config: Config, noxfile: PlannedFile
) -> tuple[list[PlannedFile], tuple[Removal, ...], tuple[RuleViolation, ...]]:
    """Hold each workflow file against its template, and all of them against the rules; list those without a use."""
    tests = _tests_of(snapshot, config)
    adoption = Adoption(
        config,
        tests=own_tests(snapshot, config, noxfile.new, noxfile.path),
        test_name=tests["name"].text if tests is not None else "",
        noxfile=noxfile.path,
        is_private=_is_private(snapshot, config),
        has_submodules=snapshot.has_submodules,
        directory=snapshot.directory,
    )
    rendered = render(adoption)
    # With the gate switched the other way: files of it are never edited, or have no use.
    switched = replace(config, gate=replace(config.gate, enabled=not config.gate.enabled))
    others = render(replace(adoption, config=switched))
    broken = check_workflows(snapshot.workflows, config)
    planned = [
        _workflow(path, snapshot.workflows.get(path), text, broken, others.get(path)) for path, text in rendered.items()
    ]
    unused = (others.keys() - rendered.keys()) & snapshot.workflows.keys()
    orphans = sorted(path for path in unused if "-s gate" in snapshot.workflows[path])
    removals = tuple(Removal(path, snapshot.workflows[path].encode()) for path in orphans)
    return planned, removals, tuple(violation for violation in broken if violation.path not in rendered)


def _workflow(
    path: str, old: str | None, new: str, broken: tuple[RuleViolation, ...], other: str | None = None
) -> PlannedFile:
    """Decide one workflow file; `other` is its text with the gate switched the other way."""
    if old is None or old == new:
        return _kept(path, old, new)
    if old == other:
        return PlannedFile(path, old, new, Kind.RENEWED)
    own = tuple(violation for violation in broken if violation.path == path)
    return PlannedFile(path, old, new, Kind.DRIFTED if own else Kind.EDITED, "it breaks rules" if own else "", own)


def _tests_of(snapshot: ProjectSnapshot, config: Config) -> Value | None:
    """Read the test workflow that the project has already."""
    path = f"{WORKFLOWS}/{config.test_workflow}"
    text = snapshot.workflows.get(path)
    return read_workflow(text, path) if text is not None else None


def _is_private(snapshot: ProjectSnapshot, config: Config) -> bool:
    """Return whether the files are for a private repository; where GitHub does not tell, as they are already."""
    if snapshot.is_private is not None:
        return snapshot.is_private
    return _PRIVATE_MARK in snapshot.workflows.get(f"{WORKFLOWS}/{config.preview_workflow}", "")


def _notes(snapshot: ProjectSnapshot, config: Config) -> Iterator[str]:
    version = snapshot.project.version
    if snapshot.project.source.is_written and (version.pre is not None or not version.is_devrelease):
        yield (
            f"main declares {version}, which is not a dev line: previews are published once it does "
            f"({'' if version.is_prerelease else 'once it is released, '}"
            "`release-channels bump-dev` opens the next line)"
        )
    others = [name for name in snapshot.tags if looks_like_version(name)]
    if others and not release_tags(config.tag_format, snapshot.tags):
        yield (
            f"none of {len(others)} tags with a version, such as {others[-1]}, is written as {config.tag_format}: set "
            "`tag-format` in [tool.release-channels], or the first release begins a new row"
        )
    elif others and not snapshot.directory and version_of(others[-1], config.tag_format) is None:
        yield f"the newest tag, {others[-1]}, is not written as {config.tag_format}, and counts as no release"
    if not snapshot.remote:
        yield "there is no remote: previews work on the local index; a tag needs one, and publishing one on GitHub"
    elif snapshot.repository is None:
        yield f"the remote {snapshot.remote} is not on GitHub, where the workflows would run"
    tests = _tests_of(snapshot, config)
    if tests is not None and (gap := find_gap(tests, config.test_workflow, config.main_branch, snapshot.bumped)):
        yield gap.message
    if config.gate.enabled:
        yield "the gate needs the secret of at least one model provider; a project without: `init --no-gate`"
    else:
        yield "no live gate: previews follow the tests; to have one, `gate.enabled = true` and `init --gate`"


def files_to_write(plan: AdoptionPlan, *, update: bool) -> tuple[PlannedFile, ...]:
    """Return the files to write: those that lose no line, and with `update` also differing ones."""
    return tuple(file for file in plan.files if file.is_addition or (update and file.kind is not Kind.SAME))
