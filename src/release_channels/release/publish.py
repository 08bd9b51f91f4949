"""Publish a build: verify the files, upload them, and confirm them on the index."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from release_channels.adapters import console
from release_channels.adapters.distributions import sha256_of
from release_channels.adapters.files import temporary_directory
from release_channels.adapters.index import LOCAL, Credentials, Index, fetch_file, read_index
from release_channels.adapters.process import run_unchecked
from release_channels.adapters.uv import sanitized_environment, uv_program
from release_channels.errors import FailedError, RefusedError, UnansweredError
from release_channels.model.index_refusals import OVERLOADED, advise
from release_channels.model.manifest import Manifest, ManifestFile
from release_channels.model.observed import IndexFile
from release_channels.model.outcome import Result
from release_channels.model.tags import tag_of
from release_channels.model.verification import verify_gated, verify_manifest
from release_channels.model.version import Channel
from release_channels.release.dist_dir import DIST, read_manifest
from release_channels.release.step import ReleaseContext, Report, Step
from release_channels.release.upload_guard import recheck_tag, verify_before_upload

_SECONDS = 1800


def _act(release: ReleaseContext) -> Report:
    _refuse_stored_tokens(release)
    manifest = verify_gated(verify_manifest(read_manifest(release.root), release.plan), release.gated)
    with temporary_directory("publish") as workplace:
        files = verify_before_upload(manifest, release.root / DIST, workplace)
        missing = _compare(release, manifest)
        recheck_tag(release)
        where = f"{manifest.project} {manifest.version} on {release.index.title}"
        if release.index.name == LOCAL:
            from release_channels.adapters.local_index_history import record_manifest

            record_manifest(release.root, manifest)
        if not missing:
            return Report(Result.ALREADY, f"{where}: all {len(files)} files are there", files=manifest.files)
        try:
            with console.progress(f"uploading to {release.index.title}"):
                accepted = _upload(release, files, workplace)
            warnings = _confirm(release, manifest, accepted)
        except KeyboardInterrupt as stop:
            raise KeyboardInterrupt(f"the upload of {where} had begun: what has arrived there stays") from stop
    return Report(Result.PUBLISHED, where, warnings=warnings, files=manifest.files)


def _refuse_stored_tokens(release: ReleaseContext) -> None:
    """Refuse a stored index token in CI: the publisher is Trusted Publishing alone."""
    if release.index.credentials is Credentials.TRUSTED_PUBLISHING and release.stored_tokens:
        names = ", ".join(release.stored_tokens)
        raise RefusedError(
            f"a stored index token is set ({names})",
            hint="delete it from the repository's secrets and from the workflow: Trusted Publishing needs none",
        )


def _compare(release: ReleaseContext, manifest: Manifest) -> tuple[ManifestFile, ...]:
    """Return the files that the index lacks.

    Raises: RefusedError if it has one of them with other bytes.
    """
    index = release.index
    there = _files_there(index, manifest)
    for file in manifest.files:
        found = there.get(file.name)
        digest = _sha256_there(index, found) if found else file.sha256
        if digest != file.sha256:
            why = f"{index.title} has {file.name} with other bytes: sha256 {digest} there, {file.sha256} here"
            if manifest.channel is Channel.PUBLIC:
                raise _other_bytes(release, manifest, why, there)
            raise RefusedError(
                why,
                hint="the likely cause is another version of the build backend, or another commit under the same "
                "run number; what is on the index stays, so publish under the next number",
            )
    return tuple(file for file in manifest.files if file.name not in there)


def _other_bytes(release: ReleaseContext, manifest: Manifest, why: str, there: Mapping[str, IndexFile]) -> RefusedError:
    """Explain what different bytes mean for a public release: complete, or to be completed with the first bytes."""
    tag = tag_of(release.project.config.tag_format, manifest.version)
    resume = f"`release-channels resume {tag} --index {release.index.name}`"
    if {name.endswith(".whl") for name in there} == {True, False}:
        return RefusedError(
            f"{manifest.version} is complete on {release.index.title}, built with other bytes here: nothing to upload",
            hint=f"{resume} finishes the rest with the bytes on the index\n{why}",
        )
    return RefusedError(
        why,
        hint=f"{resume} looks for the bytes that were built first, and adds what is missing; nothing is lost yet",
    )


def _files_there(index: Index, manifest: Manifest) -> dict[str, IndexFile]:
    state = read_index(index, manifest.project)
    return {file.name: file for file in state.releases.get(manifest.version, ())}


def _sha256_there(index: Index, found: IndexFile) -> str:
    """Return the digest of a file on the index; where its page does not tell it, the file is fetched and hashed.

    Raises: UnansweredError if the file is not available.
    """
    if found.sha256:
        return found.sha256
    with temporary_directory("compare") as workplace:
        copy = fetch_file(index, found, workplace)
        if copy is None:
            raise UnansweredError(
                f"{index.title} lists {found.name} without a sha256 and does not serve the file",
                hint="its bytes cannot be compared with the ones here; try again when the index serves the file",
            )
        return sha256_of(copy)


def _upload(release: ReleaseContext, files: tuple[Path, ...], workplace: Path) -> frozenset[str]:
    """Make uv upload the files, again where the index was overloaded, and give the names that uv sent or found there.

    Raises: FailedError with the index's own words.
    """
    index = release.index
    how = "always" if index.credentials is Credentials.TRUSTED_PUBLISHING else "never"
    words = ("publish", "--trusted-publishing", how, "--no-config", "--no-progress", "--color", "never")
    # By variables: the addresses may hold a login, and words are listed by `ps`.
    env = _environment(release) | {"UV_PUBLISH_URL": index.upload_url, "UV_PUBLISH_CHECK_URL": index.simple_url}
    accepted: set[str] = set()
    for pause in (*release.patience.tries, None):
        done = run_unchecked(uv_program(), *words, "--", *files, cwd=workplace, env=env, timeout=_SECONDS)
        said = join_wrapped_lines(done.messages)
        accepted |= {file.name for file in files if uv_reported(file.name, said)}
        if done.code == 0:
            return frozenset(accepted)
        passing = re.search(OVERLOADED, said)
        if pause is None or not passing:
            break
        console.warn(f"the index answered {passing[1]}; trying again in {pause:g} s")
        time.sleep(pause)
    raise FailedError(
        f"{index.title} did not take the upload", hint="\n".join(filter(None, (done.messages, advise(said))))
    )


def uv_reported(name: str, messages: str) -> bool:
    """Check whether uv reports a file as uploaded or existing; it skips unnormalized names, with exit code 0."""
    return any(f"{did} {name} " in messages for did in ("Uploading", "File"))


def join_wrapped_lines(messages: str) -> str:
    """Join the lines that uv wrapped in the middle of a sentence."""
    return " ".join(messages.split())


def _environment(release: ReleaseContext) -> dict[str, str]:
    """The environment of the upload: the user's credentials where they are wanted, and nowhere else."""
    match release.index.credentials:
        case Credentials.NONE:
            return sanitized_environment(release.env) | {"UV_PUBLISH_USERNAME": "local", "UV_PUBLISH_PASSWORD": "local"}
        case Credentials.TRUSTED_PUBLISHING:
            needed = {name: value for name, value in release.env.items() if name.startswith("ACTIONS_ID_TOKEN_")}
            return sanitized_environment(release.env) | needed
        case Credentials.USER:
            # Everything else may belong to a keyring; a setting of uv's could send the files somewhere else.
            kept = {*sanitized_environment(release.env), *_USERS_OWN}
            return {name: value for name, value in release.env.items() if name in kept or not name.startswith("UV_")}


_USERS_OWN = ("UV_PUBLISH_TOKEN", "UV_PUBLISH_USERNAME", "UV_PUBLISH_PASSWORD")


def _confirm(release: ReleaseContext, manifest: Manifest, accepted: frozenset[str]) -> tuple[str, ...]:
    """Read the index until every file is there with its bytes; what stays unseen for long is a warning.

    Raises: FailedError if a file was not accepted, or has other bytes.
    """
    index, patience = release.index, release.patience
    deadline = time.monotonic() + patience.visible
    for pause in _pauses(patience.first_pause):
        unseen = _unseen(release, manifest)
        if not unseen:
            return ()
        lost = sorted(unseen - accepted)
        if lost:
            raise FailedError(
                f"{index.title} does not have {', '.join(lost)}, and uv did not upload it",
                hint="uv leaves out file names that are not normalized; `nox -s check` names them",
            )
        if time.monotonic() + pause > deadline:
            break
        time.sleep(pause)
    names = ", ".join(sorted(unseen))
    return (
        f"accepted, not visible yet after {patience.visible:g} s: {names}; "
        "run the same again later to see whether they have arrived",
    )


def _unseen(release: ReleaseContext, manifest: Manifest) -> frozenset[str]:
    """List the files that the index does not show; one that does not answer shows none.

    Raises: FailedError if it shows other bytes.
    """
    try:
        return frozenset(file.name for file in _compare(release, manifest))
    except UnansweredError:
        return frozenset(file.name for file in manifest.files)
    except RefusedError as stop:
        raise FailedError(f"after the upload: {stop}", hint=stop.hint) from stop


def _pauses(first: float) -> Iterator[float]:
    """Growing pauses in seconds, never longer than 15."""
    pause = first
    while True:
        yield pause
        pause = min(pause * 1.7, 15.0)


PREVIEW_PUBLISH = Step("preview-publish", "verify files, upload, confirm on the index", _act)
PUBLIC_PUBLISH = Step("public-publish", "verify files, recheck the tag, upload, confirm on the index", _act)
