"""The one-time set-up: the required publishers and environments, and those that are missing. Pure.

Source: the reference document, "One-Time PyPI Setup".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from release_channels.adoption.workflows.render import tag_pattern
from release_channels.model.config import Config
from release_channels.model.github_settings import DeploymentRefs, Environment, Policy
from release_channels.model.version import Channel

HEADINGS = ("Channel", "Repository", "Workflow filename", "Environment")


@dataclass(frozen=True, slots=True)
class Publisher:
    """A trusted publisher to register on the index; its repository is empty if unknown."""

    channel: Channel
    repository: str
    workflow: str
    environment: str

    @property
    def row(self) -> tuple[str, str, str, str]:
        """The publisher's row in the table."""
        title = "Internal preview" if self.channel is Channel.PREVIEW else "Public"
        return title, self.repository, self.workflow, self.environment

    def fields(self, project: str, *, pending: bool) -> tuple[tuple[str, str], ...]:
        """Return the fields of the index's form in its order; only a pending publisher has a project name.

        Source: the index's documentation of trusted publishers on GitHub.
        """
        owner, _, name = self.repository.partition("/")
        first = (("PyPI Project Name", project),) if pending else ()
        return (
            *first,
            ("Owner", owner),
            ("Repository name", name),
            ("Workflow name", self.workflow),
            ("Environment name", self.environment),
        )


def publishers(config: Config, repository: str | None) -> tuple[Publisher, Publisher]:
    """Return the publishers of both channels in the order of the reference document."""
    repository = repository or ""
    return (
        Publisher(Channel.PREVIEW, repository, config.preview_workflow, config.preview_environment),
        Publisher(Channel.PUBLIC, repository, config.public_workflow, config.public_environment),
    )


def publisher_table(wanted: Sequence[Publisher]) -> tuple[str, ...]:
    """Format the publishers as a table that never truncates a value, however narrow the terminal is."""
    rows = [HEADINGS, *(publisher.row for publisher in wanted)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return tuple("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


@dataclass(frozen=True, slots=True)
class WantedEnvironment:
    """A required GitHub environment: its purpose, and the one branch or tag pattern that it allows."""

    name: str
    purpose: str
    policy: Policy


def wanted_environments(config: Config) -> tuple[WantedEnvironment, ...]:
    """Return the GitHub environments that the workflows need; the gate may share the preview's."""
    main = Policy("branch", config.main_branch)
    wanted = [
        WantedEnvironment(
            config.preview_environment, f"used for automatic preview publishing from {config.main_branch}", main
        ),
        WantedEnvironment(
            config.public_environment,
            "used for tag-driven public releases",
            Policy("tag", tag_pattern(config.tag_format)),
        ),
    ]
    if config.gate.enabled and config.gate_environment not in ("", config.preview_environment):
        wanted.append(WantedEnvironment(config.gate_environment, "contains the secrets of the integration gate", main))
    return tuple(wanted)


@dataclass(frozen=True, slots=True)
class EnvironmentPlan:
    """The existing environment, the changes to make, and remarks for the maintainer."""

    wanted: WantedEnvironment
    before: Environment | None
    put: Environment | None
    add: Policy | None

    @property
    def is_reached(self) -> bool:
        """True if there is nothing to change."""
        return self.put is None and self.add is None

    @property
    def after(self) -> Environment:
        """The environment after the changes."""
        environment = self.put or self.before
        assert environment is not None  # an environment that is not there is put
        return replace(environment, policies=(*environment.policies, *([self.add] if self.add else [])))

    def remarks(self) -> Iterator[str]:
        """Yield settings beyond the required ones, which are never removed."""
        after = self.after
        if more := [policy for policy in after.policies if policy != self.wanted.policy]:
            yield f"it also allows {', '.join(map(str, more))}: remove that by hand if nobody needs it"

    def lost(self, found: Environment | None) -> tuple[str, ...]:
        """Return the protection that was there before the changes and is not in what was found after them."""
        if self.before is None or found is None:
            return ()
        before = self.before
        gone = [str(reviewer) for reviewer in before.reviewers if reviewer not in found.reviewers]
        lost = [f"it does not ask {', '.join(gone)} any more"] if gone else []
        if found.wait_minutes < before.wait_minutes:
            lost.append(f"it does not wait {before.wait_minutes} minutes any more")
        if before.prevents_self_review and not found.prevents_self_review:
            lost.append("whoever starts a run may approve it now")
        if before.admins_bypass is False and found.admins_bypass:
            lost.append("administrators may bypass it now")
        return tuple(lost)


def plan_environments(current: Mapping[str, Environment | None], config: Config) -> tuple[EnvironmentPlan, ...]:
    """Plan the changes from the existing to the required environments, keeping reviewers and wait timers."""
    return tuple(_plan(wanted, current.get(wanted.name)) for wanted in wanted_environments(config))


def _plan(wanted: WantedEnvironment, before: Environment | None) -> EnvironmentPlan:
    put = None
    if before is None:
        put = Environment(wanted.name, DeploymentRefs.NAMED)
    elif before.deployment_refs is not DeploymentRefs.NAMED:
        put = replace(before, deployment_refs=DeploymentRefs.NAMED, policies=())
    missing = before is None or put is not None or wanted.policy not in before.policies
    return EnvironmentPlan(wanted, before, put, wanted.policy if missing else None)
