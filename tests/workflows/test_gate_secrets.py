"""Each secret of the reference document, stored where GitHub stores it, leads the gate's job to its provider."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from release_channels.adoption.workflows.render import render
from release_channels.errors import RefusedError
from release_channels.gate.provider_probe import choose_provider
from release_channels.gate.providers import Configured, choose, in_order, provider_statuses
from release_channels.model.workflow_semantics.file import environment_of, read_workflow, steps_of
from release_channels.model.workflow_semantics.secrets import REPOSITORY, secrets_of
from release_channels.rehearsal.actions.run_name import title_of
from tests.workflows.adopters import ADOPTERS

KEY, ADDRESS, JOB_TOKEN = "the-stored-key", "https://models.example/v1", "the-jobs-own-token"
# Stored secrets, stored variables, the provider, the variable with its key, and its address where none is a default.
STORED: dict[str, tuple[dict[str, str], dict[str, str], str, str]] = {
    "DEEPSEEK_API_KEY": ({"DEEPSEEK_API_KEY": KEY}, {}, "deepseek", "DEEPSEEK_API_KEY"),
    "GLM_API_KEY": ({"GLM_API_KEY": KEY}, {}, "glm", "GLM_API_KEY"),
    "QWEN_API_KEY": ({"QWEN_API_KEY": KEY}, {}, "qwen", "QWEN_API_KEY"),
    "LITELLM_API_KEY": ({"LITELLM_API_KEY": KEY}, {"LITELLM_BASE_URL": ADDRESS}, "litellm", "LITELLM_API_KEY"),
    "BF_TOKEN": ({"BF_TOKEN": KEY, "LITELLM_BASE_URL": ADDRESS}, {}, "litellm", "BF_TOKEN"),
    "OPENAI_API_KEY": ({"OPENAI_API_KEY": KEY}, {}, "openai", "OPENAI_API_KEY"),
    "GITHUB_MODELS_TOKEN": ({"GH_MODELS_TOKEN": KEY}, {}, "github-models", "GITHUB_MODELS_TOKEN"),
}


def job_environment(
    name: str, secrets: Mapping[str, Mapping[str, str]], variables: Mapping[str, str], token: str = JOB_TOKEN
) -> dict[str, str]:
    """Work out the variables of the gate's step as GitHub does, for an adopter with these stored values."""
    config = ADOPTERS[name].config
    path = f".github/workflows/{config.gate_workflow}"
    top = read_workflow(render(ADOPTERS[name])[path], path)
    (job, step) = next((job, step) for _, job, step in steps_of(top) if "-s gate" in step["run"].text)
    contexts = {
        "github": {"token": token}, "vars": variables, "secrets": secrets_of(secrets, environment_of(job)),
    }  # fmt: skip
    return {key: title_of(value.text, contexts, "", key=key) for key, value in step["env"].table.items()}


def chosen(name: str, env: Mapping[str, str]) -> tuple[Configured | None, dict[str, str]]:
    """Return the gate's choice where every provider answers, and the line of each."""
    lines: dict[str, str] = {}
    statuses = provider_statuses(in_order(ADOPTERS[name].config.gate), env)
    return choose(statuses, lambda configured: (True, "answers"), lines.__setitem__), lines


def gate_environment(name: str) -> str:
    """The environment whose secrets the gate's job gets."""
    return ADOPTERS[name].config.gate_environment or ADOPTERS[name].config.preview_environment


@pytest.mark.parametrize("adopter", ["plain", "private"])
@pytest.mark.parametrize("place", ["environment", "repository"])
@pytest.mark.parametrize(("secrets", "variables", "provider", "key"), STORED.values(), ids=STORED)
def test_a_secret_alone_leads_to_its_provider(
    adopter: str, place: str, secrets: dict[str, str], variables: dict[str, str], provider: str, key: str
) -> None:
    """Of the job's environment or the repository; each provider before it reports its missing variable."""
    where = gate_environment(adopter) if place == "environment" else REPOSITORY
    found, lines = chosen(adopter, job_environment(adopter, {where: secrets}, variables))
    assert found is not None
    assert (found.name, found.key_name, found.key) == (provider, key, KEY)
    assert found.base_url == (ADDRESS if provider == "litellm" else found.provider.base_url)
    missing = [f"not configured: {' or '.join(one.keys)} is not set" for one in in_order(ADOPTERS[adopter].config.gate)]
    assert list(lines.values()) == [*missing[: len(lines) - 1], "answers"]


@pytest.mark.parametrize("secret", ["LITELLM_API_KEY", "BF_TOKEN"])
def test_a_key_without_the_address_that_it_needs_is_named(secret: str) -> None:
    """LiteLLM has no address of its own; the job's own token then leads to the last one."""
    env = job_environment("plain", {gate_environment("plain"): {secret: KEY}}, {})
    found, lines = chosen("plain", env)
    assert lines["litellm"] == "not configured: LITELLM_BASE_URL is not set"
    assert found is not None
    assert (found.name, found.key) == ("github-models", JOB_TOKEN)


def test_a_secret_of_another_environment_does_not_reach_the_gate() -> None:
    """Only the environment that the job names is its own, and only with its secret's name."""
    stored = {"pypi-public": {"OPENAI_API_KEY": KEY}, gate_environment("plain"): {"GITHUB_MODELS_TOKEN": KEY}}
    env = job_environment("plain", stored, {})
    assert KEY not in env.values()
    found, _ = chosen("plain", env)
    assert found is not None
    assert found.key == JOB_TOKEN


def test_nothing_stored_at_all_is_refused_with_what_each_one_lacks() -> None:
    """A job whose token may ask no model, and that has no secret, names every secret that would do."""
    env = job_environment("plain", {}, {}, token="")
    with pytest.raises(RefusedError, match="no model provider answers") as stop:
        choose_provider(
            provider_statuses(in_order(ADOPTERS["plain"].config.gate), env), env, seconds=1, secret="GH_MODELS_TOKEN"
        )
    for _, _, provider, key in STORED.values():
        assert f"{provider}: not configured: " in stop.value.hint
        assert key in stop.value.hint


def test_models_and_addresses_are_stored_as_variables_or_secrets() -> None:
    """A variable goes before a secret of the same name; those of GitHub Models go without the prefix."""
    variables = {"OPENAI_MODEL": "large", "OPENAI_BASE_URL": ADDRESS, "MODELS_MODEL": "other"}
    stored = {
        gate_environment("plain"): {"OPENAI_API_KEY": KEY, "OPENAI_MODEL": "small", "DAYTONA_API_KEY": "sandboxes"}
    }
    env = job_environment("plain", stored, variables)
    found, _ = chosen("plain", env)
    assert found is not None
    assert (found.model, found.base_url) == ("large", ADDRESS)
    assert (env["GITHUB_MODELS_MODEL"], env["DAYTONA_API_KEY"]) == ("other", "sandboxes")
