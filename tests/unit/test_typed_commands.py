"""Commands in messages: as the user types them, by the same program and for the same index."""

from __future__ import annotations

import pytest

from release_channels.model.session_names import TypedCommands

REWRITTEN = {
    "the default": (TypedCommands(), "`release-channels tag` releases it", "`release-channels tag` releases it"),
    "practice": (
        TypedCommands(index="local"), "then `release-channels tag`", "then `release-channels tag --index local`",
    ),
    "practice, with options": (
        TypedCommands(index="local"), "`release-channels bump-dev --to 1.3.1` (writes it)",
        "`release-channels bump-dev --to 1.3.1 --index local` (writes it)",
    ),
    "an index that is named already": (
        TypedCommands(index="local"), "`release-channels resume v1 --index pypi`",
        "`release-channels resume v1 --index pypi`",
    ),
    "a task that takes none": (
        TypedCommands(index="local"), "`release-channels init --update`", "`release-channels init --update`",
    ),
    "invoke": (
        TypedCommands("invoke"), "next: release-channels bump", "next: invoke bump",
    ),
    "invoke, several": (
        TypedCommands("invoke", "testpypi"),
        "`release-channels tag`, then `release-channels status`\nnext: release-channels bump",
        "`invoke tag --index testpypi`, then `invoke status --index testpypi`\nnext: invoke bump --index testpypi",
    ),
    "the name alone": (
        TypedCommands("invoke"), "a bug in release-channels: x", "a bug in release-channels: x",
    ),
    "a session": (TypedCommands("invoke", "local"), "`nox -s preview`", "`nox -s preview`"),
}  # fmt: skip


@pytest.mark.parametrize(("typed", "text", "shown"), REWRITTEN.values(), ids=REWRITTEN)
def test_a_command_is_shown_as_it_is_typed(typed: TypedCommands, text: str, shown: str) -> None:
    """The program is the one that the user came through, and the index is named where it is not the default one."""
    assert typed.rewrite(text) == shown
    assert typed.rewrite(shown.replace("`invoke ", "`release-channels ")) == shown
