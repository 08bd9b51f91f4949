"""The repository: compare commits, look up tags, generate notes."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from release_channels.rehearsal.github.git_history import Shown
from release_channels.rehearsal.github.http import Call, Refused, find_ref, not_found, require

_PAGE = 250  # commits


def get_repository(call: Call) -> dict[str, Any]:
    """Show the repository."""
    return call.site.full_repository() | call.site.show("repository_counts")


def compare(call: Call) -> dict[str, Any]:
    """Compare two commits, branches or tags, given as BASE...HEAD.

    Raises: Refused with 404 if one is unknown.
    Source: GitHub's REST reference, compare two commits: by their merge base, 250 commits to a page.
    """
    base_name, dots, head_name = call.values["basehead"].partition("...")
    history = call.state.history
    base, head = history.commit(base_name), history.commit(head_name)
    if not dots or base is None or head is None:
        raise not_found()
    root = history.merge_base(base, head)
    if root is None:
        raise Refused(404, f"No common ancestor between {base_name} and {head_name}.")
    ahead, behind = history.count(base, head), history.count(head, base)
    status = {(False, False): "identical", (True, False): "ahead", (False, True): "behind"}
    size = call.number("per_page", _PAGE)
    start = (call.number("page", 1) - 1) * size
    commits = history.between(base, head)[start : start + size]
    return call.site.show(
        "comparison",
        basehead=call.values["basehead"],
        base=base,
        head=head,
        base_commit=_commit(call, history.show(base)),
        merge_base_commit=_commit(call, history.show(root)),
        status=status.get((ahead > 0, behind > 0), "diverged"),
        ahead=ahead,
        behind=behind,
        commits=[_commit(call, commit) for commit in commits],
        files=_files(call, root, head),
    )


def get_ref(call: Call) -> dict[str, Any]:
    """Show a branch or a tag by its full name, without `refs/`."""
    name = f"refs/{call.values['ref']}"
    sha, kind = require(find_ref(call, name))
    return call.site.show("ref", id=_number(sha), name=name, sha=sha, kind=kind)


def get_tag(call: Call) -> dict[str, Any]:
    """Show an annotated tag; a lightweight one has no object of its own."""
    sha = call.values["sha"]
    name, target, kind, message = require(call.state.history.tag_object(sha))
    return call.site.show(
        "tag", id=_number(sha), name=name, sha=sha, message=message, target=target, kind=kind, now=call.state.clock()
    )


def get_commit(call: Call) -> dict[str, Any]:
    """Show the commit of a branch, a tag or a hash.

    Raises: Refused with 422 if it is unknown.
    """
    sha = call.state.history.commit(call.values["revision"])
    if sha is None:
        raise Refused(422, f"No commit found for SHA: {call.values['revision']}")
    shown = call.state.history.show(sha)
    files = _files(call, shown.parents[0], sha) if shown.parents else []
    return _commit(call, shown) | {"stats": {"total": 0, "additions": 0, "deletions": 0}, "files": files}


def get_contents(call: Call) -> dict[str, Any]:
    """Show a text file of a branch, a tag or a commit.

    Source: GitHub's REST reference, get repository content: base64 up to one megabyte.
    """
    path, ref = call.values["path"], call.query.get("ref") or call.state.default_branch
    content = require(call.state.history.file(ref, path)).encode()
    return call.site.show(
        "contents",
        size=len(content),
        name=path.rpartition("/")[2],
        path=path,
        ref=ref,
        content=base64.encodebytes(content).decode(),
        sha=hashlib.sha1(b"blob %d\0%s" % (len(content), content), usedforsecurity=False).hexdigest(),
    )


def generate_notes(call: Call) -> dict[str, Any]:
    """Format notes from the commits since a tag.

    Raises: Refused with 422 for an unknown tag.
    """
    sent = call.sent()
    tag, since = sent.get("tag_name"), sent.get("previous_tag_name")
    history = call.state.history
    if not tag:
        raise Refused(422, 'Invalid request.\n\n"tag_name" wasn\'t supplied.')
    head = history.commit(tag) or history.commit(sent.get("target_commitish") or call.state.default_branch)
    if head is None:
        raise Refused(422, "Invalid target_commitish parameter")
    if since and history.ref(f"refs/tags/{since}") is None:
        raise Refused(422, "Invalid previous_tag parameter")
    commits = history.between(f"refs/tags/{since}", head) if since else [history.show(head)]
    changes = [f"* {commit.message.splitlines()[0]} in {call.site.html}/commit/{commit.sha}" for commit in commits]
    link = f"compare/{since}...{tag}" if since else f"commits/{tag}"
    lines = ["## What's Changed", *changes, "", "", f"**Full Changelog**: {call.site.html}/{link}"]
    return {"name": tag, "body": "\n".join(lines)}


def _commit(call: Call, shown: Shown) -> dict[str, Any]:
    parents = [call.site.show("parent", sha=parent) for parent in shown.parents]
    return call.site.show("commit", shown, id=_number(shown.sha), parents=parents)


def _files(call: Call, base: str, head: str) -> list[dict[str, Any]]:
    return [
        call.site.show("file", head=head, path=path, blob=blob, status=status)
        for path, blob, status in call.state.history.changes(base, head)
    ]


def _number(sha: str) -> int:
    return int(sha[:8], 16)
