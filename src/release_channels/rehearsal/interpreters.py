"""A Python that a test session names and this machine does not have: its session is left out, and named. Pure.

Where `CI` is set nox fails for it, since GitHub's runners have them all or fetch them; here nothing is fetched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

LEFT_OUT = "unset CI"
"""The line of bash by which nox leaves such a session out."""
_SKIPPED = re.compile(r"Session (.+?) skipped: Python interpreter (\S+) not found")
_RAN = re.compile(r"Session (.+?) was successful")
# A session's name without what nox adds to it: the Python, and the parameters.
_ADDED = re.compile(r"(-[\w.]*\d[\w.]*)?(\(.*\))?$")


def missing_pythons(said: str) -> Iterator[str]:
    """Read what nox left out from all that a run wrote."""
    for session, python in _SKIPPED.findall(said):
        yield f"Python {python} (not on this machine), for the session {session}"


def left_out_whole(said: str) -> Iterator[str]:
    """Name the sessions of which nothing ran: a run is green all the same."""
    ran = {_bare(session) for session in _RAN.findall(said)}
    for session in dict.fromkeys(_bare(session) for session, _ in _SKIPPED.findall(said)):
        if session not in ran:
            yield session


def _bare(session: str) -> str:
    return _ADDED.sub("", session, count=1)
