"""The release that each Python gets, and why it is not a newer one."""

from __future__ import annotations

import pytest
from packaging.version import Version

from release_channels.model.observed import IndexFile, IndexState
from release_channels.release.verify_policy import final_for_older_python, offered_final, skipped_finals


def index_of(*releases: str) -> IndexState:
    """Build an index from lines like `1.0 >=3.9`, with `yanked` first where that applies."""
    found: dict[Version, tuple[IndexFile, ...]] = {}
    for release in releases:
        name, _, bound = release.removeprefix("yanked ").partition(" ")
        file = IndexFile(f"demo-{name}.tar.gz", "", None, requires_python=bound or None, yanked="yanked" in release)
        found[Version(name)] = (*found.get(Version(name), ()), file)
    return IndexState("local", found)


@pytest.mark.parametrize(
    ("releases", "version", "expected"),
    [
        pytest.param(["1.1.dev2 >=3.9", "1.0 >=3.9"], "1.1.dev2", (), id="same bound: quiet"),
        pytest.param(["1.1.dev2"], "1.1.dev2", (), id="no bound: quiet"),
        pytest.param(["1.1.dev2 >=3.11"], "1.1.dev2", (), id="nothing older: the installer says so"),
        pytest.param(["1.0"], "1.1.dev2", (), id="not shown yet: quiet"),
        pytest.param(["1.1.dev2 three", "1.0"], "1.1.dev2", (), id="a bound that does not parse excludes nobody"),
        pytest.param(["1.1.dev2 >=3.9.2", "1.0 >=3.9"], "1.1.dev2", (), id="a bound within a minor version"),
        pytest.param(["1.1.dev2 ==3.9.7", "1.0 ==3.9.7"], "1.1.dev2", (), id="one patch release"),
        pytest.param(["1.1.dev2 >=3.10", "yanked 1.0"], "1.1.dev2", (), id="yanked is nothing to get"),
        pytest.param(["1.1.dev2 >=3.10", "1.1.dev3"], "1.1.dev2", (), id="a newer one is nothing older"),
        pytest.param(
            ["1.1.dev2 >=3.10", "1.0 >=3.9", "0.9"], "1.1.dev2",
            ("preview users on Python 3.9, which 1.1.dev2 does not take, silently get 1.0 instead",
             "preview users on Python 3.8, which 1.1.dev2 does not take, silently get 0.9 instead"),
            id="each Python its own",
        ),
        pytest.param(
            ["1.1.dev2 >=3.10", "1.1.dev1 >=3.8", "1.0 >=3.8"], "1.1.dev2",
            ("preview users on Python 3.8 and 3.9, which 1.1.dev2 does not take, silently get 1.1.dev1 instead",),
            id="an older preview",
        ),
        pytest.param(
            ["1.1 >=3.10", "1.1.dev9 >=3.8", "1.0 >=3.8"], "1.1",
            ("public users on Python 3.8 and 3.9, which 1.1 does not take, silently get 1.0 instead",),
            id="a final: the older final",
        ),
        pytest.param(
            ["1.1 >=3.10", "1.1.dev9 >=3.9"], "1.1",
            ("public users on Python 3.9, which 1.1 does not take, silently get 1.1.dev9 instead",),
            id="a final: without an older one even a preview",
        ),
        pytest.param(
            ["1.1.dev2 <3.15", "1.0"], "1.1.dev2",
            ("preview users on Python 3.15, which 1.1.dev2 does not take, silently get 1.0 instead",),
            id="a newer Python",
        ),
    ],
)  # fmt: skip
def test_pythons_that_get_an_older_release_are_reported(
    releases: list[str], version: str, expected: tuple[str, ...]
) -> None:
    """Only where installers would choose it silently."""
    assert final_for_older_python(index_of(*releases), Version(version)) == expected


@pytest.mark.parametrize(
    ("releases", "final", "withheld"),
    [
        pytest.param([], None, (), id="none"),
        pytest.param(["1.0.dev1"], None, (), id="previews alone"),
        pytest.param(["1.0", "0.9", "1.1rc1"], "1.0", (), id="the newest"),
        pytest.param(["1.0.post1", "1.0"], "1.0.post1", (), id="a post-release"),
        pytest.param(["yanked 1.0", "0.9"], "0.9", ("1.0 is yanked",), id="yanked"),
        pytest.param(["1.0 >=3.12", "0.9 <3.11.4"], "0.9", ("1.0 asks for Python >=3.12",), id="excluded"),
        pytest.param(
            ["1.0 >=3.12", "0.9 <3.11.2"], None,
            ("1.0 asks for Python >=3.12", "0.9 asks for Python <3.11.2"), id="all excluded",
        ),
        pytest.param(["1.0 >=3.12", "1.0 <3.9"], None, ("1.0 asks for Python <3.9 or >=3.12",), id="two files"),
    ],
)  # fmt: skip
def test_a_python_gets_the_newest_final_that_allows_it(
    releases: list[str], final: str | None, withheld: tuple[str, ...]
) -> None:
    """Each newer one has a reason: yanked, or closed to this Python."""
    state = index_of(*releases)
    assert offered_final(state, "3.11.3") == (Version(final) if final else None)
    assert skipped_finals(state, "3.11.3") == withheld
