"""The script that each `run:` of a rehearsal sources first."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from release_channels.rehearsal.actions.permissions import rights_script
from release_channels.rehearsal.actions.workflow import parse_workflow

WORKFLOW = parse_workflow(
    ".github/workflows/one.yml",
    "on: push\njobs:\n  one:\n    steps: []\n  two:\n    environment: live\n    steps: []\n",
)


@pytest.mark.parametrize(
    ("job", "line", "code", "said"),
    [
        pytest.param("one", "echo done", 0, "done\n", id="green"),
        pytest.param("one", "echo broken; exit 3", 3, "broken\n", id="red"),
        pytest.param("one", "false; echo never", 1, "", id="red by a command"),
        pytest.param("two", "echo never", 1, "::error::not allowed\n", id="barred"),
    ],
)
def test_a_failing_step_waits_until_its_last_line_is_read(
    tmp_path: Path, job: str, line: str, code: int, said: str
) -> None:
    """Its exit code stays; a step that succeeds does not wait."""
    (tmp_path / "rights.sh").write_text(rights_script(WORKFLOW, "token", {"two": "not allowed"}))
    (tmp_path / "step").write_text(f"{line}\n")
    begun = time.monotonic()
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", tmp_path / "step"],
        env={"PATH": "/usr/bin:/bin", "BASH_ENV": str(tmp_path / "rights.sh"), "GITHUB_JOB": job},
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (code, said, "")
    assert code == 0 or time.monotonic() - begun >= 0.2
