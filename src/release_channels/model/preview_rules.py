"""The rules of the preview channel: what main's version and the published previews allow. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from packaging.version import Version

from release_channels.errors import RefusedError, UsageError
from release_channels.model.config import ClosedLine, Config
from release_channels.model.observed import UNSHALLOW, Observed, Preview, Relation
from release_channels.model.plan import Plan, Reason, Request, Verdict, make_plan
from release_channels.model.version import Line, binds, final_of, line_of, next_dev_line, preview_of


def decide_preview(observed: Observed, request: Request, config: Config) -> Plan:
    """Build the plan that answers a preview request.

    Raises: UsageError if no run number is given where none may be counted.
    """
    try:
        line = line_of(observed.version)
    except RefusedError as stop:
        return make_plan(observed, request, Verdict.REFUSE, Reason.UNFIT, str(stop), hint=stop.hint)
    if observed.on_main not in (None, Relation.SAME, Relation.ANCESTOR):
        return make_plan(
            observed, request, Verdict.REFUSE, Reason.ASIDE,
            f"commit {observed.commit.short} is not contained in {config.remote}/{config.main_branch}",
            hint=f"previews come from {config.main_branch}: push or merge it first, or practise on the local index",
        )  # fmt: skip
    if line is Line.FINAL:
        return _decide_final(observed, request, config)
    return _decide_dev(observed, request, config)


def _decide_final(observed: Observed, request: Request, config: Config) -> Plan:
    """Handle a final or post-release on main: to be tagged, already tagged, or never followed by a dev line."""
    version = observed.version
    if version not in observed.index.releases:
        return make_plan(
            observed, request, Verdict.SKIP, Reason.STAGED,
            f"{config.main_branch} declares {version}, which is not on the index yet: its release tag will publish it",
        )  # fmt: skip
    if _in_tag(observed):
        return make_plan(
            observed, request, Verdict.SKIP, Reason.RELEASED,
            f"{version} is on the index, and this commit is part of its tag {_tag_name(observed)}",
        )  # fmt: skip
    skips = config.closed_line is ClosedLine.SKIP
    return make_plan(
        observed, request, Verdict.SKIP if skips else Verdict.REFUSE, Reason.CLOSED,
        f"{config.main_branch} still declares {version}, which is already on the index: the dev line is closed",
        hint=_reopen(observed),
    )  # fmt: skip


def _decide_dev(observed: Observed, request: Request, config: Config) -> Plan:
    """Handle a dev line on main: the preview must be one that installers would pick."""
    releases = observed.index.releases
    final = final_of(observed.version)
    if final in releases:
        if _in_tag(observed):
            return make_plan(
                observed, request, Verdict.SKIP, Reason.SUPERSEDED,
                f"{final} is on the index, and this commit is part of its tag {_tag_name(observed)}",
            )  # fmt: skip
        return _behind(observed, request, config, f"{final} is already on the index")
    run, numbered = _run_number(observed, request, config)
    version = preview_of(observed.version, run)
    above = [v for v in releases if v > version and binds(v)]
    if above:
        return _behind(observed, request, config, f"{max(above)} on the index is above {version}")
    return replace(_number(observed, request, config, version, run), numbered=numbered)


def _number(observed: Observed, request: Request, config: Config, version: Version, run: int) -> Plan:
    """Compare a preview with the published ones: the same version, then the newest."""
    newest, is_there = _newest(observed), version in observed.index.releases
    there = observed.same_version if is_there else None
    ahead = newest if newest is not None and newest.version > version else None
    if is_there and (there is None or there.commit is None or there.relation is Relation.SAME):
        return make_plan(
            observed, request, Verdict.PUBLISH, Reason.ALREADY,
            f"{version} is on the index ({len(observed.index.releases[version])} files): "
            "its files are compared, and missing ones are uploaded",
            version=version, run=run,
        )  # fmt: skip
    if ahead is not None and _restarted(ahead, version):
        return make_plan(
            observed, request, Verdict.REFUSE, Reason.RESTARTED,
            f"run {run} is lower than the {ahead.version.dev} of {ahead.version}, which an earlier commit has: "
            "the test workflow's counter has restarted",
            hint=_offset(ahead, run, config),
            version=version, run=run,
        )  # fmt: skip
    if ahead is not None and _is_cut_off(observed, request, ahead, version):
        return make_plan(
            observed, request, Verdict.REFUSE, Reason.CUT_OFF,
            f"{ahead.version} was built from commit {(ahead.commit or '')[:12]}, which this shallow clone "
            f"does not contain: whether {version} is late or the run counter has restarted is unknown",
            hint=UNSHALLOW,
            version=version, run=run,
        )  # fmt: skip
    if there is not None:
        return _taken(observed, request, config, there, version, run)
    if ahead is not None:
        return make_plan(
            observed, request, Verdict.PUBLISH, Reason.LATE,
            f"{version} arrives after {ahead.version}, and preview users stay on that one",
            version=version, run=run, warnings=_twice(ahead, version) + _why_late(ahead, observed),
        )  # fmt: skip
    return make_plan(
        observed, request, Verdict.PUBLISH, Reason.OPEN,
        f"{config.main_branch} is on the dev line {observed.version}, and {version} is the highest on the index",
        version=version, run=run, warnings=_twice(newest, version),
    )  # fmt: skip


def _taken(observed: Observed, request: Request, config: Config, there: Preview, version: Version, run: int) -> Plan:
    """Refuse a version that another commit has; on a later commit the run counter may also have restarted."""
    again = _restarted(there, version)
    counter = f"; if the workflow's counter has restarted, {_offset(there, run, config)}" if again else ""
    return make_plan(
        observed, request, Verdict.REFUSE, Reason.TAKEN,
        f"{version} is already on the index, built from commit {(there.commit or '')[:12]}",
        hint=f"a version is published once; the next free one is .dev{_next_free(observed, config)}{counter}",
        version=version, run=run,
    )  # fmt: skip


def _newest(observed: Observed) -> Preview | None:
    """Return the newest preview, also if its commit was not read."""
    version = observed.index.newest_preview()
    if observed.newest_preview is not None or version is None:
        return observed.newest_preview
    return Preview(version, None, Relation.UNKNOWN)


def _restarted(other: Preview, version: Version) -> bool:
    """Check whether a preview of the same line is from an earlier commit."""
    return other.relation is Relation.DESCENDANT and final_of(other.version) == final_of(version)


def _is_cut_off(observed: Observed, request: Request, other: Preview, version: Version) -> bool:
    """Check whether a shallow history could conceal a restarted counter; it does not matter for local practice."""
    hidden = other.relation is Relation.UNKNOWN and other.commit is not None and observed.is_shallow
    return hidden and request.index != "local" and final_of(other.version) == final_of(version)


def _offset(other: Preview, run: int, config: Config) -> str:
    """Return the run-offset that puts this run just above a preview; the number contains the present offset."""
    offset = (other.version.dev or 0) + 1 - (run - config.run_offset)
    return f"set run-offset = {offset} in [tool.release-channels]"


def _why_late(newest: Preview, observed: Observed) -> tuple[str, ...]:
    """Warn unless a late preview is known to be harmless."""
    if newest.relation in (Relation.ANCESTOR, Relation.SAME):
        return ()
    if newest.relation is Relation.DESCENDANT:
        return (
            f"the version on main went down: {newest.version} was built from an earlier commit and stays the newest",
        )
    if newest.relation is Relation.DIVERGED:
        built = f"{newest.version} was built from commit {(newest.commit or '')[:12]}, {newest.relation}"
        return (f"{built}: was the history of main rewritten?",)
    if newest.commit is not None:
        reach = f"which is shallow ({UNSHALLOW})" if observed.is_shallow else "which lacks it"
        built = f"{newest.version} was built from commit {newest.commit[:12]}"
        return (f"{built}, and the order could not be checked in this clone, {reach}",)
    return (f"{newest.version} does not say which commit it was built from, so the order could not be checked",)


def _twice(newest: Preview | None, version: Version) -> tuple[str, ...]:
    if newest is not None and newest.relation is Relation.SAME:
        return (f"this commit is already on the index as {newest.version}; {version} will contain the same code",)
    return ()


def _run_number(observed: Observed, request: Request, config: Config) -> tuple[int, str]:
    """Return the number that was given, else the one this commit has, else the next free one; and its origin."""
    if request.run is not None:
        offset = f", with the run-offset {config.run_offset}" if config.run_offset else ""
        return request.run + config.run_offset, f"{request.run}, {request.run_from}{offset}"
    if not request.may_count:
        raise UsageError(
            f"no run number for the index {request.index}",
            hint="pass `--run-number`: the number of the test workflow's run for this commit",
        )
    own = [v for v, sha in observed.local_commits.items() if sha == observed.commit.sha and v.pre is None]
    kept = [v.dev for v in own if v.dev is not None and final_of(v) == final_of(observed.version)]
    if kept:
        return max(kept), f"{max(kept)}, which this commit already has on the local index"
    free = _next_free(observed, config)
    return free, f"{free}, the next free one"


def _next_free(observed: Observed, config: Config) -> int:
    """Return the number above every known preview of every line, as a run counter would, and above the offset."""
    known = (*observed.index.releases, *observed.local_commits)
    taken = [v.dev for v in known if v.dev is not None and v.pre is None]
    return max(config.run_offset, *taken, 0) + 1


def _behind(observed: Observed, request: Request, config: Config, why: str) -> Plan:
    return make_plan(
        observed, request, Verdict.REFUSE, Reason.BEHIND,
        f"{config.main_branch} is on the dev line {observed.version}, but {why}: "
        "installers would never pick this preview",
        hint=_reopen(observed),
    )  # fmt: skip


def line_above(releases: Iterable[Version]) -> Version:
    """Return the dev line above every version that a preview must be above; there has to be one."""
    return next_dev_line(max(filter(binds, releases)))


def _reopen(observed: Observed) -> str:
    """Suggest the next dev line, above every version that a preview must be above."""
    line = line_above(observed.index.releases)
    if not observed.is_written:
        return (
            "previews follow the newest release tag: `git fetch --tags`, and push the tag that the remote lacks; "
            f"`release-channels tag --version {final_of(line)}` is above every published version"
        )
    return f"open the next dev line: `release-channels bump-dev --to {final_of(line)}` (writes {line})"


def _in_tag(observed: Observed) -> bool:
    return observed.tag is not None and observed.tag.relation in (Relation.SAME, Relation.ANCESTOR)


def _tag_name(observed: Observed) -> str:
    return observed.tag.name if observed.tag is not None else ""
