"""Finding the repository, the API address and the token, and where no token is ever sent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from release_channels.adapters.actions_env import REHEARSAL
from release_channels.adapters.github import connect
from release_channels.adapters.github.connect import find_token
from release_channels.errors import RefusedError, ReleaseError, UsageError
from release_channels.model.github import repository_name
from tests.github.hubs import NAME, READER, RIGHTLESS, WRITER, GitHubDouble
from tests.indexserver.servers import make_tls

DEFAULT = "https://api.github.com"


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/acme/demo-tool",
        "https://github.com/acme/demo-tool.git",
        "https://github.com/acme/demo-tool.git/",
        "https://github.com/acme/demo-tool/\n",
        "http://github.com/acme/demo-tool",
        "https://www.github.com/acme/demo-tool",
        "https://GitHub.com/acme/demo-tool.git",
        "https://SECRET-user@github.com/acme/demo-tool.git",
        "https://x-access-token:SECRET@github.com/acme/demo-tool",
        "https://user:SECRET@word@github.com/acme/demo-tool",
        "https://github.com:443/acme/demo-tool",
        "git@github.com:acme/demo-tool.git",
        "git@github.com:/acme/demo-tool.git",
        "github.com:acme/demo-tool",
        "org-1234@github.com:acme/demo-tool.git",
        "ssh://git@github.com/acme/demo-tool.git",
        "ssh://git@ssh.github.com:443/acme/demo-tool.git",
        "git+ssh://git@github.com/acme/demo-tool",
        "git://github.com/acme/demo-tool.git",
    ],
)
def test_the_repository_is_parsed_from_a_remote(url: str) -> None:
    """In every form of a GitHub URL, without the password."""
    assert repository_name("", url, {}) == NAME


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "/srv/git/github.com/acme/demo-tool.git",
        "../github.com/acme/demo-tool",
        "https://example.org/github.com/acme/demo-tool",
        "https://github.com@example.org/acme/demo-tool",
        "https://github.com.example.org/acme/demo-tool",
        "https://notgithub.com/acme/demo-tool",
        "git@example.org:github.com/demo-tool",
        "https://github.com/acme",
        "https://github.com/acme/demo-tool/tree/main",
        "https://github.com/acme/demo tool",
        "https://github.com/acme/..",
        "https://github.com/-acme/demo-tool",
        "https://user:SECRET@gitlab.com/acme/demo-tool",
    ],
)
def test_other_urls_contain_no_repository(url: str | None) -> None:
    assert repository_name("", url, {}) is None


def test_the_repository_is_searched_in_settings_job_and_remote() -> None:
    """In this order."""
    env, remote = {"GITHUB_REPOSITORY": "job/tool"}, "git@github.com:remote/tool.git"

    assert repository_name("set/tool", remote, env) == "set/tool"
    assert repository_name("", remote, env) == "job/tool"
    assert repository_name("", remote, {"GITHUB_REPOSITORY": "broken"}) == "remote/tool"
    assert repository_name("", None, {}) is None


def fake_gh(directory: Path, script: str) -> str:
    """Put a program called gh on its own PATH."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "gh"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return f"{directory}{os.pathsep}{os.environ['PATH']}"


def test_the_token_is_found_in_order(tmp_path: Path) -> None:
    """GH_TOKEN, GITHUB_TOKEN, gh's own."""
    gh = {"PATH": fake_gh(tmp_path / "bin", "echo SECRET-kept")}
    both = {"GH_TOKEN": "SECRET-one", "GITHUB_TOKEN": " SECRET-two\n"}

    found = [find_token(env, DEFAULT) for env in (gh | both, gh | both | {"GH_TOKEN": " "}, gh)]

    assert [(one.value, one.source) for one in found if one] == [
        ("SECRET-one", "GH_TOKEN"),
        ("SECRET-two", "GITHUB_TOKEN"),
        ("SECRET-kept", "`gh auth token`"),
    ]
    assert "SECRET" not in repr(found)


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("echo SECRET-x; exit 1", id="not logged in"),
        pytest.param("echo", id="prints nothing"),
        pytest.param("exec /nonexistent", id="broken"),
    ],
)
def test_a_gh_without_a_token_is_no_error(tmp_path: Path, script: str) -> None:
    """The client has none then."""
    assert find_token({"PATH": fake_gh(tmp_path / "bin", script)}, DEFAULT) is None


def test_a_missing_gh_is_no_error(tmp_path: Path) -> None:
    """Public repositories can still be read."""
    (tmp_path / "empty").mkdir()
    assert find_token({"PATH": str(tmp_path / "empty")}, DEFAULT) is None


def test_gh_is_asked_for_the_exact_host(tmp_path: Path) -> None:
    """A host's token is never sent to another one, and a loopback address gets none."""
    env = {"PATH": fake_gh(tmp_path / "bin", 'echo "$4"')}  # gh auth token --hostname HOST

    tokens = [find_token(env, base) for base in (DEFAULT, "https://git.example.org/api/v3", "https://api.x.ghe.com")]

    assert [one.value for one in tokens if one] == ["github.com", "git.example.org", "x.ghe.com"]
    assert find_token(env, "http://127.0.0.1:8080/api/v3") is None
    assert find_token(env, "https://localhost:8080/api/v3") is None


def test_has_token_is_false_without_a_token(github: GitHubDouble) -> None:
    """Public repositories are readable."""
    assert (github.client().has_token, github.client(None).has_token) == (True, False)
    assert github.client(None).releases() == ()


@pytest.mark.parametrize(
    ("env", "said"),
    [
        pytest.param({"GITHUB_API_URL": "http://git.example.org/api/v3"}, "unencrypted", id="http"),
        pytest.param({"GITHUB_API_URL": "https://u:SECRET@git.example.org"}, "not the plain address", id="password"),
        pytest.param({"GITHUB_API_URL": "https://u@git.example.org?a=SECRET"}, "not the plain address", id="query"),
        pytest.param({"GITHUB_API_URL": "git.example.org"}, "not the plain address", id="no scheme"),
        pytest.param({"GITHUB_API_URL": "https://[::1"}, "not the plain address", id="no address"),
        pytest.param({"GITHUB_API_URL": "https://git.example.org:port"}, "not the plain address", id="no port"),
        pytest.param({"GITHUB_API_URL": "file:///etc"}, "not the plain address", id="a file"),
        pytest.param({REHEARSAL: "rehearsal.json"}, "not on this machine", id="rehearsal, default"),
        pytest.param(
            {REHEARSAL: "rehearsal.json", "GITHUB_API_URL": "https://git.example.org"},
            "not on this machine",
            id="rehearsal, elsewhere",
        ),
    ],
)
def test_an_unsafe_api_address_is_refused(env: dict[str, str], said: str) -> None:
    """A token is sent encrypted only, and in a rehearsal only to this machine."""
    with pytest.raises(RefusedError, match=said) as refused:
        connect(NAME, {"GH_TOKEN": WRITER, **env})
    assert "SECRET" not in f"{refused.value} {refused.value.hint}"


def test_a_rehearsal_may_use_a_loopback_address(github: GitHubDouble) -> None:
    assert github.client(env={REHEARSAL: "rehearsal.json"}).releases() == ()


@pytest.mark.parametrize("name", ["", "demo-tool", "a/b/c", "../x", "acme/..", "acme/demo tool", "acme/x?y=z"])
def test_a_malformed_repository_name_is_a_usage_error(name: str) -> None:
    """It never becomes part of a URL."""
    with pytest.raises(UsageError):
        connect(name, {"GH_TOKEN": WRITER})


def test_the_client_uses_tls_with_a_trusted_authority(
    github: GitHubDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reads, writes and uploads; without the certificate it connects to nothing."""
    from release_channels.rehearsal.github import serve_github

    tls, authority = make_tls(tmp_path)
    (tmp_path / "a.txt").write_bytes(b"a")
    with serve_github(github.state, tls=tls) as running:
        env = {"GITHUB_API_URL": running.api_url, "GH_TOKEN": WRITER}
        with pytest.raises(ReleaseError, match="certificate is not trusted"):
            connect(NAME, env, pauses=github.pauses()).releases()
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority))
        with connect(NAME, env, pauses=github.pauses()) as client:
            draft = client.create_draft("v1.2.0", "1.2.0", "")
            client.upload_asset(draft, tmp_path / "a.txt")
            assert [one.name for one in client.releases()[0].assets] == ["a.txt"]
        assert running.take_unchecked() == ()


def test_netrc_is_ignored(github: GitHubDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its passwords replace no token and do not go to the artifact store."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password SECRET\n")
    monkeypatch.setenv("NETRC", str(netrc))
    artifact = github.state.add_artifact(github.state.add_run("test.yml", "a" * 40), "release", {"a": b"b"})

    github.client(READER).download_artifact(artifact, tmp_path / "a.zip", 1 << 20)
    assert github.client(None).releases() == ()
    assert github.client(RIGHTLESS).releases() == ()
