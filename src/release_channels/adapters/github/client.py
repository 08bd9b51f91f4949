"""Read and change one repository on GitHub, as values of our own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from itertools import islice, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from release_channels.adapters.github import parse
from release_channels.adapters.github.errors import ForbiddenError, NotFoundError, RetryingClient
from release_channels.adapters.github.transfer import check_archive, fetch_archive, upload_file
from release_channels.model.github import (
    Artifact,
    Asset,
    Comparison,
    Deployment,
    GitHubRelease,
    Job,
    PullRequest,
    RemoteTag,
    WorkflowRun,
)

if TYPE_CHECKING:
    import github
    import github.GitRelease

    from release_channels.adapters.github.settings import Settings

_RUN_IN_URL = re.compile(r"/actions/runs/(\d+)(?:/|$)")
_CONTENTS = "contents: write"
_PAGE = 100  # runs
# Source: GitHub's REST reference, list workflow runs: at most this many where a filter is given.
_MOST_RUNS = 1000


class GitHub:
    """One repository on GitHub, queried with one token or none.

    Every method raises UnansweredError if GitHub does not answer, and RefusedError if it says no.
    """

    def __init__(self, api: github.Github, repository: str, answers: RetryingClient, base: str) -> None:
        self.repository = repository
        self._api = api
        self._repo = api.get_repo(repository)
        self._answers = answers
        self._base = base

    def __enter__(self) -> GitHub:
        """Keep the connection open as long as the block lasts."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections; the next request opens new ones."""
        self._api.close()

    @property
    def has_token(self) -> bool:
        """True with a token; without one only public data can be read, and nothing changed."""
        return self._answers.token is not None

    @property
    def settings(self) -> Settings:
        """The repository's settings, read with the same token."""
        from release_channels.adapters.github.settings import Settings

        return Settings(self._answers, self._request)

    def newest_run(
        self, workflow: str, sha: str, event: str | None = "push", *, green_on: str | None = None
    ) -> WorkflowRun | None:
        """Find the newest run of exactly this workflow file and commit, with its newest attempt's state.

        With `green_on`, only a run on that branch which ended well counts.
        """

        def ask() -> list[WorkflowRun]:
            from github.GithubObject import NotSet

            listed = self._repo.get_workflow(workflow).get_runs(head_sha=sha, event=event or NotSet)
            runs = [parse.parse_run(run) for run in islice(listed, _PAGE)]
            wanted = (sha, workflow, event)
            if any((run.sha, run.workflow, event and run.event) != wanted for run in runs):
                raise ValueError("runs that were not asked for")  # a redirect loses the filter on the way
            return runs

        runs = self._answers.read(f"the runs of {workflow} for {sha[:12]}", ask, needs="actions: read")
        if green_on is not None:
            runs = [run for run in runs if run.is_green and run.branch == green_on]
        return max(runs, key=lambda run: run.number, default=None)

    def find_run(self, workflow: str, title: str, *, event: str, since: datetime) -> WorkflowRun | None:
        """Find the newest run of a workflow file with exactly this title, created at `since` or later."""

        def ask() -> list[WorkflowRun]:
            listed = self._repo.get_workflow(workflow).get_runs(event=event, created=f">={since:%Y-%m-%dT%H:%M:%SZ}")
            runs = (parse.parse_run(run) for run in islice(listed, _MOST_RUNS))
            recent = takewhile(lambda run: run.created_at >= since, runs)  # newest first, whatever the filter did
            return [run for run in recent if (run.title, run.workflow, run.event) == (title, workflow, event)]

        runs = self._answers.read(f"the run of {workflow} called {title!r}", ask, needs="actions: read")
        return max(runs, key=lambda run: run.number, default=None)

    def started_run(self, run_id: int) -> WorkflowRun | None:
        """Read a run that was started a moment ago; None while GitHub does not show it."""
        try:
            return self.run(run_id)
        except NotFoundError:
            return None

    def run(self, run_id: int) -> WorkflowRun:
        """Read a run by its id."""
        return self._answers.read(
            f"run {run_id}", lambda: parse.parse_run(self._repo.get_workflow_run(run_id)), needs="actions: read"
        )

    def jobs(self, run_id: int) -> tuple[Job, ...]:
        """List the jobs of a run's newest attempt, by the run's id."""

        def ask() -> tuple[Job, ...]:
            return tuple(parse.parse_job(job) for job in self._repo.get_workflow_run(run_id).jobs("latest"))

        return self._answers.read(f"the jobs of run {run_id}", ask, needs="actions: read")

    def pending_reviewers(self, run_id: int) -> tuple[str, ...]:
        """List the reviewers that a run waits for; empty if it does not wait."""

        def ask() -> tuple[str, ...]:
            return parse.parse_reviewers(self._request("GET", f"/actions/runs/{run_id}/pending_deployments"))

        return self._answers.read(f"the approvals that run {run_id} waits for", ask, needs="actions: read")

    def artifacts(self, run_id: int) -> tuple[Artifact, ...]:
        """List the artifacts of a run, including expired ones."""

        def ask() -> tuple[Artifact, ...]:
            return tuple(
                parse.parse_artifact(artifact) for artifact in self._repo.get_workflow_run(run_id).get_artifacts()
            )

        return self._answers.read(f"the artifacts of run {run_id}", ask, needs="actions: read")

    def download_artifact(self, artifact_id: int, target: Path, limit: int) -> None:
        """Download an artifact's archive of at most `limit` bytes to a file, and verify its digest."""

        def describe() -> Artifact:
            return parse.parse_artifact(self._repo.get_artifact(artifact_id))

        def locate() -> str:
            path = f"{self._repo.url}/actions/artifacts/{artifact_id}/zip"
            status, headers, body = self._api.requester.requestJson("GET", path)
            self._check(status, headers, body, redirect=True)
            return str(headers["location"])

        artifact = self._answers.read(f"artifact {artifact_id}", describe, needs="actions: read")
        check_archive(artifact, limit)
        self._answers.read(
            f"the archive of the artifact {artifact.name}",
            lambda: fetch_archive(locate(), artifact, target, limit),
            needs="actions: read",
        )

    def compare(self, base: str, head: str) -> Comparison:
        """Compare a head with a base; both can be a branch, tag or commit."""

        def ask() -> Comparison:
            return parse.parse_comparison(self._repo.compare(base, head, comparison_commits_per_page=1))

        return self._answers.read(f"the comparison of {head[:40]} with {base[:40]}", ask, needs="contents: read")

    def find_tag(self, name: str) -> RemoteTag | None:
        """Find a tag by its exact name, and the commit that it points to."""

        def ask() -> RemoteTag:
            target = self._repo.get_git_ref(f"tags/{name}").object
            if target.type != "tag":
                return RemoteTag(target.sha, annotated=False)
            return RemoteTag(self._repo.get_git_tag(target.sha).object.sha, annotated=True)

        try:
            return self._answers.read(f"the tag {name[:80]}", ask, needs="contents: read")
        except NotFoundError:
            return None

    def default_file(self, path: str) -> bytes | None:
        """Read a file from the tip of the default branch; None if it is not there."""

        def ask() -> bytes:
            file = self._repo.get_contents(path)
            return (file[0] if isinstance(file, list) else file).decoded_content

        try:
            return self._answers.read(f"the default branch's {path[:80]}", ask, needs="contents: read")
        except NotFoundError:
            return None

    def releases(self) -> tuple[GitHubRelease, ...]:
        """List every release, newest first, with drafts only for a token that may write."""
        return self._answers.read("the releases", self._list_releases, needs="contents: read")

    def _list_releases(self) -> tuple[GitHubRelease, ...]:
        return tuple(parse.parse_release(release) for release in self._repo.get_releases())

    def release(self, release_id: int) -> GitHubRelease:
        """Read one release, which may be a draft that no list shows yet."""

        def ask() -> GitHubRelease:  # the library takes the tag of a release that is not read from its address
            return parse.parse_release(self._repo.get_release(release_id).complete())

        return self._answers.read(f"release {release_id}", ask, needs=_CONTENTS)

    def find_releases(self, tag: str) -> tuple[GitHubRelease, ...]:
        """Find the releases of a tag by listing all, since a look-up by tag hides drafts."""
        return tuple(release for release in self.releases() if release.tag == tag)

    def find_releases_with(self, made: GitHubRelease) -> tuple[GitHubRelease, ...]:
        """Find the releases of a new draft's tag; a list that does not show the draft hides older ones too.

        Such a list is read again after each pause, and in the end taken as it is.
        """
        found: tuple[GitHubRelease, ...] = ()

        def look() -> None:
            nonlocal found
            found = tuple(release for release in self._list_releases() if release.tag == made.tag)
            if made.id not in {release.id for release in found}:
                raise NotFoundError(f"the list of releases does not show the draft {made.id}")

        with suppress(NotFoundError):
            self._answers.read("the releases", look, needs=_CONTENTS, is_fresh=True)
        return found

    def create_draft(self, tag: str, name: str, body: str) -> GitHubRelease:
        """Create a draft release, visible only to users with write access; it creates no tag."""

        def act() -> GitHubRelease:
            made = self._repo.create_git_release(tag, name, body, draft=True, make_latest="false")
            return parse.parse_release(made)

        return self._answers.write(f"create the draft release of {tag}", act, needs=_CONTENTS)

    def upload_asset(self, release: GitHubRelease, path: Path) -> Asset:
        """Upload a file to a release; GitHub may change its name."""
        needs, what = _CONTENTS, f"the release of {release.tag}"
        address = self._answers.read(
            f"{what}'s upload address", lambda: parse.sure(self._repo.get_release(release.id).upload_url), needs=needs
        )

        def act() -> Asset:
            return parse.parse_asset(upload_file(self._api.requester, self._base, address, path))

        return self._answers.write(f"add {path.name} to {what}", act, needs=needs)

    def delete_asset(self, asset: Asset) -> None:
        """Delete a file from a draft."""
        self._answers.write(
            f"delete the asset {asset.name}",
            lambda: self._request("DELETE", f"/releases/assets/{asset.id}"),
            needs=_CONTENTS,
        )

    def delete_draft(self, release: GitHubRelease) -> None:
        """Delete a draft with its files.

        Raises: ValueError for a release that is published: those are never taken back.
        """
        if not release.is_draft:
            raise ValueError(f"{release.tag} is published")
        self._answers.write(
            f"delete a draft release of {release.tag}",
            lambda: self._request("DELETE", f"/releases/{release.id}"),
            needs=_CONTENTS,
        )

    def publish(self, release: GitHubRelease, *, latest: bool, target: str = "") -> GitHubRelease:
        """Publish a draft with this text, as the latest release or not; a missing tag is created on `target`.

        Source: GitHub's REST reference: without a target, a missing tag is made on the default branch.
        """

        def act() -> GitHubRelease:
            from github.GithubObject import NotSet

            done = self._repo.get_release(release.id).update_release(
                release.name,
                release.body,
                draft=False,
                prerelease=release.is_prerelease,
                tag_name=release.tag,
                make_latest="true" if latest else "false",
                target_commitish=target or NotSet,
            )
            return parse.parse_release(done)

        return self._answers.write(f"publish the release of {release.tag}", act, needs=_CONTENTS)

    def generate_notes(self, tag: str, previous_tag: str | None, target: str) -> str:
        """Return the release notes that GitHub generates since another release, without storing them."""

        def ask() -> str:
            since = {"previous_tag_name": previous_tag} if previous_tag else {}
            return parse.sure(self._repo.generate_release_notes(tag, target_commitish=target, **since).body)

        return self._answers.read(f"the notes of {tag}", ask, needs=_CONTENTS)

    def await_branch(self, name: str) -> None:
        """Wait until GitHub shows a branch that was pushed a moment ago, as long as for any answer.

        A token that may not read it says no more than the request that needs the branch will say.
        """

        def look() -> object:
            return parse.sure(self._repo.get_git_ref(f"heads/{name}").object)

        with suppress(NotFoundError, ForbiddenError):
            self._answers.read(f"the branch {name}", look, needs="contents: read", is_fresh=True)

    def open_pull_request(self, head: str, base: str, title: str, body: str) -> PullRequest:
        """Open a pull request between two branches of the repository."""

        def act() -> PullRequest:
            return parse.parse_pull_request(self._repo.create_pull(base, head, title=title, body=body))

        return self._answers.write(f"open a pull request for {head}", act, needs="pull-requests: write")

    def deployments(self, environment: str, limit: int) -> tuple[Deployment, ...]:
        """List at most `limit` newest deployments to an environment, newest first, each with its workflow."""
        workflows: dict[int, str | None] = {}

        def ask() -> list[tuple[Deployment, int | None]]:
            listed = self._repo.get_deployments(environment=environment)
            return [self._deployment(deployment) for deployment in islice(listed, limit)]

        text: list[Deployment] = []
        for deployment, run_id in self._answers.read(
            f"the deployments to {environment}", ask, needs="deployments: read"
        ):
            if run_id is not None and run_id not in workflows:
                workflows[run_id] = self._workflow_of(run_id)
            text.append(parse.with_workflow(deployment, workflows.get(run_id) if run_id is not None else None))
        return tuple(text)

    def _deployment(self, listed: Any) -> tuple[Deployment, int | None]:
        newest = next(iter(listed.get_statuses()), None)
        deployment = parse.parse_deployment(listed, newest)
        linked = _RUN_IN_URL.search(deployment.url)
        return deployment, int(linked[1]) if linked else None

    def _workflow_of(self, run_id: int) -> str | None:
        try:
            return self.run(run_id).workflow
        except NotFoundError:  # a run can be deleted, its deployment stays
            return None

    def _request(self, verb: str, path: str, sent: Mapping[str, Any] | None = None) -> Any:
        """Request something that the library has no method for."""
        status, headers, body = self._api.requester.requestJson(verb, f"{self._repo.url}{path}", input=sent)
        return self._check(status, headers, body)

    def _check(self, status: int, headers: dict[str, Any], body: str, *, redirect: bool = False) -> Any:
        return parse.parse_answer(self._api.requester, status, headers, body, redirect=redirect)
