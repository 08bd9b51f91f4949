"""Daytona through its real SDK, against a stand-in of its API: parity, the reaper, and what goes wrong there."""

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
class Cloud:
    """The stand-in, and the gate's sandboxes on it."""

    state: Daytona
    sandboxes: DaytonaSandboxes
    env: Mapping[str, str]


@pytest.fixture
def cloud(tmp_path: Path, offline: None) -> Iterator[Cloud]:
    """A Daytona with nothing in it."""
    directory = tmp_path / "cloud"
    directory.mkdir()
    state = Daytona(directory)
    with serve_daytona(state) as running:
        env = {"DAYTONA_API_KEY": f" {KEY}\n", "DAYTONA_API_URL": f"{running.url}/api"}
        yield Cloud(state, DaytonaSandboxes(connect_daytona(env), GateConfig(), "acme/demo-tool", "7.1"), env)


def test_the_oracle_gives_the_same_here_and_there(cloud: Cloud) -> None:
    """Binary, unicode, a link, 2 MiB, a failure and a kill come out alike, and nothing is left behind."""
    assert "8 commands gave the same on Daytona as in bubblewrap" in check_parity(bubblewrap(), cloud.sandboxes)
    assert cloud.state.sandboxes == {}
    assert cloud.state.created == 1


def test_a_difference_fails_and_is_named(cloud: Cloud, tmp_path: Path) -> None:
    """Another exit code there than here is told by name, and the sandbox goes all the same."""
    shims = tmp_path / "shims"
    shims.mkdir()
    program = shims / "env"
    program.write_text('#!/bin/sh\n/usr/bin/env "$@"\ncode=$?\n[ $code = 7 ] && exit 0\nexit $code\n')
    program.chmod(0o755)
    cloud.state.path = f"{shims}:/usr/bin:/bin"
    with pytest.raises(FailedError, match="non-zero ended with 0 instead of 7"):
        check_parity(bubblewrap(), cloud.sandboxes)
    assert cloud.state.sandboxes == {}


def test_its_sandboxes_carry_labels_and_have_no_network(cloud: Cloud) -> None:
    """Whoever finds one knows whose it is; it stops and goes automatically."""
    with cloud.sandboxes.open(None):
        (made,) = cloud.state.sandboxes.values()
        assert made["labels"].items() >= _MINE.items()
        assert made["networkBlockAll"] is True
    with replace(cloud.sandboxes, gate=GateConfig(network=True)).open(None):
        (made,) = cloud.state.sandboxes.values()
        assert made["networkBlockAll"] is False


@pytest.mark.full
def test_the_candidate_is_installed_there(cloud: Cloud, ready: Ready) -> None:
    """Where there is no bubblewrap, the agent works on Daytona: out of the wheelhouse, in its own `work`."""
    gate = replace(GateConfig(), sandbox=SandboxKind.DAYTONA)
    assert find_sandboxes(gate, cloud.env, cloud.sandboxes) is cloud.sandboxes
    with cloud.sandboxes.open(ready.candidate.contents) as sandbox:
        sandbox.put("README.md", b"# Demo\n")
        ran = sandbox.run(["sh", "-c", "cat README.md; demo-tool; pwd"], seconds=20, keep=2000)
        assert ran.output.decode() == f"# Demo\ndemo-tool 1.2.0.dev42\n{sandbox.place}/work\n"
        assert sandbox.results is None
        late = sandbox.run(["sleep", "30"], seconds=1, keep=100)
        assert (late.code, late.is_late) == (None, True)
        flood = sandbox.run(["sh", "-c", "yes | head -c 1000000"], seconds=20, keep=100)
        assert (flood.code, flood.size) == (0, 1_000_000)
        assert b"999900 bytes left out" in flood.output


def test_a_create_that_fails_is_told(cloud: Cloud) -> None:
    """No sandbox, no pass."""
    cloud.state.faults["create"] = (400, "the quota is used up")
    with pytest.raises(FailedError, match=r"Daytona made no sandbox: .*quota is used up"):
        check_parity(bubblewrap(), cloud.sandboxes)


def test_a_delete_that_fails_is_told_although_all_else_went_well(cloud: Cloud) -> None:
    """A sandbox that stays costs money: it is named."""
    cloud.state.faults["delete"] = (500, "not now")
    with pytest.raises(FailedError, match=r"sandbox-1 could not be deleted: .*not now"):
        check_parity(bubblewrap(), cloud.sandboxes)


def test_a_delete_that_fails_hides_no_other_failure(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    """What broke first is what is told; the delete is a warning then."""
    cloud.state.faults |= {"delete": (500, "not now"), "execute": (400, "no shell")}
    with pytest.raises(FailedError, match=r"Daytona ran no command: .*no shell"):
        check_parity(bubblewrap(), cloud.sandboxes)
    assert "sandbox-1 could not be deleted" in capsys.readouterr().err


def test_the_sandbox_goes_when_the_work_breaks_off(cloud: Cloud) -> None:
    """An error or Ctrl-C within the block leaves nothing behind."""

    def break_off() -> None:
        with cloud.sandboxes.open(None):
            assert len(cloud.state.sandboxes) == 1
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert cloud.state.sandboxes == {}


def test_the_reaper_takes_old_ones_of_this_project_alone(cloud: Cloud) -> None:
    """A killed run's sandboxes go; a running run's, another project's and anybody else's survive, on every page."""
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


def test_the_reaper_looks_at_the_label_itself(cloud: Cloud) -> None:
    """A list that was not filtered makes it touch nothing that is not this project's."""
    cloud.state.ignores_labels = True
    foreign = cloud.state.add(labels={"owner": "somebody"}, created_at=_OLD)
    cloud.state.add(labels=_MINE, created_at=_OLD)
    reap(cloud.sandboxes.client, "acme/demo-tool", 120)
    assert list(cloud.state.sandboxes.values()) == [foreign]


@pytest.mark.parametrize(
    ("fault", "said"),
    [("list", "Daytona does not list its sandboxes"), ("delete", "1 old sandboxes stay on Daytona: sandbox-1")],
)
def test_a_reaper_that_cannot_do_its_work_fails(cloud: Cloud, fault: str, said: str) -> None:
    """Neither silence nor a sandbox that stays is a pass."""
    cloud.state.add(labels=_MINE, created_at=_OLD)
    cloud.state.faults[fault] = (500, "broken")
    with pytest.raises(FailedError, match=said):
        reap(cloud.sandboxes.client, "acme/demo-tool", 120)


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"DAYTONA_API_URL": "http://daytona.example/api"}, "not https"),
        ({"RELEASE_CHANNELS_REHEARSAL": "x"}, "a rehearsal does not speak to Daytona"),
        ({"RELEASE_CHANNELS_REHEARSAL": "x", "DAYTONA_API_URL": "https://daytona.example/api"}, "a rehearsal"),
    ],
)
def test_a_key_goes_to_no_address_that_is_unsafe(offline: None, env: dict[str, str], said: str) -> None:
    """Unencrypted, or out of a rehearsal: nothing is sent."""
    with pytest.raises(RefusedError, match=said):
        connect_daytona({"DAYTONA_API_KEY": KEY, **env})


def test_a_wrong_key_is_told_without_it(cloud: Cloud) -> None:
    """The refusal of the API is told, and the key is not in it."""
    client = connect_daytona({**cloud.env, "DAYTONA_API_KEY": "SECRET-wrong"})
    with pytest.raises(FailedError, match="Unauthorized") as stop:
        reap(client, "acme/demo-tool", 120)
    assert "SECRET" not in f"{stop.value} {stop.value.hint}"
