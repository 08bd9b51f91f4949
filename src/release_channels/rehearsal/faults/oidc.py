"""Faults of Trusted Publishing: wrong environment, workflow file, publisher or permission."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from release_channels.model.version import Channel
from release_channels.rehearsal.actions.run import RunOverrides
from release_channels.rehearsal.faults.fault import AGAIN, End, Fault, FaultContext, Inject, Injection, again

_COMPARE = "compare owner, repository, workflow file name and environment with the trusted publisher"
_PUBLISH = "publish"
_EXCHANGE = "the exchange of the identity"
IDENTITY = "id-token: write"


def _claims(**changed: str) -> Inject:
    """Change the claims in the jobs' OIDC tokens; `{repository}` is the repository's name."""

    @contextmanager
    def inject(context: FaultContext) -> Iterator[Injection]:
        injection = Injection(_EXCHANGE)
        before = _minted(context)
        context.environment.runner.claims.update(
            {key: value.format(repository=context.environment.repository) for key, value in changed.items()}
        )
        try:
            yield injection
        finally:
            context.environment.runner.claims.clear()
            injection.fired = _minted(context) - before

    return inject


@contextmanager
def _no_publisher(context: FaultContext) -> Iterator[Injection]:
    injection = Injection(_EXCHANGE)
    before = _minted(context)
    kept = list(context.environment.publishers)
    context.environment.publishers.clear()
    try:
        yield injection
    finally:
        context.environment.publishers[:] = kept
        injection.fired = _minted(context) - before


@contextmanager
def _no_permission(context: FaultContext) -> Iterator[Injection]:
    job = context.workflow.job(_PUBLISH)
    yield Injection(
        f"the job {_PUBLISH}",
        RunOverrides(without=(f"{_PUBLISH}/{IDENTITY}",)),
        fired=int(job is not None and job.may(IDENTITY)),
    )


def _minted(context: FaultContext) -> int:
    """Count how often an identity was refused in exchange for a token."""
    return sum(line == "POST /_/oidc/mint-token 422" for line in context.environment.index.requests)


def _refused(name: str, what: str, inject: Inject) -> Fault:
    then = f"correct it, then {AGAIN}"
    return Fault(name, what, Channel.PREVIEW, inject, _COMPARE, End.CONVERGED, then, again)


FAULTS = (
    _refused("oidc-environment", "the job's environment is not the publisher's", _claims(environment="elsewhere")),
    _refused(
        "oidc-workflow", "the workflow file is not the publisher's",
        _claims(job_workflow_ref="{repository}/.github/workflows/other.yml@refs/heads/main"),
    ),
    _refused("oidc-publisher", "the index knows no publisher", _no_publisher),
    Fault(
        "oidc-permission", "the job has no `id-token: write`", Channel.PREVIEW, _no_permission,
        "give the publishing job `permissions: id-token: write`", End.CONVERGED, f"grant it, then {AGAIN}", again,
    ),
)  # fmt: skip
