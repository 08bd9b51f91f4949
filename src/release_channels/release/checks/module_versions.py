"""Find modules of a wheel whose `__version__` differs from its metadata, without importing them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

from packaging.utils import canonicalize_name
from packaging.version import Version

from release_channels.errors import RefusedError
from release_channels.model.findings import Allowable, Finding
from release_channels.model.version import try_version
from release_channels.project.sources.python_file import only_text
from release_channels.release.checks.archive import Archive
from release_channels.release.checks.context import CheckContext, error, warning
from release_channels.release.checks.wheel_layout import import_packages

VERSIONED = re.compile(r"([^/]+)(?:/(?:__init__|_?version|__version__|__about__))?\.py")
"""The module of a package that usually carries its version, or a module alone."""
_HINT = "list the file in [[tool.release-channels.version-files]], or let it read the installed metadata"


def check_module_versions(subject: CheckContext, archive: Archive) -> Iterator[Finding]:
    """Find a `__version__` of the project's own package that differs from the wheel's version.

    A final would carry it for good, so that it is an error there; users of a preview get a warning.
    """
    report = warning if subject.version.is_prerelease else error
    for path, text in archive.texts.items():
        module = VERSIONED.fullmatch(path)
        if module is None or not _is_own(subject, archive, module[1]):
            continue
        found = _version_in(text.decode("utf-8", "replace"), path)
        version = try_version(found) if found is not None else None
        if version is not None and Version(version.public) != Version(subject.version.public):
            message = f"{path} says version {found}, the metadata {subject.version}"
            yield report(archive.name, message, _HINT, Allowable.MODULE_VERSIONS.case(path))


def _is_own(subject: CheckContext, archive: Archive, package: str) -> bool:
    """Check whether a package is the project's, by its name or because the wheel has no other."""
    packages = {name.partition(".")[0] for name in import_packages(archive)}
    return canonicalize_name(package) == canonicalize_name(subject.project) or packages == {package}


def _version_in(text: str, path: str) -> str | None:
    """Read the version that a module carries; None if it has none, or does not have it as plain text."""
    names = ("__version__", "version") if path.endswith("/_version.py") else ("__version__",)
    with suppress(RefusedError):  # what is not Python here fails when it is imported
        return next((found for name in names if (found := only_text(text, name, path)) is not None), None)
    return None
