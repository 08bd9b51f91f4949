"""Environment of a rehearsal: a clone with a bare remote, a local index, and the GitHub double."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from release_channels.adapters.actions_env import REHEARSAL
from release_channels.adapters.git import Git
from release_channels.adapters.http_server import Served, serve_wsgi
from release_channels.adapters.index import Credentials, Index, upstream_url
from release_channels.adapters.process import run
from release_channels.adoption.publishers import wanted_environments
from release_channels.indexserver.oidc import Issuer, Publisher, TrustedPublishing
from release_channels.indexserver.server import RunningIndex, serve
from release_channels.indexserver.upload_rules import Limits
from release_channels.model.config import Config
from release_channels.model.github import repository_name
from release_channels.model.observed import Commit
from release_channels.project.pyproject import Project
from release_channels.rehearsal.actions.runner_service import OWNER_ID, RunnerService
from release_channels.rehearsal.caches import remove_noted
from release_channels.rehearsal.child_environment import (
    children_environment,
    make_certificates,
    make_programs,
    open_ways,
    upstream_hosts,
    write_git_config,
)
from release_channels.rehearsal.fake_llm import open_model
from release_channels.rehearsal.fault_proxy import FaultInjector
from release_channels.rehearsal.github import GitHubState, RunningGitHub, serve_github
from release_channels.rehearsal.upstream_proxy import ReadOnlyProxy, open_upstream_proxy

MAINTAINER = "rehearsal-maintainer"
_RIGHTS = ("contents: write", "actions: write", "pull-requests: write", "deployments: read", "metadata: read")


@dataclass(frozen=True, slots=True)
class RehearsalEnvironment:
    """Repository, servers and directories of a rehearsal."""

    directory: Path
    repository: str
    project: Project
    commit: Commit
    remote: Path
    checkout: Path
    state: GitHubState
    index: RunningIndex
    github: RunningGitHub
    runner: RunnerService
    runner_url: str
    fault_injector: FaultInjector
    publishers: list[Publisher]
    """Whom the index trusts."""
    upstream_proxy: ReadOnlyProxy
    env: Mapping[str, str]
    """What every program here gets."""
    upstream: str
    is_quick: bool = False
    keep: bool = False
    secrets: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    """The secrets of each environment by name, and those of the repository."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """The variables that the repository stores, by name."""

    @property
    def config(self) -> Config:
        """The project's settings."""
        return self.project.config

    @property
    def address(self) -> str:
        """The repository's URL on GitHub; git redirects it to the bare remote."""
        return f"https://github.com/{self.repository}"

    @property
    def index_root(self) -> Path:
        """The directory of the index's files."""
        return self.directory / "index"

    @property
    def locks(self) -> Path:
        """The directory of the lock files for checkouts, see `REHEARSAL_LOCKS`."""
        return self.directory / "locks"

    def as_index(self) -> Index:
        """The local index as an `Index` value."""
        return Index(
            "pypi", self.index.simple_url, self.index.upload_url, Credentials.NONE, rehearsal=True,
            own_url=self.index.own_url,
        )  # fmt: skip

    def git(self, *words: str | Path, at: Path | None = None) -> str:
        """Run git in the maintainer's checkout, or in another directory."""
        return run("git", *words, cwd=at or self.checkout, env=self.env)

    def maintainer(self) -> dict[str, str]:
        """The environment of the maintainer's own commands."""
        return {**self.env, "GITHUB_API_URL": self.github.api_url, "GH_TOKEN": MAINTAINER}

    def warnings(self) -> tuple[str, ...]:
        """Return the internal errors of the doubles."""
        return (*self.index.warnings(), *self.github.warnings(), *self.runner.failures)


@contextmanager
def create_environment(
    directory: Path, git: Git, project: Project, commit: Commit, env: Mapping[str, str], *, is_quick: bool, keep: bool
) -> Iterator[RehearsalEnvironment]:
    """Create the environment in an empty directory, and stop its servers on exit.

    Raises: RefusedError if a library is missing, or the index that dependencies come from does not answer.
    """
    config = project.config
    repository = repository_name(config.repository, git.remote_url(config.remote), env) or f"rehearsal/{project.name}"
    home, remote, checkout = directory / "home", directory / "remote.git", directory / "checkout"
    for made in (home, directory / "runs", directory / "locks"):
        made.mkdir()
    upstream = upstream_url(env)
    hosts = upstream_hosts(upstream)
    tls, bundle = make_certificates(directory, env, hosts)
    write_git_config(home, remote, f"https://github.com/{repository}")
    publishers = list(_publishers(config, repository, project.name))
    publishing = TrustedPublishing(publishers, Issuer({}))
    state = GitHubState(
        repository, git=remote, tokens={MAINTAINER: _RIGHTS}, default_branch=config.main_branch
    )  # fmt: skip
    fault_injector = FaultInjector()
    with ExitStack() as stack:
        upstream_proxy = stack.enter_context(open_upstream_proxy(hosts, tls, bundle))
        base = children_environment(env, home, make_programs(directory / "bin", env), bundle, upstream_proxy.url)
        stack.callback(remove_noted, directory / "locks", Path(base["UV_CACHE_DIR"]))
        index = stack.enter_context(
            serve(
                directory / "index", project=project.name, upstream=upstream, trusted=publishing, tls=tls,
                limits=Limits.of(config), wrap=fault_injector.wrap,
            )
        )  # fmt: skip
        github = stack.enter_context(serve_github(state, tls=tls))
        service = RunnerService(state, publishing.issuer)
        served: Served = stack.enter_context(serve_wsgi(service, "the runner's service", tls=tls))
        base |= {REHEARSAL: str(_write_addresses(directory, index, is_quick=is_quick))}
        model = stack.enter_context(open_model(config, env, tls))
        base |= open_ways(model.hosts)
        gate = config.gate_environment or config.preview_environment
        environment = RehearsalEnvironment(
            directory=directory, repository=repository, project=project, commit=commit, remote=remote,
            checkout=checkout, state=state, index=index, github=github, runner=service, runner_url=served.url,
            fault_injector=fault_injector, publishers=publishers, upstream_proxy=upstream_proxy, env=base,
            upstream=upstream, is_quick=is_quick, keep=keep,
            secrets={gate: model.secrets}, variables=model.variables,
        )  # fmt: skip
        _make_repository(environment, git)
        for wanted in wanted_environments(config):  # what `setup-publishing --apply` creates
            kinds = {kind: [wanted.policy.pattern] * (kind == wanted.policy.kind) for kind in ("branch", "tag")}
            state.add_environment(wanted.name, branch_policies=kinds["branch"], tag_policies=kinds["tag"])
        yield environment


def _publishers(config: Config, repository: str, project: str) -> tuple[Publisher, ...]:
    """Return the publishers that the configuration implies."""
    pairs = (
        (config.preview_workflow, config.preview_environment),
        (config.public_workflow, config.public_environment),
    )
    return tuple(Publisher(repository, OWNER_ID, workflow, environment, project) for workflow, environment in pairs)


def _write_addresses(directory: Path, index: RunningIndex, *, is_quick: bool) -> Path:
    """Write the file that redirects the real index and marks every run as a rehearsal."""
    path = directory / "rehearsal.json"
    content = {
        "simple": index.simple_url,
        "own": index.own_url,
        "upload": index.upload_url,
        "oidc": f"{index.url}/_/oidc/",
        "installers": ["uv"] if is_quick else ["pip", "uv"],
    }
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return path


def _make_repository(environment: RehearsalEnvironment, git: Git) -> None:
    """Clone the commit and the tags that are there; main itself is still to be pushed."""
    environment.checkout.mkdir()
    environment.git("init", "--quiet", "--bare", environment.remote, at=environment.directory)
    environment.git("symbolic-ref", "HEAD", f"refs/heads/{environment.config.main_branch}", at=environment.remote)
    environment.git("init", "--quiet")
    environment.git(
        "fetch", "--quiet", "--no-tags", git.root.resolve(), environment.commit.sha, "refs/tags/*:refs/tags/*"
    )
    environment.git("checkout", "--quiet", "-B", environment.config.main_branch, environment.commit.sha)
    environment.git("remote", "add", environment.config.remote, environment.address)
    if environment.git("tag", "--list"):
        environment.git("push", "--quiet", "--tags", environment.config.remote)
