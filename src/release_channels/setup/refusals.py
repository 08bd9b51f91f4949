"""What a refusal of the identity exchange means: the one setting to change. Pure.

Source: the index's documentation of trusted publishers, troubleshooting; GitHub's of environments.
"""

from __future__ import annotations

from collections.abc import Sequence

from release_channels.model.github_settings import Policy
from release_channels.setup.publishing import Publisher


def translate(complaints: Sequence[str], publisher: Publisher, policy: Policy, project: str) -> str:
    """Name the setting behind what a job complained of; what is not known is handed on as it was said."""
    told = "\n".join(complaints)
    for mark, setting in _SETTINGS:
        if mark in told:
            return setting.format(
                project=project,
                owner=publisher.repository.partition("/")[0],
                repository=publisher.repository.partition("/")[2],
                workflow=publisher.workflow,
                environment=publisher.environment,
                policy=policy,
            )
    return f"{publisher.workflow} said: {told}" if told else f"{publisher.workflow} said nothing: read its log"


# In this order: what is special comes before what it contains.
_SETTINGS = (
    ("is not allowed to deploy to", "the environment {environment} on GitHub has to let in {policy}"),
    (
        "invalid-pending-publisher",
        "{project} exists by now, so a pending publisher does no more: add this one on the project's own page, with "
        "owner {owner}, repository {repository}, workflow {workflow} and environment {environment}",
    ),
    (
        "invalid-publisher",
        "no publisher of {project} has these values, the index says: owner {owner}, repository {repository}, workflow "
        "{workflow}, environment {environment}. A file or an environment that was renamed is the commonest cause",
    ),
    (
        "not-enabled",
        "the index has switched Trusted Publishing off for now: nothing of yours is wrong, try again later",
    ),
    ("unknown trusted publishing issuer", "the index does not take identities from this GitHub server"),
    ("id-token", "the job `preflight` in {workflow} needs `id-token: write` under its `permissions:`"),
)
