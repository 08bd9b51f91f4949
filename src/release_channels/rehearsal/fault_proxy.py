"""Middleware in front of the index that injects faulty responses."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from werkzeug.wrappers import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# Sees a request and the index behind it, and answers in its place; None lets the request through.
ResponseHook = Callable[["WSGIEnvironment", "WSGIApplication"], Response | None]


class FaultInjector:
    """Wrapper of the index; without a hook, requests pass unchanged."""

    def __init__(self) -> None:
        self.hook: ResponseHook | None = None

    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        """Wrap the index's application."""

        def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            response = self.hook(environ, app) if self.hook else None
            if response is None:
                return app(environ, start_response)
            while environ["wsgi.input"].read(1 << 20):  # a client that still sends would not see the answer
                pass
            return response(environ, start_response)

        return answer
