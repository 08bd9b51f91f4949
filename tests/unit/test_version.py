"""The version model: dev lines, run numbers, and the refusals."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.version import Version

from release_channels.errors import RefusedError, UsageError
from release_channels.model.version import (
    Line,
    final_of,
    line_of,
    next_dev_line,
    next_free,
    parse_project_version,
    parse_run_number,
    preview_of,
)

NUMBER = st.integers(0, 10**6)
RUN = st.integers(1, 10**10 - 1)


@st.composite
def finals(draw: st.DrawFn) -> Version:
    """Generate finals and post-releases, with an epoch or without."""
    epoch = draw(st.integers(0, 3))
    release = ".".join(str(part) for part in draw(st.lists(NUMBER, min_size=1, max_size=5)))
    post = draw(st.none() | NUMBER)
    return Version((f"{epoch}!" if epoch else "") + release + ("" if post is None else f".post{post}"))


@given(finals(), NUMBER, RUN)
@settings(max_examples=100)
def test_a_preview_sorts_below_its_final(final: Version, dev: int, run: int) -> None:
    """So installers pick it until its final is published."""
    preview = preview_of(Version(f"{final}.dev{dev}"), run)
    assert preview < final
    assert final_of(preview) == final


@given(finals(), RUN)
@settings(max_examples=100)
def test_a_preview_of_the_next_line_sorts_above_the_release(final: Version, run: int) -> None:
    """Above the final or post-release before it."""
    line = next_dev_line(final)
    assert final < preview_of(line, run) < final_of(line)
    assert line.epoch == final.epoch


@given(finals(), RUN)
@settings(max_examples=100)
def test_a_preview_sorts_above_the_previous_post_release(final: Version, run: int) -> None:
    """Previews of a post-release sort above the final and the post-release before it."""
    base = Version(final.base_version)
    post = 0 if final.post is None else final.post
    previous = Version(f"{base}.post{post}")
    assert base < previous < preview_of(Version(f"{base}.post{post + 1}.dev0"), run)


@given(finals(), RUN, RUN)
@settings(max_examples=100)
def test_run_numbers_order_previews(final: Version, one: int, other: int) -> None:
    """Within one dev line, the higher number is newer."""
    line = Version(f"{final}.dev0")
    assert (preview_of(line, one) < preview_of(line, other)) == (one < other)


@given(finals(), NUMBER, RUN)
@settings(max_examples=100)
def test_the_run_number_replaces_only_the_dev_segment(final: Version, dev: int, run: int) -> None:
    """Epoch, release segment with its zeros, and post segment stay."""
    line = Version(f"{final}.dev{dev}")
    preview = preview_of(line, run)
    assert (preview.epoch, preview.release, preview.post) == (line.epoch, line.release, line.post)
    assert str(preview) == f"{final}.dev{run}"
    assert line_of(preview) is Line.DEV
    assert line_of(final) is Line.FINAL


@pytest.mark.parametrize(
    ("line", "preview"),
    [
        ("1.2.0.dev0", "1.2.0.dev42"),
        ("1.2.0.dev", "1.2.0.dev42"),
        ("1.2.0.dev7", "1.2.0.dev42"),
        ("1.2.0dev7", "1.2.0.dev42"),
        ("1.0.post1.dev0", "1.0.post1.dev42"),
        ("2!1.0.dev0", "2!1.0.dev42"),
        ("2!1.0.post3.dev9", "2!1.0.post3.dev42"),
        ("1.dev0", "1.dev42"),
        ("1.2.3.4.5.dev0", "1.2.3.4.5.dev42"),
    ],
)
def test_every_dev_line_gives_a_preview(line: str, preview: str) -> None:
    """In every form of the model's first row."""
    version = parse_project_version(line)
    assert line_of(version) is Line.DEV
    assert str(preview_of(version, 42)) == preview


@pytest.mark.parametrize("text", ["1.0", "1", "0.0.0", "1.0.post1", "2!1.0", "2!1.0.post0", "1.0.post"])
def test_finals_and_post_releases_are_public_versions(text: str) -> None:
    assert line_of(parse_project_version(text)) is Line.FINAL


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("1.0a1", "`release-channels bump-dev` opens a dev line"),
        ("1.0b2", "`release-channels bump-dev` opens a dev line"),
        ("1.0rc3", "`release-channels bump-dev` opens a dev line"),
        ("1.0a1.dev0", "`release-channels bump-dev` opens a dev line"),
        ("1.0rc1.dev5", "`release-channels bump-dev` opens a dev line"),
        ("1.0rc1.post1", "`release-channels bump-dev` opens a dev line"),
        ("2!1.0rc1", "`release-channels bump-dev` opens a dev line"),
        ("1.0+local", '"1.0"'),
        ("1.0.dev0+local.1", '"1.0.dev0"'),
        ("1.0rc1+local", '"1.0rc1"'),
    ],
)
def test_a_version_of_no_channel_is_refused(text: str, hint: str) -> None:
    """Pre-releases and local versions; the hint contains the version to write."""
    with pytest.raises(RefusedError, match=r"local version|pre-release") as stop:
        line_of(parse_project_version(text))
    assert hint in stop.value.hint


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "1.2.3.dev0"),
        ("one", "1.2.3.dev0"),
        ("1.0.devx", "1.2.3.dev0"),
        ("1..0", "1.2.3.dev0"),
        ("1.0.dev٣", "1.2.3.dev0"),
        ("1.0 .dev0", "1.2.3.dev0"),
        ("1.x", "1.2.3.dev0"),
        ("9" * 5000, "1.2.3.dev0"),
        ("v1.0", 'write "1.0"'),
        (" V1.0", 'write "1.0"'),
        ("1.0-1", 'write "1.0.post1"'),
        ("1.0-2 ", 'write "1.0.post2"'),
    ],
    ids=lambda text: text[:12],
)
def test_an_invalid_version_is_refused(text: str, hint: str) -> None:
    """Also text that would be parsed as another version."""
    with pytest.raises(RefusedError) as stop:
        parse_project_version(text)
    assert hint in stop.value.hint
    assert len(str(stop.value)) < 200


@pytest.mark.parametrize(
    ("version", "line"),
    [
        ("1.2.3", "1.2.4.dev0"),
        ("1.2", "1.2.1.dev0"),
        ("1", "1.0.1.dev0"),
        ("1.2.3.4", "1.2.4.dev0"),
        ("1.2.post3", "1.2.1.dev0"),
        ("3!1.2.9", "3!1.2.10.dev0"),
        ("2.0rc1", "2.0.1.dev0"),
    ],
)
def test_the_next_dev_line_is_the_next_patch(version: str, line: str) -> None:
    assert str(next_dev_line(Version(version))) == line
    assert next_dev_line(Version(version)) > Version(version)


def test_a_refusal_shows_the_beginning_of_a_long_text() -> None:
    with pytest.raises(RefusedError, match=f"^'{'9' * 80}' is not a version$"):
        parse_project_version("9" * 5000)
    with pytest.raises(UsageError, match=f"^'{'9' * 20}' is not a run number$"):
        parse_run_number("9" * 5000)


def test_the_next_free_version_is_above_every_final() -> None:
    """Previews and candidates leave it."""
    taken = [Version(text) for text in ("0.9", "1.4", "2.0.dev7", "3.0rc1")]
    assert next_free(Version("1.2"), taken) == Version("1.4.1")
    assert next_free(Version("1.5"), taken) == Version("1.5.1")


@given(RUN)
@settings(max_examples=50)
def test_every_positive_integer_is_a_run_number(run: int) -> None:
    assert parse_run_number(str(run)) == run


NO_RUN_NUMBERS = {
    "zero": "0",
    "negative": "-1",
    "plus": "+1",
    "fraction": "1.5",
    "exponent": "1e3",
    "arabic three": "٣",
    "superscript": "²",
    "empty": "",
    "5,000 digits": "1" * 5000,
    "eleven digits": "1" * 11,
    "leading zero": "042",
    "space before": " 42",
    "space behind": "42 ",
    "newline": "42\n",
    "underscore": "1_000",
    "hex": "0x1f",
    "text": "run",
}


@pytest.mark.parametrize("text", NO_RUN_NUMBERS.values(), ids=NO_RUN_NUMBERS)
def test_an_invalid_run_number_is_refused(text: str) -> None:
    """The message stays short, and the hint contains an example."""
    with pytest.raises(UsageError, match="is not a run number") as stop:
        parse_run_number(text)
    assert len(str(stop.value)) < 80
    assert "decimal digits" in stop.value.hint
