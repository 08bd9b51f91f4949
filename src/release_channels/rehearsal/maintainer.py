"""Run the maintainer's commands in the clone: tasks, merges, and a local build to compare."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from packaging.version import Version

from release_channels.adapters.distributions import parse_file_name, sha256_of
from release_channels.adapters.process import CompletedProcess, run_unchecked
from release_channels.errors import FailedError
from release_channels.rehearsal.environment import RehearsalEnvironment
from release_channels.release.dist_dir import read_manifest

_TASK = "from release_channels.tasks import main; main()"
_BUILD = (
    "import sys; from pathlib import Path; from release_channels.release.pipeline import run_pipeline; "
    "sys.exit(not run_pipeline('build', ('build',), sys.argv[1:], root=Path.cwd()).result.is_good)"
)


@dataclass(frozen=True, slots=True)
class TaskRunner:
    """Runs tasks as they are typed in a checkout; `program` is what a Python is started with."""

    checkout: Path
    env: Mapping[str, str] = field(repr=False)
    program: str = _TASK
    seconds: float = 600

    def task(self, *words: str) -> CompletedProcess:
        """Run one of the tasks."""
        argv = (sys.executable, "-c", self.program, *words)
        return run_unchecked(*argv, cwd=self.checkout, env=self.env, merged=True, timeout=self.seconds)

    def do(self, *words: str) -> CompletedProcess:
        """Run a task that has to succeed.

        Raises: FailedError with all that it said.
        """
        done = self.task(*words)
        if done.code:
            raise FailedError(f"`release-channels {' '.join(words)}` exited {done.code}", hint=done.text)
        return done


@dataclass(frozen=True, slots=True)
class Maintainer:
    """Maintainer who releases from a local clone."""

    environment: RehearsalEnvironment

    @property
    def tasks(self) -> TaskRunner:
        """The tasks, in the maintainer's checkout."""
        return TaskRunner(self.environment.checkout, self.environment.maintainer())

    def task(self, *words: str) -> CompletedProcess:
        """Run one of the tasks as it is typed."""
        return self.tasks.task(*words)

    def do(self, *words: str) -> str:
        """Run a task that must succeed, and return its outcome.

        Raises: FailedError with the task's output.
        """
        return outcome_line(self.tasks.do(*words))

    @property
    def is_open(self) -> bool:
        """True if a pull request is open."""
        return any(pull.is_open for pull in self.environment.state.pulls.values())

    def merge(self) -> str:
        """Merge the open pull request as GitHub would, and return its title."""
        environment, main = self.environment, self.environment.config.main_branch
        opened = [pull for pull in environment.state.pulls.values() if pull.is_open]
        for pull in opened:
            environment.git("switch", "--quiet", main)
            subject = f"Merge pull request #{pull.number} from {pull.head}"
            environment.git("merge", "--quiet", "--no-ff", "--message", subject, f"{pull.head}")
            environment.git("push", "--quiet", environment.config.remote, main)
            pull.is_open = False
        return ", ".join(f"#{pull.number} {pull.title}" for pull in opened)

    def catch_up(self) -> None:
        """Pull main from the remote."""
        main = self.environment.config.main_branch
        self.environment.git("switch", "--quiet", main)
        self.environment.git("pull", "--quiet", "--ff-only", self.environment.config.remote, main)

    def reset(self) -> None:
        """Discard local differences from the remote."""
        main, remote = self.environment.config.main_branch, self.environment.config.remote
        self.environment.git("switch", "--quiet", main)
        self.environment.git("fetch", "--quiet", "--prune", remote)
        self.environment.git("reset", "--quiet", "--hard", f"{remote}/{main}")

    def build_at_home(self, commit: str, *words: str) -> dict[str, str]:
        """Build a commit in a separate clone outside of the workflows, and return each file's digest.

        Raises: FailedError if it cannot be built.
        """
        environment = self.environment
        home = Path(tempfile.mkdtemp(prefix="laptop-", dir=environment.directory))
        environment.git(
            "clone",
            "--quiet",
            "--origin",
            environment.config.remote,
            environment.address,
            home,
            at=environment.directory,
        )
        argv = (sys.executable, "-c", _BUILD, "--commit", commit, "--offline", *words)
        done = run_unchecked(*argv, cwd=home, env=environment.env, merged=True)
        if done.code:
            raise FailedError(f"the commit {commit[:12]} could not be built outside of the workflows", hint=done.text)
        return {file.name: file.sha256 for file in read_manifest(home).files}


def on_index(environment: RehearsalEnvironment, version: Version | None = None) -> dict[str, str]:
    """Return the uploaded files, or those of one version, with their digests."""
    found = {}
    for path in sorted(environment.index_root.glob("*")):
        if path.name.endswith((".whl", ".tar.gz")) and version in (None, parse_file_name(path.name)[1]):
            found[path.name] = sha256_of(path)
    return found


def outcome_line(done: CompletedProcess) -> str:
    """Return the outcome: the last line of a command's output before the next step."""
    lines = (line for line in reversed(done.text.splitlines()) if line.strip())
    return next((line for line in lines if not line.startswith("next: ")), "")
