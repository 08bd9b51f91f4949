"""The repository itself: commits compared, tags looked up, generated notes."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from release_channels.rehearsal.github.git_history import Shown
from release_channels.rehearsal.github.http import Call, Refused, Route, not_found
from release_channels.rehearsal.github.payloads import node_id, stamp
from release_channels.rehearsal.github.state import Answer

_PAGE = 250


def get_repository(call: Call) -> Answer:
    """Show the repository."""
    return Answer(200, call.site.full_repository())


def compare(call: Call) -> Answer:
    """Compare two commits, branches or tags, written BASE...HEAD.

    Source: GitHub's REST reference, compare two commits: by their merge base, 250 commits to a page.
    """
    base_name, dots, head_name = call.values["basehead"].partition("...")
    base, head = call.state.history.commit(base_name), call.state.history.commit(head_name)
    if not dots or base is None or head is None:
        raise not_found()
    root = call.state.history.merge_base(base, head)
    if root is None:
        raise Refused(404, f"No common ancestor between {base_name} and {head_name}.")
    ahead, behind = call.state.history.count(base, head), call.state.history.count(head, base)
    status = {(False, False): "identical", (True, False): "ahead", (False, True): "behind"}
    size = int(call.query.get("per_page", _PAGE))
    start = (int(call.query.get("page", 1)) - 1) * size
    shown = call.state.history.between(base, head)[start : start + size]
    url = f"{call.site.html}/compare/{call.values['basehead']}"
    content = {
        "url": f"{call.site.repo}/compare/{call.values['basehead']}",
        "html_url": url,
        "permalink_url": f"{call.site.html}/compare/{base}...{head}",
        "diff_url": f"{url}.diff",
        "patch_url": f"{url}.patch",
        "base_commit": _commit(call, call.state.history.show(base)),
        "merge_base_commit": _commit(call, call.state.history.show(root)),
        "status": status.get((ahead > 0, behind > 0), "diverged"),
        "ahead_by": ahead,
        "behind_by": behind,
        "total_commits": ahead,
        "commits": [_commit(call, one) for one in shown],
        "files": [_file(call, head, *change) for change in call.state.history.changes(root, head)],
    }
    return Answer(200, content)


def get_ref(call: Call) -> Answer:
    """Show a branch or a tag by its full name, without `refs/`."""
    name = f"refs/{call.values['ref']}"
    found = call.state.history.ref(name)
    if found is None:
        raise not_found()
    return Answer(200, _ref(call, name, *found))


def get_tag(call: Call) -> Answer:
    """Show an annotated tag; a lightweight one has no object of its own."""
    sha = call.values["sha"]
    found = call.state.history.tag_object(sha)
    if found is None:
        raise not_found()
    name, target, kind, message = found
    content = {
        "node_id": node_id("TA", int(sha[:8], 16)),
        "tag": name,
        "sha": sha,
        "url": f"{call.site.repo}/git/tags/{sha}",
        "message": message,
        "tagger": {"name": "Tester", "email": "tester@example.com", "date": stamp(call.state.clock())},
        "object": {"sha": target, "type": kind, "url": f"{call.site.repo}/git/{kind}s/{target}"},
        "verification": {
            "verified": False, "reason": "unsigned", "signature": None, "payload": None, "verified_at": None,
        },
    }  # fmt: skip
    return Answer(200, content)


def get_commit(call: Call) -> Answer:
    """Show the commit that a branch, a tag or a name stands for."""
    sha = call.state.history.commit(call.values["revision"])
    if sha is None:
        raise Refused(422, f"No commit found for SHA: {call.values['revision']}")
    shown = call.state.history.show(sha)
    changes = call.state.history.changes(shown.parents[0], sha) if shown.parents else []
    more = {
        "stats": {"total": 0, "additions": 0, "deletions": 0},
        "files": [_file(call, sha, *change) for change in changes],
    }
    return Answer(200, _commit(call, shown) | more)


def get_contents(call: Call) -> Answer:
    """Show a text file as a branch, a tag or a commit contains it.

    Source: GitHub's REST reference, get repository content: base64 up to one megabyte.
    """
    path, ref = call.values["path"], call.query.get("ref") or call.state.default_branch
    text = call.state.history.file(ref, path)
    if text is None:
        raise not_found()
    content = text.encode()
    sha = hashlib.sha1(b"blob %d\0%s" % (len(content), content), usedforsecurity=False).hexdigest()
    url, html = f"{call.site.repo}/contents/{path}?ref={ref}", f"{call.site.html}/blob/{ref}/{path}"
    git = f"{call.site.repo}/git/blobs/{sha}"
    shown = {
        "type": "file",
        "encoding": "base64",
        "size": len(content),
        "name": path.rpartition("/")[2],
        "path": path,
        "content": base64.encodebytes(content).decode(),
        "sha": sha,
        "url": url,
        "git_url": git,
        "html_url": html,
        "download_url": f"{call.site.html}/raw/{ref}/{path}",
        "_links": {"self": url, "git": git, "html": html},
    }
    return Answer(200, shown)


def generate_notes(call: Call) -> Answer:
    """Format notes from the commits since a tag."""
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
    changes = [f"* {one.message.splitlines()[0]} in {call.site.html}/commit/{one.sha}" for one in commits]
    link = f"compare/{since}...{tag}" if since else f"commits/{tag}"
    lines = ["## What's Changed", *changes, "", "", f"**Full Changelog**: {call.site.html}/{link}"]
    return Answer(200, {"name": tag, "body": "\n".join(lines)})


def _commit(call: Call, shown: Shown) -> dict[str, Any]:
    return call.site.commit(shown.sha, shown.message, shown.when, shown.parents, shown.tree)


def _file(call: Call, head: str, path: str, blob: str, status: str) -> dict[str, Any]:
    return {
        "sha": blob,
        "filename": path,
        "status": status,
        "additions": 0,
        "deletions": 0,
        "changes": 0,
        "blob_url": f"{call.site.html}/blob/{head}/{path}",
        "raw_url": f"{call.site.html}/raw/{head}/{path}",
        "contents_url": f"{call.site.repo}/contents/{path}?ref={head}",
    }


def _ref(call: Call, name: str, sha: str, kind: str) -> dict[str, Any]:
    return {
        "ref": name,
        "node_id": node_id("REF", int(sha[:8], 16)),
        "url": f"{call.site.repo}/git/{name}",
        "object": {"sha": sha, "type": kind, "url": f"{call.site.repo}/git/{kind}s/{sha}"},
    }


ROUTES = (
    Route("GET", "", get_repository, "metadata"),
    Route("GET", "/compare/<path:basehead>", compare, "contents"),
    Route("GET", "/commits/<path:revision>", get_commit, "contents"),
    Route("GET", "/contents/<path:path>", get_contents, "contents"),
    Route("GET", "/git/ref/<path:ref>", get_ref, "contents"),
    Route("GET", "/git/tags/<sha>", get_tag, "contents"),
    Route("POST", "/releases/generate-notes", generate_notes, "contents", "write"),
)
