"""The settings of a repository on GitHub: environments, their deployment rules, tag rulesets. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase


class DeploymentRefs(StrEnum):
    """The refs that may deploy to an environment."""

    ALL = "every branch and tag"
    PROTECTED = "protected branches"
    NAMED = "named branches and tags"


@dataclass(frozen=True, slots=True)
class Policy:
    """A pattern of branches or tags that may deploy to an environment; `kind` is branch or tag."""

    kind: str
    pattern: str

    def __str__(self) -> str:
        """Format it for people."""
        return f"{self.kind} {self.pattern}"

    def allows(self, kind: str, name: str) -> bool:
        """Check whether a branch or a tag may deploy.

        Source: GitHub's documentation of environments: Ruby's File.fnmatch, so that `*` does not match a slash.
        """
        patterns, parts = self.pattern.split("/"), name.split("/")
        return (
            kind == self.kind
            and len(patterns) == len(parts)
            and all(fnmatchcase(part, pattern) for part, pattern in zip(parts, patterns, strict=True))
        )


@dataclass(frozen=True, slots=True)
class Reviewer:
    """A required reviewer of an environment; `kind` is User or Team."""

    kind: str
    id: int
    name: str

    def __str__(self) -> str:
        """Format it for people."""
        return self.name if self.kind == "User" else f"team {self.name}"


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment and its protection rules; `admins_bypass` is None if GitHub does not report it."""

    name: str
    deployment_refs: DeploymentRefs = DeploymentRefs.ALL
    policies: tuple[Policy, ...] = ()
    reviewers: tuple[Reviewer, ...] = ()
    wait_minutes: int = 0
    prevents_self_review: bool = False
    admins_bypass: bool | None = None

    def allows(self, kind: str, name: str) -> bool | None:
        """Check whether a branch or a tag may deploy; None if that depends on branch protection."""
        if self.deployment_refs is DeploymentRefs.ALL:
            return True
        if self.deployment_refs is DeploymentRefs.NAMED:
            return any(policy.allows(kind, name) for policy in self.policies)
        return False if kind == "tag" else None

    def describe(self) -> str:
        """Summarize which refs may deploy, the wait timer and the required reviewers."""
        admits = self.deployment_refs.value
        if self.deployment_refs is DeploymentRefs.NAMED:
            admits = ", ".join(map(str, self.policies)) or "nothing"
        parts = [f"allows {admits}"]
        parts += [f"waits {self.wait_minutes} minutes"] if self.wait_minutes else []
        parts += [f"asks {', '.join(map(str, self.reviewers))}"] if self.reviewers else []
        return "; ".join(parts)


@dataclass(frozen=True, slots=True)
class TagRuleset:
    """A ruleset for tags: the refs that it covers, and the operations that it restricts to bypass actors."""

    name: str
    is_active: bool
    includes: tuple[str, ...]
    excludes: tuple[str, ...]
    restricts: frozenset[str]

    def covers(self, tag: str) -> bool:
        """Check whether the ruleset covers a tag.

        Source: GitHub's REST reference, rulesets: `~ALL`, or patterns of whole ref names.
        """
        ref = f"refs/tags/{tag}"

        def matches(pattern: str) -> bool:
            return pattern == "~ALL" or Policy("tag", pattern).allows("tag", ref)

        return self.is_active and any(map(matches, self.includes)) and not any(map(matches, self.excludes))


@dataclass(frozen=True, slots=True)
class RepositorySettings:
    """All settings that were read of a repository; None means not readable, with the reason in `unseen`."""

    repository: str
    is_private: bool
    default_branch: str
    environments: Mapping[str, Environment | None]
    secrets: Mapping[str, frozenset[str] | None]
    """The names of secrets by environment; those of the repository have an empty key."""
    rulesets: tuple[TagRuleset, ...] | None
    immutable_releases: bool | None
    unseen: tuple[str, ...] = ()
