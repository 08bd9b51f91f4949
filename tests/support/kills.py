"""Kill a run at a chosen change that it makes to the world, or at a chosen moment."""

from __future__ import annotations

import json
import os
import random
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

SEED = 16
"""Fixed, so that every run of the tests kills at the same places."""
# Python imports this module by itself where it stands on PYTHONPATH. Only the first process of a run takes the plan.
# Python reports what changes the world before it does so: a signal at report N comes between changes N - 1 and N.
_CUSTOMIZE = """\
import os
import sys


def _arm(plan, log):
    changing = {"os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "shutil.rmtree", "socket.connect",
                "subprocess.Popen", "tempfile.mkdtemp", "tempfile.mkstemp"}
    seen = 0

    def watch(event, args):
        nonlocal seen
        if event == "open":
            path, _, flags = args
            if not flags & (os.O_WRONLY | os.O_RDWR) or "__pycache__" in str(path) or str(path).startswith(cache):
                return
        elif event not in changing or cache in str(args):
            return
        seen += 1
        os.write(log, f"{seen} {event} {args!r:.150}\\n".encode("utf-8", "replace"))
        for number in plan.get(str(seen), ()):
            os.kill(os.getpid(), number)

    cache = sys.pycache_prefix or "nowhere"
    sys.addaudithook(watch)


_plan = os.environ.get("KILL_PLAN")
if _plan:
    import json
    try:
        _log = os.open(_plan + ".log", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    except FileExistsError:
        pass  # a child of the run
    else:
        with open(_plan) as _file:
            _arm(json.load(_file), _log)
"""


@dataclass(frozen=True)
class Kill:
    """One kill: the command, the signals, how far the run has come by then (0 to 1), and what happens concurrent it.

    At a boundary the share counts changes to the world, else the time that the whole run takes.
    """

    command: str
    signals: tuple[signal.Signals, ...]
    share: float
    at_boundary: bool
    concurrent: bool

    def __str__(self) -> str:
        """Return its name as a test parameter."""
        where = "change" if self.at_boundary else "moment"
        concurrent = "-concurrent" if self.concurrent else ""
        return f"{self.command}-{'+'.join(number.name for number in self.signals)}-{where}-{self.share:.3f}{concurrent}"


def kills(counts: dict[str, int]) -> Iterator[Kill]:
    """Spread kills over each command: every second one between two changes, every fifth with a run concurrent."""
    ways: Sequence[tuple[signal.Signals, ...]] = (
        (signal.SIGKILL,),
        (signal.SIGTERM,),
        (signal.SIGINT,),
        (signal.SIGTERM, signal.SIGINT),
        (signal.SIGINT, signal.SIGINT),
    )
    for command, count in counts.items():
        chance = random.Random(f"{SEED} {command}")
        for number in range(count):
            share = (number + chance.random()) / count
            yield Kill(command, chance.choice(ways), share, at_boundary=number % 3 != 2, concurrent=number % 5 == 4)


def arm(place: Path, at: dict[int, Sequence[signal.Signals]]) -> dict[str, str]:
    """Write a plan and return the variables with which a run carries it out; an empty one only counts the changes."""
    place.mkdir()
    (place / "sitecustomize.py").write_text(_CUSTOMIZE)
    (place / "plan").write_text(json.dumps({str(number): signals for number, signals in at.items()}))
    return {
        "PYTHONPATH": os.pathsep.join(filter(None, (str(place), os.environ.get("PYTHONPATH")))),
        "KILL_PLAN": str(place / "plan"),
    }


def changes(place: Path) -> list[str]:
    """Return the changes that a run made, or was about to make, in order."""
    log = place / "plan.log"
    return log.read_text(errors="replace").splitlines() if log.exists() else []
