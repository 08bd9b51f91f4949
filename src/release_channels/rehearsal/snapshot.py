"""A world as it stood at one moment, to go back to: refs, index, GitHub's stand-in and counters."""

from __future__ import annotations

import copy
import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from release_channels.rehearsal.actions.dispatcher import WorkflowDispatcher
from release_channels.rehearsal.environment import RehearsalEnvironment
from release_channels.rehearsal.maintainer import on_index

_COLLECTIONS = ("runs", "artifacts", "releases", "environments", "deployments", "pulls", "burned_tags", "workflows")
PublishedState = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What there was; the servers go on running."""

    refs: Mapping[str, str]
    index: Path
    state: Mapping[str, Any]
    counters: Mapping[str, int]
    publishers: tuple[Any, ...]


def take(ground: RehearsalEnvironment, forge: WorkflowDispatcher, name: str) -> Snapshot:
    """Remember the world."""
    copied = ground.place / f"index-{name}"
    ground.index_root.mkdir(exist_ok=True)
    shutil.copytree(ground.index_root, copied)
    with ground.state.lock:
        state = {key: copy.deepcopy(getattr(ground.state, key)) for key in (*_COLLECTIONS, "latest_id")}
    return Snapshot(refs_of(ground), copied, state, dict(forge.counters), tuple(ground.publishers))


def restore(ground: RehearsalEnvironment, forge: WorkflowDispatcher, kept: Snapshot) -> None:
    """Go back, and take every disturbance away."""
    now = refs_of(ground)
    for ref in now.keys() - kept.refs.keys():
        ground.git("update-ref", "-d", ref, at=ground.remote)
    for ref, sha in kept.refs.items():
        ground.git("update-ref", ref, sha, at=ground.remote)
    shutil.rmtree(ground.index_root)
    shutil.copytree(kept.index, ground.index_root)
    with ground.state.lock:
        for key, value in kept.state.items():
            setattr(ground.state, key, copy.deepcopy(value))
        ground.state.faults.clear()
        ground.state.lost.clear()
    ground.publishers[:] = kept.publishers
    ground.interference.spoiler = None
    ground.runner.forgers.clear()
    ground.runner.claims.clear()
    forge.counters = dict(kept.counters)
    forge.look()


def refs_of(ground: RehearsalEnvironment) -> dict[str, str]:
    """Return every ref of the bare remote and the object that it points to."""
    listed = ground.git("for-each-ref", "--format=%(refname) %(objectname)", at=ground.remote)
    return dict(line.split(" ", 1) for line in listed.splitlines())


def published_state(ground: RehearsalEnvironment) -> dict[str, str]:
    """Describe what the outside world has: every file on the index, every GitHub Release with its files."""
    seen = {f"index {name}": digest for name, digest in on_index(ground).items()}
    with ground.state.lock:
        for release in ground.state.releases.values():
            what = f"{'draft' if release.is_draft else 'release'} {release.tag}"
            seen[what] = ""
            for asset in release.assets:
                seen[f"{what} {asset.name}"] = hashlib.sha256(asset.content).hexdigest()
    return seen
