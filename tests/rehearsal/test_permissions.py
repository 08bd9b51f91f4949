"""A rehearsal withholds from jobs what GitHub withholds."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from release_channels.model.workflow_semantics.secrets import REPOSITORY
from release_channels.rehearsal.actions.run import RunOverrides
from tests.rehearsal.stages import job, make_runner, workflow

# A step that asks for what a job may have, and says what it got.
ASK = """\
import json, os, urllib.error, urllib.request

def ask(address, token, data=None):
    headers = {"Authorization": f"Bearer {token}", "User-Agent": "test"}
    try:
        with urllib.request.urlopen(urllib.request.Request(address, data, headers)) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as err:
        return err.code, {}

api = f"{os.environ['GITHUB_API_URL']}/repos/{os.environ['GITHUB_REPOSITORY']}"
draft = json.dumps({"tag_name": "v9", "draft": True}).encode()
print("release", ask(f"{api}/releases", os.environ["GH_TOKEN"], draft)[0])
url = os.environ.get("ACTIONS_ID_TOKEN_REQUEST_URL")
print("identity", "has none" if not url else "is offered")
job = os.environ["GITHUB_JOB"]
forced = f"{os.environ['REHEARSAL_RUNNER']}/identity?job={job}&audience=pypi"
print("forced", ask(forced, os.environ.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "none"))[0])
if url:
    import base64
    body = ask(url + "&audience=pypi", os.environ["ACTIONS_ID_TOKEN_REQUEST_TOKEN"])[1]["value"].split(".")[1]
    print("claims", base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode())
"""
STEP = "{uses: actions/checkout@v7}", "{run: python3 ask.py, env: {GH_TOKEN: '${{ github.token }}'}}"


@pytest.fixture
def asking(offline: None) -> str:
    """A workflow with a job for each kind of permission."""
    return workflow(
        job(*STEP, name="none", permissions="{contents: read}"),
        job(*STEP, name="write", permissions="{contents: write}"),
        job(*STEP, name="publish", permissions="{id-token: write}", environment="pypi-internal-preview"),
    )


def test_each_job_has_the_permissions_of_its_file(asking: str, tmp_path: Path) -> None:
    """To write, or to get an identity, whose claims are the job's."""
    with make_runner(tmp_path, {"one.yml": asking, "../../ask.py": ASK}) as runner:
        ran = runner.run()
        assert ran.conclusion == "success", ran.act_result.said()
        said = {name: [line for line in ran.act_result.said(name).splitlines() if line] for name in ran.jobs}
        assert said["none"] == ["release 403", "identity has none", "forced 403"]
        assert said["write"] == ["release 201", "identity has none", "forced 403"]
        assert said["publish"][:3] == ["release 403", "identity is offered", "forced 200"]
        claims = json.loads(said["publish"][3].removeprefix("claims "))
        repository = runner.environment.repository
        assert {key: claims[key] for key in ("environment", "job_workflow_ref", "ref", "event_name", "aud")} == {
            "environment": "pypi-internal-preview",
            "job_workflow_ref": f"{repository}/.github/workflows/one.yml@refs/heads/main",
            "ref": "refs/heads/main", "event_name": "push", "aud": "pypi",
        }  # fmt: skip
        assert claims["sub"] == f"repo:{repository}:environment:pypi-internal-preview"


@pytest.mark.full
def test_a_removed_permission_is_missing(asking: str, tmp_path: Path) -> None:
    """Removed by a fault."""
    with make_runner(tmp_path, {"one.yml": asking, "../../ask.py": ASK}) as runner:
        ran = runner.run(changes=RunOverrides(without=("publish/id-token: write",)))
        assert ran.act_result.said("publish").splitlines() == ["release 403", "identity has none", "forced 403"]


def test_an_environment_allows_only_its_refs(offline: None, tmp_path: Path) -> None:
    """The public one allows tags, so its job does not start on main."""
    text = workflow(job("echo begun", environment="pypi-public"), job("echo begun", name="other"))
    with make_runner(tmp_path, {"one.yml": text}) as runner:
        ran = runner.run()
        assert ran.jobs == {"one": "failure", "other": "success"}
        assert "begun" not in ran.act_result.said("one")
        assert "main is not allowed to deploy to pypi-public" in ran.act_result.said("one")
        deployed = [(one.environment, one.states[-1][1]) for one in runner.environment.state.deployments.values()]
        assert deployed == [("pypi-public", "failure")]
        runner.environment.state.environments["pypi-public"].policies.clear()
        again = runner.dispatcher.run_again(ran)
        assert again.jobs == {"one": "failure", "other": "success"}, "no pattern lets nothing in"


@pytest.mark.full
def test_a_step_gets_nothing_of_the_user(offline: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No variables, tokens or files, and no terminal for prompts."""
    for name in ("LEAK", "PYPI_TOKEN", "UV_PUBLISH_TOKEN", "GH_TOKEN"):
        monkeypatch.setenv(name, "leaked")
    (tmp_path / ".env").write_text("LEAK=leaked\n")
    monkeypatch.chdir(tmp_path)
    text = workflow(job("env", "echo home $HOME", "command -v nox act twine || echo nothing else"))
    with make_runner(tmp_path, {"one.yml": text}) as runner:
        said = runner.run().act_result.said()
    assert "leaked" not in said
    assert "nothing else" in said
    assert f"home {os.environ['HOME']}" not in said
    for line in ("TERM=dumb", "GIT_TERMINAL_PROMPT=0", "PIP_NO_INPUT=1", "UV_PYTHON_DOWNLOADS=never"):
        assert line in said.splitlines()


def test_a_step_has_no_network(offline: None, tmp_path: Path) -> None:
    """Its request is refused at once; 192.0.2.1 is a reserved address."""
    look = (
        "python3 -c 'import urllib.request; urllib.request.urlopen(\"http://192.0.2.1/\", timeout=20)' || echo refused"
    )
    with make_runner(tmp_path, {"one.yml": workflow(job(json.dumps(look)))}) as runner:
        ran = runner.run()
        assert runner.environment.upstream_proxy.refused == ["GET 192.0.2.1"]
    assert "refused" in ran.act_result.said().splitlines()
    assert "HTTP Error 403" in ran.act_result.said()


@pytest.mark.full
def test_no_stored_output_contains_a_secret(offline: None, tmp_path: Path) -> None:
    """Neither a step's output or name, nor the run's log."""
    secret = "a-very-secret-word"
    text = workflow(
        job("echo ${{ secrets.KEY }}", 'echo "${KEY:0:6}-${KEY:7}"').replace(
            "steps:", "env: {KEY: '${{ secrets.KEY }}'}\n    steps:"
        )
    )
    with make_runner(tmp_path, {"one.yml": text}) as runner:
        object.__setattr__(runner.environment, "secrets", {REPOSITORY: {"KEY": secret}})
        ran = runner.run()
        kept = [path for path in (runner.environment.directory / "runs").rglob("*") if path.is_file()]
        assert ran.is_green
        holding = [path.name for path in kept if secret in path.read_text(errors="replace")]
    assert secret not in str(ran.act_result)
    assert holding == ["secrets"]
    assert subprocess.run(["ls", tmp_path / "world"], check=True, capture_output=True).returncode == 0


# What is seen is written backwards: as it is, it would be redacted.
SEE = """\
import json, os

print("top", os.environ["TOP"][::-1], "step", os.environ["STEP"][::-1])
print("all", " ".join(sorted(json.loads(os.environ["ALL"]))), json.loads(os.environ["ALL"])["TOP"][::-1])
"""


def test_a_job_gets_the_secrets_of_its_environment(offline: None, tmp_path: Path) -> None:
    """They override the repository's, in its jobs only."""
    env = "{STEP: \"${{ secrets['STEP'] }}\", ALL: '${{ toJSON(Secrets) }}'}"
    see = "{uses: actions/checkout@v7}", f"{{run: python3 see.py, env: {env}}}"
    text = workflow(
        job(*see, name="none"),
        job(*see, name="named", environment="PyPI-Internal-Preview", strategy="{matrix: {leg: [1, 2]}}"),
        job(*see, name="as-table", environment="{name: other}"),
        head="env: {TOP: '${{ secrets.top }}'}\n",
    )
    stored = {
        REPOSITORY: {"TOP": "of-the-repository"},
        "pypi-internal-preview": {"TOP": "of-the-'$x\\ \"environment", "STEP": "of-a-step"},
    }
    with make_runner(tmp_path, {"one.yml": text, "../../see.py": SEE}) as runner:
        object.__setattr__(runner.environment, "secrets", stored)
        ran = runner.run()
        assert ran.is_green, ran.act_result.said()
        said = {name: [line for line in ran.act_result.said(name).splitlines() if line] for name in ran.jobs}
    without = ["top yrotisoper-eht-fo step ", "all GITHUB_TOKEN TOP yrotisoper-eht-fo"]
    assert said["none"] == said["as-table"] == without
    own = stored["pypi-internal-preview"]["TOP"][::-1]
    assert sorted(said["named"]) == sorted([f"top {own} step pets-a-fo", f"all GITHUB_TOKEN STEP TOP {own}"] * 2)
