"""The .gitignore of an adopting project: lines are added, and none is changed."""

from __future__ import annotations

import pytest

from release_channels.adoption.plan import with_ignored

OURS = ".nox/\ndist/\nrelease.json\n"
FILES: dict[str, tuple[str | None, str]] = {
    "none": (None, OURS),
    "empty": ("", OURS),
    "all there": ("/dist\nrelease.json\n.nox\n\n\n", "/dist\nrelease.json\n.nox\n\n\n"),
    "some there": ("dist/\n*.pyc\n", "dist/\n*.pyc\n.nox/\nrelease.json\n"),
    "escaped blank at the end": ("a\\ \n", f"a\\ \n{OURS}"),
    "escaped blank in the last line": ("a\\ ", f"a\\ \n{OURS}"),
    "blank lines at the end": ("a\n\n\n", f"a\n\n\n{OURS}"),
    "CRLF": ("a\r\nb", "a\r\nb\r\n" + OURS.replace("\n", "\r\n")),
}


@pytest.mark.parametrize(("text", "expected"), FILES.values(), ids=FILES)
def test_gitignore_only_gains_lines(text: str | None, expected: str) -> None:
    """Also where a line ends in an escaped blank, or all of them in CRLF."""
    assert with_ignored(text) == expected
    assert with_ignored(expected) == expected
