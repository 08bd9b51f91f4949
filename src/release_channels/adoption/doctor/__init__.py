"""`doctor`: find what would make a release fail, in files, git, GitHub and the index."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from release_channels.adapters.attestations import AttestedPublisher, fetch_attested
from release_channels.adapters.observe import observe
from release_channels.adapters.tool_lock import locked_tool, running_version
from release_channels.adapters.trusted_settings import require_default_branch_settings
from release_channels.adoption.doctor.diagnosis import Diagnosis, error, unknown, warning
from release_channels.adoption.doctor.files import (
    diagnose_adoption,
    diagnose_metadata,
    diagnose_project,
    diagnose_tool,
    diagnose_workflows,
)
from release_channels.adoption.doctor.github import AREA as GITHUB
from release_channels.adoption.doctor.github import diagnose_github
from release_channels.adoption.doctor.index import (
    GIT,
    INDEX,
    diagnose_default_branch,
    diagnose_git,
    diagnose_index,
    diagnose_publishers,
)
from release_channels.adoption.inspect import ProjectSnapshot, Tree, inspect_project
from release_channels.adoption.plan import plan_adoption, plan_own
from release_channels.adoption.publishers import publishers, wanted_environments
from release_channels.adoption.script_metadata import TOOL
from release_channels.adoption.tool_source import running_tool
from release_channels.cli.context import TaskContext
from release_channels.errors import ReleaseError, UnansweredError
from release_channels.model.config import Config
from release_channels.model.decide import Request, decide
from release_channels.model.gate_config import MODELS_TOKEN, provider_keys
from release_channels.model.github_settings import Environment, RepositorySettings
from release_channels.model.observed import IndexState
from release_channels.model.session_names import SESSION_NAMES
from release_channels.model.tags import release_tags
from release_channels.model.version import Channel, final_of
from release_channels.project.commit_url import github_repository
from release_channels.release.checks.declared import declared_findings

if TYPE_CHECKING:
    from release_channels.adapters.github.settings import Settings

_T = TypeVar("_T")
_FEW = 5


def examine(context: TaskContext, tasks: tuple[str, ...], now: datetime | None = None) -> tuple[Diagnosis, ...]:
    """Return the findings about everything visible from here; what is not visible is a finding, too."""
    snapshot = inspect_project(context.root, context.env, git=context.git)
    return (
        *_files(context, snapshot, tasks),
        *diagnose_git(context.config, context.git.remote_url(context.config.remote), snapshot.tags),
        *_default_branch(context),
        *_github(context, snapshot.tags),
        *_index(context, now or datetime.now(UTC)),
    )


def gate_secrets(config: Config) -> frozenset[str]:
    """Return the secrets with providers' keys; the gate needs at least one of them."""
    keys = {key for keys in provider_keys(config.gate).values() for key in keys}
    return frozenset(config.github_models_secret if key == MODELS_TOKEN else key for key in keys)


def _files(context: TaskContext, snapshot: ProjectSnapshot, tasks: tuple[str, ...]) -> Iterator[Diagnosis]:
    uncommitted = context.git.uncommitted()
    if uncommitted:
        some = ", ".join(uncommitted[:_FEW]) + (", …" if len(uncommitted) > _FEW else "")
        yield warning("files", "uncommitted", f"the working tree is not what a release contains: {some}", "commit it")
    tree, finals = Tree(context.root), release_tags(snapshot.project.config.tag_format, snapshot.tags)
    yield from diagnose_project(snapshot.project, tree.read, snapshot.unlisted, finals)
    yield from diagnose_metadata(
        declared_findings(snapshot.project, tree.read, final_of(snapshot.project.version), context.env)
    )
    is_tool = snapshot.project.normalized_name == TOOL
    plan = plan_own(snapshot) if is_tool else plan_adoption(snapshot, running_tool(), tasks, SESSION_NAMES)
    has_lock = is_tool or snapshot.files.get(f"{plan.noxfile}.lock") is not None
    yield from diagnose_adoption(plan, has_lock=has_lock, has_workflows=bool(snapshot.workflows))
    if snapshot.files.get(plan.noxfile) is not None:
        yield from diagnose_tool(plan.noxfile, plan.requirement, locked_tool(context.root), running_version())
    wanted = publishers(plan.config, repository_of(context))
    yield from diagnose_workflows(snapshot.workflows, plan.config, wanted, snapshot.bumped)


def _default_branch(context: TaskContext) -> Iterator[Diagnosis]:
    """Read the default branch from the remote, and compare the settings that count only there, as `tag` does."""
    git, config = context.git, context.config
    if git.remote_url(config.remote) is None:
        return
    try:
        listed = git.list_remote(config.remote, "HEAD")
        if listed.is_answered and not listed.commits:
            push = f"`git push --set-upstream {config.remote} {config.main_branch}`"
            yield unknown(GIT, "default branch", f"{config.remote} has none: nothing is pushed there yet", push)
            return
        branch = git.default_tip(config.remote, listed)[0]
    except ReleaseError as stop:
        yield unknown(GIT, "default branch", str(stop), stop.hint)
        return
    yield diagnose_default_branch(config, branch)
    try:
        require_default_branch_settings(git, config, listed)
    except ReleaseError as stop:
        yield error(GIT, "settings", str(stop), stop.hint)


def repository_of(context: TaskContext) -> str | None:
    """Return the repository on GitHub, by the remote, the settings or the project's URLs; None if none names it."""
    return github_repository(context.project, context.git.remote_url(context.config.remote), context.env)


def _github(context: TaskContext, tags: Sequence[str]) -> Iterator[Diagnosis]:
    name = repository_of(context)
    if name is None:
        yield unknown(
            GITHUB, "repository", "neither a remote nor a project URL is on GitHub",
            'a remote there, or `repository = "owner/name"` in [tool.release-channels]',
        )  # fmt: skip
        return
    from release_channels.adapters.github import ON_A_SCREEN, connect

    with connect(name, context.env, pauses=ON_A_SCREEN) as github:
        try:
            is_private, branch = github.settings.repository()
        except ReleaseError as stop:
            yield unknown(GITHUB, name, str(stop), stop.hint)
            return
        settings = _Reading(context, github.settings).read(name, branch, is_private=is_private)
    for what in settings.unseen:
        yield unknown(GITHUB, "not seen", what, "a token in GH_TOKEN with that right, or `gh auth login`")
    yield from diagnose_github(settings, context.config, tags, gate_secrets(context.config))


class _Reading:
    """Reading settings one by one: what the token may not see is noted, and one that is silent is asked no more."""

    def __init__(self, context: TaskContext, settings: Settings) -> None:
        self._context = context
        self._settings = settings
        self._unseen: list[str] = []
        self._is_silent = False

    def read(self, repository: str, branch: str, *, is_private: bool) -> RepositorySettings:
        """Read all that the findings need."""
        settings = self._settings
        environments: dict[str, Environment | None] = {}
        for name in (environment.name for environment in wanted_environments(self._context.config)):
            seen = self._see(f"the environment {name}", partial(_in_tuple, settings.environment, name))
            if seen is not None:
                environments[name] = seen[0]
        secrets: dict[str, frozenset[str] | None] = {"": self._see("secrets", settings.secret_names)}
        for name, environment in environments.items():
            if environment is not None:
                secrets[name] = self._see(f"secrets of {name}", partial(settings.secret_names, name))
        return RepositorySettings(
            repository=repository,
            is_private=is_private,
            default_branch=branch,
            environments=environments,
            secrets=secrets,
            rulesets=self._see("tag rulesets", settings.tag_rulesets),
            immutable_releases=self._see("immutable releases", settings.immutable_releases),
            unseen=tuple(self._unseen),
        )

    def _see(self, what: str, ask: Callable[[], _T]) -> _T | None:
        if self._is_silent:
            return None
        try:
            return ask()
        except ReleaseError as stop:
            self._unseen.append(f"{what}: {stop}")
            self._is_silent = isinstance(stop, UnansweredError)
            return None


def _in_tuple(ask: Callable[[str], _T], name: str) -> tuple[_T]:
    """Wrap what may be None, which would look like an answer that did not come."""
    return (ask(name),)


def _index(context: TaskContext, now: datetime) -> Iterator[Diagnosis]:
    request = Request(Channel.PREVIEW, index=context.index.name, may_count=True)
    try:
        seen = observe(context.git, context.project, context.commit, context.index, request, asks_main=False)
        plan = decide(seen, request, context.config)
    except ReleaseError as stop:
        yield unknown(INDEX, context.index.title, str(stop), stop.hint)
        return
    yield from diagnose_index(seen.index, plan, context.config, now)
    attested = {channel: _attested(context, seen.index, channel) for channel in Channel}
    wanted = publishers(context.config, repository_of(context))
    yield from diagnose_publishers(wanted, attested, context.project.name)


def _attested(context: TaskContext, state: IndexState, channel: Channel) -> AttestedPublisher | None:
    newest = state.newest_final() if channel is Channel.PUBLIC else state.newest_preview()
    files = state.releases.get(newest, ()) if newest else ()
    return next(
        (publisher for file in files if file.provenance_url and (publisher := fetch_attested(context.index, file))),
        None,
    )
