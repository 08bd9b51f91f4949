"""Receiving an upload: from the request to a file on disk, past every rule, into the storage."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING

from packaging.utils import NormalizedName
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Request

from release_channels.indexserver import upload_rules
from release_channels.indexserver.oidc import TokenIssuer
from release_channels.indexserver.pages import PageFile
from release_channels.indexserver.storage import Storage
from release_channels.indexserver.upload_rules import MIB, Limits, Upload, UploadRefused

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

# A readme travels as a form field, and so does every classifier and dependency.
_FORM_ROOM = 16 * MIB
_FORM_PARTS = 10_000

Listing = Callable[[NormalizedName], Sequence[PageFile]]


class Uploads:
    """The upload side of an index; uploads are judged side by side and taken one after the other."""

    def __init__(
        self,
        storage: Storage,
        listing: Listing,
        *,
        limits: Limits,
        served: NormalizedName | None = None,
        exchange: TokenIssuer | None = None,
    ) -> None:
        self._storage = storage
        self._listing = listing
        self._limits = limits
        self._served = served
        self._exchange = exchange
        self._taking = threading.Lock()

    def receive(self, environ: WSGIEnvironment) -> None:
        """Take one uploaded file, or find that the index contains the same one.

        Raises: UploadRefused with the first rule that is broken; then nothing is stored.
        """
        try:
            allowed = self._allowed(environ.get("HTTP_AUTHORIZATION"))
            with tempfile.TemporaryDirectory(prefix="release-channels-") as scratch, ExitStack() as parts:
                request = _UploadRequest(environ, Path(scratch), parts)
                request.max_content_length = self._limits.file + _FORM_ROOM
                self._take(self._read(request), allowed)
        finally:
            _drain(environ["wsgi.input"])

    def _allowed(self, authorization: str | None) -> frozenset[str] | None:
        """Return the projects that the request may upload to; None stands for all, without Trusted Publishing."""
        if self._exchange is None:
            return None
        holder = self._exchange.holder(authorization)
        if holder is None:
            raise UploadRefused("Invalid or non-existent authentication information.", status=403)
        return holder.projects

    def _read(self, request: _UploadRequest) -> Upload:
        try:
            fields: Mapping[str, str] = request.form.to_dict()
            content = request.files.get("content")
        except RequestEntityTooLarge as err:
            raise upload_rules.too_large(self._served or "of this index", self._limits) from err
        file_name = (content.filename if content else None) or ""
        upload_rules.check_form(fields, file_name, self._served)
        path = request.finish(file_name)
        return Upload(fields, request.form.getlist("classifiers"), request.form.getlist("requires_dist"), path)

    def _take(self, upload: Upload, allowed: frozenset[str] | None) -> None:
        if allowed is not None and upload.project not in allowed:
            raise UploadRefused(f"The given token isn't allowed to upload to project {upload.project!r}.", status=403)
        upload_rules.check_metadata(upload.classifiers, upload.requires_dist)
        digests = upload_rules.check_file(upload, self._limits)
        with self._taking:
            listed = self._listing(upload.project)
            if upload_rules.is_duplicate(upload, digests, listed):
                return
            upload_rules.check_release(upload, self._limits, listed)
            upload_rules.check_distribution(upload)
            if not self._storage.add(upload.path):
                self._compare(upload, digests)

    def _compare(self, upload: Upload, digests: Mapping[str, str]) -> None:
        """Accept that another process was faster only if it stored the same bytes."""
        there = self._storage.find(upload.file_name)
        if there is None or there.sha256 != digests["sha256"]:
            raise upload_rules.already_exists(upload, digests)


class _UploadRequest(Request):
    """A request whose file parts go straight to a directory, and are closed with the stack that it is given."""

    max_form_memory_size = _FORM_ROOM
    max_form_parts = _FORM_PARTS

    def __init__(self, environ: WSGIEnvironment, directory: Path, parts: ExitStack) -> None:
        super().__init__(environ)
        self._directory = directory
        self._parts = parts
        self._streams: dict[str, IO[bytes]] = {}

    def finish(self, file_name: str) -> Path:
        """Close what was received and give the content its name, which has been checked."""
        received = Path(self.files["content"].stream.name)
        self._parts.close()
        return received.rename(self._directory / file_name)

    def _get_file_stream(
        self,
        total_content_length: int | None,  # noqa: ARG002  (the names are the library's)
        content_type: str | None,  # noqa: ARG002
        filename: str | None = None,  # noqa: ARG002
        content_length: int | None = None,  # noqa: ARG002
    ) -> IO[bytes]:
        file = tempfile.NamedTemporaryFile("w+b", dir=self._directory, delete=False)  # noqa: SIM115  (the stack closes it)
        return self._parts.enter_context(file)


def _drain(body: IO[bytes]) -> None:
    """Read what a refusal left unread, in pieces: a client that still sends would not see the answer."""
    while body.read(MIB):
        pass
