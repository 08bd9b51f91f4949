"""The faults as a list: each has a name of its own, stands in the documents, and says how it has to end."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from release_channels.errors import UsageError
from release_channels.rehearsal.faults.fault import End
from release_channels.rehearsal.faults.reference import fault_rows
from release_channels.rehearsal.faults.run import ALL, FAULTS, KILLS, select_faults

SOURCES = Path(__file__).parents[2] / "src"
PAGE = Path(__file__).parents[2] / "docs" / "rehearsal.md"


def test_each_fault_stands_in_the_documents() -> None:
    """The table is made from the faults themselves."""
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert [row for row in rows if not row.startswith("| `--")] == list(fault_rows())


def test_each_fault_has_a_name_of_its_own_and_a_way_on() -> None:
    """What does not end automatically names the next command, and what leaves the world unchanged has none."""
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    for fault in FAULTS:
        assert bool(fault.then) is (fault.recover is not None), fault.name
        assert fault.sees or fault.name.startswith("killed"), fault.name
        assert fault.recover is None or fault.end is not End.UNCHANGED, fault.name


def test_what_a_fault_expects_in_the_log_is_a_message_of_the_program() -> None:
    """The expected words are in the sources outside the faults, but for a status code and the name of a fork."""
    sources = " ".join(path.read_text() for path in SOURCES.rglob("*.py") if path.parent.name != "faults")
    flat = " ".join(re.sub(r'"\s*\n\s*f?"', "", sources).split())
    unknown = [
        fault.name
        for fault in FAULTS
        if not all(part.strip("; ") in flat for part in re.split(r"[0-9]{3}", fault.sees))
    ]
    assert unknown == ["fork-run"]


def test_faults_are_chosen_by_name() -> None:
    """One, several, or all of them; an unknown name is refused with the known ones."""
    assert [fault.name for fault in select_faults("twice,killed")] == ["killed", "twice"]
    assert select_faults(ALL) == FAULTS
    assert select_faults(KILLS) == ()
    with pytest.raises(UsageError) as stop:
        select_faults("twice,nothing")
    assert "out-of-order" in stop.value.hint
