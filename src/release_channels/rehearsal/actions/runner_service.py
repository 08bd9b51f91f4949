"""Serve the runner's endpoints of GitHub: OIDC tokens and artifact storage."""

from __future__ import annotations

import io
import json
import secrets
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from release_channels.indexserver.oidc import Claims, Issuer
from release_channels.model.workflow_semantics.permissions import IDENTITY
from release_channels.model.workflow_semantics.triggers import Event
from release_channels.rehearsal.actions.workflow import Workflow, WorkflowJob
from release_channels.rehearsal.github.state import GitHubState, StoredArtifact

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

OWNER_ID = "4242"
REPOSITORY_ID = "4343"
_DAYS = 90
# Sees the files of an artifact by name on their way into the store, and may give others.
ArtifactHook = Callable[[str, Mapping[str, bytes]], Mapping[str, bytes]]


@dataclass(frozen=True, slots=True)
class RunnerSession:
    """One run as its runner sees it, with two tokens that are valid for this run only."""

    run_id: int
    number: int
    attempt: int
    workflow: Workflow
    event: Event
    repository: str
    request_token: str = field(default_factory=lambda: secrets.token_urlsafe(18), repr=False)
    runner_token: str = field(default_factory=lambda: secrets.token_urlsafe(18), repr=False)

    def claims(self, job: WorkflowJob) -> Claims:
        """Return the OIDC claims of a job.

        Source: GitHub's documentation of the OIDC token; `environment` is there only where the job names one.
        """
        owner = self.repository.partition("/")[0]
        reference = f"{self.repository}/{self.workflow.path}@{self.event.ref}"
        at = f"environment:{job.environment}" if job.environment else f"ref:{self.event.ref}"
        claims: dict[str, object] = {
            "sub": f"repo:{self.repository}:{at}",
            "repository": self.repository,
            "repository_id": REPOSITORY_ID,
            "repository_owner": owner,
            "repository_owner_id": OWNER_ID,
            "repository_visibility": "public",
            "workflow": self.workflow.name,
            "workflow_ref": reference,
            "workflow_sha": self.event.sha,
            "job_workflow_ref": reference,
            "job_workflow_sha": self.event.sha,
            "ref": self.event.ref,
            "ref_type": "tag" if self.event.ref.startswith("refs/tags/") else "branch",
            "sha": self.event.sha,
            "event_name": self.event.name,
            "run_id": str(self.run_id),
            "run_number": str(self.number),
            "run_attempt": str(self.attempt),
            "runner_environment": "github-hosted",
            "actor": "tester",
        }
        return claims | ({"environment": job.environment} if job.environment else {})


class RunnerService:
    """Runner endpoints for all current runs; it records its own errors."""

    def __init__(self, state: GitHubState, issuer: Issuer) -> None:
        self.failures: list[str] = []
        self.artifact_hooks: list[ArtifactHook] = []
        self.claims: dict[str, str] = {}
        """What somebody changes in the claims: a fault."""
        self._state = state
        self._issuer = issuer
        self._sessions: dict[int, RunnerSession] = {}
        self._routes = Map(
            [
                Rule("/<int:run>/identity", endpoint=self._identity, methods=["GET"]),
                Rule("/<int:run>/artifacts", endpoint=self._list, methods=["GET"]),
                Rule("/<int:run>/artifacts", endpoint=self._store, methods=["POST"]),
                Rule("/<int:run>/artifacts/<int:artifact>/zip", endpoint=self._fetch, methods=["GET"]),
            ]
        )

    def open(self, session: RunnerSession) -> None:
        """Accept requests of a run."""
        self._sessions[session.run_id] = session

    def close(self, session: RunnerSession) -> None:
        """Reject further requests of a run."""
        self._sessions.pop(session.run_id, None)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        request = Request(environ)
        sent = request.get_data()
        return self._answer(request, sent)(environ, start_response)

    def _answer(self, request: Request, sent: bytes) -> Response:
        try:
            endpoint, values = self._routes.bind_to_environ(request.environ).match()
            rest = dict(values)
            session = self._sessions.get(rest.pop("run"))
            if session is None:
                return _json({"message": "no such run is under way"}, 404)
            answer: Callable[..., Response] = endpoint
            return answer(request, session, sent, **rest)
        except HTTPException as err:
            return _json({"message": err.description}, err.code or 500)
        except Exception as err:  # noqa: BLE001  (the last resort of a server: one request fails, the rest live on)
            self.failures.append(f"{request.method} {request.path} failed: {type(err).__name__}: {err}")
            return _json({"message": "the rehearsal failed here"}, 500)

    def _identity(self, request: Request, session: RunnerSession, _sent: bytes) -> Response:
        """Issue a job's OIDC token; refuse a job without `id-token: write`."""
        job = session.workflow.job(request.args.get("job", ""))
        if job is None or not job.may(IDENTITY) or not _shows(request, session.request_token):
            return _json({"message": "this job has no `id-token: write`"}, 403)
        claims = {**session.claims(job), **self.claims, "aud": request.args.get("audience", "")}
        return _json({"value": self._issuer.token(claims)})

    def _list(self, request: Request, session: RunnerSession, _sent: bytes) -> Response:
        if not _shows(request, session.runner_token):
            return _json({"message": "the token is wrong"}, 401)
        return _json([{"id": one.id, "name": one.name} for one in self._of(session)])

    def _store(self, request: Request, session: RunnerSession, sent: bytes) -> Response:
        """Take an artifact; its name is free in this run, or is to be overwritten."""
        if not _shows(request, session.runner_token):
            return _json({"message": "the token is wrong"}, 401)
        name = request.args["name"]
        with self._state.lock:
            there = [one for one in self._of(session) if one.name == name]
            if there and request.args.get("overwrite") != "true":
                return _json({"message": "an artifact with this name already exists on the workflow run"}, 409)
            for one in there:
                del self._state.artifacts[one.id]
            files = _unpack(sent)
            forged: Mapping[str, bytes] = files
            for hook in self.artifact_hooks:
                forged = hook(name, forged)
            if forged == files:
                made = self._keep(session, name, sent)
            else:
                made = self._state.add_artifact(session.run_id, name, forged, days=_DAYS)
        url = f"https://github.com/{session.repository}/actions/runs/{session.run_id}/artifacts/{made}"
        return _json({"id": made, "url": url}, 201)

    def _keep(self, session: RunnerSession, name: str, archive: bytes) -> int:
        """Keep an archive byte for byte: its digest was told to the step."""
        now = self._state.clock()
        kept = StoredArtifact(self._state.new_id(), session.run_id, name, archive, now, now + timedelta(days=_DAYS))
        self._state.artifacts[kept.id] = kept
        return kept.id

    def _fetch(self, request: Request, session: RunnerSession, _sent: bytes, artifact: int) -> Response:
        found = next((one for one in self._of(session) if one.id == artifact), None)
        if found is None or not _shows(request, session.runner_token):
            return _json({"message": "no such artifact"}, 404)
        return Response(found.archive, mimetype="application/zip")

    def _of(self, session: RunnerSession) -> list[StoredArtifact]:
        with self._state.lock:
            return [one for one in self._state.artifacts.values() if one.run_id == session.run_id]


def _unpack(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def _shows(request: Request, token: str) -> bool:
    scheme, _, shown = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and secrets.compare_digest(shown.encode(), token.encode())


def _json(value: object, status: int = 200) -> Response:
    return Response(json.dumps(value), status=status, mimetype="application/json")
