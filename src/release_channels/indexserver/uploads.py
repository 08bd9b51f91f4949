"""Receive an upload: read the request into a file, check every rule, and store it."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING

from packaging.utils import NormalizedName

from release_channels.indexserver import upload_rules
from release_channels.indexserver.oidc import TokenIssuer
from release_channels.indexserver.pages import PageFile
from release_channels.indexserver.storage import Storage
from release_channels.indexserver.upload_rules import MIB, Limits, Upload, UploadRefused

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

# A readme travels as a form field, and so does every classifier and dependency.
_FORM_BYTES = 16 * MIB
_FORM_PARTS = 10_000

Listing = Callable[[NormalizedName], Sequence[PageFile]]


class Uploads:
    """The upload endpoint of an index; uploads are checked in parallel and stored one by one."""

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
        """Store an uploaded file, unless the index already has the same bytes.

        Raises: UploadRefused with the first rule that is broken; then nothing is stored.
        """
        try:
            allowed = self._allowed(environ.get("HTTP_AUTHORIZATION"))
            with tempfile.TemporaryDirectory(prefix="release-channels-") as directory:
                self._take(self._read(environ, Path(directory)), allowed)
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

    def _read(self, environ: WSGIEnvironment, directory: Path) -> Upload:
        """Parse the form; its files go straight to the directory, where the content gets its own name once checked."""
        from werkzeug.exceptions import RequestEntityTooLarge
        from werkzeug.formparser import FormDataParser

        with ExitStack() as parts:

            def open_part(*_: object, **_options: object) -> IO[bytes]:
                return parts.enter_context(tempfile.NamedTemporaryFile("w+b", dir=directory, delete=False))

            parser = FormDataParser(
                open_part,
                max_form_memory_size=_FORM_BYTES,
                max_content_length=self._limits.file + _FORM_BYTES,
                max_form_parts=_FORM_PARTS,
            )
            try:
                _, form, files = parser.parse_from_environ(environ)
            except RequestEntityTooLarge as err:
                raise upload_rules.too_large(self._served or "of this index", self._limits) from err
        fields: Mapping[str, str] = form.to_dict()
        content = files.get("content")
        file_name = (content.filename if content else None) or ""
        upload_rules.check_form(fields, file_name, self._served)
        path = Path(files["content"].stream.name).rename(directory / file_name)
        return Upload(fields, form.getlist("classifiers"), form.getlist("requires_dist"), path)

    def _take(self, upload: Upload, allowed: frozenset[str] | None) -> None:
        if allowed is not None and upload.project not in allowed:
            assert self._exchange is not None  # without one, everything is allowed
            raise upload_rules.not_allowed(upload.project, exists=self._exchange.knows(upload.project))
        upload_rules.check_metadata(upload.classifiers, upload.requires_dist)
        digests = upload_rules.check_file(upload, self._limits)
        with self._taking:
            listed = self._listing(upload.project)
            if upload_rules.is_duplicate(upload, digests, listed):
                return
            was_deleted = self._storage.was_deleted(upload.file_name)
            upload_rules.check_release(upload, self._limits, listed, was_deleted=was_deleted)
            upload_rules.check_distribution(upload)
            if not self._storage.add(upload.path):
                self._compare(upload, digests)

    def _compare(self, upload: Upload, digests: Mapping[str, str]) -> None:
        """Accept that another process was faster only if it stored the same bytes."""
        stored = self._storage.find(upload.file_name)
        if stored is None or stored.sha256 != digests["sha256"]:
            raise upload_rules.already_exists(upload, digests)


def _drain(body: IO[bytes]) -> None:
    """Read to the end, in pieces: a client that still sends would not see a refusal."""
    while body.read(MIB):
        pass
