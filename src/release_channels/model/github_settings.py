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
        """Check whether a branch or a tag may deploy."""
        return kind == self.kind and fits_pattern(name, self.pattern)


def fits_pattern(name: str, pattern: str) -> bool:
    """Check whether a pattern of branches or tags fits a name.

    Source: GitHub's documentation of environments and rulesets: Ruby's File.fnmatch with FNM_PATHNAME, where `*` does
    not match a slash, and `**/` stands for any number of directories, none too.
    """
    return _fit(tuple(name.split("/")), tuple(pattern.split("/")))


def _fit(parts: tuple[str, ...], patterns: tuple[str, ...]) -> bool:
    if not parts or not patterns:
        return not parts and not patterns
    if patterns[0] == "**" and len(patterns) > 1:
        return _fit(parts, patterns[1:]) or _fit(parts[1:], patterns)
    return fnmatchcase(parts[0], patterns[0].replace("[^", "[!")) and _fit(parts[1:], patterns[1:])


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
    """An environment and its protection rules; `admins_bypass` is None if GitHub does not report it.

    Without `has_rules` GitHub does not report reviewers and wait timer either: they are unknown, not absent.
    """

    name: str
    deployment_refs: DeploymentRefs = DeploymentRefs.ALL
    policies: tuple[Policy, ...] = ()
    reviewers: tuple[Reviewer, ...] = ()
    wait_minutes: int = 0
    prevents_self_review: bool = False
    admins_bypass: bool | None = None
    has_rules: bool = True

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
        parts += [] if self.has_rules else ["reviewers and wait timer unknown"]
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
            return pattern == "~ALL" or fits_pattern(ref, pattern)

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
