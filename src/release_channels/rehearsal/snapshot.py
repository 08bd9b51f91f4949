"""Snapshot of an environment: refs, index, GitHub double and counters."""

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
    """Saved state; the servers keep running."""

    refs: Mapping[str, str]
    index: Path
    state: Mapping[str, Any]
    counters: Mapping[str, int]
    publishers: tuple[Any, ...]


def take(environment: RehearsalEnvironment, dispatcher: WorkflowDispatcher, name: str) -> Snapshot:
    """Take a snapshot of the environment."""
    copied = environment.directory / f"index-{name}"
    environment.index_root.mkdir(exist_ok=True)
    shutil.copytree(environment.index_root, copied)
    with environment.state.lock:
        state = {key: copy.deepcopy(getattr(environment.state, key)) for key in (*_COLLECTIONS, "latest_id")}
    return Snapshot(refs_of(environment), copied, state, dict(dispatcher.counters), tuple(environment.publishers))


def restore(environment: RehearsalEnvironment, dispatcher: WorkflowDispatcher, kept: Snapshot) -> None:
    """Restore the state, and remove all injected faults."""
    now = refs_of(environment)
    for ref in now.keys() - kept.refs.keys():
        environment.git("update-ref", "-d", ref, at=environment.remote)
    for ref, sha in kept.refs.items():
        environment.git("update-ref", ref, sha, at=environment.remote)
    shutil.rmtree(environment.index_root)
    shutil.copytree(kept.index, environment.index_root)
    with environment.state.lock:
        for key, value in kept.state.items():
            setattr(environment.state, key, copy.deepcopy(value))
        environment.state.faults.clear()
        environment.state.lost.clear()
    environment.publishers[:] = kept.publishers
    environment.fault_injector.hook = None
    environment.runner.artifact_hooks.clear()
    environment.runner.claims.clear()
    dispatcher.counters = dict(kept.counters)
    dispatcher.look()


def refs_of(environment: RehearsalEnvironment) -> dict[str, str]:
    """Return every ref of the bare remote and the object that it points to."""
    listed = environment.git("for-each-ref", "--format=%(refname) %(objectname)", at=environment.remote)
    return dict(line.split(" ", 1) for line in listed.splitlines())


def published_state(environment: RehearsalEnvironment) -> dict[str, str]:
    """Return every file on the index, and every GitHub Release with its files."""
    seen = {f"index {name}": digest for name, digest in on_index(environment).items()}
    with environment.state.lock:
        for release in environment.state.releases.values():
            what = f"{'draft' if release.is_draft else 'release'} {release.tag}"
            seen[what] = ""
            for asset in release.assets:
                seen[f"{what} {asset.name}"] = hashlib.sha256(asset.content).hexdigest()
    return seen
