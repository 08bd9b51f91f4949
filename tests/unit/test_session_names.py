"""What comes after a session that is one step of a release."""

from __future__ import annotations

from itertools import pairwise

import pytest

from release_channels.model.session_names import PREVIEW, PUBLIC, after_step


@pytest.mark.parametrize(("channel", "steps"), [("preview", PREVIEW), ("public", PUBLIC)])
def test_each_step_leads_to_the_next_one_of_its_channel(channel: str, steps: tuple[str, ...]) -> None:
    """And the last one to status; what was named is named again, as far as the command takes it."""
    named = {"--index": "mine", "--run-number": "7", "--commit": "HEAD~1"}
    for step, following in pairwise(steps):
        again = f"nox -s {following} -- --index mine --run-number 7 --commit 'HEAD~1'"
        assert after_step(step, channel, named) == again
        assert after_step(step, channel) == f"nox -s {following}"
    assert after_step(steps[-1], channel, named) == "release-channels status --index mine"
    assert after_step("", "") == "release-channels status"
