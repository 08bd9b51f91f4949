"""Daytona through its real SDK, against a double of its API: parity, the reaper, and failures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from release_channels.errors import FailedError, RefusedError
from release_channels.gate.checks import find_sandboxes
from release_channels.gate.sandbox.daytona import LABEL, RUN_LABEL, DaytonaSandboxes, connect_daytona, reap
from release_channels.gate.sandbox.parity import check_parity
from release_channels.model.gate_config import GateConfig, SandboxKind
from tests.support.daytona_api import KEY, Daytona, serve_daytona
from tests.support.gating import Ready, bubblewrap

_MINE = {LABEL: "acme/demo-tool", RUN_LABEL: "7.1"}
_OLD = datetime.now(UTC) - timedelta(hours=5)


@dataclass
class DaytonaCloud:
    """The double, and the gate's sandboxes on it."""

    state: Daytona
    sandboxes: DaytonaSandboxes
    env: Mapping[str, str]


@pytest.fixture
def cloud(tmp_path: Path, offline: None) -> Iterator[DaytonaCloud]:
    """A Daytona without any sandbox."""
    directory = tmp_path / "cloud"
    directory.mkdir()
    state = Daytona(directory)
    with serve_daytona(state) as running:
        env = {"DAYTONA_API_KEY": f" {KEY}\n", "DAYTONA_API_URL": f"{running.url}/api"}
        yield DaytonaCloud(state, DaytonaSandboxes(connect_daytona(env), GateConfig(), "acme/demo-tool", "7.1"), env)


def test_commands_give_the_same_result_in_both_sandboxes(cloud: DaytonaCloud) -> None:
    """Binary, unicode, a link, 2 MiB, a failure and a kill; no sandbox remains."""
    assert "8 commands gave the same on Daytona as in bubblewrap" in check_parity(bubblewrap(), cloud.sandboxes)
    assert cloud.state.sandboxes == {}
    assert cloud.state.created == 1


def test_a_difference_fails_and_is_reported(cloud: DaytonaCloud, tmp_path: Path) -> None:
    """A different exit code is reported with its command, and the sandbox is deleted."""
    shims = tmp_path / "shims"
    shims.mkdir()
    program = shims / "env"
    program.write_text('#!/bin/sh\n/usr/bin/env "$@"\ncode=$?\n[ $code = 7 ] && exit 0\nexit $code\n')
    program.chmod(0o755)
    cloud.state.path = f"{shims}:/usr/bin:/bin"
    with pytest.raises(FailedError, match="non-zero ended with 0 instead of 7"):
        check_parity(bubblewrap(), cloud.sandboxes)
    assert cloud.state.sandboxes == {}


def test_daytona_sandboxes_have_labels_and_no_network(cloud: DaytonaCloud) -> None:
    """Project and run are the labels; the network can be allowed."""
    with cloud.sandboxes.open(None):
        (made,) = cloud.state.sandboxes.values()
        assert made["labels"].items() >= _MINE.items()
        assert made["networkBlockAll"] is True
    with replace(cloud.sandboxes, gate=GateConfig(network=True)).open(None):
        (made,) = cloud.state.sandboxes.values()
        assert made["networkBlockAll"] is False


@pytest.mark.full
def test_the_candidate_is_installed_on_daytona(cloud: DaytonaCloud, ready: Ready) -> None:
    """Without bubblewrap the agent works there, with the candidate from the wheelhouse."""
    gate = replace(GateConfig(), sandbox=SandboxKind.DAYTONA)
    assert find_sandboxes(gate, cloud.env, cloud.sandboxes) is cloud.sandboxes
    with cloud.sandboxes.open(ready.candidate.contents) as sandbox:
        sandbox.put("README.md", b"# Demo\n")
        ran = sandbox.run(["sh", "-c", "cat README.md; demo-tool; pwd"], seconds=20, keep=2000)
        assert ran.output.decode() == f"# Demo\ndemo-tool 1.2.0.dev42\n{sandbox.root}/work\n"
        assert sandbox.results is None
        late = sandbox.run(["sleep", "30"], seconds=1, keep=100)
        assert (late.code, late.is_late) == (None, True)
        flood = sandbox.run(["sh", "-c", "yes | head -c 1000000"], seconds=20, keep=100)
        assert (flood.code, flood.size) == (0, 1_000_000)
        assert b"999900 bytes left out" in flood.output


def test_a_failing_create_is_reported(cloud: DaytonaCloud) -> None:
    """Without a sandbox nothing passes."""
    cloud.state.faults["create"] = (400, "the quota is used up")
    with pytest.raises(FailedError, match=r"Daytona created no sandbox: .*quota is used up"):
        check_parity(bubblewrap(), cloud.sandboxes)


def test_a_failing_delete_fails_a_successful_run(cloud: DaytonaCloud) -> None:
    """A remaining sandbox costs money."""
    cloud.state.faults["delete"] = (500, "not now")
    with pytest.raises(FailedError, match=r"sandbox-1 could not be deleted: .*not now"):
        check_parity(bubblewrap(), cloud.sandboxes)


def test_a_failing_delete_hides_no_other_failure(cloud: DaytonaCloud, capsys: pytest.CaptureFixture[str]) -> None:
    """It is a warning then."""
    cloud.state.faults |= {"delete": (500, "not now"), "execute": (400, "no shell")}
    with pytest.raises(FailedError, match=r"Daytona ran no command: .*no shell"):
        check_parity(bubblewrap(), cloud.sandboxes)
    assert "sandbox-1 could not be deleted" in capsys.readouterr().err


def test_the_sandbox_is_deleted_after_an_interrupt(cloud: DaytonaCloud) -> None:

    def interrupt() -> None:
        with cloud.sandboxes.open(None):
            assert len(cloud.state.sandboxes) == 1
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupt()
    assert cloud.state.sandboxes == {}


@pytest.mark.full
def test_the_reaper_deletes_only_old_sandboxes_of_this_project(cloud: DaytonaCloud) -> None:
    """On every page; not those of a running run or of another project."""
    state, client = cloud.state, cloud.sandboxes.client
    kept = [
        state.add(labels=_MINE),
        state.add(labels={LABEL: "acme/other"}, created_at=_OLD),
        state.add(labels={}, created_at=_OLD),
        state.add(labels={LABEL: "acme/demo-tool-2"}, created_at=_OLD),
    ]
    undated = state.add(labels=_MINE)
    undated["createdAt"] = "yesterday"
    for _ in range(5):
        state.add(labels=_MINE, created_at=_OLD)
    assert reap(client, "acme/demo-tool", 120) == "5 old sandboxes of acme/demo-tool removed, 2 left alone"
    assert list(state.sandboxes.values()) == [*kept, undated]


def test_the_reaper_checks_the_label_itself(cloud: DaytonaCloud) -> None:
    """Also in an unfiltered list."""
    cloud.state.ignores_labels = True
    foreign = cloud.state.add(labels={"owner": "somebody"}, created_at=_OLD)
    cloud.state.add(labels=_MINE, created_at=_OLD)
    reap(cloud.sandboxes.client, "acme/demo-tool", 120)
    assert list(cloud.state.sandboxes.values()) == [foreign]


@pytest.mark.parametrize(
    ("fault", "message"),
    [("list", "Daytona does not list its sandboxes"), ("delete", "the Daytona sandbox sandbox-1 could not be deleted")],
)
def test_a_failing_reaper_fails_the_gate(cloud: DaytonaCloud, fault: str, message: str) -> None:
    """By a failing list or a remaining sandbox."""
    cloud.state.add(labels=_MINE, created_at=_OLD)
    cloud.state.faults[fault] = (500, "broken")
    with pytest.raises(FailedError, match=message):
        reap(cloud.sandboxes.client, "acme/demo-tool", 120)


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"DAYTONA_API_URL": "http://daytona.example/api"}, "not https"),
        ({"RELEASE_CHANNELS_REHEARSAL": "x"}, "a rehearsal does not connect to Daytona"),
        ({"RELEASE_CHANNELS_REHEARSAL": "x", "DAYTONA_API_URL": "https://daytona.example/api"}, "a rehearsal"),
    ],
)
def test_a_key_is_sent_to_no_unsafe_address(offline: None, env: dict[str, str], message: str) -> None:
    """Unencrypted, or, in a rehearsal, on another machine."""
    with pytest.raises(RefusedError, match=message):
        connect_daytona({"DAYTONA_API_KEY": KEY, **env})


def test_a_wrong_key_is_reported_without_it(cloud: DaytonaCloud) -> None:
    """In the words of the API's refusal."""
    client = connect_daytona({**cloud.env, "DAYTONA_API_KEY": "SECRET-wrong"})
    with pytest.raises(FailedError, match="Unauthorized") as stop:
        reap(client, "acme/demo-tool", 120)
    assert "SECRET" not in f"{stop.value} {stop.value.hint}"
