"""Sandboxes on Daytona, through its own SDK: labelled, ephemeral, and deleted in every case."""

from __future__ import annotations

import base64
import shlex
import warnings
from collections.abc import Iterator, Mapping, Sequence
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
    """Creates sandboxes on Daytona, labelled with the project and the run."""

    client: daytona.Daytona
    gate: GateConfig
    project: str
    run: str

    @property
    def name(self) -> str:
        """The name of its sandboxes in the report."""
        return "Daytona"

    @contextmanager
    def open(self, contents: Contents | None) -> Iterator[DaytonaSandbox]:
        """Create a sandbox, upload the contents, install the candidate, and delete it when the block ends.

        Raises: FailedError if Daytona fails, also if only the deletion fails.
        """
        import daytona

        params = daytona.CreateSandboxFromSnapshotParams(
            snapshot=self.gate.daytona_snapshot or None,
            labels={LABEL: self.project, RUN_LABEL: self.run},
            network_block_all=not self.gate.network,
            auto_stop_interval=_IDLE_MINUTES,
            ephemeral=True,
        )
        with _calls("Daytona created no sandbox"):
            created = self.client.create(params, timeout=_SECONDS)
        try:
            with _calls("Daytona returned no home directory of its sandbox"):
                home = str(created.get_user_home_dir())
            sandbox = DaytonaSandbox(created, self.gate, PurePosixPath(home) / "gate")
            sandbox.fill(contents)
            yield sandbox
        except BaseException:
            try:
                _delete(self.client, created)
            except FailedError as stop:
                console.warn(str(stop))
            raise
        _delete(self.client, created)


@dataclass(frozen=True, slots=True)
class DaytonaSandbox:
    """One sandbox on Daytona, with everything in one directory of its user's home."""

    sandbox: daytona.Sandbox
    gate: GateConfig
    root: PurePosixPath

    @property
    def results(self) -> None:
        """`work` is not on this machine."""
        return

    def run(self, words: Sequence[str], *, seconds: float, keep: int) -> Excerpt:
        """Run a command in `work`; fetch only a part of its output, since Daytona itself sends all of it.

        Raises: FailedError if Daytona fails, or the command exceeds the limit of the disk.
        """
        env = [f"{name}={value}" for name, value in sandbox_environment(self.root).items()]
        inner = ["env", "-i", *env, "timeout", "-k", "2", f"{max(seconds, 1):.0f}", *limited(words, self.gate)]
        script = _SCRIPT.format(
            work=shlex.quote(str(self.root / WORK)), out=shlex.quote(str(self.root / "output")),
            command=shlex.join(inner), half=keep // 2, disk=shlex.quote(str(self.root)),
        )  # fmt: skip
        lines = self._exec(f"/bin/sh -c {shlex.quote(script)}", int(seconds) + 30).split("\n")
        try:
            code, took, size, used = map(int, lines[0].split())
            head, tail = (base64.b64decode(line, validate=True) for line in lines[1:3])
        except ValueError as err:
            raise FailedError("Daytona ran a command but returned no result", hint=_ADVICE) from err
        if used * 1024 > self.gate.max_disk:
            raise over_the_limit(WORK, used * 1024, self.gate.max_disk)
        left_out = size - len(head) - len(tail)
        between = f"\n[… {left_out} bytes left out …]\n".encode() if left_out > 0 else b""
        is_late = code in (124, 137) and took >= int(max(seconds, 1))
        return Excerpt(None if is_late else code, head + between + tail, size, is_late)

    def put(self, name: str, content: bytes) -> None:
        """Upload a file into the sandbox's working directory.

        Raises: FailedError if Daytona fails.
        """
        self._upload(content, self.root / WORK / name)

    def fill(self, contents: Contents | None) -> None:
        """Upload the contents and install the candidate from the wheelhouse.

        Raises: FailedError if that fails there, where Python may have another version.
        """
        self._exec(shlex.join(["mkdir", "-p", str(self.root / WORK)]), _SECONDS)
        if contents is None:
            return
        for name, path in {WHEELHOUSE: contents.wheelhouse, **contents.more}.items():
            archive = self.root / f"{name}.tar.gz"
            self._upload(pack(Path(path)), archive)
            there = shlex.quote(str(self.root / name))
            self._exec(f"mkdir -p {there} && tar -xzf {shlex.quote(str(archive))} -C {there}", _SECONDS)
        environment = str(self.root / CANDIDATE)
        for words in (
            ["python3", "-m", "venv", environment],
            [f"{environment}/bin/pip", "install", "--quiet", contents.requirement],
        ):
            ran = self.run(words, seconds=_SECONDS, keep=4000)
            if ran.code != 0:
                output = ran.output.decode("utf-8", "replace")
                raise FailedError("the candidate cannot be installed on Daytona", hint=output[-2000:])

    def _upload(self, content: bytes, path: PurePosixPath) -> None:
        with _calls("Daytona accepted no file"):
            self.sandbox.fs.upload_file(content, str(path), timeout=_SECONDS)

    def _exec(self, command: str, seconds: int) -> str:
        with _calls("Daytona ran no command"):
            return str(self.sandbox.process.exec(command, timeout=seconds).result)


# The first line contains exit code, seconds, size of the output in bytes and used disk in KiB; then follow both ends of
# the output. A shell reports a killed child on its own stderr, which is no output of the command.
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
_ADVICE = "check the status of Daytona, the permissions of the key, and the quota"
_REAPER = "delete it by hand, or let a later gate's reaper do it"


def connect_daytona(env: Mapping[str, str]) -> daytona.Daytona:
    """Create the SDK's client, without a request yet.

    Raises: RefusedError if the SDK is missing, or its address must not receive a key.
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
            "a rehearsal does not connect to Daytona", hint=f"unset {KEY}, or set DAYTONA_API_URL to this machine"
        )
    if address and not address.startswith("https://") and not is_loopback(address):
        raise RefusedError("DAYTONA_API_URL is not https, and the key would travel unencrypted", hint="use https")
    options: dict[str, Any] = {"api_key": env[KEY].strip(), "target": env.get("DAYTONA_TARGET") or None}
    with warnings.catch_warnings():
        # Without polling the SDK opens a connection in the background, which its synchronous client cannot close.
        warnings.simplefilter("ignore", DeprecationWarning)
        config = daytona.DaytonaConfig(**options, api_url=address or None, use_deprecated_polling=True)
        return daytona.Daytona(config)


@contextmanager
def _calls(problem: str, hint: str = _ADVICE) -> Iterator[None]:
    """Convert the SDK's errors.

    Raises: FailedError with the problem and the SDK's message, shortened to a line.
    """
    import daytona

    try:
        yield
    except daytona.DaytonaError as err:
        text = " ".join(str(err).split())[:200] or type(err).__name__
        raise FailedError(f"{problem}: {text}", hint=hint) from err


def _delete(client: daytona.Daytona, sandbox: daytona.Sandbox) -> None:
    with _calls(f"the Daytona sandbox {sandbox.id} could not be deleted", _REAPER):
        client.delete(sandbox, timeout=_SECONDS)


def reap(client: daytona.Daytona, project: str, minutes: int) -> str:
    """Delete this project's sandboxes that are older than `minutes`; younger ones may belong to another run.

    Raises: FailedError if Daytona does not list them, or does not delete one.
    """
    import daytona

    with _calls("Daytona does not list its sandboxes", "check the status of Daytona"):
        sandboxes = list(client.list(daytona.ListSandboxesQuery(labels={LABEL: project})))
    before = datetime.now(UTC) - timedelta(minutes=minutes)
    old = [sandbox for sandbox in sandboxes if _is_old(sandbox, project, before)]
    problems = []
    for sandbox in old:
        try:
            _delete(client, sandbox)
        except FailedError as stop:
            problems.append(str(stop))
        else:
            console.say(f"  removed the sandbox {sandbox.id} of a killed run")
    if problems:
        raise FailedError("; ".join(problems), hint="delete by hand what remains there")
    return f"{len(old)} old sandboxes of {project} removed, {len(sandboxes) - len(old)} left alone"


def _is_old(sandbox: daytona.Sandbox, project: str, before: datetime) -> bool:
    """Check the label again, whatever the list was filtered by; skip sandboxes without a creation time."""
    try:
        created = datetime.fromisoformat(sandbox.created_at or "")
    except ValueError:
        return False
    created = created if created.tzinfo else created.replace(tzinfo=UTC)
    return (sandbox.labels or {}).get(LABEL) == project and created < before
