"""A Python that a test session names and this machine does not have: its session is left out, and named. Pure.

Where `CI` is set nox fails for it, since GitHub's runners have them all or fetch them; here nothing is fetched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

LEFT_OUT = "unset CI"
"""The line of bash by which nox leaves such a session out."""
_SKIPPED = re.compile(r"Session (\S+) skipped: Python interpreter (\S+) not found")


def missing_pythons(said: str) -> Iterator[str]:
    """Read what nox left out from all that a run wrote."""
    for session, python in _SKIPPED.findall(said):
        yield f"Python {python} (not on this machine), for the session {session}"
