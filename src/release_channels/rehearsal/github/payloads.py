"""The objects of GitHub's API, filled from `payloads.json`.

That file contains every field that the reference documents, since a client reads a gap as None.

Source: GitHub's REST reference, the response schemas of the routes that the stand-in has.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from string import Template
from typing import Any


def stamp(moment: datetime | None) -> str | None:
    """Format a time as the API does."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


def node(number: int) -> str:
    """Return the end of an object's node id, after the prefix of its type."""
    return base64.urlsafe_b64encode(str(number).encode()).decode().rstrip("=")


def repository_id(repository: str) -> int:
    """Return the id of a repository."""
    return sum(repository.encode())


@cache
def _templates() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(files(__package__).joinpath("payloads.json").read_text(encoding="utf-8"))
    return loaded


def _fill(template: Any, values: Mapping[str, Any]) -> Any:
    """Replace `$name`: alone by the value itself, inside a longer text by its text."""
    if isinstance(template, dict):
        return {key: _fill(value, values) for key, value in template.items()}
    if not isinstance(template, str) or "$" not in template:
        return template
    alone = template.removeprefix("$")
    return values[alone] if alone in values else Template(template).substitute(values)


@dataclass(frozen=True, slots=True)
class Site:
    """The URL of the double, and its repository."""

    url: str
    repository: str
    private: bool = False
    default_branch: str = "main"

    @property
    def api(self) -> str:
        """The base URL of the API."""
        return f"{self.url}/api/v3"

    @property
    def repo(self) -> str:
        """The API URL of the repository."""
        return f"{self.api}/repos/{self.repository}"

    @property
    def html(self) -> str:
        """The web URL of the repository."""
        return f"{self.url}/{self.repository}"

    def show(self, template: str, *stored: Any, **more: Any) -> dict[str, Any]:
        """Fill a template with the URLs, the fields of stored objects and further values; later values win.

        `node` is made from `id` where it is not passed.
        """
        values: dict[str, Any] = {"site": self.url, "api": self.api, "repo": self.repo, "html": self.html}
        values |= {"repository": self.repository, "default_branch": self.default_branch}
        for item in stored:
            values |= {field.name: getattr(item, field.name) for field in fields(item)}
        values |= more
        if "id" in values:
            values.setdefault("node", node(values["id"]))
        values = {key: stamp(value) if isinstance(value, datetime) else value for key, value in values.items()}
        filled: dict[str, Any] = _fill(_templates()[template], values)
        return filled

    def user(self, login: str = "tester") -> dict[str, Any]:
        """Format an account in the short form."""
        kind = "Bot" if login.endswith("[bot]") else "User"
        return self.show("user", login=login, id=sum(login.encode()), type=kind)

    def minimal_repository(self, repository: str) -> dict[str, Any]:
        """Format a repository in the short form, which can be another one."""
        owner, _, name = repository.partition("/")
        return self.show(
            "repository",
            id=repository_id(repository),
            name=name,
            full_name=repository,
            private=self.private,
            owner=self.user(owner),
            fork=repository != self.repository,
        )

    def full_repository(self) -> dict[str, Any]:
        """Format the repository as a part of other objects."""
        visibility = "private" if self.private else "public"
        return self.minimal_repository(self.repository) | self.show("repository_details", visibility=visibility)
