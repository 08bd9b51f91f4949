"""The project URL `Source commit`, which the build of a preview adds next to the version. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

from release_channels.model.github import repository_name
from release_channels.project.edit import prove_content, read_toml
from release_channels.project.pyproject import Project
from release_channels.project.sources.base import parse_document, table_of

LABEL = "Source commit"
_SOURCE_LABELS = ("source", "sourcecode", "repository", "github", "code")
_OWNER_AND_NAME = {"github.com", "codeberg.org", "bitbucket.org"}  # their repositories have exactly two path segments
_HOSTING_SERVICES = _OWNER_AND_NAME | {"gitlab.com"}
_SCP = re.compile(r"(?:[^@/\s]+@)?(?P<host>[A-Za-z0-9.-]{2,}):(?P<path>[^\s:]+)")
_HOST = re.compile(r"[A-Za-z0-9.-]+(:[0-9]+)?")
_PATH = re.compile(r"[A-Za-z0-9._~/+@%-]+")
_SHA = re.compile(r"[0-9a-fA-F]{40}([0-9a-fA-F]{24})?")


def repository_url(project: Project, remote_url: str | None) -> str | None:
    """Return the URL of the source repository, or None if it is unknown.

    Taken from the configuration, else `[project.urls]`, else the git remote.
    Source: well-known project URLs specification, for the labels and how they are compared.
    """
    if project.config.repository:
        return f"https://github.com/{project.config.repository}"
    return next(_source_urls(project.urls), None) or (_from_remote(remote_url) if remote_url else None)


def github_repository(project: Project, remote_url: str | None, env: Mapping[str, str]) -> str | None:
    """Return `owner/name` on github.com from the configuration, the job's environment, the remote or the project URLs.

    Source: well-known project URLs specification, for the labels and how they are compared.
    """
    name = repository_name(project.config.repository, remote_url, env)
    return name or next(filter(None, (repository_name("", url, {}) for url in _source_urls(project.urls))), None)


def commit_url(base: str, sha: str) -> str:
    """Return the URL of a commit in a repository, in the format of its hosting service."""
    host = urlsplit(base).hostname or ""
    if host == "gitlab.com" or host.startswith("gitlab."):
        return f"{base}/-/commit/{sha}"
    return f"{base}/{'commits' if host == 'bitbucket.org' else 'commit'}/{sha}"


def commit_of(urls: Mapping[str, str]) -> str | None:
    """Return the commit in a distribution's project URLs, if one of them has it."""
    for label, url in urls.items():
        last = url.rstrip("/").rpartition("/")[2]
        if _normalize(label) == _normalize(LABEL) and _SHA.fullmatch(last):
            return last.lower()
    return None


def with_source_commit(project: Project, text: str, url: str) -> str:
    """Return the text of pyproject.toml with the commit's URL, if the metadata is in `[project]`.

    Raises: RefusedError if the edit cannot be proven to change only that.
    """
    if not project.has_project_table or "urls" in project.dynamic:
        return text
    return _with_url(text, url, project.path)


def _with_url(text: str, url: str, path: str) -> str:
    """Write the URL under its label, or under every existing spelling of it; proven to change nothing else."""
    expected = read_toml(text)
    urls = expected["project"].setdefault("urls", {})
    labels = [label for label in urls if _normalize(label) == _normalize(LABEL)] or [LABEL]
    urls.update(dict.fromkeys(labels, url))
    edited = _edit_urls(text, labels, url, path)
    prove_content(edited, expected, path)
    return edited


def _edit_urls(text: str, labels: list[str], url: str, path: str) -> str:
    from tomlkit import inline_table
    from tomlkit.items import InlineTable

    document = parse_document(text, path)
    project = table_of(document, "project")
    if "urls" not in project and not isinstance(project, InlineTable):
        return _append(text, url)
    if "urls" not in project:
        project["urls"] = inline_table()
    _set(table_of(project, "urls"), labels, url)
    return document.as_string()


def _set(urls: MutableMapping[str, Any], labels: list[str], url: str) -> None:
    for label in labels:
        urls[label] = url


def _append(text: str, url: str) -> str:
    """Append a new table at the end, where it cannot split another one."""
    import tomlkit

    newline = "\r\n" if "\r\n" in text else "\n"
    end = "" if text.endswith("\n") else newline
    return text + end + newline.join(("", "[project.urls]", f'"{LABEL}" = {tomlkit.string(url).as_string()}', ""))


def _source_urls(urls: Mapping[str, str]) -> Iterator[str]:
    """Yield the project URLs of a source repository: by their labels, then a home page on a hosting service."""
    known = {_normalize(label): url for label, url in urls.items()}
    for label in _SOURCE_LABELS:
        if base := _web(known.get(label, "")):
            yield base
    home = _web(known.get("homepage", ""))
    if home and urlsplit(home).hostname in _HOSTING_SERVICES and urlsplit(home).path.count("/") == 2:
        yield home


def _from_remote(remote: str) -> str | None:
    """Convert a git remote's URL to a web URL; None for a local path."""
    if "://" in remote:
        parts = _split(remote)
        if parts is not None and parts.scheme in ("ssh", "git", "git+ssh"):
            return _web(f"https://{parts.hostname or ''}{parts.path}")  # without the port, which is ssh's own
        return _web(remote)
    found = _SCP.fullmatch(remote)
    return _web(f"https://{found['host']}/{found['path'].lstrip('/')}") if found else None


def _web(url: str) -> str | None:
    """Reduce a web URL to the repository: no password, query or page below it; None if it is not one."""
    parts = _split(url)
    if parts is None or parts.scheme not in ("http", "https"):
        return None
    host = parts.netloc.rpartition("@")[2].lower()
    path = parts.path.partition("/-/")[0].strip("/")
    if host in _OWNER_AND_NAME:
        path = "/".join(path.split("/")[:2])
    path = path.removesuffix(".git").rstrip("/")
    if "/" not in path or not _HOST.fullmatch(host) or not _PATH.fullmatch(path):
        return None
    return f"{parts.scheme}://{host}/{path}"


def _split(url: str) -> SplitResult | None:
    try:
        return urlsplit(url.strip())
    except ValueError:  # a URL that cannot be parsed, such as http://[::1
        return None


def _normalize(label: str) -> str:
    """Normalize a label for comparison.

    Source: well-known project URLs specification, label normalization.
    """
    return re.sub(r"[\W_]+", "", label).lower()
