"""The whole gate: options, outcome, file of the tested commit, and the remaining files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from release_channels.adapters import console
from release_channels.gate.session import run_gate
from release_channels.model.outcome import Outcome, Result
from release_channels.model.tested_commit import parse_provenance
from release_channels.rehearsal.fake_llm import ModelServer, Reply, refusal, serve_model
from tests.cli.screen import BIN, nox, readme_noxfile, run, start, wait_until
from tests.conftest import MakeRepo, RunSession
from tests.github.hubs import NAME, READER, open_github
from tests.support.backends import own_backend
from tests.support.daytona_api import KEY as DAYTONA_KEY
from tests.support.daytona_api import Daytona, serve_daytona
from tests.support.gating import MARK, MODEL_KEY, gives_up, model_environment, runs, snoops
from tests.support.processes import watched_arguments
from tests.support.projects import Sample
from tests.support.repo import Repo

_GATE = "[tool.release-channels.gate]\n"
_COMMANDS = _GATE + 'model = false\ncommands = [["demo-tool", "--version"]]\n'
_IGNORED: dict[str, str | bytes] = {".gitignore": "dist/\nrelease.json\nprovenance.json\n.release-channels/\n"}


def _sample(tail: str = "", version: str = "1.2.0.dev0") -> Sample:
    files = {**own_backend().files, **_IGNORED}
    files["pyproject.toml"] = str(files["pyproject.toml"]).replace("1.2.0.dev0", version) + tail
    return Sample(files=files)


def _event(directory: Path, sha: str, **changes: Any) -> dict[str, str]:
    """Return the environment of a gate that a test run started."""
    run = {
        "id": 7001, "run_number": 42, "run_attempt": 2, "path": ".github/workflows/test.yml", "event": "push",
        "conclusion": "success", "head_sha": sha, "head_branch": "main", "head_repository": {"full_name": NAME},
    }  # fmt: skip
    file = directory / "event.json"
    file.write_text(json.dumps({"workflow_run": run | changes, "repository": {"full_name": NAME}}))
    return {
        "GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "workflow_run", "GITHUB_EVENT_PATH": str(file),
        "GITHUB_RUN_ID": "9001", "GITHUB_RUN_ATTEMPT": "3", "GITHUB_STEP_SUMMARY": str(directory / "summary.md"),
        "GITHUB_OUTPUT": str(directory / "output"),
    }  # fmt: skip


def _run(repo: Repo, *words: str, env: Mapping[str, str] | None = None) -> Outcome:
    return run_gate(words, root=repo.root, env={**os.environ, **(env or {})}, pause=0.01)


@pytest.fixture
def model(offline: None) -> Iterator[tuple[ModelServer, dict[str, str]]]:
    """A model server and the environment in which it is the provider."""
    server = ModelServer(keys=frozenset({MODEL_KEY}))
    with serve_model(server) as running:
        yield server, {k: v for k, v in model_environment(running.url).items() if k.startswith("OPENAI_")}
    assert server.failures == []


Model = tuple[ModelServer, dict[str, str]]


def test_a_passed_gate_writes_the_tested_commit(make_repo: MakeRepo, model: Model, tmp_path: Path) -> None:
    """With runs, repository, results and the candidate's files."""
    repo = make_repo(_sample())
    sha = repo.git("rev-parse", "HEAD")
    repo.commit("main has moved on", {"later.txt": "later"})
    outcome = _run(repo, env=model[1] | _event(tmp_path, sha))
    assert outcome.line == "done: demo-tool 1.2.0.dev42 passed the gate; provenance.json was written"
    assert (outcome.commit, outcome.version, outcome.channel) == (sha, "1.2.0.dev42", "preview")
    provenance = parse_provenance((repo.root / "provenance.json").read_text())
    assert (provenance.repository, provenance.commit, str(provenance.version)) == (NAME, sha, "1.2.0.dev42")
    assert (provenance.test_run.id, provenance.test_run.number, provenance.test_run.attempt) == (7001, 42, 2)
    assert provenance.test_run.path == ".github/workflows/test.yml"
    assert provenance.gate_run is not None
    assert (provenance.gate_run.id, provenance.gate_run.attempt) == (9001, 3)
    assert set(provenance.results) == {"provider", "rollout", "judge", "daytona-parity", "daytona-reaper"}
    assert provenance.results["daytona-parity"] == "skipped: DAYTONA_API_KEY is not set"
    assert [file.name for file in provenance.files] == [
        "demo_tool-1.2.0.dev42.tar.gz", "demo_tool-1.2.0.dev42-py3-none-any.whl",
    ]  # fmt: skip
    assert "outcome" in (tmp_path / "output").read_text()
    summary = (tmp_path / "summary.md").read_text()
    assert "passed the gate" in summary
    assert "| judge | passed: The package was installed and used. |" in summary
    assert "| rollout | reward 1, " in summary


@pytest.mark.parametrize("version", ["1.2.0.dev0", pytest.param("1.2.0", marks=pytest.mark.full)])
def test_the_candidate_is_bit_for_bit_the_build(
    make_repo: MakeRepo, run_session: RunSession, tmp_path: Path, offline: None, version: str
) -> None:
    """Of a preview, or on a staged commit of the final; the project's own commands are its gate."""
    repo = make_repo(_sample(_COMMANDS, version))
    sha = repo.git("rev-parse", "HEAD")
    repo.tag("v1.2.0")
    repo.git("push", "--quiet", "origin", "v1.2.0")
    assert _run(repo, env=_event(tmp_path, sha)).result is Result.DONE
    gated = parse_provenance((repo.root / "provenance.json").read_text())
    assert dict(gated.results) == {"commands": "1 of 1 exited 0"}
    words = ("--tag", "v1.2.0") if version == "1.2.0" else ("--run-number", "42")
    built = run_session(repo, "--offline", *words, steps=("build",))
    assert built.result is Result.DONE
    assert gated.files == built.files
    assert str(gated.version) == built.version == ("1.2.0" if version == "1.2.0" else "1.2.0.dev42")


@pytest.mark.full
@pytest.mark.parametrize("backend", ["hatchling", "setuptools", "pdm-backend"])
def test_real_build_backends_give_the_same_candidate(
    make_repo: MakeRepo, run_session: RunSession, tmp_path: Path, backend: str
) -> None:
    """Also with backends whose sdists are normalized."""
    sample = Sample(backend=backend, tail="\n" + _COMMANDS)
    repo = make_repo(Sample(backend=backend, tail=sample.tail, files=_IGNORED))
    assert _run(repo, env=_event(tmp_path, repo.git("rev-parse", "HEAD"))).result is Result.DONE
    gated = parse_provenance((repo.root / "provenance.json").read_text())
    assert gated.files == run_session(repo, "--offline", "--run-number", "42", steps=("build",)).files


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ('["false"]', "gate: `false` exited 1"),
        pytest.param('["demo-tool"], ["sh", "-c", "echo why; exit 4"]', "exited 4", marks=pytest.mark.full),
        pytest.param('["sh", "-c", "demo-tool && cat /etc/shadow"]', "exited 1", marks=pytest.mark.full),
        pytest.param('["no-such-program"]', "gate: `no-such-program` exited 127", marks=pytest.mark.full),
    ],
)
def test_a_failing_command_fails_the_gate(make_repo: MakeRepo, tmp_path: Path, words: str, message: str) -> None:
    """The first one is reported, and no tested commit is written."""
    repo = make_repo(_sample(_GATE + f"model = false\ncommands = [{words}]\n"))
    (repo.root / "provenance.json").write_text("of another commit")
    outcome = _run(repo, env=_event(tmp_path, repo.git("rev-parse", "HEAD")))
    assert outcome.result is Result.FAILED
    assert message in outcome.message
    assert not (repo.root / "provenance.json").exists()


@pytest.mark.full
def test_a_failing_rollout_leaves_no_tested_commit(make_repo: MakeRepo, model: Model, tmp_path: Path) -> None:
    """An older file is deleted, and the trajectory stays readable."""
    model[0].agent = gives_up
    repo = make_repo(_sample())
    (repo.root / "provenance.json").write_text("of another commit")
    outcome = _run(repo, env=model[1] | _event(tmp_path, repo.git("rev-parse", "HEAD")))
    assert outcome.line.startswith("failed: gate: this was not a real rollout: it called no tool")
    assert not (repo.root / "provenance.json").exists()
    assert "I cannot do this" in (repo.root / ".release-channels/gate/trajectory.jsonl").read_text()


def test_a_missing_provider_is_refused_before_the_build(make_repo: MakeRepo, offline: None) -> None:
    """The hint contains the secrets to set."""
    repo = make_repo(_sample())
    before = repo.fingerprint()
    outcome = _run(repo)
    assert outcome.line == "refused: gate: no model provider answers"
    assert "DEEPSEEK_API_KEY" in outcome.hint
    assert repo.fingerprint() == before


def test_a_disabled_gate_is_skipped(make_repo: MakeRepo, offline: None) -> None:
    """No server is queried."""
    repo = make_repo(_sample(_GATE + "enabled = false\n"))
    before = repo.fingerprint()
    outcome = _run(repo)
    assert outcome.result is Result.SKIPPED
    assert "enabled is false" in outcome.message
    assert repo.fingerprint() == before


@pytest.mark.parametrize(
    ("tail", "message"),
    [
        ("model = false\n", "so it would pass everything"),
        ("commands = [[]]\n", "commands[0] is empty"),
        ('commands = ["demo-tool"]\n', "it must be a list of strings"),
        ('commands = "demo-tool"\n', "it must be a list of lists of strings"),
        ("max-turns = 0\n", "max-turns is 0"),
        ('sandbox = "docker"\n', "it must be one of: auto, bubblewrap, daytona"),
        ('providers = ["opnai"]\n', "unknown provider: 'opnai'"),
        (
            '[[tool.release-channels.gate.extra-providers]]\nname = "A"\nkey = "K"\nbase-url = ""\nmodel = ""\n',
            "name is",
        ),
        ('[[tool.release-channels.gate.extra-providers]]\nname = "a"\n', "has no key"),
        ("max-turn = 5\n", "max-turn is not a key"),
    ],
)
def test_wrong_settings_are_refused(make_repo: MakeRepo, offline: None, tail: str, message: str) -> None:
    """Before anything changes."""
    repo = make_repo(_sample(_GATE + tail))
    before = repo.fingerprint()
    outcome = _run(repo)
    assert outcome.result is Result.REFUSED
    assert message in f"{outcome.message} {outcome.hint}"
    assert repo.fingerprint() == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"conclusion": "failure"}, "run 42 of test.yml ended with failure"),
        ({"conclusion": "cancelled"}, "run 42 of test.yml ended with cancelled"),
        ({"event": "pull_request"}, "run 42 of test.yml was not a push to main"),
        ({"head_branch": "topic"}, "run 42 of test.yml was not a push to main"),
        ({"head_branch": None}, "run 42 of test.yml was not a push to main"),
        ({"head_repository": {"full_name": "mallory/demo-tool"}}, "tested code of another repository"),
        ({"head_repository": None}, "tested code of another repository"),
    ],
)
def test_an_unsuitable_test_run_is_skipped(
    make_repo: MakeRepo, tmp_path: Path, model: Model, changes: dict[str, Any], message: str
) -> None:
    """Code of a failed run, or from outside main, is neither built nor run near a key."""
    repo = make_repo(_sample())
    env = model[1] | _event(tmp_path, repo.git("rev-parse", "HEAD"), **changes)
    before = repo.fingerprint()
    outcome = _run(repo, env=env)
    assert outcome.result is Result.SKIPPED
    assert message in outcome.message
    assert repo.fingerprint() == before
    assert model[0].asked == []


def test_a_gate_after_another_workflow_is_refused(make_repo: MakeRepo, tmp_path: Path, offline: None) -> None:
    """Its `workflow_run` is wrong."""
    repo = make_repo(_sample())
    path = ".github/workflows/lint.yml"
    outcome = _run(repo, env=_event(tmp_path, repo.git("rev-parse", "HEAD"), path=path))
    assert outcome.line == f"refused: this gate was started by a run of {path}, not of test.yml"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--commit", "HEAD"), "--commit HEAD in a job that gates the commit of its event"),
        (("--run-number", "7"), "the test run of this commit has the number 42"),
        (("--run-number", "x"), "'x' is not a run number"),
        (("--provider", "acme"), "unknown provider: acme"),
        (("--index", "pypi"), "unrecognized arguments"),
    ],
)
def test_options_that_contradict_the_event_are_refused(
    make_repo: MakeRepo, tmp_path: Path, offline: None, words: tuple[str, ...], message: str
) -> None:
    repo = make_repo(_sample())
    before = repo.fingerprint()
    outcome = _run(repo, *words, env=_event(tmp_path, repo.git("rev-parse", "HEAD")))
    assert outcome.result is Result.REFUSED
    assert message in outcome.message
    assert repo.fingerprint() == before


def test_one_provider_can_be_requested(make_repo: MakeRepo, model: Model, capsys: pytest.CaptureFixture[str]) -> None:
    """The others are ignored, also those before it."""
    repo = make_repo(_sample())
    env = model[1] | {"DEEPSEEK_API_KEY": "k", "DEEPSEEK_BASE_URL": "http://127.0.0.1:9"}
    for words in (("--dry-run",), ()):
        outcome = _run(repo, "--provider", "deepseek", *words, env=env)
        assert outcome.result is (Result.PLANNED if words else Result.REFUSED)
        assert "openai" not in capsys.readouterr().err + outcome.hint
    assert model[0].asked == []


def test_a_dry_run_shows_the_plan_and_queries_no_server(
    make_repo: MakeRepo, model: Model, capsys: pytest.CaptureFixture[str]
) -> None:
    """Providers, models and limits; nothing is written."""
    repo = make_repo(_sample())
    repo.write({"notes.txt": "mine"})
    before = repo.fingerprint()
    outcome = _run(repo, "--dry-run", "--run-number", "42", env=model[1] | {"GITHUB_REPOSITORY": NAME})
    assert outcome.line == "planned: demo-tool 1.2.0.dev42 would be gated"
    output = capsys.readouterr().err
    for words in (
        "configured: gpt-5.4-nano at http://127.0.0.1",
        "GLM_API_KEY is not set",
        "30 turns, 200000 tokens",
        "notes.txt",
    ):
        assert words in output
    assert model[0].asked == []
    assert repo.fingerprint() == before
    assert not (repo.root / ".release-channels").exists()


def _dispatch(directory: Path, branch: str | None) -> dict[str, str]:
    """Return the environment of a gate that was started by hand."""
    file = directory / "event.json"
    file.write_text(json.dumps({"inputs": branch if branch is None else {"branch": branch}}))
    return {"GITHUB_EVENT_NAME": "workflow_dispatch", "GITHUB_EVENT_PATH": str(file)}


@pytest.mark.parametrize("branch", [None, "", "main"])
def test_a_gate_by_hand_is_of_main_if_no_branch_is_named(
    make_repo: MakeRepo, tmp_path: Path, offline: None, branch: str | None
) -> None:
    """Also of a workflow without the input."""
    repo = make_repo(_sample(_COMMANDS))
    outcome = _run(repo, "--dry-run", env=_dispatch(tmp_path, branch))
    assert (outcome.result, outcome.commit) == (Result.PLANNED, repo.git("rev-parse", "HEAD"))


def test_a_branch_is_gated_as_main_gates_and_leaves_no_proof(make_repo: MakeRepo, tmp_path: Path, model: Model) -> None:
    """Neither its own commands nor its own providers count, and a test run of the same commit makes it no proof."""
    repo = make_repo(_sample(_GATE + 'model = false\ncommands = [["demo-tool", "--version"]]\n'))
    own = _GATE + 'commands = [["false"]]\n[[tool.release-channels.gate.extra-providers]]\n'
    own += f'name = "theirs"\nkey = "OPENAI_API_KEY"\nbase-url = "{model[1]["OPENAI_BASE_URL"]}"\nmodel = "m"\n'
    repo.git("switch", "--quiet", "--create", "feat/topic")
    sha = repo.commit("theirs", {"pyproject.toml": _sample(own).files["pyproject.toml"]})
    repo.git("push", "--quiet", "origin", "feat/topic")
    repo.git("switch", "--quiet", "main")
    (repo.root / "provenance.json").write_text("of another commit")
    with open_github(repo) as github:
        github.state.add_run("test.yml", sha, number=8)
        env = {"GITHUB_API_URL": github.running.api_url, "GH_TOKEN": READER, "GITHUB_REPOSITORY": NAME}
        outcome = _run(repo, env=model[1] | env | _dispatch(tmp_path, "feat/topic"))
    assert (outcome.result, outcome.commit, outcome.version) == (Result.DONE, sha, "1.2.0.dev0")
    assert outcome.message.endswith(
        "no provenance.json was written: the branch feat/topic is gated on demand, which proves nothing for a release"
    )
    assert not (repo.root / "provenance.json").exists()
    assert model[0].asked == []


@pytest.mark.parametrize(
    "branch",
    [
        "patch-1",
        "pull/7/head",
        "../../pull/7/head",
        "refs/pull/7/head",
        "HEAD~1",
        "main@{0}",
        "main^0",
        "--all",
        "{sha}",
    ],
)
def test_code_of_a_fork_is_never_gated(make_repo: MakeRepo, tmp_path: Path, model: Model, branch: str) -> None:
    """GitHub keeps the head of a fork's pull request in the same repository, in no branch: nothing names it here."""
    repo = make_repo(_sample())
    sha = repo.commit("theirs", {"evil.txt": "x"})
    repo.git("push", "--quiet", "origin", "HEAD:refs/pull/7/head")
    repo.git("update-ref", "refs/pull/7/head", sha)
    repo.git("reset", "--quiet", "--hard", "HEAD~1")
    before = repo.fingerprint()
    outcome = _run(repo, env=model[1] | _dispatch(tmp_path, branch.replace("{sha}", sha)))
    assert outcome.result is Result.REFUSED
    assert "there is no branch" in outcome.message
    assert "a fork's code never runs beside a key" in outcome.hint
    assert repo.fingerprint() == before
    assert model[0].asked == []


@pytest.mark.full
def test_a_local_gate_reads_the_test_run_from_github(make_repo: MakeRepo, offline: None) -> None:
    """Without an event, there is no run of the gate."""
    repo = make_repo(_sample(_COMMANDS))
    with open_github(repo) as github:
        wanted = github.state.add_run("test.yml", repo.git("rev-parse", "HEAD"), number=8)
        env = {"GITHUB_API_URL": github.running.api_url, "GH_TOKEN": READER, "GITHUB_REPOSITORY": NAME}
        assert _run(repo, env=env).result is Result.DONE
    provenance = parse_provenance((repo.root / "provenance.json").read_text())
    assert (provenance.test_run.id, provenance.test_run.number, str(provenance.version)) == (wanted, 8, "1.2.0.dev8")
    assert provenance.gate_run is None


def test_without_a_test_run_no_tested_commit_is_written(make_repo: MakeRepo, offline: None) -> None:
    """An older file is deleted, and the outcome contains the reason."""
    repo = make_repo(_sample(_COMMANDS))
    (repo.root / "provenance.json").write_text("old")
    outcome = _run(repo)
    assert outcome.result is Result.DONE
    assert "no provenance.json was written: the GitHub repository of this project is unknown" in outcome.message
    assert not (repo.root / "provenance.json").exists()
    assert outcome.version == "1.2.0.dev0"


@pytest.mark.parametrize("version", ["1.2.0rc1", "1.2.0+local"])
def test_a_version_of_no_channel_is_refused(make_repo: MakeRepo, offline: None, version: str) -> None:
    repo = make_repo(_sample(version=version))
    before = repo.fingerprint()
    assert _run(repo).result is Result.REFUSED
    assert repo.fingerprint() == before


def test_an_unsuitable_path_of_the_tested_commit_is_refused(make_repo: MakeRepo, offline: None) -> None:
    """A tracked path, or one that is not a file, is not overwritten."""
    repo = make_repo(_sample())
    (repo.root / "provenance.json").mkdir()
    assert "provenance.json is in use" in _run(repo).message
    (repo.root / "provenance.json").rmdir()
    repo.write({"provenance.json": "mine"})
    repo.git("add", "--force", "provenance.json")
    repo.git("commit", "--quiet", "--message", "mine")
    assert "provenance.json is in use" in _run(repo).message
    assert (repo.root / "provenance.json").read_text() == "mine"


@pytest.mark.full
def test_dependencies_are_available_as_wheels(make_repo: MakeRepo, tmp_path: Path) -> None:
    """In the wheelhouse; a missing one fails the gate."""
    tail = _GATE + 'model = false\ncommands = [["python", "-c", "import idna, demo_tool"]]\n'
    sample = Sample(dependencies=("idna>=3",), tail="\n" + tail, files=_IGNORED)
    repo = make_repo(sample)
    assert _run(repo).result is Result.DONE
    repo.commit("one more", {"pyproject.toml": sample.pyproject().replace("idna>=3", "no-such-thing-anywhere")})
    outcome = _run(repo)
    assert outcome.result is Result.FAILED
    assert "are not available" in outcome.message


@pytest.fixture
def planted(make_repo: MakeRepo, tmp_path: Path) -> dict[str, str]:
    """Every kind of secret that a gate's job can have, with a mark."""
    return {
        "DEEPSEEK_API_KEY": f"{MARK}-deepseek", "DEEPSEEK_BASE_URL": "http://127.0.0.1:9", "BF_TOKEN": f"{MARK}-bf",
        "GITHUB_MODELS_TOKEN": f"{MARK}-models-token", "GITHUB_MODELS_BASE_URL": "http://127.0.0.1:9",
        "GITHUB_TOKEN": f"{MARK}-github-token", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": f"{MARK}-oidc-token",
        "ACTIONS_ID_TOKEN_REQUEST_URL": "http://127.0.0.1:9", "ACME_SECRET": f"{MARK}-acme",
    }  # fmt: skip


def _echo(request: Any) -> Any:
    """Answer as a provider that quotes its request."""
    return refusal(400, f"bad request: {dict(request.headers)}") if "SECRET-wrong" in str(request.headers) else None


@pytest.mark.full
@pytest.mark.parametrize(
    ("agent", "verbose"),
    [
        ("good", True),
        pytest.param("good", False, marks=pytest.mark.full),
        pytest.param("snoops", True, marks=pytest.mark.full),
        pytest.param("snoops", False, marks=pytest.mark.full),
    ],
)
def test_no_output_or_file_contains_a_secret(
    make_repo: MakeRepo, model: Model, tmp_path: Path, planted: dict[str, str], agent: str, verbose: bool
) -> None:
    """Of a whole run with every secret marked, in its own process."""
    model[0].faults.append(_echo)
    if agent == "snoops":
        model[0].agent = snoops
    repo = make_repo(_sample())
    (repo.root / "noxfile.py").write_text(readme_noxfile())
    repo.commit("a noxfile")
    event = _event(tmp_path, repo.git("rev-parse", "HEAD"))
    cloud = tmp_path / "cloud"
    cloud.mkdir()
    temporary = {"TMPDIR": str(tmp_path / "tmp")}
    (tmp_path / "tmp").mkdir()
    qwen = {"QWEN_API_KEY": f"{MARK}-wrong", "QWEN_BASE_URL": model[1]["OPENAI_BASE_URL"]}
    with serve_daytona(Daytona(cloud)) as daytona, watched_arguments() as arguments:
        env = {**model[1], **planted, **event, **qwen, **temporary, "OPENAI_LOG": "debug"}
        env |= {"DAYTONA_API_KEY": DAYTONA_KEY, "DAYTONA_API_URL": f"{daytona.url}/api"}
        screen = nox(repo.root, "-s", "gate", *(["--", "--verbose"] if verbose else []), env=env)
    assert (screen.code == 0) is (agent == "good"), screen.text
    assert MARK not in screen.text
    if verbose:
        assert "$ " in screen.text
    assert "bwrap" in arguments[0]
    assert MARK not in arguments[0]
    for path in tmp_path.rglob("*"):
        if path.is_file() and not path.is_symlink():
            assert MARK.encode() not in path.read_bytes(), path


def test_the_key_of_a_projects_own_provider_is_redacted(
    make_repo: MakeRepo, model: Model, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever its variable's name is."""
    server, env = model
    extra = f'name = "acme"\nkey = "ACME"\nbase-url = "{env["OPENAI_BASE_URL"]}"\nmodel = "acme-1"\n'
    repo = make_repo(_sample(f"[[tool.release-channels.gate.extra-providers]]\n{extra}"))
    server.agent = lambda messages: Reply(f"I was asked with {MODEL_KEY}.")
    outcome = _run(repo, env={"ACME": MODEL_KEY})
    assert outcome.line.startswith("failed: gate: this was not a real rollout")
    captured = capsys.readouterr()
    assert "I was asked with ***" in captured.err
    kept = "".join(path.read_text() for path in (repo.root / ".release-channels" / "gate").iterdir())
    assert "I was asked with ***" in kept
    assert MARK not in kept + captured.out + captured.err


def test_a_crash_shows_no_secret(
    make_repo: MakeRepo, model: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Message and traceback in debug.log are redacted."""
    repo = make_repo(_sample())
    env = {**os.environ, **model[1]}

    class Broken(dict[str, str]):
        def get(self, name: str, default: Any = None) -> Any:
            if name == "OPENAI_BASE_URL":
                raise RuntimeError(f"with {self['OPENAI_API_KEY']} in it")
            return super().get(name, default)

    outcome = run_gate(["--verbose"], root=repo.root, env=Broken(env))
    assert outcome.result is Result.FAILED
    assert "a bug in release-channels: RuntimeError: with *** in it" in outcome.message
    log = (repo.root / ".release-channels" / "debug.log").read_text()
    assert "with *** in it" in log
    captured = capsys.readouterr()
    assert MARK not in log + captured.out + captured.err
    console.say("the redactor is off again")
    assert "the redactor is off again" in capsys.readouterr().err


@pytest.mark.full
def test_daytona_is_part_of_the_gate_with_a_key(make_repo: MakeRepo, model: Model, tmp_path: Path) -> None:
    """A failure of parity or reaper fails the gate."""
    repo = make_repo(_sample())
    cloud = tmp_path / "cloud"
    cloud.mkdir()
    state = Daytona(cloud)
    event = _event(tmp_path, repo.git("rev-parse", "HEAD"))
    with serve_daytona(state) as running:
        env = {**model[1], **event, "DAYTONA_API_KEY": DAYTONA_KEY, "DAYTONA_API_URL": f"{running.url}/api"}
        assert _run(repo, env=env).result is Result.DONE
        provenance = parse_provenance((repo.root / "provenance.json").read_text())
        assert "gave the same on Daytona" in provenance.results["daytona-parity"]
        assert "0 old sandboxes of acme/demo-tool" in provenance.results["daytona-reaper"]
        state.faults["list"] = (500, "broken")
        outcome = _run(repo, env=env)
    assert outcome.result is Result.FAILED
    assert "Daytona does not list its sandboxes" in outcome.message
    assert not (repo.root / "provenance.json").exists()


@pytest.mark.full
@pytest.mark.parametrize("ending", ["SIGTERM", "SIGINT"])
def test_an_interrupted_gate_leaves_nothing_running(
    make_repo: MakeRepo, model: Model, tmp_path: Path, ending: str
) -> None:
    """Ctrl-C and a cancelled job end the agent's command, delete the sandbox, and are a failure."""
    marker = f"271.{os.getpid()}"
    model[0].agent = lambda messages: runs(f"sleep {marker}")
    repo = make_repo(_sample())
    (repo.root / "noxfile.py").write_text(readme_noxfile())
    (tmp_path / "tmp").mkdir()
    env = {**model[1], "TMPDIR": str(tmp_path / "tmp"), "NOX_SCRIPT_MODE": "none"}
    with start(BIN / "nox", "-s", "gate", cwd=repo.root, env=env) as child:
        wait_until(lambda: f"sleep {marker}" in _processes(), "the agent is at work")
        os.killpg(child.pid, getattr(signal, ending))
        out, _ = child.communicate(timeout=60)
    assert child.returncode != 0
    assert "failed: interrupted; nothing has passed" in out
    assert f"sleep {marker}" not in _processes()
    assert list((tmp_path / "tmp").iterdir()) == []
    assert not (repo.root / "provenance.json").exists()


def _processes() -> str:
    return subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    ("package", "key", "message"),
    [
        ("openai", "OPENAI_API_KEY", "release-channels[gate]"),
        pytest.param("daytona", "DAYTONA_API_KEY", "release-channels[gate,daytona]", marks=pytest.mark.full),
    ],
)
def test_a_missing_extra_is_reported(make_repo: MakeRepo, model: Model, package: str, key: str, message: str) -> None:
    """The hint contains the extra to install."""
    repo = make_repo(_sample())
    script = (
        f"import sys; sys.modules[{package!r}] = None; from pathlib import Path; "
        "from release_channels.gate.session import run_gate; run_gate([], root=Path.cwd())"
    )
    screen = run(sys.executable, "-c", script, cwd=repo.root, env={**model[1], key: MODEL_KEY})
    assert screen.last.startswith("refused: gate: ")
    assert f"the package {package}" in screen.last
    assert message in screen.text
