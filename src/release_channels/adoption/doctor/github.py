"""Findings about a repository's settings on GitHub. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from packaging.version import Version

from release_channels.adoption.doctor.diagnosis import Diagnosis, error, passed, unknown, warning
from release_channels.adoption.publishers import WantedEnvironment, wanted_environments
from release_channels.model.config import Config
from release_channels.model.gate_config import BUILT_IN_KEYS
from release_channels.model.github_settings import DeploymentRefs, Environment, RepositorySettings, TagRuleset
from release_channels.model.tags import release_tags, tag_of

AREA = "github"
_APPLY = "`release-channels setup-publishing --apply` sets it up"
_BY_HAND = "on GitHub: Settings, Environments"
_LITELLM_ADDRESS = "LITELLM_BASE_URL"
_TOKEN = "a token in GH_TOKEN that may read it (`gh auth login`)"
_STORED = re.compile(r"PYPI|TWINE|UV_PUBLISH|FLIT_|HATCH_INDEX|PDM_PUBLISH|POETRY_", re.IGNORECASE)
_RESTRICTIONS = frozenset({"creation", "update", "deletion"})
_FEW = 5


def diagnose_github(
    settings: RepositorySettings, config: Config, tags: Sequence[str], gate_secrets: Collection[str]
) -> Iterator[Diagnosis]:
    """Check environments, policies, rulesets, secrets and immutability, with the project's real tags as examples."""
    if settings.default_branch != config.main_branch:
        yield error(
            AREA, "default branch", f"it is {settings.default_branch}, and the settings say {config.main_branch}",
            f'`main-branch = "{settings.default_branch}"` in [tool.release-channels]',
        )  # fmt: skip
    for wanted in wanted_environments(config):
        yield from _environment(settings, wanted, config, tags)
    yield from _secrets(settings, config, gate_secrets)
    yield _rulesets(settings.rulesets, config, tags)
    yield _immutable(settings.immutable_releases)


def _environment(
    settings: RepositorySettings, wanted: WantedEnvironment, config: Config, tags: Sequence[str]
) -> Iterator[Diagnosis]:
    topic = wanted.name
    if wanted.name not in settings.environments:
        yield unknown(AREA, topic, "the environment could not be read", _TOKEN)
        return
    environment = settings.environments[wanted.name]
    if environment is None:
        yield error(AREA, topic, f"there is no such environment, {wanted.purpose}", _APPLY)
        return
    yield from _policies(environment, wanted)
    if wanted.policy.kind == "tag":
        yield from _tags_let_in(environment, config, tags)
    if not environment.has_rules:
        yield unknown(AREA, topic, "its reviewers and its wait timer are unknown: GitHub does not report them", _TOKEN)
    elif wanted.policy.kind == "tag":
        yield from _approval(environment)
    elif environment.reviewers or environment.wait_minutes:
        yield error(
            AREA, topic, f"previews publish by themselves, but it {environment.describe().partition('; ')[2]}",
            f"remove reviewers and wait timer: {_BY_HAND}",
        )  # fmt: skip


def _policies(environment: Environment, wanted: WantedEnvironment) -> Iterator[Diagnosis]:
    name = environment.name
    if environment.deployment_refs is not DeploymentRefs.NAMED:
        yield error(AREA, name, f"it {environment.describe()}, and should allow {wanted.policy} alone", _APPLY)
        return
    if wanted.policy not in environment.policies:
        yield error(AREA, name, f"it does not allow {wanted.policy}: the release job would be refused", _APPLY)
    more = [str(policy) for policy in environment.policies if policy != wanted.policy]
    if more:
        yield error(AREA, name, f"it also allows {', '.join(more)}", f"remove that: {_BY_HAND}")
    if environment.policies == (wanted.policy,):
        yield passed(AREA, name, f"it allows {wanted.policy} and nothing else")


def _tags_let_in(environment: Environment, config: Config, tags: Sequence[str]) -> Iterator[Diagnosis]:
    """Try the patterns on the project's tags: each release must get in, and little else should."""
    releases = list(release_tags(config.tag_format, tags).values())
    sample = [*releases, tag_of(config.tag_format, Version("1.2.3"))]
    out = [name for name in sample if environment.allows("tag", name) is False]
    if out:
        yield error(AREA, environment.name, f"release tags that it keeps out: {', '.join(out[:_FEW])}", _APPLY)
    others = [name for name in tags if name not in releases and environment.allows("tag", name)]
    if others and environment.deployment_refs is DeploymentRefs.NAMED:
        yield warning(
            AREA, environment.name, f"its pattern also fits tags that are no releases: {', '.join(others[:_FEW])}",
            "nothing is published from them: the tag has to be the one of the commit's version",
        )  # fmt: skip


def _approval(environment: Environment) -> Iterator[Diagnosis]:
    if not environment.reviewers:
        yield warning(
            AREA, environment.name, "no approval is required for a public release",
            f"add required reviewers if needed: {_BY_HAND}",
        )  # fmt: skip
    if environment.admins_bypass is None:
        yield unknown(AREA, environment.name, "whether administrators may bypass its rules is unknown", _TOKEN)
    elif environment.admins_bypass:
        yield warning(AREA, environment.name, "administrators may bypass its rules", f"switch that off: {_BY_HAND}")


def _secrets(settings: RepositorySettings, config: Config, gate_secrets: Collection[str]) -> Iterator[Diagnosis]:
    """Inspect names alone: no token for the index is stored, and the gate has a provider."""
    for where, names in settings.secrets.items():
        title = f"the environment {where}" if where else "the repository"
        if names is None:
            yield unknown(AREA, "secrets", f"the names of the secrets of {title} could not be read", _TOKEN)
        for name in sorted(name for name in names or () if _STORED.search(name)):
            yield error(
                AREA, "secrets", f"{title} stores {name}: with Trusted Publishing no token is stored",
                "delete it there, and revoke the token on the index",
            )  # fmt: skip
    if not config.gate.enabled:
        return
    environment = config.gate_environment or config.preview_environment
    own, common = settings.secrets.get(environment), settings.secrets.get("")
    there = sorted((own or frozenset()) | (common or frozenset()))
    providers = [name for name in there if name in gate_secrets]
    if providers and {*providers} <= {*BUILT_IN_KEYS["litellm"]} and _LITELLM_ADDRESS not in there:
        yield warning(
            AREA, "gate", f"{' and '.join(providers)} alone needs {_LITELLM_ADDRESS}, which has no default",
            f"store it as a variable or secret of {environment} or of the repository; variables are not read here",
        )  # fmt: skip
    elif providers:
        yield passed(AREA, "gate", f"it has the secrets {', '.join(providers)}")
    elif own is None or common is None:
        yield unknown(AREA, "gate", "whether it has a model provider's secret could not be read", _TOKEN)
    else:
        yield error(
            AREA, "gate", f"there is no model provider's secret, neither in {environment} nor in the repository",
            f"one of {', '.join(sorted(gate_secrets))}; a project without a gate: `init --no-gate`",
        )  # fmt: skip


def _rulesets(rulesets: tuple[TagRuleset, ...] | None, config: Config, tags: Sequence[str]) -> Diagnosis:
    if rulesets is None:
        return unknown(AREA, "tag rulesets", "they could not be read", _TOKEN)
    releases = list(release_tags(config.tag_format, tags).values())
    samples = [*releases, tag_of(config.tag_format, Version("1.2.3"))]
    kept = [_kept(rulesets, name) for name in samples]
    missing = sorted(frozenset[str]().union(*(_RESTRICTIONS - names for names in kept)))
    if not missing:
        return passed(AREA, "tag rulesets", "creation, update and deletion of release tags are restricted")
    return warning(
        AREA, "tag rulesets", f"not restricted for every release tag: {', '.join(missing)}",
        "on GitHub: Settings, Rules, a tag ruleset that only those who release may bypass",
    )  # fmt: skip


def _kept(rulesets: Sequence[TagRuleset], tag: str) -> frozenset[str]:
    return frozenset[str]().union(*(ruleset.restricts for ruleset in rulesets if ruleset.covers(tag)))


def _immutable(immutable: bool | None) -> Diagnosis:
    if immutable is None:
        return unknown(AREA, "immutable releases", "whether they are switched on could not be read", _TOKEN)
    if immutable:
        return passed(AREA, "immutable releases", "a published release and its tag cannot be changed")
    return warning(
        AREA, "immutable releases", "a published release can still be changed",
        "on GitHub: Settings, General, Releases, enable release immutability",
    )  # fmt: skip
