"""The objects of GitHub's API, whole: every field that the reference documents, since a client reads a gap as None.

Source: GitHub's REST reference, the response schemas of the routes that the stand-in has.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

_USER_LINKS = {
    **{f"{name}_url": f"/{name}" for name in ("followers", "subscriptions", "repos", "received_events")},
    "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}",
    "organizations_url": "/orgs",
    "events_url": "/events{/privacy}",
}
_REPOSITORY_LINKS = {
    **{
        f"{name}_url": f"/{name}"
        for name in (
            *("contributors", "deployments", "downloads", "events", "forks", "hooks", "languages", "merges"),
            *("stargazers", "subscribers", "subscription", "tags", "teams"),
        )
    },
    "archive_url": "/{archive_format}{/ref}",
    "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}",
    "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}",
    "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}",
    "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}",
    "statuses_url": "/statuses/{sha}",
    "trees_url": "/git/trees{/sha}",
}


def stamp(moment: datetime | None) -> str | None:
    """Write a time as the API does."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


def node_id(kind: str, number: int) -> str:
    """Make the global name of an object."""
    return f"{kind}_{base64.urlsafe_b64encode(str(number).encode()).decode().rstrip('=')}"


@dataclass(frozen=True, slots=True)
class Site:
    """Where the stand-in is reached, and how it calls its repository."""

    url: str
    repository: str
    private: bool = False
    default_branch: str = "main"

    @property
    def api(self) -> str:
        """The base address of the API."""
        return f"{self.url}/api/v3"

    @property
    def repo(self) -> str:
        """The API address of the repository."""
        return f"{self.api}/repos/{self.repository}"

    @property
    def html(self) -> str:
        """The web address of the repository."""
        return f"{self.url}/{self.repository}"

    def user(self, login: str) -> dict[str, Any]:
        """Show an account, short form."""
        number = sum(login.encode())
        base = f"{self.api}/users/{login}"
        return {
            "login": login,
            "id": number,
            "node_id": node_id("U", number),
            "avatar_url": f"{self.url}/avatars/{number}",
            "gravatar_id": "",
            "url": base,
            "html_url": f"{self.url}/{login}",
            **{name: base + rest for name, rest in _USER_LINKS.items()},
            "type": "Bot" if login.endswith("[bot]") else "User",
            "user_view_type": "public",
            "site_admin": False,
        }

    def minimal_repository(self, repository: str) -> dict[str, Any]:
        """Show a repository, short form; it need not be the one that is stood in for."""
        owner, _, name = repository.partition("/")
        number = sum(repository.encode())
        base = f"{self.api}/repos/{repository}"
        return {
            "id": number,
            "node_id": node_id("R", number),
            "name": name,
            "full_name": repository,
            "private": self.private,
            "owner": self.user(owner),
            "html_url": f"{self.url}/{repository}",
            "description": None,
            "fork": repository != self.repository,
            "url": base,
            **{link: base + rest for link, rest in _REPOSITORY_LINKS.items()},
        }

    def full_repository(self) -> dict[str, Any]:
        """Show the repository itself, with what a release asks of it."""
        return self.minimal_repository(self.repository) | {
            "default_branch": self.default_branch,
            "visibility": "private" if self.private else "public",
            "archived": False,
            "disabled": False,
            "clone_url": f"{self.html}.git",
            "has_issues": True,
            "has_downloads": True,
            "permissions": {"admin": False, "maintain": False, "push": True, "triage": True, "pull": True},
        }

    def commit(self, sha: str, message: str, when: datetime, parents: tuple[str, ...], tree: str) -> dict[str, Any]:
        """Show a commit as the commits API does."""
        person = {"name": "Tester", "email": "tester@example.com", "date": stamp(when)}
        return {
            "sha": sha,
            "node_id": node_id("C", int(sha[:8], 16)),
            "commit": {
                "author": person,
                "committer": person,
                "message": message,
                "tree": {"sha": tree, "url": f"{self.repo}/git/trees/{tree}"},
                "url": f"{self.repo}/git/commits/{sha}",
                "comment_count": 0,
                "verification": {
                    "verified": False, "reason": "unsigned", "signature": None, "payload": None, "verified_at": None,
                },
            },
            "url": f"{self.repo}/commits/{sha}",
            "html_url": f"{self.html}/commit/{sha}",
            "comments_url": f"{self.repo}/commits/{sha}/comments",
            "author": None,
            "committer": None,
            "parents": [
                {"sha": one, "url": f"{self.repo}/commits/{one}", "html_url": f"{self.html}/commit/{one}"}
                for one in parents
            ],
        }  # fmt: skip
