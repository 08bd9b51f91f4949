"""The version model's table, row by row, and every reason of a plan."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.version import Version

from release_channels.errors import UsageError
from release_channels.model.config import ClosedLine, Config
from release_channels.model.decide import Plan, Reason, Request, Verdict, decide
from release_channels.model.observed import Commit, IndexFile, IndexState, Observed, Preview, Relation, Tag
from release_channels.model.version import Channel, preview_of

HERE, THERE = "a" * 40, "b" * 40
CONFIG = Config()


def observed(
    main: str,
    *there: str,
    newest: Relation | None = None,
    same: Relation | None = None,
    tag: Relation | None = None,
    kept_run: int | None = None,
    yanked: Iterable[str] = (),
) -> Observed:
    """Build a state in which main declares one version and the index others, related to the current commit."""
    releases = {
        Version(text): (IndexFile(f"x-{text}.tar.gz", "u", None, yanked=text in yanked),) for text in (*there, *yanked)
    }
    index = IndexState("local", releases)
    top = index.newest_preview()
    return Observed(
        project="x",
        version=Version(main),
        commit=Commit(HERE, 0),
        index=index,
        tag=None if tag is None else Tag(f"v{Version(main).base_version}", THERE, tag),
        newest_preview=None if newest is None or top is None else preview(top, newest),
        same_version=None if same is None else preview(preview_of(Version(main), kept_run or 42), same),
        local_commits=_kept(Version(main), kept_run),
    )


def _kept(main: Version, run: int | None) -> dict[Version, str]:
    return {} if run is None or main.pre is not None else {preview_of(main, run): HERE}


def preview(version: Version, relation: Relation) -> Preview:
    known = {Relation.UNKNOWN: None, Relation.SAME: HERE}
    return Preview(version, known.get(relation, THERE), relation)


def plan(world: Observed, run: int | None = 42, **config: Any) -> Plan:
    return decide(world, Request(Channel.PREVIEW, run=run), Config(**config))


PUBLISHED = {
    # what main holds, the run number, what is on the index; the version, the reason
    "nothing there": (observed("1.0.dev0"), 42, "1.0.dev42", Reason.OPEN),
    "dev without a number": (observed("1.0.dev"), 42, "1.0.dev42", Reason.OPEN),
    "previous final there": (observed("1.0.dev0", "0.9"), 42, "1.0.dev42", Reason.OPEN),
    "lower one there": (observed("1.0.dev0", "1.0.dev41", newest=Relation.DESCENDANT), 42, "1.0.dev42", Reason.OPEN),
    "lower rc there": (observed("1.0.dev0", "0.9rc1"), 42, "1.0.dev42", Reason.OPEN),
    "preview of the line before": (
        observed("1.1.dev0", "1.0", "1.0.dev99", newest=Relation.DESCENDANT), 42, "1.1.dev42", Reason.OPEN,
    ),
    "post-release line": (observed("1.0.post1.dev0", "1.0"), 42, "1.0.post1.dev42", Reason.OPEN),
    "epoch": (observed("1!0.1.dev0", "2026.1"), 42, "1!0.1.dev42", Reason.OPEN),
    "epoch and post-release": (observed("1!0.1.post2.dev0", "1!0.1.post1"), 42, "1!0.1.post2.dev42", Reason.OPEN),
    "other side of a fork": (observed("1.0.dev0", "1.0.dev41", newest=Relation.DIVERGED), 42, "1.0.dev42", Reason.OPEN),
    "the same commit": (
        observed("1.0.dev0", "1.0.dev42", newest=Relation.SAME, same=Relation.SAME), 42, "1.0.dev42", Reason.ALREADY,
    ),
    "an unknown commit": (
        observed("1.0.dev0", "1.0.dev42", newest=Relation.UNKNOWN, same=Relation.UNKNOWN), 42, "1.0.dev42",
        Reason.ALREADY,
    ),
    "nobody looked": (observed("1.0.dev0", "1.0.dev42", newest=Relation.UNKNOWN), 42, "1.0.dev42", Reason.ALREADY),
    "the same commit, a higher one there": (
        observed("1.0.dev0", "1.0.dev42", "1.0.dev43", newest=Relation.ANCESTOR, same=Relation.SAME), 42, "1.0.dev42",
        Reason.ALREADY,
    ),
    "late": (observed("1.0.dev0", "1.0.dev43", newest=Relation.ANCESTOR), 42, "1.0.dev42", Reason.LATE),
    "late, another line": (
        observed("1.0.dev0", "1.1.dev43", newest=Relation.ANCESTOR), 42, "1.0.dev42", Reason.LATE,
    ),
    "late behind a preview of a post-release": (
        observed("1.0.dev0", "1.0.post1.dev1", newest=Relation.ANCESTOR), 42, "1.0.dev42", Reason.LATE,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("world", "run", "version", "reason"), PUBLISHED.values(), ids=PUBLISHED)
def test_a_dev_line_is_published_with_the_run_number(world: Observed, run: int, version: str, reason: Reason) -> None:
    """Without a warning."""
    made = plan(world, run)
    assert (made.verdict, made.reason, str(made.version), made.run) == (Verdict.PUBLISH, reason, version, run)
    assert (made.channel, made.project, made.index, made.commit) == (Channel.PREVIEW, "x", "local", HERE)
    assert made.warnings == ()
    assert version in made.message


WARNED = {
    "late, unknown commit": (
        observed("1.0.dev0", "1.0.dev43", newest=Relation.UNKNOWN), Reason.LATE, "does not say which commit",
    ),
    "nobody looked at the newest": (observed("1.0.dev0", "1.0.dev43"), Reason.LATE, "does not say which commit"),
    "late, other side of a fork": (
        observed("1.0.dev0", "1.0.dev43", newest=Relation.DIVERGED), Reason.LATE,
        f"commit {THERE[:12]}, on another branch",
    ),
    "late, the same commit": (
        observed("1.0.dev0", "1.0.dev43", newest=Relation.SAME), Reason.LATE, "already on the index as 1.0.dev43",
    ),
    "the version went down": (
        observed("1.0.dev0", "1.1.dev43", newest=Relation.DESCENDANT), Reason.LATE, "the version on main went down",
    ),
    "the same commit again": (
        observed("1.0.dev0", "1.0.dev41", newest=Relation.SAME), Reason.OPEN, "already on the index as 1.0.dev41",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("world", "reason", "warning"), WARNED.values(), ids=WARNED)
def test_a_doubtful_preview_is_published_with_one_warning(world: Observed, reason: Reason, warning: str) -> None:
    made = plan(world)
    assert (made.verdict, made.reason, str(made.version)) == (Verdict.PUBLISH, reason, "1.0.dev42")
    assert len(made.warnings) == 1
    assert warning in made.warnings[0]


SKIPPED = {
    "staged": (observed("1.0"), Reason.STAGED, "1.0, which is not on the index yet"),
    "staged post-release": (observed("1.0.post1", "1.0"), Reason.STAGED, "1.0.post1"),
    "staged, previews there": (observed("1.0", "1.0.dev42", newest=Relation.DESCENDANT), Reason.STAGED, "1.0"),
    "released by tag, the commit": (observed("1.0", "1.0", tag=Relation.SAME), Reason.RELEASED, "v1.0"),
    "released by tag, before it": (observed("1.0", "1.0", tag=Relation.ANCESTOR), Reason.RELEASED, "v1.0"),
    "superseded, the commit": (observed("1.0.dev0", "1.0", tag=Relation.SAME), Reason.SUPERSEDED, "v1.0"),
    "superseded, before it": (observed("1.0.dev0", "1.0", tag=Relation.ANCESTOR), Reason.SUPERSEDED, "v1.0"),
}


@pytest.mark.parametrize(("world", "reason", "message"), SKIPPED.values(), ids=SKIPPED)
@pytest.mark.parametrize("run", [42, None], ids=["run", "no run"])
def test_a_commit_of_the_public_channel_is_skipped(
    world: Observed, reason: Reason, message: str, run: int | None
) -> None:
    """The preview needs no run number then."""
    made = decide(world, Request(Channel.PREVIEW, run=run, may_count=False), CONFIG)
    assert (made.verdict, made.reason, made.version, made.run) == (Verdict.SKIP, reason, None, None)
    assert message in made.message


REFUSED = {
    "alpha": (observed("1.0a1"), Reason.UNFIT, "1.0a1 is a pre-release", "bump-dev` opens"),
    "beta": (observed("1.0b1"), Reason.UNFIT, "1.0b1 is a pre-release", "bump-dev` opens"),
    "rc": (observed("1.0rc1"), Reason.UNFIT, "1.0rc1 is a pre-release", "bump-dev` opens"),
    "dev of an rc": (observed("1.0rc1.dev0"), Reason.UNFIT, "1.0rc1.dev0 is a pre-release", "bump-dev` opens"),
    "local": (observed("1.0+x"), Reason.UNFIT, "1.0+x is a local version", '"1.0"'),
    "dev with a local part": (observed("1.0.dev0+x"), Reason.UNFIT, "a local version", '"1.0.dev0"'),
    "closed, after the tag": (observed("1.0", "1.0", tag=Relation.DESCENDANT), Reason.CLOSED, "1.0", "--to 1.0.1`"),
    "closed, no tag": (observed("1.0", "1.0"), Reason.CLOSED, "still declares 1.0", "--to 1.0.1`"),
    "closed, beside the tag": (observed("1.0", "1.0", tag=Relation.DIVERGED), Reason.CLOSED, "1.0", "--to 1.0.1`"),
    "closed, tag not known": (observed("1.0", "1.0", tag=Relation.UNKNOWN), Reason.CLOSED, "1.0", "--to 1.0.1`"),
    "closed, higher final there": (observed("1.0", "1.0", "2.0"), Reason.CLOSED, "still declares 1.0", "--to 2.0.1`"),
    "closed, yanked": (observed("1.0", yanked=["1.0"]), Reason.CLOSED, "still declares 1.0", "--to 1.0.1`"),
    "final there": (observed("1.0.dev0", "1.0"), Reason.BEHIND, "1.0 is already on the index", "writes 1.0.1.dev0"),
    "final there, after the tag": (
        observed("1.0.dev0", "1.0", tag=Relation.DESCENDANT), Reason.BEHIND, "1.0 is already on the index",
        "writes 1.0.1.dev0",
    ),
    "final there, written shorter": (observed("1.0.0.dev0", "1.0"), Reason.BEHIND,
                                      "is already on the index", "1.0.1.dev0"),
    "final yanked": (observed("1.0.dev0", yanked=["1.0"]), Reason.BEHIND, "1.0 is already on the index", "1.0.1.dev0"),
    "final and a higher one there": (observed("1.0.dev0", "1.0", "2.0"), Reason.BEHIND, "1.0", "writes 2.0.1.dev0"),
    "higher final": (observed("1.0.dev0", "1.1"), Reason.BEHIND, "1.1 on the index is above", "writes 1.1.1.dev0"),
    "higher post-release": (observed("1.0.dev0", "1.0.post1"), Reason.BEHIND, "1.0.post1", "writes 1.0.1.dev0"),
    "post-release there": (observed("1.0.post1.dev0", "1.0.post1"), Reason.BEHIND, "1.0.post1", "writes 1.0.1.dev0"),
    "higher yanked": (observed("1.0.dev0", yanked=["1.1"]), Reason.BEHIND, "1.1 on the index", "writes 1.1.1.dev0"),
    "alpha there": (observed("1.0.dev0", "1.0a1"), Reason.BEHIND, "1.0a1 on the index", "writes 1.0.1.dev0"),
    "rc there": (observed("1.0.dev0", "1.0rc1"), Reason.BEHIND, "1.0rc1 on the index", "writes 1.0.1.dev0"),
    "dev of an rc there": (observed("1.0.dev0", "1.0rc1.dev1"), Reason.BEHIND, "1.0rc1.dev1", "writes 1.0.1.dev0"),
    "higher epoch": (observed("2026.1.dev0", "1!0.1"), Reason.BEHIND, "1!0.1 on the index", "writes 1!0.1.1.dev0"),
}  # fmt: skip


@pytest.mark.parametrize(("world", "reason", "message", "hint"), REFUSED.values(), ids=REFUSED)
def test_a_version_that_installers_would_not_pick_is_refused(
    world: Observed, reason: Reason, message: str, hint: str
) -> None:
    """Nothing is built; the hint contains the fix."""
    made = plan(world)
    assert (made.verdict, made.reason, made.version) == (Verdict.REFUSE, reason, None)
    assert message in made.message
    assert hint in made.hint


CUT_OFF = replace(
    observed("1.0.dev0", "1.0.dev43"),
    newest_preview=Preview(Version("1.0.dev43"), THERE, Relation.UNKNOWN),
    is_shallow=True,
)


def test_a_shallow_history_cannot_hide_a_restarted_counter() -> None:
    """Without the newest preview's commit, a real index gets nothing, and practice a warning."""
    made = decide(CUT_OFF, Request(Channel.PREVIEW, index="pypi", run=42, may_count=False), CONFIG)
    assert (made.verdict, made.reason, str(made.version), made.run) == (
        Verdict.REFUSE, Reason.CUT_OFF, "1.0.dev42", 42,
    )  # fmt: skip
    assert f"commit {THERE[:12]}, which this shallow clone does not contain" in made.message
    assert "fetch-depth: 0" in made.hint
    practice = plan(CUT_OFF)
    assert (practice.verdict, practice.reason) == (Verdict.PUBLISH, Reason.LATE)
    assert "in this clone, which is shallow" in practice.warnings[0]
    assert "which lacks it" in plan(replace(CUT_OFF, is_shallow=False)).warnings[0]


HARMLESS = {
    "another line": replace(CUT_OFF, version=Version("0.9.dev0")),
    "a whole clone": replace(CUT_OFF, is_shallow=False),
    "a known relation": replace(observed("1.0.dev0", "1.0.dev43", newest=Relation.ANCESTOR), is_shallow=True),
}


@pytest.mark.parametrize("world", HARMLESS.values(), ids=HARMLESS)
def test_a_shallow_history_alone_stops_no_late_preview(world: Observed) -> None:
    made = decide(world, Request(Channel.PREVIEW, index="pypi", run=42, may_count=False), CONFIG)
    assert (made.verdict, made.reason) == (Verdict.PUBLISH, Reason.LATE)


def test_a_taken_number_is_taken_in_a_shallow_clone_too() -> None:
    there = Preview(Version("1.0.dev42"), THERE, Relation.UNKNOWN)
    world = replace(observed("1.0.dev0", "1.0.dev42"), newest_preview=there, same_version=there, is_shallow=True)
    made = decide(world, Request(Channel.PREVIEW, index="pypi", run=42, may_count=False), CONFIG)
    assert (made.reason, made.run) == (Reason.TAKEN, 42)


def test_a_preview_without_a_commit_hides_no_restarted_counter() -> None:
    """A whole clone would not know its commit either."""
    world = replace(CUT_OFF, newest_preview=Preview(Version("1.0.dev43"), None, Relation.UNKNOWN))
    made = decide(world, Request(Channel.PREVIEW, index="pypi", run=42, may_count=False), CONFIG)
    assert (made.verdict, made.reason) == (Verdict.PUBLISH, Reason.LATE)


def test_a_number_of_a_commit_outside_the_clone_is_taken() -> None:
    """A known SHA is another commit, whether or not the clone contains it."""
    there = Preview(Version("1.0.dev42"), THERE, Relation.UNKNOWN)
    made = plan(replace(observed("1.0.dev0", "1.0.dev42"), newest_preview=there, same_version=there))
    assert (made.verdict, made.reason) == (Verdict.REFUSE, Reason.TAKEN)


def test_with_tag_versions_the_hint_is_to_tag() -> None:
    """`bump-dev` writes nothing there."""
    made = plan(replace(observed("1.0.dev0", "1.0"), is_written=False))
    assert (made.verdict, made.reason) == (Verdict.REFUSE, Reason.BEHIND)
    assert "bump-dev" not in made.hint
    assert (
        "`git fetch --tags`, and push the tag that the remote lacks; `release-channels tag --version 1.0.1`"
        in made.hint
    )


@pytest.mark.parametrize("row", [row for row in REFUSED if REFUSED[row][1] is Reason.BEHIND])
def test_the_hinted_dev_line_is_open(row: str) -> None:
    """After the hint's `bump-dev` the preview is published."""
    world = REFUSED[row][0]
    line = plan(world).hint.partition("writes ")[2].rstrip(")")
    yanked = [str(v) for v, files in world.index.releases.items() if files[0].yanked]
    after = observed(line, *(str(v) for v in world.index.releases if str(v) not in yanked), yanked=yanked)
    assert plan(after).reason is Reason.OPEN


def test_a_closed_line_is_skipped_when_configured() -> None:
    """With the message and hint of the refusal."""
    world = observed("1.0", "1.0", tag=Relation.DESCENDANT)
    refused, skipped = plan(world), plan(world, closed_line=ClosedLine.SKIP)
    assert (skipped.verdict, skipped.reason) == (Verdict.SKIP, Reason.CLOSED)
    assert (skipped.message, skipped.hint) == (refused.message, refused.hint)


@pytest.mark.parametrize("relation", [Relation.ANCESTOR, Relation.DESCENDANT, Relation.DIVERGED])
def test_a_version_of_another_commit_is_refused(relation: Relation) -> None:
    """The hint contains the free number, and the offset for it."""
    made = plan(observed("1.0.dev0", "1.0.dev42", newest=relation, same=relation))
    assert (made.verdict, made.reason, str(made.version)) == (Verdict.REFUSE, Reason.TAKEN, "1.0.dev42")
    assert THERE[:12] in made.message
    assert "the next free one is .dev43" in made.hint
    assert ("set run-offset = 1 " in made.hint) == (relation is Relation.DESCENDANT)


def test_a_taken_number_of_a_restarted_counter_hints_the_offset() -> None:
    made = plan(observed("1.0.dev0", "1.0.dev3", "1.0.dev500", newest=Relation.DESCENDANT, same=Relation.DESCENDANT), 3)
    assert (made.verdict, made.reason) == (Verdict.REFUSE, Reason.RESTARTED)
    assert "run-offset = 498 " in made.hint


def test_a_yanked_version_stays_taken() -> None:
    made = plan(observed("1.0.dev0", yanked=["1.0.dev42"], newest=Relation.DESCENDANT, same=Relation.DESCENDANT))
    assert made.reason is Reason.TAKEN


@pytest.mark.parametrize(
    ("run", "offset", "newest", "corrected"),
    [(3, 0, 500, 498), (499, 0, 500, 2), (1, 100, 500, 500), (1, 0, 2, 2)],
)
def test_a_restarted_counter_is_refused_with_the_offset_to_set(
    run: int, offset: int, newest: int, corrected: int
) -> None:
    """With that offset the same run is published."""
    world = observed("1.0.dev0", f"1.0.dev{newest}", newest=Relation.DESCENDANT)
    made = plan(world, run, run_offset=offset)
    assert (made.verdict, made.reason, made.run) == (Verdict.REFUSE, Reason.RESTARTED, run + offset)
    assert made.version == Version(f"1.0.dev{run + offset}")
    assert f"run-offset = {corrected} " in made.hint
    again = plan(world, run, run_offset=corrected)
    assert (again.verdict, again.reason, again.run) == (Verdict.PUBLISH, Reason.OPEN, newest + 1)


def test_the_offset_is_added_to_the_run_number() -> None:
    """The sum is the dev segment."""
    made = plan(observed("1.0.dev0"), 42, run_offset=1000)
    assert (str(made.version), made.run) == ("1.0.dev1042", 1042)
    assert made.numbered.endswith(", with the run-offset 1000")
    assert "offset" not in plan(observed("1.0.dev0"), 42).numbered


def test_a_real_index_requires_a_run_number() -> None:
    with pytest.raises(UsageError, match="no run number for the index other") as stop:
        decide(observed("1.0.dev0"), Request(Channel.PREVIEW, index="other", may_count=False), CONFIG)
    assert "--run-number" in stop.value.hint
    assert stop.value.exit_code == 2


@pytest.mark.parametrize(
    ("there", "offset", "counted"),
    [
        ([], 0, 1),
        (["1.0.dev7", "1.0.dev9"], 0, 10),
        (["0.9.dev50"], 0, 51),
        (["1.0rc1.dev3"], 0, None),
        (["1.0.dev7"], 100, 101),
        (["1.0.dev700"], 100, 701),
        (["0.9", "0.8.dev3"], 0, 4),
    ],
    ids=["first", "next", "other line", "no preview", "offset", "above the offset", "finals do not count"],
)
def test_a_local_run_gets_the_next_free_number(there: list[str], offset: int, counted: int | None) -> None:
    """Above every preview and above the run-offset."""
    made = plan(observed("1.0.dev0", *there, newest=Relation.DESCENDANT), None, run_offset=offset)
    assert made.run == counted
    assert made.reason is (Reason.BEHIND if counted is None else Reason.OPEN)


def test_a_local_run_counts_above_yanked_previews() -> None:
    assert plan(observed("1.0.dev0", yanked=["1.0.dev8"], newest=Relation.DESCENDANT), None).run == 9


def test_a_local_run_keeps_its_commits_number() -> None:
    """The offset is included already."""
    world = observed("1.0.dev0", "1.0.dev7", "1.0.dev9", newest=Relation.ANCESTOR, same=Relation.SAME, kept_run=7)
    made = plan(world, None, run_offset=5)
    assert (made.reason, str(made.version)) == (Reason.ALREADY, "1.0.dev7")


def test_a_commit_gets_another_number_on_another_line() -> None:
    there = ("0.9.dev7", "1.0rc1.dev9", "1.0")
    world = replace(observed("1.0.dev0"), local_commits={Version(text): HERE for text in there})
    assert plan(world, None).run == 8


def test_a_commit_keeps_the_highest_of_its_numbers() -> None:
    kept = {Version(f"1.0.dev{number}"): HERE for number in (3, 7, 5)}
    assert plan(replace(observed("1.0.dev0"), local_commits=kept), None).run == 7


def test_a_number_is_never_reused_for_another_commit() -> None:
    """Also when the upload died before its first byte."""
    world = replace(observed("1.0.dev0", "1.0.dev7"), local_commits={Version("1.0.dev9"): THERE})
    assert plan(world, None).run == 10


def test_an_explicit_run_number_replaces_the_kept_one() -> None:
    assert plan(observed("1.0.dev0", kept_run=7), 42).run == 42


def test_index_warnings_come_before_the_plans_own() -> None:
    index = IndexState("local", {Version("1.0.dev43"): (IndexFile("x", "u", None),)}, warnings=("slow",))
    newest = preview(Version("1.0.dev43"), Relation.UNKNOWN)
    made = plan(Observed("x", Version("1.0.dev0"), Commit(HERE, 0), index, newest_preview=newest))
    assert made.warnings[0] == "slow"
    assert len(made.warnings) == 2


VERSIONS = st.builds(
    "{}{}{}{}{}".format,
    st.sampled_from(["", "1!"]),
    st.sampled_from(["0.9", "1.0", "1.0.1", "1.1"]),
    st.sampled_from(["", "", "", "a1", "rc1"]),
    st.sampled_from(["", "", ".post1"]),
    st.sampled_from(["", ".dev0", ".dev3", ".dev7"]),
)
STATES = st.builds(
    lambda main, there, newest, same, tag, kept: observed(
        main, *there, newest=newest, same=same, tag=tag, kept_run=kept
    ),
    VERSIONS,
    st.lists(VERSIONS, max_size=5),
    st.none() | st.sampled_from(Relation),
    st.none() | st.sampled_from(Relation),
    st.none() | st.sampled_from(Relation),
    st.none() | st.integers(1, 9),
)


@given(STATES, st.none() | st.integers(1, 9), st.integers(0, 3))
@settings(max_examples=300, deadline=None)
def test_a_published_preview_sorts_above_every_release(world: Observed, run: int | None, offset: int) -> None:
    """Above every final, post-release, alpha, beta and rc; the plan is deterministic."""
    made = plan(world, run, run_offset=offset)
    assert made == plan(world, run, run_offset=offset)
    assert made.message
    if made.verdict is Verdict.PUBLISH:
        assert made.version is not None
        assert (made.version.dev, made.version.pre) == (made.run, None)
        assert all(v < made.version for v in world.index.releases if v.dev is None or v.pre is not None)
        if made.reason is Reason.OPEN:
            assert all(v < made.version for v in world.index.releases)
    else:
        assert made.hint or made.verdict is Verdict.SKIP
