"""What a rehearsal's programs see of the machine, and which providers the gate uses."""

from __future__ import annotations

import os
import re
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from release_channels.adapters.http_server import Tls, serve_wsgi
from release_channels.errors import RefusedError
from release_channels.model.config import Config
from release_channels.model.gate_config import GateConfig
from release_channels.rehearsal.child_environment import (
    children_environment,
    make_certificates,
    make_programs,
    open_ways,
    upstream_hosts,
)
from release_channels.rehearsal.fake_llm import KEY, open_model

_WAY = "http://127.0.0.1:8"


@pytest.fixture
def tls(tmp_path: Path) -> Tls:
    """A certificate for this machine."""
    return make_certificates(tmp_path, {})[0]


def test_system_authorities_and_our_own_are_trusted(tmp_path: Path) -> None:
    """In one bundle, so that the index of the dependencies is trusted too."""
    system = tmp_path / "system.pem"
    own = make_certificates(tmp_path, {})[1].read_text()
    system.write_text(own[: own.index("-----END CERTIFICATE-----") + len("-----END CERTIFICATE-----\n")])
    bundle = make_certificates(tmp_path, {"SSL_CERT_FILE": str(system)})[1]
    context = ssl.create_default_context(cafile=str(bundle))
    assert len(context.get_ca_certs()) == 2
    assert any("trustme" in str(one["subject"]) for one in context.get_ca_certs())


def test_other_programs_of_this_environment_are_not_on_the_path(tmp_path: Path) -> None:
    """Only uv and Pythons: GitHub does not have them either."""
    path = make_programs(tmp_path / "bin", dict(os.environ))
    names = {program.name for program in (tmp_path / "bin").iterdir()}
    minors = {name for name in names if re.fullmatch(r"python3\.\d+", name)}
    assert names - minors == {"python", "python3", "uv"}
    assert str(Path(ssl.__file__).parent) not in path
    assert "/usr/bin" in path.split(os.pathsep)


def test_every_uv_python_is_on_the_path_by_minor_version(tmp_path: Path) -> None:
    """So that a project can be rehearsed with another Python than the tool's."""
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "python3").symlink_to(Path(sys.executable).resolve())
    make_programs(tmp_path / "bin", {**os.environ, "PATH": f"{tmp_path / 'other'}{os.pathsep}/usr/bin{os.pathsep}/bin"})
    named = [program for program in (tmp_path / "bin").iterdir() if re.fullmatch(r"python3\.\d+", program.name)]
    assert f"python3.{sys.version_info.minor}" in {program.name for program in named}
    for program in named:
        shown = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
        assert shown.startswith(f"Python {program.name.removeprefix('python')}.")


def test_user_secrets_and_proxies_are_withheld(offline: None, tmp_path: Path) -> None:
    """Package sources are kept, and one proxy is the only network."""
    more = {"UV_PUBLISH_TOKEN": "no", "PIP_INDEX_URL": "http://127.0.0.1:1/simple/", "HTTPS_PROXY": "http://a.example"}
    env = children_environment({**os.environ, **more}, tmp_path, "/usr/bin", tmp_path / "ca.pem", _WAY)
    assert "UV_PUBLISH_TOKEN" not in env
    assert env["PIP_INDEX_URL"] == more["PIP_INDEX_URL"]
    assert {env[name] for name in ("HTTP_PROXY", "https_proxy", "ALL_PROXY")} == {_WAY}
    assert env["NO_PROXY"] == env["no_proxy"] == "localhost,127.0.0.1"
    assert env["HOME"] == str(tmp_path)


def test_uv_opens_few_connections_by_default(offline: None, tmp_path: Path) -> None:
    """Each one is a TLS handshake with the proxy; a user's own number is kept."""
    for name, more in (("8", {}), ("3", {"UV_CONCURRENT_DOWNLOADS": "3"})):
        (tmp_path / name).mkdir()
        env = children_environment({**os.environ, **more}, tmp_path / name, "/usr/bin", tmp_path / "ca.pem", _WAY)
        assert env["UV_CONCURRENT_DOWNLOADS"] == name


def test_without_a_cache_uv_gets_a_temporary_one(offline: None, tmp_path: Path) -> None:
    """It is deleted with the rehearsal."""
    (home := tmp_path / "home").mkdir()
    (temporary := tmp_path / "tmp").mkdir()
    outside = {**os.environ, "UV_NO_CACHE": "1", "TMPDIR": str(temporary)}
    env = children_environment(outside, home, "/usr/bin", tmp_path / "ca.pem", _WAY)
    assert Path(env["UV_CACHE_DIR"]).parent == home
    assert "UV_NO_CACHE" not in env
    assert list(temporary.iterdir()) == []
    off = {**os.environ, "UV_NO_CACHE": "false", "UV_CACHE_DIR": str(tmp_path / "cache")}
    (home := tmp_path / "other").mkdir()
    env = children_environment(off, home, "/usr/bin", tmp_path / "ca.pem", _WAY)
    assert env["UV_CACHE_DIR"] == str(tmp_path / "cache")


def test_allowed_hosts_are_listed_by_name() -> None:
    """Loopback always, and a live model's without the reading proxy."""
    assert set(open_ways(["b.example", "a.example"]).values()) == {"localhost,127.0.0.1,a.example,b.example"}
    assert set(open_ways(())) == {"NO_PROXY", "no_proxy"}


def test_an_unreachable_index_is_reported_first(offline: None) -> None:
    """192.0.2.1 is reserved; without the index of the dependencies no job could start."""
    with pytest.raises(RefusedError, match="the index that dependencies come from did not answer") as stop:
        upstream_hosts("http://192.0.2.1/simple/")
    assert "UV_DEFAULT_INDEX" in stop.value.hint


def test_file_hosts_are_read_from_the_index(offline: None) -> None:
    """No host's name is written in this tool."""

    def page(environ: object, start_response: object) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", "text/html")])  # type: ignore[operator]
        yield b'<a href="https://files.example/a/pip-1.0-py3-none-any.whl">pip-1.0-py3-none-any.whl</a>'

    with serve_wsgi(page, "an index") as served:
        assert upstream_hosts(f"{served.url}/simple/") == {"127.0.0.1", "files.example"}


def test_the_gate_uses_a_scripted_model_without_a_key(tls: Tls) -> None:
    """As the first provider; with a key the real one, whose host is allowed."""
    config = Config()
    with open_model(config, {}, tls) as model:
        assert dict(model.secrets) == {"DEEPSEEK_API_KEY": KEY}
        assert model.variables["DEEPSEEK_BASE_URL"].startswith("https://localhost:")
        assert model.hosts == frozenset()
    live = {"GITHUB_MODELS_TOKEN": "mine", "GITHUB_MODELS_BASE_URL": "https://models.example/v1"}
    with open_model(config, live, tls) as model:
        assert dict(model.secrets) == {config.github_models_secret: "mine"}
        assert dict(model.variables) == {"MODELS_BASE_URL": "https://models.example/v1"}
        assert model.hosts == {"models.example"}
    with open_model(Config(gate=GateConfig(enabled=False)), live, tls) as model:
        assert (model.secrets, model.variables, model.hosts) == ({}, {}, frozenset())
