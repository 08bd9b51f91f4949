"""One route of the API: what it takes to use it, and what answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from release_channels.rehearsal.github.answers import Answer, Call, Listing


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path below the repository; `area` and `level` are the right that it takes.

    What anybody may read of a public repository has the level `read`; `with_token` is read only with the right itself.
    """

    method: str
    path: str
    handler: Callable[[Call], Answer | Listing]
    area: str
    level: str = "read"
    with_token: bool = False
    uploads: bool = False
