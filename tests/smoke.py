"""Release a throw-away project through the real GitHub and a test index once, and record what GitHub says.

    GH_TOKEN=… uv run nox -s smoke -- --repository OWNER/NAME

The repository is empty and public, and NAME is free on the index. What only a person can do there is asked for.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from packaging.version import Version

from release_channels.adapters import console
from release_channels.adapters.bounded_http import listening
from release_channels.adapters.github import connect
from release_channels.adapters.github.connect import find_token
from release_channels.adapters.github.follow_run import Waiting, wait_for_run
from release_channels.adapters.index import remote_index
from release_channels.adapters.process import run
from release_channels.adapters.uv import uv_program
from release_channels.adoption.workflows.render import Adoption, Tests, render
from release_channels.errors import FailedError, RefusedError, ReleaseError, UsageError
from release_channels.model.config import Config
from release_channels.model.redact import SecretRedactor
from release_channels.project.pyproject import parse_project
from release_channels.rehearsal.maintainer import TaskRunner, outcome_line
from tests.support.projects import Sample
from tests.support.recording import RECORDINGS, Recorder, replay

HERE = Path(__file__).parents[1]
# An index with a name of its own is not for practice, wherever it leads: its tags and GitHub Releases are real.
INDEX = "smoke"
RECORDING, REPOSITORY = "RELEASE_CHANNELS_SMOKE_RECORDING", "RELEASE_CHANNELS_SMOKE_REPOSITORY"
PROGRAM = f"import sys; sys.path.insert(0, {str(HERE)!r}); from tests.smoke import run_recorded; run_recorded()"
_HOUR = 3600.0
_CONFIG = Config()
_TESTS = f".github/workflows/{_CONFIG.test_workflow}"
_SETTINGS = '[tool.release-channels.gate]\nenabled = false\n\n[[tool.uv.index]]\nname = "{name}"\nexplicit = true\n'
_NOXFILE = """\
# /// script
# requires-python = ">=3.11"
# dependencies = ["nox", "release-channels"]
#
# [tool.uv.sources]
# release-channels = {{ path = "{wheel}" }}
# ///
import nox

from release_channels import sessions

sessions.register(nox)


@nox.session(venv_backend="none")
def tests(session):
    \"\"\"Nothing is tested here but the release.\"\"\"


if __name__ == "__main__":
    nox.main()
"""


@dataclass(frozen=True)
class Smoke:
    """A walk through a release: where, with whose tasks, and who does at the index what no program can."""

    repository: str
    index: str
    tasks: TaskRunner
    recorder: Recorder
    ask: Callable[[str], None]
    waiting: Waiting

    def walk(self) -> None:
        """Set up, show the identity, publish a preview, tag, release, go on to the next version, and yank.

        Raises: RefusedError before anything is pushed, if the repository is not empty; FailedError where a part fails.
        """
        if self._git("ls-remote", _CONFIG.remote):
            raise RefusedError(
                f"{self.repository} is not empty, and this is for a repository to throw away",
                hint=f"make a new one, and delete it afterwards: gh repo create {self.repository}-2 --public",
            )
        with_tests = (self.tasks.checkout / _TESTS).read_bytes()
        self._git("rm", "--quiet", _TESTS)
        self._push("Begin without tests: nothing follows")
        self._do("setup-publishing")
        self.ask("register a pending publisher with the values of the preview channel that are shown above")
        self._do("setup-publishing", "--apply")
        (self.tasks.checkout / _TESTS).write_bytes(with_tests)
        self._git("add", _TESTS)
        self._push("Add the tests: a preview follows")
        self._follow_preview()
        self.ask("add a publisher with the values of the public channel on the project's own page")
        self._do("setup-publishing", "--apply")
        self._do("bump", "--commit")
        self._git("push", "--quiet", _CONFIG.remote, _CONFIG.main_branch)
        self._do("tag", "--wait", "--watch")
        version = self.version()
        self._do("bump-dev", "--pull-request")
        for look in ("status", "doctor"):
            console.say(self.tasks.task(look, "--index", self.index).text)
        self._do("yank", str(version), "--reason", "a smoke test")
        self.ask(f"yank {version} as it is shown above")
        if f"{version} is yanked" not in self._do("yank", str(version)):
            raise FailedError(f"{version} is not yanked", hint="yank it on the index, and run `release-channels yank`")

    def version(self) -> Version:
        """What the checkout declares."""
        path = self.tasks.checkout / "pyproject.toml"
        version = parse_project(path.read_bytes(), path.name).source.version
        assert version is not None
        return version

    def _do(self, *words: str) -> str:
        """Run a task that has to succeed, and show what it says."""
        console.say(f"$ release-channels {' '.join(words)}", style="bold")
        done = self.tasks.do(*words, "--index", self.index)
        console.say(done.text)
        return outcome_line(done)

    def _git(self, *words: str) -> str:
        return run("git", *words, cwd=self.tasks.checkout, env=self.tasks.env)

    def _push(self, message: str) -> None:
        self._git("commit", "--quiet", "--message", message)
        self._git("push", "--quiet", _CONFIG.remote, _CONFIG.main_branch)

    def _follow_preview(self) -> None:
        """Wait for the preview of what was pushed.

        Raises: FailedError if it is not published.
        """
        workflow, commit = _CONFIG.preview_workflow, self._git("rev-parse", "HEAD")
        with listening(self.recorder), connect(self.repository, self.tasks.env) as github:
            ran = wait_for_run(
                partial(github.newest_run, workflow, commit, "workflow_run"), workflow, self.waiting, github
            )
        if not ran.is_green:
            raise FailedError(f"{workflow} ended {ran.conclusion}", hint=f"see {ran.url}")


def run_recorded() -> None:
    """Run a task of the maintainer, and record what GitHub is asked: the program of the walk's tasks."""
    from release_channels.tasks import main

    with listening(_recorder(os.environ)):
        main()


def _recorder(env: Mapping[str, str]) -> Recorder:
    return Recorder(Path(env[RECORDING]), env[REPOSITORY], SecretRedactor(env))


def make_project(checkout: Path, name: str, env: Mapping[str, str]) -> None:
    """Make the project that is thrown away: it contains the tool as built from this checkout.

    Raises: CommandError if git or uv fails.
    """
    (checkout / "tool").mkdir(parents=True)
    run(
        uv_program(), "build", "--quiet", "--wheel", "--no-config", "-o", checkout / "tool", HERE, cwd=checkout, env=env
    )
    (wheel,) = (checkout / "tool").glob("*.whl")
    (checkout / "tool" / ".gitignore").unlink(missing_ok=True)
    index = remote_index("testpypi", (), in_actions=False)
    sample = Sample(
        name=name, version="0.1.0.dev0", scripts=(name,), urls="", tail=_SETTINGS.format(name=INDEX)
        + f'url = "{index.simple_url}"\npublish-url = "{index.upload_url}"\n',
    )  # fmt: skip
    files = sample.tree() | {
        "noxfile.py": _NOXFILE.format(wheel=f"tool/{wheel.name}"),
        "CHANGELOG.md": "# Changelog\n\n## [Unreleased]\n\n- Everything.\n",
        ".gitignore": "dist/\nrelease.json\n.release-channels/\n.nox/\n__pycache__/\n",
    }
    config = parse_project(str(files["pyproject.toml"]).encode(), "pyproject.toml").config
    files |= render(Adoption(config, Tests("uv run --frozen --script noxfile.py", ("tests",), ("3.12",))))
    for path, text in files.items():
        (checkout / path).parent.mkdir(parents=True, exist_ok=True)
        (checkout / path).write_text(str(text), encoding="utf-8")
    run(uv_program(), "lock", "--quiet", "--no-config", "--script", "noxfile.py", cwd=checkout, env=env)
    for words in (("init", "--quiet", "--initial-branch", _CONFIG.main_branch), ("add", "--all")):
        run("git", *words, cwd=checkout, env=env)
    run("git", "commit", "--quiet", "--message", "A project to throw away", cwd=checkout, env=env)


def use_index(checkout: Path, index: str) -> None:
    """Make the workflows publish to this index."""
    for path in (checkout / ".github" / "workflows").iterdir():
        path.write_text(path.read_text(encoding="utf-8").replace("--index pypi", f"--index {index}"), encoding="utf-8")


def _ask(what: str) -> None:
    console.say(f"Now by hand: {what}. Then press Enter.", style="bold")
    sys.stdin.readline()


def _smoke(words: Sequence[str], directory: Path) -> Path:
    parser = argparse.ArgumentParser(prog="nox -s smoke --", description=__doc__)
    parser.add_argument("--repository", required=True, metavar="OWNER/NAME", help="an empty, public repository")
    repository = parser.parse_args(words).repository
    import github

    token = find_token(os.environ, github.Consts.DEFAULT_BASE_URL)
    if token is None:
        raise UsageError("there is no token for GitHub", hint="set GH_TOKEN, or log in with `gh auth login`")
    recording = RECORDINGS / f"recording-{datetime.now(UTC):%Y-%m-%d}.jsonl"
    recording.unlink(missing_ok=True)
    env = {**os.environ, "GH_TOKEN": token.value, RECORDING: str(recording), REPOSITORY: repository}
    checkout = directory / "checkout"
    make_project(checkout, repository.partition("/")[2].lower(), env)
    use_index(checkout, INDEX)
    run("git", "commit", "--quiet", "--all", "--amend", "--no-edit", cwd=checkout, env=env)
    run("git", "remote", "add", _CONFIG.remote, f"https://github.com/{repository}", cwd=checkout, env=env)
    tasks = TaskRunner(checkout, env, PROGRAM, seconds=2 * _HOUR)
    Smoke(repository, INDEX, tasks, _recorder(env), _ask, Waiting()).walk()
    lines = recording.read_text(encoding="utf-8").splitlines(keepends=True)
    recording.write_text("".join(dict.fromkeys(lines)), encoding="utf-8")  # who waits asks the same again and again
    return recording


def main() -> int:
    """Walk, then hold what was recorded against the contract; what breaks it is what to look at before a release."""
    try:
        with tempfile.TemporaryDirectory(prefix="smoke-") as directory:
            recording = _smoke(sys.argv[1:], Path(directory))
    except ReleaseError as stop:
        console.error(stop)
        return stop.exit_code
    problems = list(replay(recording))
    for problem in problems:
        console.result(problem)
    console.result(f"{recording} is recorded, {len(problems)} lines break the contract: commit it with the fixes")
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
