"""Resolve each channel with pip and uv, by the documented install commands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Lock

from packaging.utils import canonicalize_name
from packaging.version import Version

from release_channels.adapters.process import run, run_parallel
from release_channels.adapters.uv import python_of, uv_program
from release_channels.errors import CommandError, SlowError
from release_channels.model.install_commands import pip_command
from release_channels.model.version import Channel
from release_channels.rehearsal.environment import RehearsalEnvironment
from release_channels.release.clean_install import CleanInstaller, installed_version, make_clean_installer


@dataclass(frozen=True, slots=True)
class Resolved:
    """Version that one installer resolves from one channel, or None."""

    installer: str
    channel: Channel
    version: Version | None
    late: float = 0
    """The seconds after which it had not ended, so that nothing is known of it."""

    @property
    def shown(self) -> str:
        """The version, or what is known instead."""
        if self.late:
            return f"not known after {self.late:g} s"
        return str(self.version) if self.version else "nothing"


@dataclass(frozen=True, slots=True)
class EndUsers:
    """Installers that run the documented commands as a dry run: pip and uv, each for both channels."""

    guest: CleanInstaller
    installers: tuple[str, ...]
    alone: Lock = field(default_factory=Lock)

    def look(self) -> tuple[Resolved, ...]:
        """Return the version that each installer resolves from each channel."""
        asked = [(installer, channel) for installer in self.installers for channel in Channel]
        with self.alone:
            return tuple(run_parallel(*(partial(self._got, *one) for one in asked)))

    def _got(self, installer: str, channel: Channel) -> Resolved:
        try:
            version = self._pip(channel) if installer == "pip" else self._uv(channel)
        except SlowError:
            return Resolved(installer, channel, None, self.guest.seconds)
        except CommandError:  # there is nothing to be had, or it does not resolve: a user gets nothing
            version = None
        return Resolved(installer, channel, version)

    def _pip(self, channel: Channel) -> Version:
        home = self.guest.home
        report = home / f"pip-{channel}.json"
        words = (*pip_command(self.guest.project, channel)[1:], "--dry-run", "--quiet", "--report", str(report))
        run(python_of(home / "with-pip"), *words, cwd=home, env=self.guest.env, timeout=self.guest.seconds)
        entries = json.loads(report.read_text(encoding="utf-8"))["install"]
        named = {canonicalize_name(entry["metadata"]["name"]): entry["metadata"]["version"] for entry in entries}
        found = named.get(canonicalize_name(self.guest.project))
        if found is None:  # the environment has it already, as pip itself
            return installed_version(python_of(home / "with-pip"), self.guest.project, home, self.guest.env)
        return Version(found)

    def _uv(self, channel: Channel) -> Version:
        """Resolve as `uv tool install` does."""
        home = self.guest.home
        allow = ("--prerelease", "allow") if channel is Channel.PREVIEW else ()
        words = ("pip", "compile", "--quiet", "--no-header", "--no-annotate", "--python", self.guest.python, *allow)
        text = run(uv_program(), *words, home / "wanted.in", cwd=home, env=self.guest.env, timeout=self.guest.seconds)
        pins = dict(_pins(text))
        return pins[canonicalize_name(self.guest.project)]


def _pins(text: str) -> Iterator[tuple[str, Version]]:
    for line in text.splitlines():
        name, equals, version = line.partition("==")
        if equals:
            yield canonicalize_name(name.strip().partition("[")[0]), Version(version.split()[0])


def make_end_users(environment: RehearsalEnvironment) -> EndUsers:
    """Create the installers' home and pip's environment."""
    home = environment.directory / "users"
    home.mkdir()
    guest = make_clean_installer(
        home, environment.project, environment.as_index(), environment.upstream, environment.env
    )
    (home / "wanted.in").write_text(f"{guest.project}\n", encoding="utf-8")
    installers = ("uv",) if environment.is_quick else ("pip", "uv")
    if "pip" in installers:
        _make_pip(home, guest, environment.upstream)
    return EndUsers(guest, installers)


def _make_pip(home: Path, guest: CleanInstaller, upstream: str) -> None:
    run(uv_program(), "venv", "--quiet", "--python", guest.python, home / "with-pip", cwd=home, env=guest.env)
    words = ("pip", "install", "--quiet", "--python", python_of(home / "with-pip"), "pip")
    run(uv_program(), *words, cwd=home, env={**guest.env, "UV_DEFAULT_INDEX": upstream})


def describe(got: tuple[Resolved, ...]) -> str:
    """Format the resolved versions, shortened where the installers agree."""
    return ", ".join(f"{channel}: {_of_channel(got, channel)}" for channel in (Channel.PUBLIC, Channel.PREVIEW))


def _of_channel(got: tuple[Resolved, ...], channel: Channel) -> str:
    versions = {one.installer: one.shown for one in got if one.channel is channel}
    if len(set(versions.values())) == 1:
        return next(iter(versions.values()))
    return " / ".join(f"{installer} {version}" for installer, version in versions.items())
