"""Faults of GitHub: a leftover draft, an empty release, or a failing API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from release_channels.model.version import Channel
from release_channels.rehearsal.actions.run import WorkflowRunResult
from release_channels.rehearsal.faults.fault import (
    AGAIN,
    RESUME,
    End,
    Fault,
    FaultContext,
    Inject,
    Injection,
    again,
    resume,
)
from release_channels.rehearsal.github.http import broken, rate_limited, slow_down
from release_channels.rehearsal.github.state import Answer, StoredRelease


def _left(context: FaultContext, *, is_draft: bool) -> StoredRelease:
    state = context.environment.state
    with state.lock:
        now = state.clock()
        made = StoredRelease(
            id=state.new_id(), tag=context.tag, name=context.tag, body="",
            target=context.environment.config.main_branch,
            is_draft=is_draft, is_prerelease=False, created_at=now, published_at=None if is_draft else now,
        )  # fmt: skip
        state.releases[made.id] = made
    return made


@contextmanager
def _draft(context: FaultContext) -> Iterator[Injection]:
    left = _left(context, is_draft=True)
    injection = Injection(f"the draft {context.tag}")
    yield injection
    injection.fired = int(bool(left.assets))


@contextmanager
def _empty_release(context: FaultContext) -> Iterator[Injection]:
    _left(context, is_draft=False)
    yield Injection(f"the release {context.tag}", fired=1)


def _delete_and_resume(context: FaultContext, ran: WorkflowRunResult) -> WorkflowRunResult:
    """Delete the empty release by hand, as the message says, and carry on."""
    with context.environment.state.lock:
        context.environment.state.releases.clear()
    return resume(context, ran)


def _failing(answer: Callable[[FaultContext], Answer]) -> Inject:
    """Make every API request fail."""

    @contextmanager
    def inject(context: FaultContext) -> Iterator[Injection]:
        injection = Injection("GitHub's API")

        def fail(_method: str, _path: str) -> Answer:
            injection.fired += 1
            return answer(context)

        context.environment.state.faults.append(fail)
        try:
            yield injection
        finally:
            context.environment.state.faults.clear()

    return inject


FAULTS = (
    Fault(
        "draft-left", "a draft of the GitHub Release exists", Channel.PUBLIC, _draft,
        "is published", End.CONVERGED,
    ),
    Fault(
        "empty-release", "the GitHub Release is published without files", Channel.PUBLIC, _empty_release,
        "lacks", End.CONVERGED, f"delete it by hand, then {RESUME}", _delete_and_resume,
    ),
    Fault(
        "api-5xx", "GitHub's API fails", Channel.PUBLIC, _failing(lambda _scene: broken()),
        "502", End.CONVERGED, AGAIN, again,
    ),
    Fault(
        "api-limit", "GitHub's rate limit is used up", Channel.PUBLIC,
        _failing(lambda context: rate_limited(context.environment.state.clock().timestamp())),
        "limit", End.CONVERGED, AGAIN, again,
    ),
    Fault(
        "api-too-fast", "GitHub is asked too often in a short time", Channel.PUBLIC,
        _failing(lambda _scene: slow_down(None)), "limit", End.CONVERGED, AGAIN, again,
    ),
)  # fmt: skip
