"""Check the metadata that pyproject.toml declares by the index's rules, before a build."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Mapping
from email.utils import formataddr
from pathlib import Path, PurePosixPath
from typing import Any

from packaging.markers import Marker
from packaging.metadata import RawMetadata
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from release_channels.adapters.distributions import Kind
from release_channels.adapters.files import temporary_directory
from release_channels.adapters.uv import sanitized_environment, uv_program
from release_channels.errors import RefusedError
from release_channels.model.findings import Finding
from release_channels.model.version import Channel
from release_channels.project.files import Read
from release_channels.project.pyproject import Project
from release_channels.project.typed_toml import (
    decode,
    optional_string,
    parse_toml,
    resolve_inside_project,
    string_list,
    string_map,
    table,
)
from release_channels.release.checks.archive import Archive, read_archive
from release_channels.release.checks.context import CheckContext, error, sort_findings
from release_channels.release.checks.dependencies import check_dependencies
from release_channels.release.checks.entry_points import MalformedError, parse_entry_points
from release_channels.release.checks.metadata import check_fields
from release_channels.release.checks.readme import check_readme

_CONTENT_TYPES = {".md": "text/markdown", ".rst": "text/x-rst", ".txt": "text/plain"}
# Source: twine's check, for which the rendering of these cannot fail.
_ALWAYS_RENDERED = ("text/markdown", "text/plain")
# The version is known, and no rule is about the others.
_WITHOUT_RULE = frozenset({"version", "keywords", "license-files"})


def unknown_before_build(project: Project) -> tuple[str, ...]:
    """List the fields that only the build backend knows, so that they cannot be checked before a build."""
    if not project.has_project_table:
        return ("classifiers", "dependencies", "readme")
    return tuple(sorted(project.dynamic - _WITHOUT_RULE))


def declared_findings(project: Project, read: Read, version: Version, env: Mapping[str, str]) -> tuple[Finding, ...]:
    """Return what is wrong with the declared fields for a public release of a version; the worst comes first."""
    config = project.config
    with temporary_directory("declared") as scratch:
        subject = CheckContext(
            project=project.name,
            version=version,
            channel=Channel.PUBLIC,
            files=(),
            requires_python=project.requires_python,
            scratch=scratch,
            env=sanitized_environment(env),
            uv=uv_program(),
            file_limit=config.file_limit,
            project_limit=config.project_limit,
            project_bytes=0,
            allow=frozenset(config.allow),
        )
        return sort_findings(check_declared(project, read, subject), subject.allow)


def check_declared(project: Project, read: Read, subject: CheckContext) -> Iterator[Finding]:
    """Check the static fields of [project] by the rules for a distribution's metadata."""
    if not project.has_project_table:
        return
    declared = parse_toml(project.text, project.path)["project"]
    try:
        fields = _fields(declared, project, read, subject)
        entry_points = _entry_points(declared, project)
    except RefusedError as stop:
        yield error(project.path, str(stop), stop.hint)
        return
    archive = Archive(Path(project.path), Kind.SDIST, 0, (), {}, fields=fields)
    yield from check_fields(archive)
    yield from check_dependencies(subject, archive)
    try:
        parse_entry_points(entry_points.encode())
    except MalformedError as err:
        yield error(project.path, str(err), "correct the scripts and entry points you declare")
    if "readme" not in project.dynamic:
        yield from _check_readme(fields, project, subject)


def _fields(declared: Mapping[str, Any], project: Project, read: Read, subject: CheckContext) -> RawMetadata:
    """Return the core metadata that the build backend makes of what is declared.

    Raises: RefusedError for a value of the wrong type, or a readme that is not there.
    Source: pyproject.toml specification.
    """
    path = project.path
    fields = RawMetadata(
        metadata_version="2.4",
        name=project.name,
        version=str(subject.version),
        summary=_string(declared, "description", path),
        requires_python=project.requires_python or "",
        classifiers=string_list(declared, "classifiers", path),
        project_urls=dict(project.urls),
        requires_dist=[*string_list(declared, "dependencies", path), *_optional_dependencies(declared, path)],
        provides_extra=list(table(declared, "optional-dependencies", path, "project.")),
        author_email=_addresses(declared, "authors", path),
        maintainer_email=_addresses(declared, "maintainers", path),
    )
    if isinstance(declared.get("license"), str):
        fields["license_expression"] = declared["license"]
    if "readme" in declared:
        fields["description"], fields["description_content_type"] = _readme(declared["readme"], path, read)
    return fields


def _string(declared: Mapping[str, Any], key: str, path: str, prefix: str = "project.") -> str:
    return optional_string(declared, key, path, prefix) or ""


def _optional_dependencies(declared: Mapping[str, Any], path: str) -> Iterator[str]:
    """Format the dependencies of the extras as a build backend does: with the extra in the marker."""
    extras = table(declared, "optional-dependencies", path, "project.")
    for extra in extras:
        for text in string_list(extras, extra, path, "project.optional-dependencies."):
            try:
                requirement = Requirement(text)
            except InvalidRequirement:
                yield text  # reported with the metadata
                continue
            asked = f'extra == "{canonicalize_name(extra)}"'
            requirement.marker = Marker(f"({requirement.marker}) and {asked}" if requirement.marker else asked)
            yield str(requirement)


def _addresses(declared: Mapping[str, Any], key: str, path: str) -> str:
    """Format people that have an e-mail address as the build backend does."""
    people = declared.get(key, [])
    if not isinstance(people, list) or not all(isinstance(person, Mapping) for person in people):
        raise RefusedError(f"{path}: project.{key} is {people!r}", hint="it must be a list of tables")
    pairs = [tuple(_string(person, part, path, f"project.{key}.") for part in ("name", "email")) for person in people]
    return ", ".join(formataddr((name, address)) for name, address in pairs if address)


def _readme(readme: object, path: str, read: Read) -> tuple[str, str]:
    """Return the text of the readme and its content type.

    Raises: RefusedError if it is not there, or its type is not known.
    """
    where = f"{path}: project.readme"
    given = {"file": readme} if isinstance(readme, str) else readme
    if not isinstance(given, Mapping):
        raise RefusedError(f"{where} is {readme!r}", hint="write the name of a file")
    file, text, kind = (_string(given, key, path, "project.readme.") for key in ("file", "text", "content-type"))
    kind = kind or _CONTENT_TYPES.get(PurePosixPath(file).suffix.lower(), "")
    if not kind:
        raise RefusedError(f"{where} has no content type", hint="name a file with the ending .md, .rst or .txt")
    if file:
        missing = "correct `readme`, or commit the file"
        text = decode(read(resolve_inside_project(file, where)), file, missing=missing)
    return text, kind


def _entry_points(declared: Mapping[str, Any], project: Project) -> str:
    """Format the scripts and entry points as a build backend does."""
    groups = {
        "console_scripts": project.scripts,
        "gui_scripts": string_map(declared, "gui-scripts", project.path),
    }
    for group in table(declared, "entry-points", project.path, "project."):
        groups[group] = string_map(declared["entry-points"], group, project.path, "project.entry-points.")
    lines = [(f"[{group}]", *(f"{name} = {target}" for name, target in of.items())) for group, of in groups.items()]
    return "\n".join(line for group in lines for line in group)


def _check_readme(fields: RawMetadata, project: Project, subject: CheckContext) -> Iterator[Finding]:
    """Run twine's check on an sdist that has nothing but these metadata, unless it cannot find anything."""
    if fields.get("description") and fields["description_content_type"].startswith(_ALWAYS_RENDERED):
        return
    name = f"{project.normalized_name.replace('-', '_')}-{subject.version}"
    kind = fields.get("description_content_type")
    lines = ["Metadata-Version: 2.1", f"Name: {project.name}", f"Version: {subject.version}"]
    lines += [f"Description-Content-Type: {kind}"] if kind else []
    directory, sdist = subject.scratch / name, subject.scratch / f"{name}.tar.gz"
    directory.mkdir()
    (directory / "PKG-INFO").write_text("\n".join([*lines, "", fields.get("description", "")]), encoding="utf-8")
    with tarfile.open(sdist, "w:gz") as archive:
        archive.add(directory, name)
    yield from check_readme(subject, [read_archive(sdist)])
