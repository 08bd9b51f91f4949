"""What comes after a session that is one step of a release."""

from __future__ import annotations

from itertools import pairwise

import pytest

from release_channels.model.session_names import PREVIEW, PUBLIC, after_step


@pytest.mark.parametrize(("channel", "steps"), [("preview", PREVIEW), ("public", PUBLIC)])
def test_each_step_leads_to_the_next_one_of_its_channel(channel: str, steps: tuple[str, ...]) -> None:
    """And the last one to status; an index that was named is named again."""
    for step, following in pairwise(steps):
        assert after_step(step, channel, "mine") == f"nox -s {following} -- --index mine"
        assert after_step(step, channel, "") == f"nox -s {following}"
    assert after_step(steps[-1], channel, "mine") == "release-channels status --index mine"
    assert after_step("", "", "") == "release-channels status"
