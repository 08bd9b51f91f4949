"""The last job fails unless every job succeeded, or was skipped for an allowed reason."""

from __future__ import annotations

import json

import pytest

from release_channels.errors import UsageError
from release_channels.model.outcome import Result
from release_channels.release.ci_result import EndedJob, Start, evaluate_jobs, parse_needs

BUILD = EndedJob("build", "success", {"publish": "true", "outcome": "done"})
FOUND_NOTHING = EndedJob("build", "success", {"publish": "false", "outcome": "skipped"})
NO_PREFLIGHT = EndedJob("preflight", "skipped")


def jobs(*build: EndedJob, **results: str) -> tuple[EndedJob, ...]:
    """Build the jobs of a run without a preflight."""
    return (NO_PREFLIGHT, *build, *(EndedJob(name, result) for name, result in results.items()))


DID_NOTHING = Start(nothing_to_do="integration-eval.yml ended failure")
GREEN = {
    "published": (
        jobs(BUILD, publish="success", verify="success"), Start(), Result.DONE, "build, publish, verify succeeded",
    ),
    "nothing to publish": (
        jobs(FOUND_NOTHING, publish="skipped", verify="skipped"), Start(), Result.SKIPPED,
        "build found nothing to publish; build succeeded",
    ),
    "the gate did not pass": (
        jobs(build="skipped", publish="skipped", verify="skipped"), DID_NOTHING, Result.SKIPPED,
        "integration-eval.yml ended failure",
    ),
    "preflight": (
        (EndedJob("preflight", "success"), *jobs(build="skipped", publish="skipped", verify="skipped")[1:]),
        Start(choice="preflight"), Result.DONE, "a preflight uploads nothing; preflight succeeded",
    ),
    "public": (
        jobs(BUILD, publish="success", **{"github-release": "success"}, verify="success"), Start(), Result.DONE,
        "build, publish, github-release, verify succeeded",
    ),
}  # fmt: skip
RED = {
    "failed": (
        jobs(EndedJob("build", "failure"), publish="skipped", verify="skipped"), Start(),
        "build ended failure; publish was skipped unexpectedly; verify was skipped unexpectedly",
    ),
    "cancelled": (jobs(BUILD, publish="cancelled", verify="skipped"), Start(),
                  "publish ended cancelled; verify was skipped unexpectedly"),
    "skipped although there was something to publish": (
        jobs(BUILD, publish="skipped", verify="success"), Start(), "publish was skipped unexpectedly",
    ),
    "skipped without a build": (
        jobs(build="skipped", publish="skipped", verify="skipped"), Start(),
        "build was skipped unexpectedly; publish was skipped unexpectedly; "
        "verify was skipped unexpectedly",
    ),
    "a foreign job that was skipped": (
        jobs(FOUND_NOTHING, publish="skipped", verify="skipped", docs="skipped"), Start(),
        "docs was skipped unexpectedly",
    ),
    "the preflight that was asked for": (
        jobs(build="skipped", publish="skipped"), Start(choice="preflight"), "preflight was skipped unexpectedly",
    ),
    "resumed and skipped": (
        jobs(build="skipped", publish="skipped"), Start(choice="resume"), "build was skipped unexpectedly",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("ended", "start", "result", "message"), GREEN.values(), ids=GREEN)
def test_a_run_succeeds_for_an_allowed_reason(
    ended: tuple[EndedJob, ...], start: Start, result: Result, message: str
) -> None:
    """The message contains it where jobs were skipped."""
    outcome = evaluate_jobs(ended, start)
    assert (outcome.result, outcome.message) == (result, message)
    assert outcome.result.is_good


@pytest.mark.parametrize(("ended", "start", "message"), RED.values(), ids=RED)
def test_a_run_fails_without_an_allowed_reason(ended: tuple[EndedJob, ...], start: Start, message: str) -> None:
    """The message contains the job that failed, was cancelled or was skipped."""
    outcome = evaluate_jobs(ended, start)
    assert outcome.result is Result.FAILED
    assert message in outcome.message


def test_needs_are_parsed_as_github_writes_them() -> None:
    """A skipped job has no outputs."""
    text = json.dumps({"build": {"result": "success", "outputs": {"outcome": "done"}}, "x": {"result": "skipped"}})
    assert parse_needs(text) == (EndedJob("build", "success", {"outcome": "done"}), EndedJob("x", "skipped"))


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"build": 1}', '{"build": {"result": 1}}', "[" * 100_000])
def test_malformed_needs_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="NEEDS"):
        parse_needs(text)
