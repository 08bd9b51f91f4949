"""Verify from outside: a stranger types the reference commands, and we look at what came."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from packaging.version import Version

from release_channels import console
from release_channels.claims import verify_manifest
from release_channels.errors import CommandError, FailedError, ReleaseError
from release_channels.manifest import Manifest
from release_channels.outcome import Result
from release_channels.process import both
from release_channels.steps.handover import DIST, take_over
from release_channels.steps.installed import Wheel, compare_files, look_at, read_wheel
from release_channels.steps.older import older_pythons
from release_channels.steps.step import Release, Report, Step
from release_channels.steps.stranger import Stranger, stranger
from release_channels.version import Channel
from release_channels.world.files import scratch
from release_channels.world.index import read_index


def _act(release: Release) -> Report:
    manifest = verify_manifest(take_over(release.root), release.plan)
    wheel = read_wheel(release.root / DIST / next(f.name for f in manifest.files if f.name.endswith(".whl")))
    project = release.project
    with scratch("verify-pip") as pip_home, scratch("verify-uv") as uv_home:
        one, other = (
            stranger(home, project, release.index, release.upstream, release.env) for home in (pip_home, uv_home)
        )
        with console.progress("installing from the index, with pip and with uv"):
            by_pip, by_uv = both(
                lambda: _by_pip(one, manifest, wheel, release), lambda: _by_uv(other, manifest, wheel, release)
            )
    state = read_index(release.index, project.name)
    came = " and ".join(f"{how} brought {version}" for how, version in (("pip", by_pip[0]), ("uv", by_uv[0])))
    warnings = _unique(by_pip[1] + by_uv[1])
    return Report(
        Result.DONE, f"from outside: {came}; its files are the wheel's and its {len(wheel.scripts)} scripts start",
        warnings=warnings, notes=older_pythons(state, manifest.version), files=manifest.files,
    )  # fmt: skip


_Came = tuple[Version, tuple[str, ...]]


def _by_pip(guest: Stranger, manifest: Manifest, wheel: Wheel, release: Release) -> _Came:
    per_package = ("--all-releases", guest.project, "--upgrade", guest.project)
    python, version, warnings = _install(
        lambda: guest.pip_install(Channel.PREVIEW), lambda: guest.pip_install(Channel.PREVIEW, per_package),
        "pip install " + " ".join(per_package), guest, manifest, wheel,
    )  # fmt: skip
    return version, warnings + _check_public("pip", guest.pip_would_install(python), release)


def _by_uv(guest: Stranger, manifest: Manifest, wheel: Wheel, release: Release) -> _Came:
    per_package = ("--prerelease-package", f"{guest.project}=allow", "--upgrade", guest.project)
    install, how = guest.uv_install, "uv tool install "
    if not wheel.scripts:  # uv installs no tool that has no executable
        reference = ("--prerelease", "allow", "--upgrade", guest.project)
        _, version, warnings = _install(
            lambda: guest.uv_pip_install(reference), lambda: guest.uv_pip_install(per_package),
            "uv pip install " + " ".join(per_package), guest, manifest, wheel,
        )  # fmt: skip
    else:
        _, version, warnings = _install(
            lambda: install(Channel.PREVIEW), lambda: install(Channel.PREVIEW, ("--force", *per_package)),
            how + " ".join(per_package), guest, manifest, wheel,
        )  # fmt: skip
    public = guest.uv_would_install("--upgrade").get(release.project.normalized_name)
    return version, warnings + _check_public("uv", public, release)


def _install(
    reference: Callable[[], Path],
    per_package: Callable[[], Path],
    words: str,
    guest: Stranger,
    manifest: Manifest,
    wheel: Wheel,
) -> tuple[Path, Version, tuple[str, ...]]:
    """Try the reference command, and where it breaks the form that lets no dependency's pre-release in.

    Raises: FailedError if both fail; the reference command's error is the one that counts.
    """
    try:
        python = reference()
        return python, _inspect(python, guest, manifest, wheel), ()
    except ReleaseError as stop:
        try:
            python = per_package()
            version = _inspect(python, guest, manifest, wheel)
        except ReleaseError:
            raise _failed(stop) from stop
        early = _early_dependencies(guest)
        return (
            python,
            version,
            (
                f"the reference command breaks on pre-releases of dependencies ({', '.join(early) or 'unknown'}): "
                f"{stop}; "
                f"tell users the form that works: {words}",
            ),
        )


def _inspect(python: Path, guest: Stranger, manifest: Manifest, wheel: Wheel) -> Version:
    version = look_at(python, guest.project, wheel, guest.env)
    if version == manifest.version:
        compare_files(python, guest.project, wheel, guest.env)
    elif not (version > manifest.version and version.dev is not None):
        raise FailedError(f"the preview command brought {version}, not {manifest.version}")
    return version


def _check_public(how: str, version: Version | None, release: Release) -> tuple[str, ...]:
    """The public command must not bring a preview, as soon as there is a final to bring."""
    if version is None or not version.is_prerelease:
        return ()
    final = release.observed.index.newest_final()
    if final is None:
        return (
            f"no final of {release.project.name} is on {release.index.title} yet: until the first one, "
            "everybody gets the preview, without asking for it (PEP 440)",
        )
    raise FailedError(
        f"{how}'s public command brings {version}, though {final} is on the index",
        hint="does the newest final exclude this Python, or is it yanked?",
    )


def _early_dependencies(guest: Stranger) -> list[str]:
    """Name the dependencies that come as pre-releases when all pre-releases are let in."""
    try:
        resolved = guest.uv_would_install("--prerelease", "allow")
    except CommandError:
        return []
    mine = guest.project
    return sorted(f"{name} {v}" for name, v in resolved.items() if v.is_prerelease and name != mine)


def _failed(stop: ReleaseError) -> FailedError:
    return stop if isinstance(stop, FailedError) else FailedError(str(stop), hint=stop.hint)


def _unique(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))


VERIFY = Step("verify", "install from the index as a stranger would", _act)
