"""Pull requests between branches of the repository."""

from __future__ import annotations

from typing import Any

from release_channels.rehearsal.github.http import Call, Listing, Refused, find_ref, invalid, require
from release_channels.rehearsal.github.payloads import node
from release_channels.rehearsal.github.state import Answer, StoredPull


def create_pull(call: Call) -> Answer:
    """Open a pull request between two existing branches that differ and have no open one.

    Raises: Refused with 422 for any other branches.
    """
    sent = call.sent()
    head, base = str(sent.get("head", "")).rpartition(":")[2], str(sent.get("base", ""))
    history = call.state.history
    for name, branch in (("head", head), ("base", base)):
        if find_ref(call, f"refs/heads/{branch}") is None:
            raise invalid(resource="PullRequest", field=name, code="invalid")
    if not sent.get("title"):
        raise invalid(resource="Issue", field="title", code="missing_field")
    owner = call.state.repository.partition("/")[0]
    if any(pull.is_open and (pull.head, pull.base) == (head, base) for pull in call.state.pulls.values()):
        raise _refused(f"A pull request already exists for {owner}:{head}.")
    if history.count(f"refs/heads/{base}", f"refs/heads/{head}") == 0:
        raise _refused(f"No commits between {base} and {head}")
    pull = StoredPull(len(call.state.pulls) + 1, head, base, str(sent["title"]), sent.get("body"), call.state.clock())
    call.state.pulls[pull.number] = pull
    return Answer(201, _show_whole(call, _follow(call, pull)))


def list_pulls(call: Call) -> Listing:
    """List pull requests, newest first; by default the open ones."""
    wanted = call.query.get("state", "open")
    owner = call.state.repository.partition("/")[0]
    listed = [
        _show_pull(call, pull)
        for pull in reversed(call.state.pulls.values())
        if wanted in ("all", "open" if _follow(call, pull).is_open else "closed")
        and call.query.get("head", f"{owner}:{pull.head}") == f"{owner}:{pull.head}"
        and call.query.get("base", pull.base) == pull.base
    ]
    return Listing(listed)


def get_pull(call: Call) -> dict[str, Any]:
    """Show one pull request."""
    return _show_whole(call, _follow(call, require(call.state.pulls.get(call.values["pull"]))))


def _follow(call: Call, pull: StoredPull) -> StoredPull:
    """Move an open pull request with its branches; it is closed when one of them is deleted, and keeps its commits.

    Source: GitHub's documentation of deleting branches.
    """
    for end in ("head", "base"):
        if not pull.is_open:
            break
        ref = call.state.history.ref(f"refs/heads/{getattr(pull, end)}")
        pull.is_open = ref is not None
        if ref:
            setattr(pull, f"{end}_sha", ref[0])
    return pull


def _show_whole(call: Call, pull: StoredPull) -> dict[str, Any]:
    commits = call.state.history.count(pull.base_sha, pull.head_sha)
    return _show_pull(call, pull) | call.site.show("pull_details", commits=commits)


def _show_pull(call: Call, pull: StoredPull) -> dict[str, Any]:
    """Show a pull request as it stands in a list."""
    return call.site.show(
        "pull",
        pull,
        id=5000 + pull.number,
        node=node(pull.number),
        sha=pull.head_sha,
        state="open" if pull.is_open else "closed",
        closed_at=None if pull.is_open else pull.created_at,
        user=call.site.user(),
        head_end=_end(call, pull.head, pull.head_sha),
        base_end=_end(call, pull.base, pull.base_sha),
    )


def _end(call: Call, branch: str, sha: str) -> dict[str, Any]:
    owner = call.state.repository.partition("/")[0]
    return {
        "label": f"{owner}:{branch}",
        "ref": branch,
        "sha": sha,
        "user": call.site.user(owner),
        "repo": call.site.full_repository(),
    }


def _refused(message: str) -> Refused:
    return invalid(resource="PullRequest", code="custom", message=message)
