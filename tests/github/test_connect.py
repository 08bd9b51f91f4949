"""Which repository, which address and which token: what is found, and what no token is ever sent to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from release_channels.adapters.actions_env import REHEARSAL
from release_channels.adapters.github import connect
from release_channels.adapters.github.connect import find_token
from release_channels.errors import RefusedError, ReleaseError, UsageError
from release_channels.model.github import repository_name
from tests.github.hubs import NAME, NOBODY, READER, WRITER, Hub
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
def test_the_repository_is_read_out_of_a_remote(url: str) -> None:
    """Every form of a remote's address on GitHub names the repository, and no password comes along."""
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
def test_no_other_address_names_a_repository(url: str | None) -> None:
    """What does not lie on GitHub, or is not a repository there, tells nothing."""
    assert repository_name("", url, {}) is None


def test_the_configuration_comes_first_then_the_job_then_the_remote() -> None:
    """Each source is asked only where the one before it tells nothing usable."""
    env, remote = {"GITHUB_REPOSITORY": "job/tool"}, "git@github.com:remote/tool.git"

    assert repository_name("set/tool", remote, env) == "set/tool"
    assert repository_name("", remote, env) == "job/tool"
    assert repository_name("", remote, {"GITHUB_REPOSITORY": "broken"}) == "remote/tool"
    assert repository_name("", None, {}) is None


def fake_gh(directory: Path, script: str) -> str:
    """Put a program called gh on a PATH of its own."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "gh"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return f"{directory}{os.pathsep}{os.environ['PATH']}"


def test_the_token_is_found_in_order(tmp_path: Path) -> None:
    """GH_TOKEN comes before GITHUB_TOKEN, and what gh keeps comes last."""
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
def test_a_gh_that_has_no_token_is_no_error(tmp_path: Path, script: str) -> None:
    """A gh that is not logged in leaves the client without a token."""
    assert find_token({"PATH": fake_gh(tmp_path / "bin", script)}, DEFAULT) is None


def test_no_gh_is_no_error(tmp_path: Path) -> None:
    """Where gh is not installed public repositories can still be read."""
    (tmp_path / "empty").mkdir()
    assert find_token({"PATH": str(tmp_path / "empty")}, DEFAULT) is None


def test_gh_is_asked_for_the_very_host(tmp_path: Path) -> None:
    """A token kept for one host is never sent to another, and this machine gets none."""
    env = {"PATH": fake_gh(tmp_path / "bin", 'echo "$4"')}  # gh auth token --hostname HOST

    told = [find_token(env, base) for base in (DEFAULT, "https://git.example.org/api/v3", "https://api.x.ghe.com")]

    assert [one.value for one in told if one] == ["github.com", "git.example.org", "x.ghe.com"]
    assert find_token(env, "http://127.0.0.1:8080/api/v3") is None
    assert find_token(env, "https://localhost:8080/api/v3") is None


def test_has_token_tells_whether_anything_but_public_things_can_be_seen(hub: Hub) -> None:
    """A client without a token reads a public repository and says that it has none."""
    assert (hub.client().has_token, hub.client(None).has_token) == (True, False)
    assert hub.client(None).releases() == ()


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
def test_an_address_that_no_token_may_be_sent_to_is_refused(env: dict[str, str], said: str) -> None:
    """A token travels encrypted or not at all, and a rehearsal asks nobody outside this machine."""
    with pytest.raises(RefusedError, match=said) as refused:
        connect(NAME, {"GH_TOKEN": WRITER, **env})
    assert "SECRET" not in f"{refused.value} {refused.value.hint}"


def test_a_rehearsal_may_ask_this_machine(hub: Hub) -> None:
    """The stand-in of a rehearsal is reached."""
    assert hub.client(env={REHEARSAL: "rehearsal.json"}).releases() == ()


@pytest.mark.parametrize("name", ["", "demo-tool", "a/b/c", "../x", "acme/..", "acme/demo tool", "acme/x?y=z"])
def test_a_name_of_another_form_is_a_wrong_request(name: str) -> None:
    """What is not a `owner/name` never becomes part of an address."""
    with pytest.raises(UsageError):
        connect(name, {"GH_TOKEN": WRITER})


def test_over_tls_with_its_own_authority(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client reads, writes and uploads over TLS where the certificate is trusted, and nowhere else."""
    from release_channels.rehearsal.github import serve_github

    tls, authority = make_tls(tmp_path)
    (tmp_path / "a.txt").write_bytes(b"a")
    with serve_github(hub.state, tls=tls) as running:
        env = {"GITHUB_API_URL": running.api_url, "GH_TOKEN": WRITER}
        with pytest.raises(ReleaseError, match="certificate is not trusted"):
            connect(NAME, env, pauses=hub.pauses()).releases()
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority))
        with connect(NAME, env, pauses=hub.pauses()) as client:
            draft = client.create_draft("v1.2.0", "1.2.0", "")
            client.upload_asset(draft, tmp_path / "a.txt")
            assert [one.name for one in client.releases()[0].assets] == ["a.txt"]
        assert running.warnings() == ()


def test_the_password_file_of_the_user_is_left_alone(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A .netrc names passwords for this machine; they replace no token and are not sent to the artifact store."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password SECRET\n")
    monkeypatch.setenv("NETRC", str(netrc))
    artifact = hub.state.add_artifact(hub.state.add_run("test.yml", "a" * 40), "release", {"a": b"b"})

    hub.client(READER).download_artifact(artifact, tmp_path / "a.zip", 1 << 20)
    assert hub.client(None).releases() == ()
    assert hub.client(NOBODY).releases() == ()
