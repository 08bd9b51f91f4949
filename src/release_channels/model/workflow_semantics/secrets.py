"""The secrets that a job gets. Pure.

Source: GitHub's documentation of secrets: the repository's reach each job, an environment's only the jobs that name it.
"""

from __future__ import annotations

from collections.abc import Mapping

REPOSITORY = ""
"""The key, among the names of environments, of what the repository itself stores."""


def secrets_of(stored: Mapping[str, Mapping[str, str]], environment: str) -> dict[str, str]:
    """Return the secrets of a job by name: the repository's, and over them those of its environment, if it names one.

    The names of environments are compared without regard to case.
    """
    own = next((values for name, values in stored.items() if name and name.lower() == environment.lower()), {})
    return {**stored.get(REPOSITORY, {}), **own}
