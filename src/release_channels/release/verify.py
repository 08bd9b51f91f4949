"""Verify a release as a new user: run the documented install commands, and check what they install."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from threading import Event
from typing import TypeVar

from packaging.version import Version

from release_channels.adapters import console
from release_channels.adapters.files import temporary_directory
from release_channels.adapters.index import read_index
from release_channels.adapters.process import run_parallel
from release_channels.errors import CommandError, FailedError, ReleaseError, SlowError
from release_channels.model.findings import Allowable
from release_channels.model.install_commands import pip_command, uv_command
from release_channels.model.observed import IndexState
from release_channels.model.outcome import Result
from release_channels.model.version import Channel
from release_channels.release.clean_install import CleanInstaller, Environment, installed_version, make_clean_installer
from release_channels.release.installed_package import (
    Wheel,
    compare_files,
    inspect_installation,
    read_wheel,
    refuse_broken,
    smoke_test_script,
)
from release_channels.release.step import ReleaseContext, Report, Step
from release_channels.release.verify_policy import (
    fetch_published_wheel,
    final_for_older_python,
    newest_release,
    offered_final,
    skipped_finals,
)

_T = TypeVar("_T")
_HEAD_START = 0.1
"""After which share of its time a preview's command is so slow that the narrow form is tried beside it."""
# Source: pip's resolver, the messages of its reporter.
_BACKTRACKING = re.compile(r"looking at multiple versions of (\S+) to determine")
# Source: pip's own messages: it writes this line once, before the first package is unpacked.
_INSTALLING = re.compile(r"^Installing collected packages: (.+)", re.MULTILINE)
_SLOW = "verify-seconds in [tool.release-channels] is the limit"
_SEARCHED = f"{_SLOW}; closer bounds on the dependencies shorten the search"


@dataclass(frozen=True, slots=True)
class InstallResult:
    """The command as typed, and the installed version; None if it found nothing to install."""

    command: str
    version: Version | None
    warnings: tuple[str, ...] = ()
    refusal: str = ""
    works: str = ""
    """What of it was seen to work."""
    is_late: bool = False
    """True if its time ran out, so that nothing is known of it."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a channel's command must install: the manifest's version and wheel; a script gets `script_seconds`."""

    channel: Channel
    version: Version
    wheel: Wheel
    script_seconds: float
    before: Version | None
    """The newest release before it, by which a script that cannot start is judged."""
    allow: frozenset[str]

    @property
    def other(self) -> Channel:
        """Return the other channel, whose users are checked, too."""
        return Channel.PUBLIC if self.channel is Channel.PREVIEW else Channel.PREVIEW

    def is_outrun_by(self, found: Version) -> bool:
        """Check whether a newer version of the same channel was published in the meantime, which is fine."""
        of_channel = found.dev is not None if self.channel is Channel.PREVIEW else found.dev is None
        return found > self.version and of_channel and found.pre is None


def _act(release: ReleaseContext) -> Report:
    with temporary_directory("verify") as home:
        manifest, path = fetch_published_wheel(release, home / "published")
        wheel = read_wheel(path)
        before = newest_release(release.observed.index, manifest.version, manifest.channel)
        allow = frozenset(release.project.config.allow)
        expected = Expected(manifest.channel, manifest.version, wheel, release.patience.script, before, allow)
        guest = make_clean_installer(home, release.project, release.index, release.upstream, release.env)
        with console.progress(f"installing from the index, with {' and with '.join(release.installers)}"):
            own, others, late = install_all(*_acts(release.installers, guest, expected))
    state = read_index(release.index, release.project.name)
    check = _check_public if expected.channel is Channel.PREVIEW else _check_preview
    public = tuple(warning for one in others for warning in check(one, state, guest, release))
    warnings = tuple(dict.fromkeys([warning for one in own for warning in one.warnings] + [*late, *public]))
    return Report(
        Result.DONE, f"from outside: {_describe(own)}; {_proven(own, expected)}",
        warnings=warnings, notes=final_for_older_python(state, manifest.version), files=manifest.files,
    )  # fmt: skip


def _acts(installers: tuple[str, ...], guest: CleanInstaller, expected: Expected) -> list[Callable[[], InstallResult]]:
    """Return what is done: each installer for the channel at hand, then each for the other one."""
    is_tool, other = expected.wheel.is_tool, expected.other
    own = {"pip": lambda: _by_pip(guest, expected), "uv": lambda: _by_uv(guest, expected)}
    others = {"pip": lambda: _other_by_pip(guest, other), "uv": lambda: _other_by_uv(guest, other, is_tool)}
    return [acts[installer] for acts in (own, others) for installer in installers]


def install_all(
    *acts: Callable[[], InstallResult],
) -> tuple[list[InstallResult], list[InstallResult], tuple[str, ...]]:
    """Install side by side and to the end; return the results of either half of the acts, and warnings.

    An installer that had everything and was still unpacking it is slow itself: where another one has installed the same
    release, that is a warning.

    Raises: FailedError with everything else that failed.
    """
    ends = run_parallel(*(_caught(act) for act in acts))
    own, others = ([end for end in part if isinstance(end, InstallResult)] for part in _halves(ends))
    stops = [end for end in ends if isinstance(end, ReleaseError)]
    late = [stop for stop in stops if own and _was_installing(stop)]
    if wrong := [stop for stop in stops if stop not in late]:
        hints = [*dict.fromkeys(stop.hint for stop in wrong if stop.hint), *(f"but {_describe([one])}" for one in own)]
        raise FailedError("; ".join(str(stop) for stop in wrong), hint="\n".join(hints)) from wrong[0]
    return own, others, tuple(f"{stop}; but {_describe(own)} ({stop.hint})" for stop in late)


def _halves(ends: list[_T]) -> tuple[list[_T], list[_T]]:
    """Return what the installers of the channel at hand came to, and those of the other one."""
    return ends[: len(ends) // 2], ends[len(ends) // 2 :]


def _was_installing(stop: ReleaseError | None) -> bool:
    return stop is not None and isinstance(stop.__cause__, SlowError) and bool(_INSTALLING.search(stop.__cause__.said))


def _caught(act: Callable[[], _T]) -> Callable[[], _T | ReleaseError]:
    def acting() -> _T | ReleaseError:
        try:
            return act()
        except ReleaseError as stop:
            return stop

    return acting


def _by_pip(guest: CleanInstaller, expected: Expected) -> InstallResult:
    channel = expected.channel
    return _install(
        guest, "pip", expected,
        lambda room, narrow: room.pip_install(channel, only_this_project=narrow),
        lambda narrow: shlex.join(pip_command(guest.project, channel, only_this_project=narrow)),
    )  # fmt: skip


def _by_uv(guest: CleanInstaller, expected: Expected) -> InstallResult:
    is_tool, channel = expected.wheel.is_tool, expected.channel
    return _install(
        guest, "uv", expected,
        lambda room, narrow: room.uv_install(channel, only_this_project=narrow, is_tool=is_tool),
        lambda narrow: shlex.join(uv_command(guest.project, channel, only_this_project=narrow, is_tool=is_tool)),
    )  # fmt: skip


def _install(
    guest: CleanInstaller,
    how: str,
    expected: Expected,
    install: Callable[[CleanInstaller, bool], Environment],
    words: Callable[[bool], str],
) -> InstallResult:
    """Try the reference command, and where it breaks or is slow the form that lets no dependency's pre-release in.

    Raises: FailedError if both fail; the reference command's error is the one that counts.
    """

    def attempt(narrow: bool) -> InstallResult:
        share = 1 - _HEAD_START if narrow else 1
        room = guest.with_new_home(f"{how}-narrow" if narrow else how, share=share)
        try:
            place = install(room, narrow)
        except SlowError as stop:
            message = f"`{words(narrow)}` had not ended after {room.seconds:g} s{why_slow(stop.said)}"
            raise FailedError(message, hint=_SLOW if _INSTALLING.search(stop.said) else _SEARCHED) from stop
        except CommandError as stop:
            raise FailedError(f"`{words(narrow)}` failed", hint=stop.hint or str(stop)) from stop
        return _inspect(place, room, expected, words(narrow))

    if expected.channel is Channel.PUBLIC:
        return attempt(False)
    came, narrow = _narrow_if_needed(lambda: attempt(False), lambda: attempt(True), guest.seconds * _HEAD_START)
    if isinstance(came, InstallResult):
        return came
    if not isinstance(narrow, InstallResult):
        raise came
    if _was_installing(came):
        return replace(narrow, warnings=(*narrow.warnings, f"{came} ({came.hint}); but `{words(True)}` works"))
    breaks = "takes too long"
    if not isinstance(came.__cause__, SlowError):
        breaks = f"breaks on one ({prerelease_dependencies(guest, how)})"
    warning = (
        f"`{words(False)}` allows pre-releases of dependencies, and {breaks}: "
        f"{came}. Tell preview users the form that works: {words(True)}"
    )
    return replace(narrow, warnings=(*narrow.warnings, warning))


def _narrow_if_needed(
    wide: Callable[[], _T], narrow: Callable[[], _T], seconds: float
) -> tuple[_T | ReleaseError, _T | ReleaseError | None]:
    """Try the wide form, and the narrow one where the wide form fails, or beside it once it takes so many seconds."""
    ended = Event()
    ends: list[_T | ReleaseError] = []

    def first() -> _T | ReleaseError | None:
        try:
            ends.append(_caught(wide)())
        finally:
            ended.set()
        return None

    def second() -> _T | ReleaseError | None:
        if ended.wait(seconds) and not (ends and isinstance(ends[0], ReleaseError)):
            return None
        return _caught(narrow)()

    came = run_parallel(first, second)[1]
    return ends[0], came


def why_slow(said: str) -> str:
    """Describe from an installer's output why it ran out of time."""
    if found := _INSTALLING.search(said):
        return f": it had found and downloaded all {found[1].count(',') + 1} packages, and was installing them"
    names = dict.fromkeys(_BACKTRACKING.findall(said))
    if names:
        return f": pip tried many versions of {', '.join(names)}, and found none that fit together in time"
    last = next((line.strip() for line in reversed(said.splitlines()) if line.strip()), "")
    return f", and its last line is {last!r}" if last else ""


def _inspect(place: Environment, room: CleanInstaller, expected: Expected, words: str) -> InstallResult:
    """Check whether the right version came and works.

    Raises: FailedError if not.
    """
    found = inspect_installation(place, room.project, expected.wheel, room.home, room.env)
    excused = _excuse_broken(found.broken, expected, room)
    programs = tuple(script for script in found.console_scripts if script not in found.broken)
    if found.version == expected.version:
        compare_files(found, expected.wheel)
        programs += expected.wheel.ready_made
    elif not expected.is_outrun_by(found.version):
        raise FailedError(
            f"`{words}` installed {found.version}, not {expected.version}",
            hint=f"does the index show the new files already? Is there a higher version, not of the {expected.channel} "
            "channel?",
        )
    warnings = [
        warning
        for script in programs
        for warning in smoke_test_script(script, place, expected.wheel, room.home, room.env, expected.script_seconds)
    ]
    works = _describe_works(expected.wheel, found.broken)
    return InstallResult(words, found.version, (*found.warnings, *excused, *warnings), works=works)


def _describe_works(wheel: Wheel, broken: Collection[str]) -> str:
    """Describe what was started or imported."""
    count = len(wheel.scripts) + len(wheel.ready_made)
    if broken:
        return f"{count - len(broken)} of its {count} scripts start"
    if count:
        return "its script starts" if count == 1 else f"its {count} scripts start"
    return "it can be imported" if wheel.modules else "it contains nothing to import"


def _excuse_broken(broken: Mapping[str, str], expected: Expected, room: CleanInstaller) -> tuple[str, ...]:
    """Return a warning for each script that cannot start, where `check` takes it for one, too.

    Raises: FailedError for scripts that nothing excuses.
    """
    excuses = {script: expected.wheel.excuse(script, problem) for script, problem in broken.items()}
    excuses |= {
        script: "`allow` has it" for script in broken if Allowable.BROKEN_SCRIPTS.case(script) in expected.allow
    }
    left = {script: problem for script, problem in broken.items() if not excuses[script]}
    if left and expected.before is not None:
        for script in left.keys() & _broken_in(expected.before, expected, room).keys():
            excuses[script] = f"{expected.before} could not start it either"
            del left[script]
    refuse_broken(left)
    return tuple(f"the script {script} cannot start: {broken[script]} ({why})" for script, why in excuses.items())


def _broken_in(version: Version, expected: Expected, room: CleanInstaller) -> Mapping[str, str]:
    """Return the scripts that another version cannot start; none where it cannot be installed."""
    other = room.with_new_home("before")
    try:
        place = other.install_version(version)
        return inspect_installation(place, room.project, expected.wheel, other.home, other.env).broken
    except ReleaseError:
        return {}


def prerelease_dependencies(guest: CleanInstaller, how: str) -> str:
    """List the dependencies that resolve to pre-releases; if resolution fails, return uv's error."""
    try:
        early = guest.with_new_home(f"{how}-resolution", share=_HEAD_START).early_dependencies()
    except CommandError as stop:
        return " ".join((stop.hint or str(stop)).split())
    return ", ".join(early) or "none comes as a pre-release, so look at the error itself"


def _other_by_pip(guest: CleanInstaller, other: Channel) -> InstallResult:
    words = shlex.join(pip_command(guest.project, other))
    return _other(words, lambda: guest.with_new_home(f"pip-{other}").pip_would_install(other))


def _other_by_uv(guest: CleanInstaller, other: Channel, is_tool: bool) -> InstallResult:
    def version() -> Version:
        room = guest.with_new_home(f"uv-{other}")
        return installed_version(room.uv_install(other, is_tool=is_tool).python, room.project, room.home, room.env)

    return _other(shlex.join(uv_command(guest.project, other, is_tool=is_tool)), version)


def _other(words: str, version: Callable[[], Version]) -> InstallResult:
    try:
        return InstallResult(words, version())
    except SlowError as stop:
        return InstallResult(words, None, refusal=f"{stop}{why_slow(stop.said)}", is_late=True)
    except CommandError as stop:
        return InstallResult(words, None, refusal=stop.hint or str(stop))


def _check_public(
    came: InstallResult, state: IndexState, guest: CleanInstaller, release: ReleaseContext
) -> tuple[str, ...]:
    """Check that the public command brings no preview, and where it cannot but do so, say why.

    Raises: FailedError if it brings a preview, or nothing, although a final is there for the taking.
    """
    if came.version is not None and not came.version.is_prerelease:
        return ()
    if came.is_late:
        return (_late(came),)
    final = offered_final(state, guest.python_version)
    if final is None:
        return (_no_final(state, guest, release),)
    brought = f"installs {came.version}" if came.version else "installs nothing"
    raise FailedError(
        f"`{came.command}` {brought}, though the final {final} is on {release.index.title}",
        hint=came.refusal or f"does {final} have a file for this machine, and do its dependencies still resolve?",
    )


def _check_preview(
    came: InstallResult, _state: IndexState, _guest: CleanInstaller, release: ReleaseContext
) -> tuple[str, ...]:
    return check_not_below(came, release.plan.version)


def check_not_below(came: InstallResult, public: Version | None) -> tuple[str, ...]:
    """Check that preview users get the new public release or a preview above it.

    Raises: FailedError if they get an older one; that nothing can be had is a warning, since dependencies' pre-releases
    may be to blame.
    """
    if came.is_late:
        return (_late(came),)
    if came.version is None:
        return (f"`{came.command}` installs nothing: {came.refusal}",)
    if public is not None and came.version < public:
        raise FailedError(
            f"`{came.command}` installs {came.version}, which is below {public}",
            hint="does the index show the new files already?",
        )
    return ()


def _late(came: InstallResult) -> str:
    return f"it is not known what `{came.command}` installs: {came.refusal} ({_SLOW})"


def _no_final(state: IndexState, guest: CleanInstaller, release: ReleaseContext) -> str:
    where, withheld = release.index.title, skipped_finals(state, guest.python_version)
    if not withheld:
        return (
            f"no final of {guest.project} is on {where} yet: until the first one everybody gets the preview, "
            "also with the public command (PEP 440)"
        )
    shown = ", ".join(withheld[:3]) + (f" and {len(withheld) - 3} more" if len(withheld) > 3 else "")
    return (
        f"no final of {guest.project} on {where} is available for Python {guest.python_version} ({shown}): "
        "there the public command installs the preview, or nothing (PEP 440)"
    )


def _describe(came: list[InstallResult]) -> str:
    return " and ".join(f"`{one.command}` installed {one.version}" for one in came)


def _proven(came: list[InstallResult], expected: Expected) -> str:
    """Describe what was seen to hold."""
    if all(one.version != expected.version for one in came):
        return f"that is newer than {expected.version}, which was not installed itself"
    works = " and ".join(dict.fromkeys(one.works for one in came if one.version == expected.version))
    return f"the installed files are those of the wheel, and {works}"


VERIFY = Step("verify", "install from the index as a new user would", _act)
