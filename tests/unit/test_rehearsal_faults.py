"""The list of faults: each has a unique name, is in the documents, and declares its expected end."""

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


def test_each_fault_is_in_the_documents() -> None:
    """The table is generated from the faults; the tables of options and of actions stand beside it."""
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    faults = [row for row in rows if not row.startswith("| `--") and "/" not in row.split("`")[1]]
    assert faults == list(fault_rows())


def test_each_fault_has_a_unique_name_and_a_next_command() -> None:
    """No command where the end is automatic, or where nothing changes."""
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    for fault in FAULTS:
        assert bool(fault.then) is (fault.recover is not None), fault.name
        assert fault.sees or fault.name.startswith("killed"), fault.name
        assert fault.recover is None or fault.end is not End.UNCHANGED, fault.name


def test_the_expected_log_words_of_faults_are_in_the_sources() -> None:
    """Except for a status code and the name of a fork."""
    sources = " ".join(path.read_text() for path in SOURCES.rglob("*.py") if path.parent.name != "faults")
    flat = " ".join(re.sub(r'"\s*\n\s*f?"', "", sources).split())
    unknown = [
        fault.name
        for fault in FAULTS
        if not all(part.strip("; ") in flat for part in re.split(r"[0-9]{3}", fault.sees))
    ]
    assert unknown == ["fork-run"]


def test_faults_are_chosen_by_name() -> None:
    """One, several, or all of them; the refusal of an unknown name lists the known ones."""
    assert [fault.name for fault in select_faults("twice,killed")] == ["killed", "twice"]
    assert select_faults(ALL) == FAULTS
    assert select_faults(KILLS) == ()
    with pytest.raises(UsageError) as stop:
        select_faults("twice,nothing")
    assert "out-of-order" in stop.value.hint
