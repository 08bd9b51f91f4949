"""A repository's settings on GitHub: read them, and change those that `setup-publishing` sets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol
from urllib.parse import quote

from release_channels.adapters.github import parse_settings as parse
from release_channels.adapters.github.errors import ForbiddenError, NotFoundError, RetryingClient
from release_channels.adapters.github.parse import parse_list
from release_channels.errors import RefusedError
from release_channels.model.github_settings import DeploymentRefs, Environment, Policy, TagRuleset

_PAGE = 100  # entries
_MANY = 20  # pages
"""The number of pages that are read of a list, which has a few entries in any repository."""
_ADMINISTRATION = "administration: write"
_NO_RULE = (
    "a private repository has these rules from some plan on: make the repository public, or take a plan that has them; "
    "without them a workflow of any branch gets the environment's identity and secrets"
)


class Ask(Protocol):
    """The type of a function that requests a path below the repository, for which PyGithub has no method."""

    def __call__(self, verb: str, path: str, sent: Mapping[str, Any] | None = None) -> Any:
        """Return the JSON of the answer."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one repository; every method raises what the methods of `GitHub` raise."""

    answers: RetryingClient
    ask: Ask

    def repository(self) -> tuple[bool, str]:
        """Return whether the repository is private, and its default branch.

        Raises: NotFoundError where it is not there, or not visible to this token.
        """
        return self.answers.read("the repository", lambda: parse.parse_repository(self.ask("GET", "")))

    def environment(self, name: str) -> Environment | None:
        """Read an environment with its rules; None if it does not exist.

        Source: GitHub's REST reference: the list of policies answers 404 too, unless the environment has its own.
        """
        path, what = _path(name), f"the environment {name}"

        def ask() -> Environment:
            return parse.parse_environment(self.ask("GET", path))

        def ask_policies() -> tuple[Policy, ...]:
            return parse.parse_policies(self._pages(f"{path}/deployment-branch-policies", "branch_policies"))

        try:
            environment = self.answers.read(what, ask, needs="actions: read")
        except NotFoundError:
            return None
        if environment.deployment_refs is not DeploymentRefs.NAMED:
            return environment
        policies = self.answers.read(f"the deployment policies of {what}", ask_policies, needs="actions: read")
        return replace(environment, policies=policies)

    def put_environment(self, environment: Environment) -> None:
        """Create an environment, or replace its rules.

        Raises: RefusedError if its rules are unknown, since what is not sent is taken away.
        Source: GitHub's REST reference, create or update an environment.
        """
        if not environment.has_rules:
            raise RefusedError(
                f"GitHub does not report the reviewers and the wait timer of {environment.name}, which would be lost",
                hint="set up this environment by hand, on the settings page of the repository",
            )
        sent = parse.write_environment(environment)
        try:
            self.answers.write(
                f"set up the environment {environment.name}",
                lambda: self.ask("PUT", _path(environment.name), sent),
                needs=_ADMINISTRATION,
            )
        except RefusedError as stop:
            if "billing plan" not in str(stop):
                raise
            raise RefusedError(str(stop), hint=_NO_RULE) from stop

    def add_policy(self, environment: str, policy: Policy) -> None:
        """Allow a pattern of branches or tags to deploy to an environment."""
        sent = {"name": policy.pattern, "type": policy.kind}
        self.answers.write(
            f"allow {policy} in {environment}",
            lambda: self.ask("POST", f"{_path(environment)}/deployment-branch-policies", sent),
            needs=_ADMINISTRATION,
        )

    def tag_rulesets(self) -> tuple[TagRuleset, ...]:
        """Read the rulesets for tags, those of the organization too.

        Source: GitHub's documentation of rulesets: private ones of a free plan have none, and are told to upgrade.
        """

        def ask() -> tuple[TagRuleset, ...]:
            listed = self._pages("/rulesets?targets=tag&includes_parents=true", "")
            ids = [int(one["id"]) for one in listed]
            return tuple(parse.parse_ruleset(self.ask("GET", f"/rulesets/{number}")) for number in ids)

        try:
            return self.answers.read("the tag rulesets", ask, needs="metadata: read")
        except ForbiddenError as stop:
            if "upgrade to github" not in str(stop).lower():
                raise
            return ()

    def immutable_releases(self) -> bool:
        """Return whether published releases are immutable.

        Source: GitHub's REST reference: 404 where it is not switched on.
        """

        def ask() -> bool:
            return parse.parse_enabled(self.ask("GET", "/immutable-releases"))

        try:
            return self.answers.read("whether releases are immutable", ask, needs="administration: read")
        except NotFoundError:
            return False

    def secret_names(self, environment: str = "") -> frozenset[str]:
        """List the names of an environment's or the repository's secrets; values cannot be read."""

        def ask() -> frozenset[str]:
            if environment:
                return parse.parse_names(self._pages(f"{_path(environment)}/secrets", "secrets"))
            own = parse.parse_names(self._pages("/actions/secrets", "secrets"))
            return own | parse.parse_names(self._pages("/actions/organization-secrets", "secrets"))

        of = f"the environment {environment}" if environment else "the repository"
        needs = "environments: read" if environment else "secrets: read"
        return self.answers.read(f"the names of the secrets of {of}", ask, needs=needs)

    def dispatch(self, workflow: str, ref: str, inputs: Mapping[str, str]) -> int | None:
        """Dispatch a workflow; return the id of its run if GitHub reports it."""
        sent = {"ref": ref, "inputs": dict(inputs), "return_run_details": True}
        answer = self.answers.write(
            f"start {workflow} on {ref}",
            lambda: self.ask("POST", f"/actions/workflows/{quote(workflow, safe='')}/dispatches", sent),
            needs="actions: write",
        )
        return parse.parse_dispatched(answer)

    def complaints(self, job_id: int) -> tuple[str, ...]:
        """Read the error annotations of a job by its id."""

        def ask() -> tuple[str, ...]:
            return parse.parse_complaints(self._pages(f"/check-runs/{job_id}/annotations", ""))

        return self.answers.read(f"the errors of job {job_id}", ask, needs="checks: read")

    def _pages(self, path: str, key: str) -> Iterator[Mapping[str, Any]]:
        """Read a list page by page; `key` is its key in the answer, or empty."""
        joint = "&" if "?" in path else "?"
        for page in range(1, _MANY + 1):
            answer = self.ask("GET", f"{path}{joint}per_page={_PAGE}&page={page}")
            entries = parse_list(answer, key)
            yield from entries
            if len(entries) < _PAGE:
                return
        raise ValueError(f"more than {_MANY * _PAGE} entries")


def _path(environment: str) -> str:
    return f"/environments/{quote(environment, safe='')}"
