"""Pull requests between branches of the repository."""

from __future__ import annotations

from typing import Any

from release_channels.rehearsal.github.http import Call, Listing, Refused, Route, invalid, not_found
from release_channels.rehearsal.github.payloads import node_id, stamp
from release_channels.rehearsal.github.state import Answer, StoredPull


def create_pull(call: Call) -> Answer:
    """Open a pull request: both branches exist, differ, and have none open already."""
    sent = call.sent()
    head, base = str(sent.get("head", "")).rpartition(":")[2], str(sent.get("base", ""))
    history = call.state.history
    for name, branch in (("head", head), ("base", base)):
        if history.ref(f"refs/heads/{branch}") is None:
            raise invalid("PullRequest", name, "invalid")
    if not sent.get("title"):
        raise Refused(422, "Validation Failed", {"resource": "Issue", "field": "title", "code": "missing_field"})
    owner = call.state.repository.partition("/")[0]
    if any(pull.is_open and (pull.head, pull.base) == (head, base) for pull in call.state.pulls.values()):
        raise _custom(f"A pull request already exists for {owner}:{head}.")
    if history.count(f"refs/heads/{base}", f"refs/heads/{head}") == 0:
        raise _custom(f"No commits between {base} and {head}")
    pull = StoredPull(len(call.state.pulls) + 1, head, base, str(sent["title"]), sent.get("body"), call.state.clock())
    call.state.pulls[pull.number] = pull
    return Answer(201, _show_pull(call, pull))


def list_pulls(call: Call) -> Listing:
    """List pull requests, newest first, open ones unless asked otherwise."""
    wanted = call.query.get("state", "open")
    owner = call.state.repository.partition("/")[0]
    found = [
        pull
        for pull in reversed(call.state.pulls.values())
        if wanted in ("all", "open" if pull.is_open else "closed")
        and call.query.get("head", f"{owner}:{pull.head}") == f"{owner}:{pull.head}"
        and call.query.get("base", pull.base) == pull.base
    ]
    return Listing([_show_pull(call, pull) for pull in found])


def get_pull(call: Call) -> Answer:
    """Show one pull request."""
    pull = call.state.pulls.get(call.values["pull"])
    if pull is None:
        raise not_found()
    return Answer(200, _show_pull(call, pull))


def _show_pull(call: Call, pull: StoredPull) -> dict[str, Any]:
    site, number = call.site, pull.number
    url, html, issue = f"{site.repo}/pulls/{number}", f"{site.html}/pull/{number}", f"{site.repo}/issues/{number}"
    opened = stamp(pull.created_at)
    return {
        "url": url,
        "id": 5000 + number,
        "node_id": node_id("PR", number),
        "html_url": html,
        "diff_url": f"{html}.diff",
        "patch_url": f"{html}.patch",
        "issue_url": issue,
        "commits_url": f"{url}/commits",
        "review_comments_url": f"{url}/comments",
        "review_comment_url": f"{site.repo}/pulls/comments{{/number}}",
        "comments_url": f"{issue}/comments",
        "statuses_url": f"{site.repo}/statuses/{call.state.history.commit(pull.head)}",
        "number": number,
        "state": "open" if pull.is_open else "closed",
        "locked": False,
        "active_lock_reason": None,
        "title": pull.title,
        "user": site.user("tester"),
        "body": pull.body,
        "labels": [],
        "milestone": None,
        "created_at": opened,
        "updated_at": opened,
        "closed_at": None if pull.is_open else opened,
        "merged_at": None,
        "merge_commit_sha": None,
        "assignee": None,
        "assignees": [],
        "requested_reviewers": [],
        "requested_teams": [],
        "draft": False,
        "head": _end(call, pull.head),
        "base": _end(call, pull.base),
        "author_association": "MEMBER",
        "auto_merge": None,
        "merged": False,
        "mergeable": None,
        "rebaseable": None,
        "mergeable_state": "unknown",
        "merged_by": None,
        "comments": 0,
        "review_comments": 0,
        "maintainer_can_modify": False,
        "commits": call.state.history.count(pull.base, pull.head),
        "additions": 0,
        "deletions": 0,
        "changed_files": 0,
        "_links": {name: {"href": address} for name, address in (("self", url), ("html", html), ("issue", issue))},
    }


def _end(call: Call, branch: str) -> dict[str, Any]:
    owner = call.state.repository.partition("/")[0]
    return {
        "label": f"{owner}:{branch}",
        "ref": branch,
        "sha": call.state.history.commit(branch),
        "user": call.site.user(owner),
        "repo": call.site.minimal_repository(call.state.repository),
    }


def _custom(message: str) -> Refused:
    return Refused(422, "Validation Failed", {"resource": "PullRequest", "code": "custom", "message": message})


ROUTES = (
    Route("GET", "/pulls", list_pulls, "pull-requests"),
    Route("GET", "/pulls/<int:pull>", get_pull, "pull-requests"),
    Route("POST", "/pulls", create_pull, "pull-requests", "write"),
)
