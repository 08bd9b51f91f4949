"""Find descriptions that the index cannot render, with twine's check."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from release_channels.adapters.process import CompletedProcess, run_parallel, run_unchecked
from release_channels.model.findings import Finding
from release_channels.release.checks.archive import Archive
from release_channels.release.checks.context import CheckContext, error, warning
from release_channels.release.checks.metadata import invalid_fields

_AT_ONCE = 4
_LEVEL = re.compile(r"^(?:WARNING|ERROR)\s+")
_NO_README = "the project has no readme, so its page on the index is empty"
_STATUS = re.compile(r"^Checking .*: (?:FAILED|PASSED)")
_HINTS = (
    (
        "`long_description_content_type` missing",
        "pass it to `setup()` in setup.py, or name the readme by a file with the ending .md, .rst or .txt",
    ),
    ("syntax errors in markup", "correct the markup of the readme"),
    ("No module named", "install twine next to this tool"),
)


def check_readme(subject: CheckContext, archives: Sequence[Archive]) -> list[Finding]:
    """Run `twine check --strict` on the files with valid metadata, and report every complaint.

    All in one run, since starting twine takes longer than its check. Where it complains, every file gets a run of its
    own, a few at a time, so that one file's complaints hide no other's.
    """
    valid = [archive for archive in archives if archive.metadata is not None and not any(invalid_fields(archive))]
    described = [archive.path for archive in valid if archive.fields.get("description", "").strip()]
    hint = 'name a readme in pyproject.toml: `readme = "README.md"`'
    findings = [warning("", _NO_README, hint)] if len(described) < len(valid) else []
    if not described or _run(subject, described).code == 0:
        return findings
    for start in range(0, len(described), _AT_ONCE):
        batch = [partial(_check_file, subject, path) for path in described[start : start + _AT_ONCE]]
        findings += [finding for answer in run_parallel(*batch) for finding in answer]
    return findings


def _check_file(subject: CheckContext, path: Path) -> list[Finding]:
    done = _run(subject, [path])
    return list(parse_answer(path.name, done.text)) if done.code else []


def _run(subject: CheckContext, paths: Sequence[Path]) -> CompletedProcess:
    # A wide terminal, written to in order: parse_answer reads the answer, and broken lines would tear it apart.
    # A dumb one always has 80 columns, and twine takes every output for a terminal; hence `--no-color` and TERM.
    wide = {"TERM": "xterm", "COLUMNS": "4096", "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
    words = (sys.executable, "-m", "twine", "--no-color", "check", "--strict", *(str(path.resolve()) for path in paths))
    return run_unchecked(*words, cwd=subject.scratch, env={**subject.env, **wide}, merged=True)


def parse_answer(file: str, text: str) -> Iterator[Finding]:
    """Parse twine's output about a file into one finding for each complaint.

    Of what twine only warns, the index takes.
    """
    complaints: list[list[str]] = []
    reports: list[Callable[..., Finding]] = []
    for line in text.splitlines():
        if not line.strip() or _STATUS.match(line):
            continue
        if _LEVEL.match(line) or not complaints:
            complaints.append([_LEVEL.sub("", line).strip()])
            reports.append(warning if line.startswith("WARNING") else error)
        else:
            complaints[-1].append(line.strip())
    for report, lines in zip(reports, complaints, strict=True):
        complaint = "; ".join(line.rstrip(".") for line in dict.fromkeys(lines))
        hint = next((hint for part, hint in _HINTS if part in complaint), "see what `twine check --strict` says")
        yield report(file, f"twine check: {complaint}", hint)
