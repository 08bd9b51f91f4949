"""The environment of a job: the runner's variables, the rehearsal's file, and the outputs that a workflow reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from release_channels.adapters.actions_env import (
    ActionsEnvironment,
    annotation,
    is_loopback,
    is_rehearsal,
    read_actions,
    read_rehearsal,
    write_output,
    write_summary,
)
from release_channels.errors import RefusedError


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:8080/simple/",
        "https://localhost:8443/legacy/",
        "http://LOCALHOST/",
        "http://127.8.9.10/",
        "http://[::1]:8080/",
    ],
)
def test_loopback_addresses_are_local(address: str) -> None:
    assert is_loopback(address)


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("http://127.0.0.1.evil.example/", id="loopback as a subdomain"),
        pytest.param("http://localhost.evil.example/", id="localhost as a subdomain"),
        pytest.param("http://localhost@evil.example/", id="localhost as a user"),
        pytest.param("http://evil.example@127.0.0.1/", id="any user"),
        pytest.param("http://127.0.0.1\\@evil.example/", id="backslash and user"),
        pytest.param("http://127.0.0.1\\.evil.example/", id="backslash"),
        pytest.param("http://evil.example/?http://127.0.0.1/", id="in the query"),
        pytest.param("http://evil.example#@127.0.0.1/", id="in the fragment"),
        pytest.param("http://2130706433/", id="decimal"),
        pytest.param("http://0x7f000001/", id="hexadecimal"),
        pytest.param("http://0177.0.0.1/", id="octal"),
        pytest.param("http://127.1/", id="shortened"),
        pytest.param("http://0.0.0.0/", id="any address"),
        pytest.param("http://[::ffff:8.8.8.8]/", id="mapped"),
        pytest.param("http://[2001:db8::1]/", id="other IPv6"),
        pytest.param("http://[::1", id="half an IPv6"),
        pytest.param("http://127.0.0.1:99999/", id="no port"),
        pytest.param("http://127.0.0.1 .evil.example/", id="blank"),
        pytest.param("http://127.0.0.1\n.evil.example/", id="line break"),
        pytest.param(" http://127.0.0.1/", id="blank before"),
        pytest.param("file:///etc/passwd", id="file"),
        pytest.param("file://localhost/etc/passwd", id="file on localhost"),
        pytest.param("ftp://127.0.0.1/", id="ftp"),
        pytest.param("//127.0.0.1/", id="no scheme"),
        pytest.param("127.0.0.1", id="no address"),
        pytest.param("http:///", id="no host"),
        pytest.param("", id="empty"),
        pytest.param(None, id="missing"),
        pytest.param(1, id="number"),
        pytest.param(["http://127.0.0.1/"], id="list"),
    ],
)
def test_other_addresses_are_not_local(address: object) -> None:
    """Also those that another client might read as another host."""
    assert not is_loopback(address)


def test_no_rehearsal_without_its_variable() -> None:
    """An empty variable counts as unset."""
    for env in ({}, {"RELEASE_CHANNELS_REHEARSAL": ""}):
        assert read_rehearsal(env) is None
        assert not is_rehearsal(env)


def test_the_rehearsal_file_contains_both_addresses(tmp_path: Path) -> None:
    """Unknown keys are ignored."""
    path = tmp_path / "rehearsal.json"
    addresses = {"simple": "http://127.0.0.1:1/simple/", "upload": "http://127.0.0.1:1/legacy/"}
    path.write_text(json.dumps(addresses | {"oidc": "http://127.0.0.1:1/_/oidc/", "more": "x"}))
    env = {"RELEASE_CHANNELS_REHEARSAL": str(path)}
    rehearsal = read_rehearsal(env)
    assert rehearsal is not None
    assert {"simple": rehearsal.simple, "upload": rehearsal.upload} == addresses
    assert (rehearsal.oidc, rehearsal.own, rehearsal.installers) == ("http://127.0.0.1:1/_/oidc/", "", ())
    assert is_rehearsal(env)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(None, "cannot be read", id="missing file"),
        pytest.param(b"", "cannot be read", id="empty"),
        pytest.param(b"{", "cannot be read", id="no JSON"),
        pytest.param(b"\xff", "cannot be read", id="no UTF-8"),
        pytest.param(b"[" * 100_000, "cannot be read", id="deep"),
        pytest.param(b"[]", 'has a "simple" that is not', id="list"),
        pytest.param(b"null", 'has a "simple" that is not', id="null"),
        pytest.param(b"{}", 'has a "simple" that is not', id="no keys"),
        pytest.param(b'{"simple": "http://127.0.0.1/"}', 'has a "upload" that is not', id="no upload"),
        pytest.param(b'{"simple": 1, "upload": 2}', "on this machine: 1", id="numbers"),
        pytest.param(
            b'{"simple": "http://127.0.0.1/", "upload": "http://a.example/"}', "machine: http://a.example/", id="away"
        ),
        *(
            pytest.param(
                b'{"simple": "http://[::1]/", "upload": "http://[::1]/", "%b": "http://a.example/"}' % key.encode(),
                f'has a "{key}" that is not',
                id=f"{key} away",
            )
            for key in ("own", "oidc")
        ),
    ],
)
def test_an_invalid_rehearsal_file_is_refused(tmp_path: Path, content: bytes | None, message: str) -> None:
    """A rehearsal that might reach another machine must not upload."""
    path = tmp_path / "rehearsal.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RefusedError) as stop:
        read_rehearsal({"RELEASE_CHANNELS_REHEARSAL": str(path)})
    assert message in str(stop.value)
    assert stop.value.hint == "unset RELEASE_CHANNELS_REHEARSAL if no rehearsal is meant"


def test_no_outputs_are_written_without_a_runner(tmp_path: Path) -> None:
    """Only the runner's own variable counts."""
    env = {"GITHUB_OUTPUT": str(tmp_path / "output"), "UV_PUBLISH_TOKEN": "x", "GITHUB_ACTIONS": "false"}
    actions = read_actions(env)
    assert actions == ActionsEnvironment()
    write_output(actions, {"a": "b"})
    write_summary(actions, "text")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("ref", "workflow"),
    [
        ("o/n/.github/workflows/test.yml@refs/heads/main", "test.yml"),
        ("o/n/.github/workflows/test.yml@refs/heads/a/b@c.yml", "test.yml"),
        ("", None),
    ],
)
def test_the_workflow_is_identified_by_its_file(ref: str, workflow: str | None) -> None:
    """A branch name, which anyone may choose, cannot pose as the file's name."""
    assert read_actions({"GITHUB_ACTIONS": "true", "GITHUB_WORKFLOW_REF": ref}).workflow == workflow


def test_stored_tokens_are_found_by_name() -> None:
    """An empty token counts as none, as for a secret that does not exist."""
    env = {"GITHUB_ACTIONS": "true", "UV_PUBLISH_TOKEN": "x", "TWINE_PASSWORD": "", "HATCH_INDEX_AUTH": "y"}
    assert read_actions(env).stored_tokens == ("UV_PUBLISH_TOKEN", "HATCH_INDEX_AUTH")


def test_a_multiline_value_cannot_add_another_output(tmp_path: Path) -> None:
    """Several values are read back unchanged, whatever delimiter they contain."""
    output = tmp_path / "output"
    values = {"outcome": "a\nversion<<end\n9\nend", "version": "1.2.0.dev7\n", "publish": ""}
    output.write_text("before=1\n")
    write_output(ActionsEnvironment(runs=True, output=output), values)
    assert _read_as_the_runner(output.read_text().removeprefix("before=1\n")) == values


def _read_as_the_runner(text: str) -> dict[str, str]:
    """Read multi-line outputs as GitHub documents them."""
    found, lines = {}, iter(text.split("\n"))
    for line in lines:
        if line:
            name, _, delimiter = line.partition("<<")
            found[name] = "\n".join(iter(lambda end=delimiter: _unless(next(lines), end), None))  # type: ignore[misc]
    return found


def _unless(line: str, delimiter: str) -> str | None:
    return None if line == delimiter else line


def test_an_annotation_message_is_escaped() -> None:
    """Line breaks and percent signs, and in the title colons and commas, are text."""
    command = annotation("error", "a:b,c%\n", "x\n::set-output name=a::b\r%0A:,")
    assert command == "::error title=a%3Ab%2Cc%25%0A::x%0A::set-output name=a::b%0D%250A:,"
