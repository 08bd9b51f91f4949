"""Find files that must not be in an archive: secrets, tests, build output. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from packaging.utils import canonicalize_name

from release_channels.adapters.distributions import Kind, Member
from release_channels.model.findings import Allowable, Finding
from release_channels.release.checks.archive import Archive
from release_channels.release.checks.context import CheckContext, error, note, summarize, warning
from release_channels.release.checks.wheel_layout import MODULES, import_packages, site_paths

_OUT = "leave it out in the build backend's settings"
_SECRETS = frozenset(
    {".env", ".netrc", "_netrc", ".pypirc", ".git-credentials", "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519"}
)
_PUBLIC = re.compile(rb"-----BEGIN [A-Z ]*(PUBLIC KEY|CERTIFICATE)")
_TESTS = frozenset({"tests", "test", "testing", "testdata"})
_SAMPLES = (".example", ".sample", ".template", ".dist")
_DIRECTORIES = frozenset(
    {"tests", "test", "docs", "doc", "examples", "benchmarks", "build", "dist", "scripts", "tools", "src"}
    | {"node_modules"}
)
_FILES = frozenset({"setup.py", "conftest.py", "noxfile.py", "tasks.py"})

# Tokens of an index, GitHub, GitLab, AWS, Slack and model providers: their prefixes, and enough behind them.
_TOKEN = re.compile(
    rb"pypi-[A-Za-z0-9_-]{16}|gh[oprsu]_[A-Za-z0-9]{20}|github_pat_\w{20}|glpat-[\w-]{16}|(AKIA|ASIA)[A-Z0-9]{16}"
    rb"|xox[abprs]-[A-Za-z0-9-]{10}|sk-[A-Za-z0-9_-]{20}"
)


def check_unwanted_files(
    subject: CheckContext, archive: Archive, previous: Archive | None, was_published: Callable[[bytes], bool]
) -> Iterator[Finding]:
    """Find files that must not be in an archive; `was_published` tells whether the last release had a file's digest."""
    yield from check_secrets(archive, was_published)
    yield from check_bytecode(archive)
    if archive.kind is Kind.WHEEL:
        yield from check_top_level(subject, archive)
        yield from check_hidden(archive)
        yield from check_new_packages(subject, archive, previous)


def check_secrets(archive: Archive, was_published: Callable[[bytes], bool]) -> Iterator[Finding]:
    """Find files with credentials, which a release would make public for good.

    A warning is enough for the tests of an sdist, unless there is a token in the form that a service gives out, and
    for what the last release published.
    """
    for member in archive.files:
        if not _is_secret(archive, member):
            continue
        path = member.name if archive.kind is Kind.WHEEL else member.name.partition("/")[2]
        is_test = archive.kind is Kind.SDIST and not _TESTS.isdisjoint(path.lower().split("/")[:-1])
        is_live = _TOKEN.search(archive.texts.get(member.name, b"")) is not None
        is_excused = (is_test and not is_live) or was_published(archive.digests.get(member.name, b""))
        report = warning if is_excused else error
        hint = f"{_OUT}, and replace what was in it"
        yield report(archive.name, f"contains a file for secrets: {path}", hint, Allowable.SECRETS.case(path))


def _is_secret(archive: Archive, member: Member) -> bool:
    """Judge by the name, and by the content where a name does not tell: most .pem files are public certificates."""
    base = member.base.lower()
    content = b"" if base.endswith(".py") else archive.texts.get(member.name, b"")
    if base.endswith(".pem") or _PUBLIC.search(content):
        return b"PRIVATE KEY" in content
    if base.startswith(".env."):
        return not base.endswith(_SAMPLES)
    return base in _SECRETS or base.endswith(".key")


def check_bytecode(archive: Archive) -> Iterator[Finding]:
    """Find compiled Python files, which work with one Python version only."""
    compiled = [file.name for file in archive.files if file.name.endswith(".pyc") or "__pycache__/" in file.name]
    if compiled:
        yield warning(archive.name, f"contains compiled Python files: {summarize(compiled)}", _OUT)


def check_top_level(subject: CheckContext, archive: Archive) -> Iterator[Finding]:
    """Find top-level names that a wheel installs into site-packages next to its import package."""
    for top, paths in _tops(archive).items():
        if not top.startswith(".") and not _is_own(subject, top) and (problem := _problem(top, paths)):
            yield warning(archive.name, f"installs {problem[0]}", problem[1])


def _is_own(subject: CheckContext, top: str) -> bool:
    """Return whether a directory is the import package that the project is named after, as `build` is."""
    return canonicalize_name(top) == canonicalize_name(subject.project)


def _problem(top: str, paths: list[str]) -> tuple[str, str] | None:
    """Describe what is wrong with a file or directory at the top of a wheel, and what to do about it."""
    is_file = paths == [top]
    if is_file and top.endswith(".pth"):
        return f"{top}, which runs whenever any Python of the user starts", "do without it"
    if top in (_FILES if is_file else _DIRECTORIES):
        return f"{top}{'' if is_file else '/'} next to the import package", _OUT
    if any(map(_is_module, paths)):
        return None
    text = f"the file {top}, which is not a Python module" if is_file else f"{top}/, which contains no Python module"
    return text, "move it into the package"


def check_hidden(archive: Archive) -> Iterator[Finding]:
    """Find hidden files and directories at the top of a wheel."""
    if hidden := [top for top in _tops(archive) if top.startswith(".")]:
        yield warning(archive.name, f"installs hidden files: {summarize(hidden)}", _OUT)


def check_new_packages(subject: CheckContext, archive: Archive, previous: Archive | None) -> Iterator[Finding]:
    """Note new import packages with a name unrelated to the project's."""
    now, before = _top_packages(archive), _top_packages(previous) if previous else set()
    new = sorted(name for name in now - before if not _related(subject, name))
    if len(now) > 1 and new:
        yield note(
            archive.name,
            f"installs more than one import package; not named after {subject.project}: {summarize(new)}",
            "check that they are meant to be there",
        )


def _top_packages(archive: Archive) -> set[str]:
    return {name.partition(".")[0] for name in import_packages(archive)} - _DIRECTORIES


def _related(subject: CheckContext, name: str) -> bool:
    return canonicalize_name(name.strip("_")).startswith(canonicalize_name(subject.project))


def _tops(archive: Archive) -> dict[str, list[str]]:
    """Group what lands in site-packages by the first part of its path."""
    tops: dict[str, list[str]] = {}
    for path in site_paths(archive):
        tops.setdefault(path.partition("/")[0], []).append(path)
    return tops


def _is_module(path: str) -> bool:
    """Return whether a file is a module; a shared library may carry its version (`.so.1`)."""
    return path.endswith(MODULES) or ".so." in path.rpartition("/")[2]
