"""Recognise what runs tests: the commands of a workflow's steps, and the workflows that its jobs call. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from itertools import dropwhile
from pathlib import PurePosixPath

from release_channels.model.workflow_semantics.file import Value, steps_of

_RUNNERS = frozenset({"pytest", "py.test", "tox", "unittest", "nose2", "trial"})
_TASK_RUNNERS = frozenset({"hatch", "pdm", "poetry", "make", "just", "invoke", "inv"})
_STARTERS = frozenset({"sudo", "env", "exec", "time", "xvfb-run", "uv", "uvx", "pipx", "run", "bash", "sh"})
_PYTHON = re.compile(r"python[\d.]*")
_SESSIONS = ("-s", "-e", "--session", "--sessions", "-t", "--tags")
_NO_RUN = frozenset({"-l", "--list", "--list-sessions", "--version", "--help", "-h", "--install-only"})
_NAMED = re.compile(r"(?:^|[^A-Za-z])(?:py)?tests?(?:$|[^A-Za-z])")
"""A name with the word test in it, such as `tests-3.13`, `unit_tests` or `pytest`."""
_SCRIPT = re.compile(
    r"(?:run[-_])?(?:all[-_]|unit[-_])?tests?(?:[-_](?:all|ci|cov|coverage|suite|unit))?(?:\.(?:sh|bash|py))?"
)
_ELSE = frozenset({"pypi", "publish", "upload", "release", "deploy"})
_CALLED = frozenset({"test", "tests", "tox", "pytest"})


def runs_tests(workflow: Value) -> bool:
    """Check whether a workflow runs tests, by its steps and by the names of the workflows that its jobs call."""
    called = (job["uses"].text.partition("@")[0] for job in workflow["jobs"].table.values())
    steps = (step["run"].text for _, _, step in steps_of(workflow))
    return any(map(_is_named, called)) or any(_tests(words) for text in steps for words in _commands(text))


def _is_named(path: str) -> bool:
    """Check a called workflow: `run-tests.yml` tests, and `publish-to-test-pypi.yml` does not."""
    words = set(re.split(r"[-_.]", PurePosixPath(path).stem.lower()))
    return path.endswith((".yml", ".yaml")) and bool(words & _CALLED) and not words & _ELSE


def _commands(text: str) -> Iterator[Sequence[str]]:
    """Split the text of a step into the words of its commands."""
    for line in text.replace("\\\n", " ").splitlines():
        for command in re.split(r"&&|\|\||[;|&]", line):
            try:
                yield shlex.split(command, comments=True)
            except ValueError:  # a quote that another line ends
                yield command.split()


def _tests(words: Sequence[str]) -> bool:
    """Check whether a command runs tests; one that installs a runner does not."""
    if "install" in words or "add" in words:
        return False
    names = [PurePosixPath(word).name for word in words]
    if "nox" in names:
        return _nox_tests(words[names.index("nox") + 1 :])
    if _RUNNERS.intersection(words):
        return True
    if _TASK_RUNNERS.intersection(names):
        return any(_NAMED.search(word) for word in words)
    return _is_script(words)


def _nox_tests(words: Sequence[str]) -> bool:
    """Check nox by the sessions that it runs; without one it runs all, and a name that is computed can be any."""
    if _NO_RUN.intersection(words):
        return False
    ours = list(words[: words.index("--")] if "--" in words else words)
    start = next((at for at, word in enumerate(ours) if word.split("=")[0] in _SESSIONS), None)
    if start is None:
        return True
    named = [*ours[start].split("=")[1:], *ours[start + 1 :]]
    return any("${{" in name or "$" in name or _NAMED.search(name) for name in named)


def _is_script(words: Sequence[str]) -> bool:
    """Check for a script named after the tests: `scripts/test`, `bash ci/run-tests.sh`, `python test_all.py`."""
    path = PurePosixPath(next(dropwhile(_is_before, words), ""))
    return (len(path.parts) > 1 or bool(path.suffix)) and _SCRIPT.fullmatch(path.name) is not None


def _is_before(word: str) -> bool:
    """Check whether a word may stand before the script that a command starts."""
    return word in _STARTERS or _PYTHON.fullmatch(word) is not None or word.startswith("-") or "=" in word
