"""The next version of main: the targets of `bump` and `bump-dev`, and their refusals."""

from __future__ import annotations

from typing import Any

import pytest
from packaging.version import Version

from release_channels.errors import RefusedError, ReleaseError, UsageError
from release_channels.model.next_version import is_open, next_dev, next_final


def versions(text: str) -> list[Version]:
    return [Version(part) for part in text.split()]


FINAL = {
    # what main holds, what is taken, the options, the final
    "drops .dev0": ("1.2.0.dev0", "1.1.3", {}, "1.2.0"),
    "nothing released": ("0.1.0.dev0", "", {}, "0.1.0"),
    "a post-release": ("1.1.0.post1.dev0", "1.1.0", {}, "1.1.0.post1"),
    "an epoch": ("1!0.1.dev0", "2.0", {}, "1!0.1"),
    "to another": ("1.2.0.dev0", "1.1.3", {"to": "2.0"}, "2.0"),
    "patch": ("1.1.4.dev0", "1.1.3", {"part": "patch"}, "1.1.4"),
    "minor": ("1.1.4.dev0", "1.1.3", {"part": "minor"}, "1.2.0"),
    "major": ("1.1.4.dev0", "1.1.3 1.2.0.dev9", {"part": "major"}, "2.0.0"),
    "a part of nothing released": ("0.1.0.dev0", "", {"part": "minor"}, "0.2.0"),
    "a part of a lone number": ("1.0.dev0", "1", {"part": "patch"}, "1.0.1"),
    "a part within an epoch": ("1!0.1.dev0", "1!0.0.9", {"part": "minor"}, "1!0.1.0"),
    "previews do not count": ("1.2.0.dev0", "1.2.0.dev7", {}, "1.2.0"),
    "a candidate": ("1.2.0rc1", "1.1.3", {}, "1.2.0"),
    "a candidate that is out": ("1.2.0rc1", "1.1.3 1.2.0rc1", {}, "1.2.0"),
    "a preview of a beta": ("2.0b1.dev3", "1.1.3", {}, "2.0"),
    "from a candidate to another": ("1.2.0rc1", "1.1.3", {"to": "1.3.0"}, "1.3.0"),
    "tags: the final of a candidate": ("2.0.1.dev0", "2.0.0rc1", {"to": "2.0.0", "is_declared": False}, "2.0.0"),
}


@pytest.mark.parametrize(("main", "taken", "options", "target"), FINAL.values(), ids=FINAL)
def test_bump_selects_the_final(main: str, taken: str, options: dict[str, Any], target: str) -> None:
    """A dev line becomes its own final unless another one is requested."""
    assert next_final(Version(main), versions(taken), **options) == Version(target)


NO_FINAL = {
    "taken": ("1.2.0.dev0", "1.2.0", {}, RefusedError, "1.2.0 is taken", "channels bump --to 1.2.1`"),
    "yanked or tagged is taken": ("1.2.0.dev0", "1.1.0 1.2.0", {"to": "1.2.0"}, RefusedError, "is taken", "1.2.1"),
    "below the newest": ("1.2.0.dev0", "1.3.0", {}, RefusedError, "1.2.0 is below 1.3.0, which is released", "1.3.1"),
    "below main": ("1.2.0.dev0", "1.1.0", {"to": "1.1.1"}, RefusedError, "which main declares", "only go up"),
    "patch below main": ("2.0.0.dev0", "1.1.0", {"part": "patch"}, RefusedError, "which main declares", "only go up"),
    "a candidate": ("1.2.0.dev0", "", {"to": "1.2.0rc1"}, UsageError, "1.2.0rc1 is not a final", "--to 1.2.0"),
    "a dev release": ("1.2.0.dev0", "", {"to": "1.2.0.dev1"}, UsageError, "is not a final", "--to 1.2.0"),
    "a local version": ("1.2.0.dev0", "", {"to": "1.2.0+x"}, UsageError, "is not a final", "--to 1.2.0"),
    "no version": ("1.2.0.dev0", "", {"to": "next"}, UsageError, "'next' is not a version", "1.3.0"),
    "both": ("1.2.0.dev0", "", {"to": "2.0", "part": "major"}, UsageError, "--to 2.0 and --part major", "leave one"),
    "no part": ("1.2.0.dev0", "", {"part": "tiny"}, UsageError, "'tiny' is not a part", "major, minor, patch"),
}


@pytest.mark.parametrize(("main", "taken", "options", "error", "said", "hint"), NO_FINAL.values(), ids=NO_FINAL)
def test_bump_refuses_a_target_that_is_not_above(
    main: str, taken: str, options: dict[str, Any], error: type[ReleaseError], said: str, hint: str
) -> None:
    """Not above the newest final, or taken; the hint contains the next free one."""
    with pytest.raises(error) as stop:
        next_final(Version(main), versions(taken), **options)
    assert said in str(stop.value)
    assert hint in stop.value.hint


DEV = {
    "next patch": ("1.2.0", "1.2.0", {}, "1.2.1.dev0"),
    "above what is released elsewhere": ("1.2.0", "1.2.0 1.3.0", {}, "1.3.1.dev0"),
    "minor": ("1.2.0", "1.2.0", {"part": "minor"}, "1.3.0.dev0"),
    "to": ("1.2.0", "1.2.0", {"to": "2.0"}, "2.0.dev0"),
    "to with .dev0": ("1.2.0", "1.2.0", {"to": "2.0.dev0"}, "2.0.dev0"),
    "a post line": ("1.2.0", "1.2.0", {"to": "1.2.0.post1"}, "1.2.0.post1.dev0"),
    "after a post-release": ("1.2.0.post1", "1.2.0 1.2.0.post1", {}, "1.2.1.dev0"),
    "an epoch": ("1!1.0", "1!1.0", {}, "1!1.0.1.dev0"),
    "above a candidate": ("1.2.1.dev0", "1.2.0 2.0.0rc1", {}, "2.0.1.dev0"),
    "above a preview of a candidate": ("1.2.0", "1.2.0 1.3.0b1.dev2", {"part": "minor"}, "1.4.0.dev0"),
    "previews do not bind": ("1.2.0", "1.2.0 1.9.0.dev3", {}, "1.2.1.dev0"),
    "a candidate that nobody has": ("1.0.0rc1", "0.9.0", {}, "1.0.0.dev0"),
    "a final that nobody has": ("1.2.0", "1.1.0", {}, "1.2.1.dev0"),
    "the first candidate": ("2.0b1", "", {}, "2.0.dev0"),
    "a preview of a candidate": ("1.0.0rc1.dev2", "0.9.0", {}, "1.0.0.dev0"),
    "a candidate that is out": ("1.0.0rc1", "0.9.0 1.0.0rc1", {}, "1.0.1.dev0"),
    "a candidate after one that is out": ("1.0.0rc2", "1.0.0rc1", {}, "1.0.1.dev0"),
    "a candidate to its own line": ("1.0.0rc1", "0.9.0", {"to": "1.0.0"}, "1.0.0.dev0"),
    "a candidate to another line": ("1.0.0rc1", "1.0.0rc1", {"to": "1.1.0"}, "1.1.0.dev0"),
    "a candidate by a part": ("1.0.0rc1", "0.9.0", {"part": "minor"}, "1.1.0.dev0"),
}


@pytest.mark.parametrize(("main", "taken", "options", "target"), DEV.values(), ids=DEV)
def test_bump_dev_opens_the_next_dev_line(main: str, taken: str, options: dict[str, str], target: str) -> None:
    """That of the next patch unless another one is requested."""
    assert next_dev(Version(main), versions(taken), **options) == Version(target)


NO_DEV = {
    "a closed line": ("1.2.0", "1.2.0", {"to": "1.2.0"}, RefusedError, "1.2.0.dev0 is below 1.2.0"),
    "a taken line": ("1.2.0", "1.2.0 1.3.0.dev0", {"to": "1.3.0"}, RefusedError, "1.3.0.dev0 is taken"),
    "a local version": ("1.2.0", "1.2.0", {"to": "1.3.0+x"}, UsageError, "not the start of a dev line"),
    "both": ("1.2.0", "", {"to": "2.0", "part": "major"}, UsageError, "--to 2.0 and --part major"),
    "below main": ("1.3.0", "1.2.0", {"to": "1.2.5"}, RefusedError, "which main declares"),
    "below a candidate": ("1.2.0", "1.2.0 2.0.0rc1", {"to": "2.0.0"}, RefusedError, "2.0.0.dev0 is below 2.0.0rc1"),
    "a candidate": ("1.2.0", "1.2.0", {"to": "1.3.0rc1"}, UsageError, "not the start of a dev line"),
    "below a candidate on main": ("2.0.0rc1", "1.2.0", {"to": "1.3.0"}, RefusedError, "which main declares"),
    "a candidate's own line": ("2.0.0rc1", "2.0.0rc1", {"to": "2.0.0"}, RefusedError, "rc1, which main declares"),
    "another number": ("1.2.0", "1.2.0", {"to": "1.3.0.dev1"}, UsageError, "not the start of a dev line"),
}


@pytest.mark.parametrize(("main", "taken", "options", "error", "said"), NO_DEV.values(), ids=NO_DEV)
def test_bump_dev_refuses_a_line_below_a_release(
    main: str, taken: str, options: dict[str, str], error: type[ReleaseError], said: str
) -> None:
    """Installers would never pick its previews."""
    with pytest.raises(error) as stop:
        next_dev(Version(main), versions(taken), **options)
    assert said in str(stop.value)
    assert "bump --to" not in stop.value.hint
    assert "taken" not in said or "`release-channels bump-dev --to 1.2.1`" in stop.value.hint


def test_only_a_dev_release_is_an_open_line() -> None:
    """A final is closed, and a candidate is neither."""
    assert is_open(Version("1.0.dev0"))
    assert not is_open(Version("1.0.post1"))
    with pytest.raises(RefusedError, match="pre-release"):
        is_open(Version("1.0rc1"))
