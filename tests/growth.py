"""Measure how reading grows with what is there: seconds of the processor, and peak memory.

Each row runs in its own process, together with the programs that it starts; making what is read is not measured.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from packaging.version import Version

from release_channels.adapters.archive_guard import refuse_unsafe_archive
from release_channels.adapters.index import Credentials, Index, read_index
from release_channels.indexserver.server import serve
from release_channels.model.config import Config
from release_channels.model.decide import Reason, Request, decide
from release_channels.model.version import Channel
from release_channels.release.checks.all_checks import check_release
from tests.cli.screen import BIN
from tests.support.distributions import make_check_context, make_wheel
from tests.support.projects import Sample
from tests.support.repo import Repo
from tests.unit.test_decide import observed

COUNTS = (10, 100, 1_000, 10_000)
Act = Callable[[Path, int], object]


def make_previews(place: Path, count: int) -> None:
    """Make the wheels of previews, as the local index keeps them."""
    for number in range(count):
        make_wheel(place, version=f"1.0.dev{number}")


def plan_next_preview(place: Path, count: int) -> None:
    """Read the local index over HTTP, and decide on the next preview."""
    with serve(place) as running:
        index = Index("local", running.simple_url, running.upload_url, Credentials.NONE, patience=300)
        state = read_index(index, "demo-tool")
    plan = decide(replace(observed("1.0.dev0"), index=state), Request(Channel.PREVIEW, run=count), Config())
    assert (len(state.releases), plan.version, plan.reason) == (count, Version(f"1.0.dev{count}"), Reason.OPEN)


def make_tags(place: Path, count: int) -> None:
    """Make a project whose first commits each have a release tag."""
    repo = Repo.create(place, Sample(version=f"0.{count}.0.dev0").tree())
    who = "committer T <t@example.com> 1700000000 +0000\n"
    commits = "".join(
        f"commit refs/tags/v0.{at}.0\nmark :{at + 1}\n{who}data 0\n" + (f"from :{at}\n\n" if at else "\n")
        for at in range(count)
    )
    merge = f"commit refs/heads/main\n{who}data 0\nfrom refs/heads/main^0\nmerge :{count}\n\n"
    subprocess.run(["git", "fast-import", "--quiet"], cwd=repo.root, input=(commits + merge).encode(), check=True)
    repo.git("push", "--quiet", "--tags", "origin", "main")


def show_status(place: Path, _count: int) -> None:
    """Run `status`, which reads all tags here and on the remote."""
    words = (BIN / "release-channels", "status", "--index", "local")
    subprocess.run(words, cwd=place / "checkout", check=True, capture_output=True)


def make_large_wheel(place: Path, count: int) -> None:
    """Make a wheel with one more file for each."""
    make_wheel(place, files={f"demo_tool/m{number}.py": f"X = {number}\n" for number in range(count)})


def make_heavy_wheel(place: Path, mebibytes: int) -> None:
    """Make a wheel with one file that cannot be compressed."""
    make_wheel(place, files={"demo_tool/data.bin": os.urandom(mebibytes * 2**20)})


def check_wheel(place: Path, _count: int) -> None:
    """Check the wheel as `check` does, and as the job that uploads it."""
    (wheel,) = place.glob("*.whl")
    refuse_unsafe_archive(wheel)
    check_release(make_check_context(place, [wheel]))


ROWS: tuple[tuple[str, Act, Act, tuple[int, ...]], ...] = (
    ("previews on the local index: plan the next", make_previews, plan_next_preview, COUNTS),
    ("tags and commits: status", make_tags, show_status, (10, 1_000, 20_000)),
    ("files in a wheel: check and guard", make_large_wheel, check_wheel, COUNTS),
    ("MiB in a wheel: check and guard", make_heavy_wheel, check_wheel, (1, 200)),
)


def main() -> None:
    """Print a line for each row, then all of them as JSON."""
    found = []
    for title, make, act, counts in ROWS:
        for count in counts:
            with tempfile.TemporaryDirectory(prefix="growth-") as place:
                _measure(make, Path(place), count)
                seconds, peak = _measure(act, Path(place), count)
            found.append({"what": title, "count": count, "seconds": round(seconds, 2), "peak_mib": round(peak)})
            sys.stdout.write(f"{title:<45}{count:>7,}{seconds:>8.2f} s{peak:>6.0f} MiB\n")
            sys.stdout.flush()
    sys.stdout.write(json.dumps(found) + "\n")


def _measure(act: Act, place: Path, count: int) -> tuple[float, float]:
    """Act in a process of its own; return its seconds of the processor and its peak memory in MiB."""
    if not (process := os.fork()):
        try:
            act(place, count)
            os._exit(0)
        except Exception:  # noqa: BLE001 - it is shown, and the measurement ends
            traceback.print_exc()
        finally:
            os._exit(1)
    _, status, used = os.wait4(process, 0)
    if status:
        sys.exit(f"{act.__name__} with {count} failed")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024  # kibibytes on Linux


if __name__ == "__main__":
    main()
