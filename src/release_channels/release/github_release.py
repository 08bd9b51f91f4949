"""Publish the GitHub Release as the last step, once the index has every file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version

from release_channels.adapters import console
from release_channels.adapters.actions_env import is_loopback
from release_channels.adapters.distributions import sha256_of
from release_channels.adapters.files import temporary_directory
from release_channels.adapters.git import Git
from release_channels.adapters.github import Pauses, connect
from release_channels.adapters.github.errors import ForbiddenError, NotFoundError, TakenError
from release_channels.adapters.index import FOR_PRACTICE, Index, read_index
from release_channels.errors import FailedError, RefusedError
from release_channels.model.github import Asset, GitHubRelease, asset_name, repository_name
from release_channels.model.manifest import Manifest, ManifestFile
from release_channels.model.outcome import Result
from release_channels.model.tags import release_tags, tag_of
from release_channels.model.verification import verify_manifest
from release_channels.project.changelog import find_changelog, read_changelog, release_body, section
from release_channels.release.dist_dir import DIST, read_manifest
from release_channels.release.step import ReleaseContext, Report, Step
from release_channels.release.upload_guard import recheck_tag, verify_before_upload

if TYPE_CHECKING:
    from release_channels.adapters.github.client import GitHub

ASSET = "manifest.json"
_SHOWN = 60  # characters


def _act(release: ReleaseContext) -> Report:
    config = release.project.config
    name = repository_name(config.repository, Git(release.root).remote_url(config.remote), release.env)
    if name is None:
        return Report(Result.SKIPPED, f"no GitHub Release: the remote {config.remote} is not on GitHub")
    if release.index.name in FOR_PRACTICE and not is_loopback(release.env.get("GITHUB_API_URL")):
        return Report(Result.SKIPPED, f"no GitHub Release for {release.index.title}, which is for practice")
    manifest = verify_manifest(read_manifest(release.root), release.plan)
    patience = release.patience
    with connect(name, release.env, pauses=Pauses(reads=patience.tries)) as github:
        _require_token(github)
        _require_published(release.index, manifest)
        tag = tag_of(config.tag_format, manifest.version)
        with temporary_directory("github-release") as workplace, console.progress(f"announcing {tag} on GitHub"):
            files = (*verify_before_upload(manifest, release.root / DIST, workplace), _write_asset(manifest, workplace))
            return _announce(release, github, tag, {asset_name(path.name): path for path in files})


def _announce(release: ReleaseContext, github: GitHub, tag: str, files: Mapping[str, Path]) -> Report:
    found = github.find_releases(tag)
    if published := _published(found):
        return _already(published, found, files, release)
    recheck_tag(release)  # for a tag that is gone GitHub would make one of its own
    notes = release_notes(release, github, tag)
    made = None if found else github.create_draft(tag, tag, notes)
    if made:
        found = _prefer_others(github, made)
        if published := _published(found):
            return _already(published, found, files, release)
    draft = min(found, key=lambda there: there.id)
    _refuse_foreign(draft, files, release)
    for name, path in files.items():
        _put(github, draft, name, path)
    try:
        filled = github.release(draft.id)  # a list may not show it yet
    except NotFoundError as stop:
        raise RefusedError(f"the draft of the GitHub Release {tag} was deleted", hint=_again(release, tag)) from stop
    _require_same(filled, files, release)
    if not filled.is_draft:
        return Report(Result.ALREADY, f"someone else published the GitHub Release {tag} by now: {filled.url}")
    # A draft that was here already may say anything, and may be ticked as a pre-release.
    ours = replace(filled, name=tag, body=notes, is_prerelease=False)
    latest = _is_newest(release)
    recheck_tag(release)
    try:
        out = _publish(github, ours, release.observed.commit.sha, latest=latest)
    except TakenError as stop:
        if made == draft:
            github.delete_draft(made)
        raise RefusedError(
            f"another GitHub Release {tag} is published, and GitHub does not list it yet",
            hint=f"wait some minutes, then run `release-channels resume {tag} --index {release.index.name}`",
        ) from stop
    return Report(
        Result.PUBLISHED, f"the GitHub Release {tag} is published: {out.url}", warnings=_replaced(filled, ours)
    )


def _publish(github: GitHub, draft: GitHubRelease, commit: str, *, latest: bool) -> GitHubRelease:
    """Publish a draft; its target protects from a tag that vanishes meanwhile.

    Raises: FailedError if there was no such protection, and GitHub has made the tag on another commit.
    Source: GitHub refuses a target whose workflow files differ from the default branch's, unless the token has the
    right `workflows`, which no job's token can have; one of `gh auth login` without that scope is answered with 404.
    """
    try:
        return github.publish(draft, latest=latest, target=commit)
    except (ForbiddenError, NotFoundError):
        published = github.publish(draft, latest=latest)
    tag = github.find_tag(draft.tag)
    if tag is None or tag.sha != commit:
        where = f"on commit {tag.sha[:12]}" if tag else "nowhere"
        raise FailedError(
            f"GitHub has the tag {draft.tag} {where}, and this release is of commit {commit[:12]}",
            hint=f"the tag was deleted in the meantime: delete the release {published.url} and that tag, then push the "
            "tag again from a clone that has it",
        )
    return published


def _replaced(found: GitHubRelease, ours: GitHubRelease) -> tuple[str, ...]:
    """Describe what a draft had said before it was published with the release's own words."""
    text = []
    if found.name not in ("", ours.name):
        text.append(f"the name {found.name!r}")
    if "".join(found.body.split()) not in ("", "".join(ours.body.split())):  # GitHub writes line ends in its own way
        text.append(f"the text that begins {found.body.strip().splitlines()[0][:_SHOWN]!r}")
    if found.is_prerelease:
        text.append("the mark of a pre-release")
    if not text:
        return ()
    return (f"the draft already existed; replaced in it: {', '.join(text)}. {ours.tag} now has the changelog's text",)


def _prefer_others(github: GitHub, made: GitHubRelease) -> tuple[GitHubRelease, ...]:
    """Read which releases there are beside a new draft; where one is older or published, the new draft is taken away.

    It may be of a run at the same time, or of an earlier one that no list showed.
    """
    others = tuple(there for there in github.find_releases_with(made) if there.id != made.id)
    if _published(others) is None and all(made.id < there.id for there in others):
        return (made,)
    github.delete_draft(made)
    return others


def _published(found: tuple[GitHubRelease, ...]) -> GitHubRelease | None:
    return next((there for there in found if not there.is_draft), None)


def _already(
    published: GitHubRelease, found: tuple[GitHubRelease, ...], files: Mapping[str, Path], release: ReleaseContext
) -> Report:
    """Report that the release is there, with drafts of its tag that an interrupted run left.

    Raises: RefusedError if its files are others.
    """
    _require_same(published, files, release)
    message = f"the GitHub Release {published.tag} is published, with the same files: {published.url}"
    left = [there.url for there in found if there.is_draft]
    also = f"GitHub also has a draft of {published.tag}; delete it by hand if nobody needs it: {', '.join(left)}"
    return Report(Result.ALREADY, message, warnings=(also,) if left else ())


def _put(github: GitHub, draft: GitHubRelease, name: str, path: Path) -> None:
    """Make an asset of a draft what it should be; what an earlier run left half-way is replaced."""
    there = next((asset for asset in draft.assets if asset.name == name), None)
    if there is not None and not _is_same(there, path):
        github.delete_asset(there)
        there = None
    if there is None:
        github.upload_asset(draft, path)


def _refuse_foreign(draft: GitHubRelease, files: Mapping[str, Path], release: ReleaseContext) -> None:
    """Refuse a draft with a file that no run put there, before anything is changed in it."""
    foreign = sorted({asset.name for asset in draft.assets} - files.keys())
    if foreign:
        raise RefusedError(
            f"the draft of the GitHub Release {draft.tag} has {', '.join(foreign)}, which this release does not",
            hint=f"delete that file, or the whole draft, by hand: {draft.url}\nthen {_again(release, draft.tag)}",
        )


def _require_same(there: GitHubRelease, files: Mapping[str, Path], release: ReleaseContext) -> None:
    """Compare a release with what belongs to it.

    Raises: RefusedError if it lacks a file, has one more, or one with other bytes.
    """
    found = {asset.name: asset for asset in there.assets}
    wrong = [f"lacks {name}" for name in files if name not in found]
    wrong += [
        f"has another {name}" for name, path in files.items() if name in found and not _is_same(found[name], path)
    ]
    wrong += [f"also has {name}" for name in sorted(found.keys() - files.keys())]
    if wrong:
        kind = "draft of the" if there.is_draft else "published"
        raise RefusedError(f"the {kind} GitHub Release {there.tag} {', '.join(wrong)}", hint=_mend(there, release))


def _mend(there: GitHubRelease, release: ReleaseContext) -> str:
    """Describe what to do about a release with wrong files; what is on the index is right in any case."""
    index, again = release.index.title, _again(release, there.tag)
    if there.is_immutable:
        return (
            f"{index} has the right files, and an immutable release cannot be fixed: say in its text that they "
            f"are available there, and release the next version: {there.url}"
        )
    if there.is_draft:
        return f"delete the draft by hand, then {again}: {there.url}"
    return (
        f"{index} has the right files: delete this release by hand, never its tag, then {again}; "
        f"or put its files right by hand: {there.url}"
    )


def _again(release: ReleaseContext, tag: str) -> str:
    return f"`release-channels resume {tag} --index {release.index.name}` makes it again"


def _is_same(asset: Asset, path: Path) -> bool:
    """Compare by digest; servers that are older than digests report only a size."""
    return asset.is_complete and asset.size == path.stat().st_size and asset.sha256 in (None, sha256_of(path))


def _require_token(github: GitHub) -> None:
    """Refuse before anything is asked for: drafts are invisible without a token that may write."""
    if not github.has_token:
        raise RefusedError(
            f"there is no token for the GitHub Release of {github.repository}",
            hint="in a workflow, give the job `contents: write` and set GH_TOKEN to `github.token`; "
            "by hand, set GH_TOKEN or run `gh auth login`",
        )


def _require_published(index: Index, manifest: Manifest) -> None:
    """The index comes first: nothing is announced that nobody can install."""
    there = {file.name: file.sha256 for file in read_index(index, manifest.project).releases.get(manifest.version, ())}
    missing = [file.name for file in manifest.files if there.get(file.name) != file.sha256]
    if missing:
        raise RefusedError(
            f"{index.title} does not contain {', '.join(missing)} with these bytes",
            hint=f"`nox -s public-publish -- --index {index.name}` comes first",
        )


def _is_newest(release: ReleaseContext) -> bool:
    """Return whether this is the newest final that the index offers; by the clock a late fix of an old line would be.

    One that is yanked is not offered, and must not be what GitHub shows as the latest either.
    """
    return read_index(release.index, release.project.name).newest_offered() == release.plan.version


def _write_asset(manifest: Manifest, workplace: Path) -> Path:
    """Write what was released, and nothing that changes from run to run."""
    content = {
        "project": manifest.project,
        "version": str(manifest.version),
        "commit": manifest.commit,
        "files": [_describe(file) for file in sorted(manifest.files, key=lambda file: file.name)],
    }
    path = workplace / ASSET
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8", newline="\n")
    return path


def _describe(file: ManifestFile) -> dict[str, object]:
    return {"name": file.name, "size": file.size, "sha256": file.sha256}


GITHUB_RELEASE = Step("github-release", "the GitHub Release: draft, files, compare, publish", _act)


_ASKED = 10
"""How many older tags GitHub is asked about, where history is cut off here."""


def release_notes(release: ReleaseContext, github: GitHub, tag: str) -> str:
    """Return the text of a release, truncated to GitHub's limit with a link to the full text."""
    version, commit = release.observed.version, release.observed.commit
    git = Git(release.root)
    read = git.files(commit.sha)
    path = find_changelog(release.project.config, read, release.project.news_file(version))
    written = section(read_changelog(path, read), version) if path else None
    page = release.source_url or f"https://github.com/{github.repository}/commit/{commit.sha}"
    if written and path:
        return release_body(written, f"{page.replace('/commit/', '/blob/')}/{path}")
    return release_body(github.generate_notes(tag, previous_final(git, github, release, version), commit.sha), page)


def previous_final(git: Git, github: GitHub, release: ReleaseContext, version: Version) -> str | None:
    """Find the tag of the newest final below a version among the commit's ancestors.

    Where history is cut off here, as in most workflow jobs, GitHub tells which tags are ancestors.
    """
    config, sha = release.project.config, release.observed.commit.sha
    if not git.is_shallow():
        tags = release_tags(config.tag_format, git.tags_before(sha))
        return next((tags[older] for older in sorted(tags, reverse=True) if older < version), None)
    tags = release_tags(config.tag_format, git.tag_names(config.remote))
    below = sorted((older for older in tags if older < version), reverse=True)[:_ASKED]
    return next((tags[older] for older in below if github.compare(sha, tags[older]).contains_head), None)
