"""The gate through a real proxy: LiteLLM, installed from the index, in front of the scripted model."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock

from release_channels.gate.session import run_gate
from release_channels.model.outcome import Result
from release_channels.rehearsal.fake_llm import ModelServer, serve_model
from tests.cli.screen import BIN, wait_until
from tests.conftest import MakeRepo
from tests.support.backends import own_backend
from tests.support.gating import MARK

PROXY = "litellm[proxy]==1.108.7"
KEY, UPSTREAM_KEY = f"sk-{MARK}-of-the-proxy", f"{MARK}-of-the-model"
MODEL = "gpt-5.4-nano"
"""What the gate asks LiteLLM for by itself."""


@pytest.fixture(scope="session")
def program(pytestconfig: pytest.Config) -> Path:
    """LiteLLM in an environment of its own, installed once and kept."""
    assert pytestconfig.cache is not None
    place = pytestconfig.cache.mkdir("litellm")
    environment, stamp = place / "environment", place / "installed"
    wanted = f"{PROXY}, Python {sys.version}"
    with FileLock(place / ".lock"):
        if not stamp.exists() or stamp.read_text() != wanted:
            stamp.unlink(missing_ok=True)
            words = ("venv", "--quiet", "--no-config", "--clear", "--python", sys.executable, environment)
            subprocess.run([BIN / "uv", *words], check=True)
            into = ("--quiet", "--no-config", "--compile-bytecode", "--python", environment / "bin" / "python")
            subprocess.run([BIN / "uv", "pip", "install", *into, PROXY], check=True)
            stamp.write_text(wanted)
    return environment / "bin" / "litellm"


@dataclass(frozen=True)
class Proxy:
    """The running proxy, and the model behind it."""

    url: str
    model: ModelServer


@pytest.fixture(scope="module")
def proxy(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """A proxy that forwards to the scripted model, and reaches nothing else."""
    model = ModelServer(keys=frozenset({UPSTREAM_KEY}))
    with serve_model(model) as running:
        settings = {"model": "openai/scripted", "api_base": f"{running.url}/v1", "api_key": "os.environ/UPSTREAM_KEY"}
        config = {"model_list": [{"model_name": MODEL, "litellm_params": settings}]}
        # It imports from the directory above the one above its own.
        directory = tmp_path_factory.mktemp("litellm") / "of" / "its-own"
        directory.mkdir(parents=True)
        (directory / "config.yaml").write_text(json.dumps(config))
        with _started(program, directory) as url:
            yield Proxy(url, model)
    assert model.failures == []


@contextmanager
def _started(program: Path, directory: Path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    dead = "http://127.0.0.1:9"
    env = {
        "PATH": os.defpath, "HOME": str(directory), "NO_PROXY": "127.0.0.1", "HTTP_PROXY": dead, "HTTPS_PROXY": dead,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MASTER_KEY": KEY, "UPSTREAM_KEY": UPSTREAM_KEY,
    }  # fmt: skip
    words = (program, "--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port), "--telemetry", "False")
    url = f"http://127.0.0.1:{port}"
    with (directory / "log.txt").open("w") as log:
        child = subprocess.Popen(words, cwd=directory, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        wait_until(lambda: child.poll() is not None or _is_up(url), "the proxy is up", 600)
        assert child.poll() is None, (directory / "log.txt").read_text()[-3000:]
        yield url
    finally:
        child.terminate()
        try:
            child.wait(30)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _is_up(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health/liveliness", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.mark.full
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("name", ["LITELLM_API_KEY", "BF_TOKEN"])
def test_the_gate_passes_through_a_real_proxy(proxy: Proxy, make_repo: MakeRepo, name: str) -> None:
    """Probe, rollout with tools and judge: all of it goes through, and the proxy asks its own model by its own key."""
    proxy.model.asked.clear()
    repo = make_repo(own_backend())
    outcome = run_gate((), root=repo.root, env={**os.environ, name: KEY, "LITELLM_BASE_URL": f"{proxy.url}/v1"})
    assert outcome.result is Result.DONE, outcome
    assert "passed the gate" in outcome.message
    assert {asked["model"] for asked in proxy.model.asked} == {"scripted"}
    assert any(asked.get("tools") for asked in proxy.model.asked)
    assert any('"verdict"' in str(asked["messages"]) for asked in proxy.model.asked)
    kept = "".join(path.read_text() for path in (repo.root / ".release-channels" / "gate").iterdir())
    assert MODEL in kept
    assert MARK not in kept


@pytest.mark.full
@pytest.mark.timeout(1500)
def test_a_key_that_the_proxy_does_not_know_is_refused(proxy: Proxy, make_repo: MakeRepo) -> None:
    """Nothing is built then, and the model is not asked."""
    proxy.model.asked.clear()
    repo = make_repo(own_backend())
    before = repo.fingerprint()
    env = {**os.environ, "BF_TOKEN": f"sk-{MARK}-wrong", "LITELLM_BASE_URL": f"{proxy.url}/v1"}
    outcome = run_gate((), root=repo.root, env=env)
    assert outcome.line == "refused: gate: no model provider answers"
    assert "litellm: 4" in outcome.hint
    assert MARK not in outcome.hint
    assert proxy.model.asked == []
    assert repo.fingerprint() == before
