"""Sandboxes on Daytona, through its own SDK: labelled, ephemeral, and taken away whatever happens."""

from __future__ import annotations

import base64
import shlex
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from release_channels.adapters import console
from release_channels.adapters.actions_env import is_loopback, is_rehearsal
from release_channels.adapters.process import Excerpt
from release_channels.errors import FailedError, RefusedError
from release_channels.gate.sandbox.base import (
    CANDIDATE,
    WHEELHOUSE,
    WORK,
    Contents,
    limited,
    over_the_limit,
    pack,
    sandbox_environment,
)
from release_channels.model.gate_config import GateConfig

if TYPE_CHECKING:
    import daytona


KEY = "DAYTONA_API_KEY"
LABEL, RUN_LABEL = "release-channels-project", "release-channels-run"
_SECONDS = 120
_IDLE_MINUTES = 15


@dataclass(frozen=True, slots=True)
class DaytonaSandboxes:
    """Makes sandboxes on Daytona that carry a project's label, and the run's."""

    client: daytona.Daytona
    gate: GateConfig
    project: str
    run: str

    @property
    def name(self) -> str:
        """What they are called on the screen."""
        return "Daytona"

    @contextmanager
    def open(self, contents: Contents | None) -> Iterator[DaytonaSandbox]:
        """Make a sandbox, with the contents put and the candidate installed, and delete it when the block ends.

        Raises: FailedError if Daytona does not do its part; a sandbox that cannot be deleted fails a good run, too.
        """
        import daytona

        params = daytona.CreateSandboxFromSnapshotParams(
            snapshot=self.gate.daytona_snapshot or None,
            labels={LABEL: self.project, RUN_LABEL: self.run},
            network_block_all=not self.gate.network,
            auto_stop_interval=_IDLE_MINUTES,
            ephemeral=True,
        )
        try:
            made = self.client.create(params, timeout=_SECONDS)
        except daytona.DaytonaError as err:
            raise FailedError(f"Daytona made no sandbox: {said(err)}", hint=_LOOK) from err
        try:
            sandbox = DaytonaSandbox(made, self.gate, PurePosixPath(_home(made)) / "gate")
            sandbox.fill(contents)
            yield sandbox
        except BaseException:
            self._delete(made, is_fatal=False)
            raise
        self._delete(made, is_fatal=True)

    def _delete(self, sandbox: daytona.Sandbox, *, is_fatal: bool) -> None:
        import daytona

        try:
            self.client.delete(sandbox, timeout=_SECONDS)
        except daytona.DaytonaError as err:
            message = f"the Daytona sandbox {sandbox.id} could not be deleted: {said(err)}"
            if is_fatal:
                raise FailedError(message, hint="delete it by hand, or let a later gate's reaper do it") from err
            console.warn(message)


@dataclass(frozen=True, slots=True)
class DaytonaSandbox:
    """One sandbox on Daytona, with everything below one directory of its user's home."""

    sandbox: daytona.Sandbox
    gate: GateConfig
    place: PurePosixPath

    @property
    def results(self) -> None:
        """`work` is not on this machine."""
        return

    def run(self, words: Sequence[str], *, seconds: float, keep: int) -> Excerpt:
        """Run a command in `work`; what it writes is kept there and fetched in part, since Daytona sends it whole.

        Raises: FailedError if Daytona does not do its part, or the command filled the disk.
        """
        env = [f"{name}={value}" for name, value in sandbox_environment(self.place).items()]
        inner = ["env", "-i", *env, "timeout", "-k", "2", f"{max(seconds, 1):.0f}", *limited(words, self.gate)]
        script = _SCRIPT.format(
            work=shlex.quote(str(self.place / WORK)), out=shlex.quote(str(self.place / "output")),
            command=shlex.join(inner), half=keep // 2, disk=shlex.quote(str(self.place)),
        )  # fmt: skip
        lines = self._exec(f"/bin/sh -c {shlex.quote(script)}", int(seconds) + 30).split("\n")
        try:
            code, took, size, used = map(int, lines[0].split())
            head, tail = (base64.b64decode(line, validate=True) for line in lines[1:3])
        except ValueError as err:
            raise FailedError("Daytona ran a command but returned no result", hint=_LOOK) from err
        if used * 1024 > self.gate.max_disk:
            raise over_the_limit(WORK, used * 1024, self.gate.max_disk)
        left_out = size - len(head) - len(tail)
        between = f"\n[… {left_out} bytes left out …]\n".encode() if left_out > 0 else b""
        is_late = code in (124, 137) and took >= int(max(seconds, 1))
        return Excerpt(None if is_late else code, head + between + tail, size, is_late)

    def put(self, name: str, content: bytes) -> None:
        """Write a file into `work`."""
        self._upload(content, self.place / WORK / name)

    def fill(self, contents: Contents | None) -> None:
        """Put the contents and install the candidate out of the wheelhouse.

        Raises: FailedError if that does not work there, where Python may be another one.
        """
        self._exec(shlex.join(["mkdir", "-p", str(self.place / WORK)]), _SECONDS)
        if contents is None:
            return
        for name, path in {WHEELHOUSE: contents.wheelhouse, **contents.more}.items():
            archive = self.place / f"{name}.tar.gz"
            self._upload(pack(Path(path)), archive)
            there = shlex.quote(str(self.place / name))
            self._exec(f"mkdir -p {there} && tar -xzf {shlex.quote(str(archive))} -C {there}", _SECONDS)
        environment = str(self.place / CANDIDATE)
        made = self.run(["python3", "-m", "venv", environment], seconds=_SECONDS, keep=4000)
        words = [f"{environment}/bin/pip", "install", "--quiet", contents.requirement]
        installed = self.run(words, seconds=_SECONDS, keep=4000) if made.code == 0 else made
        if installed.code != 0:
            raise FailedError(
                "the candidate cannot be installed on Daytona", hint=installed.output.decode("utf-8", "replace")[-2000:]
            )

    def _upload(self, content: bytes, path: PurePosixPath) -> None:
        import daytona

        try:
            self.sandbox.fs.upload_file(content, str(path), timeout=_SECONDS)
        except daytona.DaytonaError as err:
            raise FailedError(f"Daytona took no file: {said(err)}", hint=_LOOK) from err

    def _exec(self, command: str, seconds: int) -> str:
        import daytona

        try:
            return str(self.sandbox.process.exec(command, timeout=seconds).result)
        except daytona.DaytonaError as err:
            raise FailedError(f"Daytona ran no command: {said(err)}", hint=_LOOK) from err


# The first line tells code, seconds, size of the output, and what the disk holds in KiB; then both ends of the output.
# A shell that sees its child killed says so on its own stderr, which is nobody's output.
_SCRIPT = """exec 2> /dev/null
cd {work} || exit 1
began=$(date +%s)
(exec {command}) > {out} 2>&1 < /dev/null
code=$?
took=$(($(date +%s) - began))
size=$(($(wc -c < {out})))
used=$(du -sk {disk} | cut -f1)
echo "$code $took $size $used"
head -c {half} {out} | base64 | tr -d '\\n'
echo
rest=$((size - {half}))
if [ $rest -gt {half} ]; then rest={half}; fi
if [ $rest -gt 0 ]; then tail -c $rest {out} | base64 | tr -d '\\n'; fi
echo
rm -f {out}
"""
_LOOK = "is Daytona well, does the key have rights, and is the quota free?"


def connect_daytona(env: Mapping[str, str]) -> daytona.Daytona:
    """Make the SDK's client; nothing is asked yet.

    Raises: RefusedError if the SDK is missing, or its address is one that no key may be sent to.
    """
    try:
        import daytona
    except ImportError as err:
        raise RefusedError(
            f"{KEY} is set, but the package daytona is not installed: {err}",
            hint='write "release-channels[gate,daytona]" in the noxfile\'s block, or unset the key',
        ) from err
    address = env.get("DAYTONA_API_URL", "").strip()
    if is_rehearsal(env) and not is_loopback(address):
        raise RefusedError(
            "a rehearsal does not speak to Daytona", hint=f"unset {KEY}, or set DAYTONA_API_URL to this machine"
        )
    if address and not address.startswith("https://") and not is_loopback(address):
        raise RefusedError("DAYTONA_API_URL is not https, and the key would travel unencrypted", hint="use https")
    words: dict[str, Any] = {"api_key": env[KEY].strip(), "target": env.get("DAYTONA_TARGET") or None}
    with warnings.catch_warnings():
        # The other way is a connection in the background, which the SDK's plain client has no way to close.
        warnings.simplefilter("ignore", DeprecationWarning)
        config = daytona.DaytonaConfig(**words, api_url=address or None, use_deprecated_polling=True)
        return daytona.Daytona(config)


def said(err: Exception) -> str:
    """Quote the SDK's error, shortened to a line."""
    text = " ".join(str(err).split())
    return text[:200] or type(err).__name__


def _home(sandbox: daytona.Sandbox) -> str:
    import daytona

    try:
        return str(sandbox.get_user_home_dir())
    except daytona.DaytonaError as err:
        raise FailedError(f"Daytona does not tell where its sandbox is: {said(err)}", hint=_LOOK) from err


def reap(
    client: daytona.Daytona,
    project: str,
    minutes: int,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> str:
    """Delete this project's sandboxes that are older than so many minutes; younger ones may be another run's.

    Raises: FailedError if Daytona does not list them, or keeps one.
    """
    import daytona

    try:
        mine = list(client.list(daytona.ListSandboxesQuery(labels={LABEL: project})))
    except daytona.DaytonaError as err:
        raise FailedError(f"Daytona does not list its sandboxes: {said(err)}", hint="is Daytona well?") from err
    old = list(_old(mine, project, clock() - timedelta(minutes=minutes)))
    kept = [problem for sandbox in old if (problem := _delete(client, sandbox))]
    if kept:
        raise FailedError(f"{len(kept)} old sandboxes stay on Daytona: {'; '.join(kept)}", hint="delete them by hand")
    return f"{len(old)} old sandboxes of {project} removed, {len(mine) - len(old)} left alone"


def _old(sandboxes: list[daytona.Sandbox], project: str, before: datetime) -> Iterator[daytona.Sandbox]:
    """Pick by the label itself, whatever the list was asked for; an age that nobody knows is not an age."""
    for sandbox in sandboxes:
        created = _time(sandbox.created_at)
        if (sandbox.labels or {}).get(LABEL) == project and created is not None and created < before:
            yield sandbox


def _time(text: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _delete(client: daytona.Daytona, sandbox: daytona.Sandbox) -> str:
    import daytona

    try:
        client.delete(sandbox, timeout=60)
    except daytona.DaytonaError as err:
        return f"{sandbox.id}: {said(err)}"
    console.say(f"  removed the sandbox {sandbox.id}, which a killed run left behind")
    return ""
