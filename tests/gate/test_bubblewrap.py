"""The sandbox of this machine: its isolation, its limits, and the refusal without one."""

from __future__ import annotations

import os
import platform
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from release_channels.adapters.uv import uv_program
from release_channels.errors import FailedError, RefusedError
from release_channels.gate.candidate import python_directories
from release_channels.gate.checks import find_sandboxes
from release_channels.gate.sandbox.base import Contents
from release_channels.gate.sandbox.bubblewrap import Bubblewrap, BubblewrapSandbox, bundled_program, find_bubblewrap
from release_channels.model.gate_config import GateConfig, SandboxKind
from tests.support.gating import MARK, Ready, bubblewrap


@contextmanager
def _open(ready: Ready, contents: Contents | None = None, **gate: int) -> Iterator[BubblewrapSandbox]:
    with bubblewrap(GateConfig(**gate)).open(contents or ready.candidate.contents) as sandbox:  # type: ignore[arg-type]
        yield sandbox


def _run(sandbox: BubblewrapSandbox, command: str, seconds: float = 20) -> tuple[int | None, str]:
    ran = sandbox.run(["/bin/sh", "-c", command], seconds=seconds, keep=20_000)
    return ran.code, ran.output.decode()


def test_the_sandbox_hides_this_machine(ready: Ready, offline: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its environment, processes, home and temporary files."""
    monkeypatch.setenv("OPENAI_API_KEY", f"{MARK}-key")
    with _open(ready) as sandbox:
        _, output = _run(sandbox, "env; for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/environ; echo; done")
        assert MARK not in output
        assert "PIP_NO_INDEX=1" in output
        _, processes = _run(sandbox, "ls -d /proc/[0-9]* | wc -l")
        assert int(processes) < 10
        _, files = _run(sandbox, "ls -A /tmp /home /run /var /etc/shadow 2>&1; cat /etc/passwd")
        assert "release-channels" not in files
        for path in ("/home", "/run", "/var", "/etc/shadow"):
            assert f"'{path}': No such file or directory" in files
        assert files.count(":x:") == 2


def test_sandbox_contents_are_read_only_and_own_files_last(ready: Ready, offline: None) -> None:
    """Candidate, wheelhouse and system are; `work` and /tmp last from command to command."""
    with _open(ready) as sandbox:
        sandbox.put("README.md", b"# Demo\n")
        for path in ("/candidate", "/wheelhouse", "/usr", "/", "/etc"):
            code, output = _run(sandbox, f"touch {path}/mine")
            assert (code, "Read-only file system" in output) == (1, True), path
        assert _run(sandbox, "cat README.md; echo one > mine; echo two > /tmp/mine") == (0, "# Demo\n")
        assert _run(sandbox, "cat mine /tmp/mine; pwd") == (0, "one\ntwo\n/work\n")


def test_the_candidate_is_installed(ready: Ready, offline: None) -> None:
    """Its program runs, and pip has nothing to do."""
    with _open(ready) as sandbox:
        assert _run(sandbox, "demo-tool hello") == (0, "demo-tool 1.2.0.dev42 hello\n")


@pytest.mark.full
def test_the_candidate_can_be_installed_again(ready: Ready, offline: None) -> None:
    """From the wheelhouse into a new environment, without a network."""
    with _open(ready) as sandbox:
        code, output = _run(
            sandbox, "python -m venv --system-site-packages v && v/bin/python -m pip install -q --force-reinstall"
            " demo-tool && v/bin/demo-tool && readlink -f v/bin/demo-tool", 60,
        )  # fmt: skip
        assert (code, output) == (0, "demo-tool 1.2.0.dev42\n/work/v/bin/demo-tool\n")


def test_a_linked_interpreter_is_visible(ready: Ready, offline: None, tmp_path: Path) -> None:
    """By both names: the path of uv's own interpreters contains a link."""
    link, environment = tmp_path / "python-3", tmp_path / "environment"
    link.symlink_to(ready.candidate.contents.python_directories[0])
    words = (uv_program(), "venv", "--quiet", "--relocatable", "--python", str(link / "bin" / "python3"), environment)
    subprocess.run([*words], check=True)
    (environment / "bin" / "python").unlink()
    (environment / "bin" / "python").symlink_to(link / "bin" / "python3")
    directories = python_directories(environment / "bin" / "python", tmp_path, dict(os.environ))
    assert link in directories
    contents = replace(ready.candidate.contents, environment=environment, python_directories=directories)
    with _open(ready, contents) as sandbox:
        assert _run(sandbox, "python -c 'print(6 * 7)'") == (0, "42\n")


def test_an_interpreter_behind_links_is_visible_without_their_neighbours(
    ready: Ready, offline: None, tmp_path: Path
) -> None:
    """As `~/.local/bin/python3.12` is: of a directory of links only the links themselves are shown."""
    real = ready.candidate.contents.python_directories[0] / "bin" / "python3"
    for name, target in (("first", real), ("second", tmp_path / "first" / "bin" / "python3")):
        (tmp_path / name / "bin").mkdir(parents=True)
        (tmp_path / name / "bin" / "python3").symlink_to(target)
        (tmp_path / name / "private.txt").write_text("private\n")
    environment = tmp_path / "environment"
    python = environment / "bin" / "python"
    linked = tmp_path / "second" / "bin" / "python3"
    subprocess.run([uv_program(), "venv", "--quiet", "--relocatable", "--python", linked, environment], check=True)
    python.unlink()
    python.symlink_to(linked)
    directories = python_directories(python, tmp_path, dict(os.environ))
    contents = replace(ready.candidate.contents, environment=environment, python_directories=directories)
    with _open(ready, contents) as sandbox:
        assert _run(sandbox, "python -c 'import sys; print(sys.prefix)'") == (0, "/candidate\n")
        assert _run(sandbox, f"cat {tmp_path}/first/private.txt {tmp_path}/second/private.txt")[0] == 1


def test_the_sandbox_has_no_network_unless_allowed(ready: Ready, offline: None) -> None:
    """Not even this machine's loopback."""
    script = "import socket; s = socket.create_server(('127.0.0.1', 0)); print([n for _, n in socket.if_nameindex()])"
    with _open(ready) as sandbox:
        assert _run(sandbox, f'python -c "{script}"') == (0, "['lo']\n")
        own = os.readlink("/proc/self/ns/net")  # noqa: PTH115 - no path, but a name
        assert _run(sandbox, "readlink /proc/self/ns/net")[1].strip() != own
    with _open(ready, network=True) as sandbox:
        assert _run(sandbox, "readlink /proc/self/ns/net")[1].strip() == own


def test_the_sandbox_has_no_privileges(ready: Ready, offline: None) -> None:
    """No capabilities, no new privileges, no nested namespaces, no user of this machine."""
    with _open(ready) as sandbox:
        _, output = _run(sandbox, "grep -E '^(Cap(Eff|Prm|Bnd)|NoNewPrivs)' /proc/self/status; id -u; unshare -U true")
    assert output.count("0000000000000000") == 3
    assert "NoNewPrivs:\t1" in output
    assert {"1000", str(os.getuid())} & set(output.splitlines())
    assert "unshare failed" in output


_KEYRING = """
import ctypes, platform, sys
machine = platform.machine()
kernel = ctypes.CDLL(None, use_errno=True)
def add(name): return kernel.syscall({"x86_64": 248, "aarch64": 217}[machine], b"user", name, b"secret", 6, -3)
def keyctl(*words): return kernel.syscall({"x86_64": 250, "aarch64": 219}[machine], *words)
def search(name): return keyctl(10, -3, b"user", name, 0)
"""


@pytest.mark.skipif(platform.machine() not in ("x86_64", "aarch64"), reason="the numbers of its calls are not here")
def test_the_sandbox_has_no_key_of_this_session(ready: Ready, offline: None) -> None:
    """No namespace separates the kernel's keyrings."""
    scope: dict[str, Any] = {}
    exec(_KEYRING, scope)
    name = f"release-channels-{os.getpid()}".encode()
    if scope["add"](name) < 0:
        pytest.skip("this kernel has no keyrings, or they are forbidden here")
    try:
        with _open(ready) as sandbox:
            sandbox.put("look.py", f"{_KEYRING}\nprint(search({name!r}), keyctl(0, -3, 0))\n".encode())
            code, output = _run(sandbox, "python look.py")
        assert scope["search"](name) > 0
    finally:
        scope["keyctl"](9, scope["search"](name), -3)
    assert code == 0
    assert output.split()[0] == "-1"


def test_memory_files_and_disk_are_limited(ready: Ready, offline: None) -> None:
    """Also for many small files."""
    with _open(ready, max_memory=256 << 20, max_disk=4 << 20) as sandbox:
        assert "MemoryError" in _run(sandbox, "python -c 'bytearray(1 << 30)'")[1]
        code, _ = _run(sandbox, "head -c 2000000 /dev/zero > big; code=$?; rm big; exit $code")
        assert code == 153  # 128 and SIGXFSZ
        with pytest.raises(FailedError, match=r"more than the 4194304 that it may"):
            _run(sandbox, "for i in 1 2 3 4 5; do head -c 1000000 /dev/zero > f$i; done")


def test_a_fork_bomb_ends_with_its_command(ready: Ready, offline: None) -> None:
    """Its processes are limited, for root too, and the next command can run."""
    with _open(ready) as sandbox:
        for _ in range(2):
            ran = sandbox.run(["/bin/sh", "-c", "f() { f | f & }; f; sleep 30"], seconds=1, keep=2000)
            assert ran.is_late or ran.code is not None
            assert int(_run(sandbox, "ls -d /proc/[0-9]* | wc -l")[1]) < 10


def test_the_number_of_processes_is_limited(ready: Ready, offline: None) -> None:
    """Before anything runs, for root too."""
    with _open(ready) as sandbox:
        assert _run(sandbox, "ulimit -p || ulimit -u")[1] == "1024\n"
        assert (
            _run(sandbox, "i=0; while [ $i -lt 900 ]; do sleep 0.1 & i=$((i + 1)); done; wait; echo $i")[1] == "900\n"
        )
        code, output = _run(sandbox, "(i=0; while [ $i -lt 3000 ]; do sleep 20 & i=$((i + 1)); done) 2>&1", seconds=60)
        assert code != 0
        assert "Cannot fork" in output or "Resource temporarily unavailable" in output


def test_a_background_process_ends_with_its_command(ready: Ready, offline: None) -> None:
    """It does not delay the command's end."""
    with _open(ready) as sandbox:
        began = time.monotonic()
        assert _run(sandbox, "sleep 300 & echo started") == (0, "started\n")
        assert time.monotonic() - began < 60


def test_a_link_out_of_work_leads_nowhere(ready: Ready, offline: None, tmp_path: Path) -> None:
    """It is resolved inside the sandbox, where the file does not exist."""
    secret = tmp_path / "secret.txt"
    secret.write_text(MARK)
    with _open(ready) as sandbox:
        _run(sandbox, f"ln -s {secret} link")
        code, output = _run(sandbox, "cat -- link")
    assert code == 1
    assert MARK not in output


def _shim(directory: Path, name: str, script: str) -> Path:
    path = directory / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def sudo(tmp_path: Path) -> Path:
    """A machine on which bubblewrap works only through sudo, because user namespaces are forbidden."""
    shims = tmp_path / "shims"
    shims.mkdir()
    real = bubblewrap().program
    refusing = 'case "$*" in *--unshare-user*) echo "bwrap: setting up uid map: Permission denied" >&2; exit 1;; esac'
    _shim(shims, "bwrap", f'{refusing}\nexec {real} "$@"')
    _shim(shims, "sudo", '[ "$1" = -n ] || exit 9\nshift\nexec "$@"')
    return shims


def test_sudo_is_used_without_user_namespaces(
    ready: Ready, offline: None, sudo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same isolation and the same time limit."""
    if os.getuid() != 0:
        pytest.skip("a stand-in for sudo gives no rights: only root can try this")
    monkeypatch.setenv("OPENAI_API_KEY", f"{MARK}-key")
    found, missing = find_bubblewrap(GateConfig(), {"PATH": f"{sudo}:{os.environ['PATH']}"}, root=False)
    assert (found and found.name, missing) == ("bubblewrap through sudo", "")
    assert isinstance(found, Bubblewrap)
    with found.open(ready.candidate.contents) as sandbox:
        code, output = _run(
            sandbox, "grep -E '^(Cap(Eff|Prm|Bnd)|NoNewPrivs)' /proc/self/status; env; tr '\\0' ' ' < /proc/1/environ;"
            " demo-tool; touch /candidate/x",
        )  # fmt: skip
        assert output.count("0000000000000000") == 3
        assert "demo-tool 1.2.0.dev42" in output
        assert "Read-only" in output
        assert MARK not in output
        assert code == 1
        ran = sandbox.run(["sleep", "60"], seconds=1, keep=100)
        assert (ran.code, ran.is_late) == (None, True)


def test_a_users_own_threads_do_not_count_through_sudo(ready: Ready, offline: None, sudo: Path) -> None:
    """Commands run as the user there, and the limit of processes is the user's."""
    if os.getuid() != 0:
        pytest.skip("a stand-in for sudo gives no rights: only root can try this")
    found, _ = find_bubblewrap(GateConfig(), {"PATH": f"{sudo}:{os.environ['PATH']}"}, root=False)
    assert found is not None
    stop = threading.Event()
    threads = [threading.Thread(target=stop.wait) for _ in range(50)]
    try:
        for thread in threads:
            thread.start()
        with found.open(ready.candidate.contents) as sandbox:
            assert int(_run(sandbox, "ulimit -p || ulimit -u")[1]) >= 1024 + 50
    finally:
        stop.set()


@pytest.mark.skipif(os.getuid() != 0, reason="for a user, not being allowed to make namespaces leads to sudo")
def test_root_needs_no_user_namespaces(ready: Ready, offline: None, sudo: Path) -> None:
    """Its commands run as an unused user, with limits."""
    found, missing = find_bubblewrap(GateConfig(), {"PATH": f"{sudo}:{os.environ['PATH']}"})
    assert (found and found.name, missing) == ("bubblewrap", "")
    assert found is not None
    with found.open(ready.candidate.contents) as sandbox:
        code, output = _run(sandbox, "grep -E '^(Cap(Eff|Prm|Bnd)|NoNewPrivs)' /proc/self/status; demo-tool; id -u")
        assert output.count("0000000000000000") == 3
        assert "demo-tool 1.2.0.dev42" in output
        assert int(output.split()[-1]) >= 2_000_000_000
        code, output = _run(sandbox, "(i=0; while [ $i -lt 1500 ]; do sleep 20 & i=$((i + 1)); done) 2>&1", seconds=60)
        assert code != 0
        assert "Cannot fork" in output


@pytest.mark.skipif(os.getuid() != 0, reason="a user's commands run as the user, who can read what is the user's")
def test_root_with_a_restrictive_umask_is_refused() -> None:
    """The commands run as another user, who could not read the mounted files."""
    before = os.umask(0o077)
    try:
        found, missing = find_bubblewrap(GateConfig(), os.environ)
    finally:
        os.umask(before)
    assert found is None
    assert missing == "bubblewrap needs a umask that lets other users read where you are root, and it is 077"


def test_the_bundled_bubblewrap_works_without_the_systems(ready: Ready, tmp_path: Path) -> None:
    """GitHub's runners have no bubblewrap."""
    found, missing = find_bubblewrap(GateConfig(), {"PATH": str(tmp_path)})
    assert (found and found.program, missing) == (bundled_program(), "")
    assert found is not None
    with found.open(ready.candidate.contents) as sandbox:
        assert "demo-tool 1.2.0.dev42" in _run(sandbox, "demo-tool")[1]


def test_without_any_sandbox_nothing_runs(tmp_path: Path) -> None:
    """The refusal contains what to install."""
    with pytest.raises(RefusedError, match="bubblewrap is not installed; DAYTONA_API_KEY is not set") as stop:
        find_sandboxes(GateConfig(), {"PATH": str(tmp_path)}, None, lambda: None)
    assert "apt-get install bubblewrap" in stop.value.hint
    _shim(tmp_path, "bwrap", 'echo "bwrap: No permissions" >&2; exit 1')
    for name in ("sudo", "nothing"):
        with pytest.raises(RefusedError, match=r"does not work here \(bwrap: No permissions\)"):
            find_sandboxes(GateConfig(), {"PATH": str(tmp_path)}, None)
        _shim(tmp_path, name, "echo 'sudo: a password is required' >&2; exit 1")
    with pytest.raises(RefusedError, match="there is no sandbox for the agent: DAYTONA_API_KEY is not set"):
        find_sandboxes(replace(GateConfig(), sandbox=SandboxKind.DAYTONA), os.environ, None)
