"""Faults of the index: it fails halfway, is overloaded, or does not respond."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from werkzeug.wrappers import Response

from release_channels.model.version import Channel
from release_channels.rehearsal.actions.run import RunOverrides
from release_channels.rehearsal.faults.fault import AGAIN, End, Fault, FaultContext, Injection, again

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

_UPLOAD, _PAGE, _AUDIENCE = "/legacy", "/simple/", "/_/oidc/audience"
_HANGS = 6.0  # seconds
_PATIENCE = "2"


def _with_hook(
    path: str, answer: Callable[[int], Response | None], changes: RunOverrides | None = None
) -> Callable[[FaultContext], AbstractContextManager[Injection]]:
    """Replace responses below a path; `answer` gets the number of earlier requests, and None passes."""

    @contextmanager
    def inject(context: FaultContext) -> Iterator[Injection]:
        injection = Injection(f"the index, {path}", changes or RunOverrides())
        seen = 0

        def spoil(environ: WSGIEnvironment, _app: WSGIApplication) -> Response | None:
            nonlocal seen
            if not environ["PATH_INFO"].startswith(path):
                return None
            seen += 1
            spoilt = answer(seen - 1)
            injection.fired += spoilt is not None
            return spoilt

        context.environment.fault_injector.hook = spoil
        try:
            yield injection
        finally:
            context.environment.fault_injector.hook = None

    return inject


def _dies_after_one(before: int) -> Response | None:
    return Response("the connection is gone\n", status=502) if before else None


def _overloaded_twice(before: int) -> Response | None:
    return Response("overloaded\n", status=503) if before < 2 else None


def _too_many(before: int) -> Response | None:
    return Response("slow down\n", status=429, headers={"Retry-After": "3600"}) if before == 0 else None


def _hangs(_before: int) -> Response | None:
    return Response(_late(), status=504)


def _late() -> Iterator[str]:
    """Do not answer for a while: by then the fault has fired, and who asked may be gone."""
    time.sleep(_HANGS)
    yield "too late\n"


def _down(_before: int) -> Response | None:
    return Response("down\n", status=503)


FAULTS = (
    Fault(
        "upload-dies", "the index takes the first file and no other", Channel.PREVIEW,
        _with_hook(_UPLOAD, _dies_after_one), "did not take the upload", End.CONVERGED, AGAIN, again,
    ),
    Fault(
        "upload-dies-public", "the index takes the first file of a public release and no other", Channel.PUBLIC,
        _with_hook(_UPLOAD, _dies_after_one), "did not take the upload", End.CONVERGED, AGAIN, again,
    ),
    Fault(
        "index-503", "the index is overloaded twice", Channel.PREVIEW,
        _with_hook(_UPLOAD, _overloaded_twice), "the index answered 503; trying again", End.CONVERGED,
    ),
    Fault(
        "index-429", "the index asks to come back in an hour", Channel.PREVIEW,
        _with_hook(_UPLOAD, _too_many), "the index answered 429; trying again", End.CONVERGED,
    ),
    Fault(
        "index-hangs", "the index does not respond to readers", Channel.PREVIEW,
        _with_hook(_PAGE, _hangs, RunOverrides(env={"UV_HTTP_TIMEOUT": _PATIENCE})), "did not answer", End.CONVERGED,
        AGAIN, again,
    ),
    Fault(
        "audience-down", "the index does not publish its OIDC audience", Channel.PREVIEW,
        _with_hook(_AUDIENCE, _down), "did not take the upload", End.CONVERGED, AGAIN, again,
    ),
)  # fmt: skip
