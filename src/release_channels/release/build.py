"""Build the sdist and the wheel of one commit from a clean clone, with the channel's version."""

from __future__ import annotations

import platform
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version as installed_version
from pathlib import Path

from packaging.version import Version

from release_channels.adapters import console
from release_channels.adapters.clone import UMASK, clone_commit, commit_edits, filtered_files, tag_head
from release_channels.adapters.distributions import (
    DAMAGED,
    Kind,
    kind_of,
    open_sdist,
    parse_file_name,
    read_members,
    sha256_of,
    sha256_of_pieces,
)
from release_channels.adapters.files import temporary_directory
from release_channels.adapters.git import Git, clean_git_environment
from release_channels.adapters.process import run_unchecked
from release_channels.adapters.tool_lock import running_version
from release_channels.adapters.uv import lacks_python, sanitized_environment, uv_program, without_pin
from release_channels.errors import CommandError, FailedError, RefusedError
from release_channels.model.findings import Allowable
from release_channels.model.manifest import Manifest, ManifestFile
from release_channels.model.observed import Commit
from release_channels.model.outcome import Result
from release_channels.model.tags import tag_of
from release_channels.model.verification import verify_gated
from release_channels.model.version import Channel
from release_channels.project.edit import Edit
from release_channels.project.plan_edits import plan_preview
from release_channels.project.pyproject import Project
from release_channels.release.checks.context import summarize
from release_channels.release.dist_dir import DIST, MANIFEST, check_dist_paths, write_dist
from release_channels.release.sdist_normalize import is_normalized, normalize_sdist, wait_past_commit_second
from release_channels.release.step import ReleaseContext, Report, Step

_SECONDS = 1800
_CLONE = "source"
# Source: meson-python's documentation: its sdist is what `meson dist` makes of the commit.
_PACK_COMMITS = frozenset({"mesonpy"})
# Source: uv's messages.
_UNRESOLVED = "Failed to resolve requirements from `build-system.requires`"


@dataclass(frozen=True, slots=True)
class BuildSpec:
    """The inputs of a reproducible build: equal specs give equal bytes."""

    repository: Path
    commit: Commit
    edits: tuple[Edit, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    """The variables that give the build backend a version that no file contains."""
    build_constraints: str = ""
    packs_commit: bool = False
    """True if the build backend packs what git has at HEAD, or tells the working tree from it."""
    tag: str = ""
    """The tag of the version, for a build backend that gets it by no file and no variable."""
    directory: str = ""
    """The project's directory below the top of the repository; empty for the top itself."""
    build_environment: tuple[str, ...] = ()
    """Further variables that the build backend gets, by name."""


def build_spec_for_release(release: ReleaseContext, version: Version) -> BuildSpec:
    """Return the inputs of a release's build."""
    commit, channel = release.observed.commit, release.plan.channel
    return build_spec(release.root, release.project, commit, channel, version, release.source_url)


def build_spec(
    repository: Path, project: Project, commit: Commit, channel: Channel, version: Version, source_url: str | None
) -> BuildSpec:
    """Return the inputs of a build; a public release is built from the unchanged commit."""
    git = Git(repository)
    read = git.files(commit.sha)
    environment = project.source.environment(version)
    reads_tag = not project.source.is_written and not environment
    return BuildSpec(
        repository=repository,
        directory=git.directory,
        commit=commit,
        edits=plan_preview(project, read, version, source_url) if channel is Channel.PREVIEW else (),
        environment=environment,
        build_constraints=project.config.build_constraints,
        packs_commit=reads_tag or project.build_backend in _PACK_COMMITS,
        tag=tag_of(project.config.tag_format, version) if reads_tag else "",
        build_environment=project.config.build_environment,
    )


def build_files(recipe: BuildSpec, workplace: Path, env: Mapping[str, str]) -> tuple[Path, ...]:
    """Build the sdist, and from it the wheel, in a directory outside the project.

    Raises: CommandError with the end of the backend's output if the build fails.
    """
    clone, out = workplace / _CLONE, workplace / "out"
    clone_commit(recipe.repository, recipe.commit.sha, clone)
    project = clone / recipe.directory
    for edit in recipe.edits:
        (project / edit.path).write_bytes(edit.new.encode("utf-8"))
    if recipe.edits and recipe.packs_commit:
        commit_edits(clone, recipe.commit.time)
    if recipe.tag:
        tag_head(clone, recipe.tag)
    words = ("build", "--no-sources", "--no-create-gitignore", "--out-dir", str(out), *_constraints(recipe, project))
    words += without_pin(project, workplace)
    env = build_environment(env, recipe.commit.time, recipe.build_environment) | dict(recipe.environment)
    env |= _temporary(workplace / "tmp")
    wait_past_commit_second(recipe.commit.time)
    _uv_build("sdist", *words, "--sdist", cwd=project, env=env)
    sdist = _only(out, "*.tar.gz", "sdist")
    if not is_normalized(sdist, recipe.commit.time):
        normalize_sdist(sdist, recipe.commit.time)
    _uv_build("wheel", *words, "--wheel", cwd=_unpack(sdist, workplace / "unpacked"), env=env)
    return (sdist, _only(out, "*.whl", "wheel"))


def _temporary(directory: Path) -> dict[str, str]:
    """Make a directory for a backend's temporary files, and return its variables: one that is killed removes none.

    Source: Python's documentation, tempfile.gettempdir.
    """
    directory.mkdir()
    return dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(directory))


def _unpack(sdist: Path, directory: Path) -> Path:
    """Unpack an sdist and return its one directory; given the file, uv would take another uv_build than for the sdist.

    Raises: FailedError if it cannot be unpacked.
    """
    try:
        with open_sdist(sdist) as archive:
            archive.extractall(directory, filter="data")
    except DAMAGED as err:
        raise FailedError(
            f"{sdist.name} cannot be unpacked: {err}", hint="does the backend build this project?"
        ) from err
    roots = [path for path in directory.iterdir() if path.is_dir()]
    if len(roots) != 1:
        raise FailedError(
            f"{sdist.name} has {len(roots)} directories at the top, not one", hint="see the build backend"
        )
    return roots[0]


def _uv_build(kind: str, *words: str, cwd: Path, env: Mapping[str, str]) -> None:
    """Make uv build one kind of distribution.

    Raises: FailedError with the end of the backend's output.
    """
    done = run_unchecked(uv_program(), *words, cwd=cwd, env=env, timeout=_SECONDS, umask=UMASK)
    try:
        done.or_raise()
    except CommandError as stop:
        what = f"the build backend could not build the {kind}"
        if _UNRESOLVED in stop.hint:
            by = ", by `exclude-newer` among uv's settings" if "`exclude-newer`" in stop.hint else ""
            what = f"the build requirements of the {kind} cannot be resolved{by}"
        hint = stop.hint
        if lacks_python(hint):
            what = "no Python of this machine fits `requires-python`, and uv could not get one"
            hint = f"install a Python that does, or put it on PATH\n{hint}"
        raise FailedError(what, hint=hint) from stop


def build_environment(env: Mapping[str, str], epoch: int, more: Collection[str] = ()) -> dict[str, str]:
    """Return the environment of a build backend: no secrets, no git configuration, SOURCE_DATE_EPOCH from the commit.

    It gets the variables of the user that every program needs, and those named in `more`.

    Source: reproducible builds, SOURCE_DATE_EPOCH specification (seconds).
    """
    clean = clean_git_environment(sanitized_environment(env, more))
    return clean | {"SOURCE_DATE_EPOCH": str(epoch), "PYTHONHASHSEED": "0", "TZ": "UTC"}


def _act(release: ReleaseContext) -> Report:
    version = release.plan.version
    if version is None:
        raise RefusedError("there is no version to build", hint=release.plan.hint)
    _refuse_tracked(release.root)
    check_dist_paths(release.root)
    with temporary_directory("build") as workplace:
        with console.progress(f"building {release.project.name} {version}"):
            files, warnings = _build(release, build_spec_for_release(release, version), workplace)
            warnings += _check_filtered(files, release.project.config.allow)
        refuse_other_version([file.name for file in files], version, release.project)
        manifest = Manifest(
            channel=release.plan.channel,
            project=release.project.name,
            version=version,
            commit=release.plan.commit,
            run=release.plan.run,
            tools=_tools(),
            files=tuple(ManifestFile(file.name, file.stat().st_size, sha256_of(file)) for file in files),
        )
        write_dist(release.root, files, verify_gated(manifest, release.gated))
    names = " and ".join(file.name for file in manifest.files)
    text = f"built {names} from commit {release.observed.commit.short}"
    return Report(Result.DONE, text, warnings=warnings, files=manifest.files)


def refuse_other_version(names: Iterable[str], version: Version, project: Project) -> None:
    """Refuse files of another version than planned, since the backend read it from another place.

    Raises: FailedError that names both versions; RefusedError for any other kind of file.
    """
    for name in names:
        built = parse_file_name(name)[1]
        if built != version:
            tool = project.source.where
            hint = "set the version where the backend reads it, or write `version` in [project]"
            if not project.source.is_written:
                hint = f"the backend did not get it from {tool}: is that enabled as its documentation says?"
            raise FailedError(f"the plan is {version}, from {tool}, but the build backend made {built}", hint=hint)


def _build(release: ReleaseContext, recipe: BuildSpec, workplace: Path) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Build, beside the second build where one is wanted; what fails there is tried again alone, with a warning.

    Raises: what the build raises.
    """
    build = partial(build_files, recipe, env=release.env)
    if release.rebuild is None:
        return build(workplace), ()
    release.rebuild.start(build)
    try:
        return build(workplace), ()
    except FailedError as stop:
        why = stop.hint.splitlines()[-1].strip() if stop.hint else "no reason given"
        warning = (
            f"{stop} in parallel with the second build, but succeeded alone ({why}): "
            "do both write to one directory, such as a cache?"
        )
    release.rebuild.give_up()
    again = workplace / "alone"
    again.mkdir()
    return build(again), (warning,)


def _check_filtered(files: tuple[Path, ...], allow: Collection[str]) -> tuple[str, ...]:
    """Warn of an sdist that contains files as a filter such as Git LFS stores them, and refuse a wheel that does.

    Raises: RefusedError with the entries of `allow`.
    """
    clone = files[0].parent.with_name(_CLONE)
    filtered = {sha256_of(clone / path): path for path in filtered_files(clone) if (clone / path).stat().st_size}
    warnings: list[str] = []
    for file in files if filtered else ():
        packed = [filtered.get(sha256_of_pieces(pieces).hex(), "") for member, pieces in read_members(file)]
        meant = {path: Allowable.FILTERED_FILES.case(path) for path in dict.fromkeys(packed) if path}
        cases = {path: case for path, case in meant.items() if case not in allow}
        message = (
            f"{file.name} contains {summarize(cases)} as git stores it: a clean clone runs no git filter such as LFS"
        )
        if cases and kind_of(file.name) is Kind.WHEEL:
            entries = ", ".join(f'"{case}"' for case in cases.values())
            hint = f"keep it out of the filter in .gitattributes; if that is intended, add {entries} to `allow`"
            raise RefusedError(message, hint=hint)
        warnings += [message] if cases else []
    return tuple(warnings)


def _refuse_tracked(root: Path) -> None:
    """Refuse to write over what git tracks: no step changes a tracked file."""
    git = Git(root)
    for ours in (DIST, MANIFEST):
        if git.tracks(ours):
            raise RefusedError(f"git tracks {ours}, which is written here", hint=f"git rm -r --cached {ours}")


def _constraints(recipe: BuildSpec, clone: Path) -> tuple[str, ...]:
    """Pin the build backend where the project says so; the file comes from the commit, too."""
    if not recipe.build_constraints:
        return ()
    file = (clone / recipe.build_constraints).resolve()
    if not (file.is_file() and file.is_relative_to(clone.resolve())):
        raise RefusedError(
            f"tool.release-channels.build-constraints is {recipe.build_constraints!r}, not a file of the commit",
            hint="add the file, as `uv pip compile --generate-hashes` writes it, and commit it",
        )
    return ("--build-constraints", str(file), "--require-hashes")


def _only(out: Path, pattern: str, kind: str) -> Path:
    found = sorted(out.glob(pattern))
    if len(found) != 1:
        raise FailedError(
            f"the build backend left {len(found)} files of the kind {kind}, not one", hint="does it build this project?"
        )
    return found[0]


def _tools() -> dict[str, str]:
    ours = {"release-channels": str(running_version()), "uv": installed_version("uv")}
    return {"python": platform.python_version(), **ours}


BUILD = Step("build", "sdist and wheel of one commit, from a clean clone", _act)
