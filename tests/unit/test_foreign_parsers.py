"""Every parser of foreign data returns a value or raises an error with a hint, whatever its input is."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from release_channels.adapters.actions_env import REHEARSAL, read_actions, read_rehearsal
from release_channels.adapters.actions_event import parse_event_run, read_dispatch_input
from release_channels.adapters.archive_guard import refuse_unsafe_archive
from release_channels.adapters.distributions import parse_file_name, read_distribution
from release_channels.adapters.index_page import parse_page
from release_channels.adapters.tool_lock import locked_tool
from release_channels.adoption.workflows.parse import parse_line
from release_channels.errors import ReleaseError
from release_channels.gate.judge import CRITERIA, parse_judgement
from release_channels.model.config import parse_config
from release_channels.model.github import repository_name
from release_channels.model.manifest import parse_manifest
from release_channels.model.redact import printable, redact_urls
from release_channels.model.tags import version_of, why_wrong
from release_channels.model.tested_commit import parse_provenance
from release_channels.model.trusted_publishing import read_claims
from release_channels.model.version import parse_project_version, parse_run_number, try_version
from release_channels.model.workflow_semantics.file import read_workflow
from release_channels.project.changelog import parse_changelog
from release_channels.project.pyproject import parse_project
from tests.support.distributions import make_sdist, make_wheel

Parse = Callable[[str, Path], object]
RUN = {
    "id": 7001, "run_number": 42, "run_attempt": 2, "path": ".github/workflows/test.yml", "event": "push",
    "conclusion": "success", "head_sha": "a" * 40, "head_branch": "main", "head_repository": {"full_name": "a/b"},
}  # fmt: skip
MANIFEST = {
    "schema": 1, "channel": "public", "project": "demo", "version": "1.2.0", "commit": "a" * 40, "run": None,
    "tools": {"uv": "0.9"}, "files": [{"name": "demo-1.2.0.tar.gz", "size": 1, "sha256": "0" * 64}],
}  # fmt: skip
PROVENANCE = {
    "schema": 1, "repository": "a/b", "commit": "a" * 40, "results": {"demo": "pass"}, "tool": "1.0",
    "version": "1.2.0", "test_run": {"id": 1, "number": 42, "attempt": 1, "path": ".github/workflows/test.yml"},
    "gate_run": {"id": 2, "attempt": 1}, "files": MANIFEST["files"],
}  # fmt: skip
PAGE = {
    "meta": {"api-version": "1.1"}, "name": "demo", "versions": ["1.0"],
    "files": [{"filename": "demo-1.0.tar.gz", "url": "demo-1.0.tar.gz", "hashes": {}, "size": 1, "yanked": "why",
               "upload-time": "2026-01-01T00:00:00Z", "requires-python": ">=3", "core-metadata": {"sha256": "0"}}],
}  # fmt: skip
VERSION = parse_project_version("1.2.0")
CLAIMS = {"repository": "a/b", "workflow_ref": "a/b/.github/workflows/x.yml@main", "environment": "e", "exp": 1}
PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "demo"
version = "1.2.0.dev0"
requires-python = ">=3.11"
dynamic = ["readme"]
urls = {Source = "https://github.com/a/b"}
scripts = {demo = "demo:main"}
[tool.release-channels]
remote = "origin"
version-files = [{path = "x", pattern = "v{version}"}]
[tool.release-channels.gate]
commands = [["demo", "--version"]]
[[tool.uv.index]]
name = "a"
url = "https://a.example/simple/"
[tool.towncrier]
filename = "NEWS.md"
"""
WORKFLOW = (
    "name: x\non:\n  push: {branches: [main]}\njobs:\n  a:\n    steps:\n      - run: nox -s preview -- --index pypi\n"
)


def _token(text: str) -> str:
    return f"a.{urlsafe_b64encode(text.encode('utf-8', 'surrogatepass')).decode()}.b"


def _rehearsal(text: str, directory: Path) -> object:
    (directory / "rehearsal.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    return read_rehearsal({REHEARSAL: str(directory / "rehearsal.json")})


def _dispatch(text: str, directory: Path) -> object:
    (directory / "event.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    env = {"GITHUB_EVENT_NAME": "workflow_dispatch", "GITHUB_EVENT_PATH": str(directory / "event.json")}
    return read_dispatch_input(env)


def _lock(text: str, directory: Path) -> object:
    (directory / "noxfile.py.lock").write_bytes(text.encode("utf-8", "surrogatepass"))
    return locked_tool(directory)


def _page(content: bytes, kind: str) -> object:
    """Parse a page as the index client does, without a server."""
    answer = requests.Response()
    answer.status_code, answer.url, answer._content = 200, "https://index.example/simple/demo/", content
    answer.headers["content-type"] = kind
    return parse_page(answer, canonicalize_name("demo"))


JSON: dict[str, tuple[object, Parse]] = {
    "event": ({"workflow_run": RUN, "repository": {"full_name": "a/b"}}, lambda text, _: parse_event_run(text)),
    "dispatch": ({"inputs": {"do": "preview"}}, _dispatch),
    "manifest": (MANIFEST, lambda text, _: parse_manifest(text)),
    "provenance": (PROVENANCE, lambda text, _: parse_provenance(text)),
    "settings": ({"remote": "origin", "gate": {"commands": [["a"]]}}, lambda text, _: parse_config(json.loads(text))),
    "rehearsal": (
        {"simple": "http://127.0.0.1/s", "upload": "http://127.0.0.1/u", "installers": ["pip"], "own": "", "oidc": ""},
        _rehearsal,
    ),
    "claims": (CLAIMS, lambda text, _: read_claims(_token(text))),
    "judgement": (
        {"verdict": "pass", "reason": "x", **dict.fromkeys(CRITERIA, True)},
        lambda text, _: parse_judgement(text),
    ),
    "page": (PAGE, lambda text, _: _page(text.encode("utf-8", "surrogatepass"), "application/vnd.pypi.simple.v1+json")),
}  # fmt: skip
TEXT: dict[str, tuple[str, Parse]] = {
    "pyproject.toml": (PYPROJECT, lambda text, _: parse_project(text.encode("utf-8", "surrogatepass"))),
    "workflow": (WORKFLOW, lambda text, _: read_workflow(text, "x.yml")),
    "line of a workflow": ("uvx nox -xs preview -- --index pypi", lambda text, _: parse_line(text)),
    "lock": ('[[package]]\nname = "release-channels"\nversion = "1.0"\n', _lock),
    "HTML page": (
        "<meta name='pypi:repository-version' content='1.0'><a href='demo-1.0.tar.gz#sha256=0'>demo-1.0.tar.gz</a>",
        lambda text, _: _page(text.encode("utf-8", "surrogatepass"), "text/html"),
    ),
    "changelog": ("# Changes\n\n## [1.2.0] - 2026-01-01\n\n- x\n", lambda text, _: parse_changelog(text, "x.md")),
    "file name": ("demo_tool-1.2.0-py3-none-any.whl", lambda text, _: parse_file_name(text)),
    "version": ("1.2.0.dev0", lambda text, _: (try_version(text), parse_project_version(text))),
    "run number": ("42", lambda text, _: parse_run_number(text)),
    "tag": ("v1.2.0", lambda text, _: (version_of(text, "v{version}"), why_wrong(text, VERSION, "v{version}"))),
    "remote": ("git@github.com:a/b.git", lambda text, _: repository_name("", text, {"GITHUB_REPOSITORY": text})),
    "variables": (
        "refs/tags/v1",
        lambda text, _: read_actions({"GITHUB_ACTIONS": "true", "GITHUB_REF": text, "RUNNER_TEMP": text}),
    ),
    "token": (_token(json.dumps(CLAIMS)), lambda text, _: read_claims(text)),
    "URL": ("https://me:secret@index.example/", lambda text, _: redact_urls(printable(text)).encode()),
}  # fmt: skip


def test_every_example_is_valid(tmp_path: Path) -> None:
    """What spoils one value of an example that is refused as a whole reaches one line of its parser."""
    for example, parse in JSON.values():
        parse(json.dumps(example), tmp_path)
    for text, parse in TEXT.values():
        parse(text, tmp_path)


_LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8),
    st.sampled_from([10**400, -1, "", "\0", "\ud800", "../x", "-x", [], {}, [[]], {"": 0}]),
)  # fmt: skip


def spots(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """List the path of every value in a JSON value."""
    inner: list[tuple[Any, ...]] = []
    if isinstance(value, dict):
        inner = [deeper for key in value for deeper in spots(value[key], (*path, key))]
    elif isinstance(value, list):
        inner = [deeper for number, one in enumerate(value) for deeper in spots(one, (*path, number))]
    return [path, *inner]


def spoilt(value: Any, path: tuple[Any, ...], new: object) -> Any:
    """Return a JSON value with another one at a path."""
    if not path:
        return new
    if isinstance(value, dict):
        return {key: spoilt(one, path[1:], new) if key == path[0] else one for key, one in value.items()}
    return [spoilt(one, path[1:], new) if number == path[0] else one for number, one in enumerate(value)]


def _parse_or_refuse(parse: Parse, text: str, directory: Path) -> None:
    """Parse; a ValueError is allowed where the index client handles it, any other error is a bug."""
    with suppress(ReleaseError, *([ValueError] if "page" in directory.name else [])):
        parse(text, directory)


_quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def parse_dir(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A directory with the parser's name."""
    directory = tmp_path / str(request.node.callspec.params["name"]).replace(" ", "-")
    directory.mkdir()
    return directory


@pytest.mark.parametrize("name", JSON)
@_quick
@given(data=st.data())
def test_damaged_json_is_parsed_or_refused(name: str, parse_dir: Path, data: st.DataObject) -> None:
    """A value of another type or size at any position."""
    example, parse = JSON[name]
    text = spoilt(example, data.draw(st.sampled_from(spots(example))), data.draw(_LEAVES))
    _parse_or_refuse(parse, json.dumps(text), parse_dir)


DEEP = {"lists": "[" * 100_000, "tables": '{"a":' * 100_000, "digits": "9" * 5000, "infinity": "1e999", "nothing": ""}


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP)
@pytest.mark.parametrize("name", [name for name in JSON if name != "settings"])
def test_deep_and_long_json_is_parsed_or_refused(name: str, parse_dir: Path, text: str) -> None:
    """Python's parser has limits of its own, and several kinds of error."""
    _parse_or_refuse(JSON[name][1], text, parse_dir)


@pytest.mark.parametrize("name", TEXT)
@_quick
@given(start=st.integers(0, 400), length=st.integers(0, 40), noise=st.text(max_size=20) | st.binary(max_size=20))
def test_damaged_text_is_parsed_or_refused(
    name: str, parse_dir: Path, start: int, length: int, noise: str | bytes
) -> None:
    """Any part is replaced by any other text."""
    example, parse = TEXT[name]
    start %= len(example) + 1
    new = noise if isinstance(noise, str) else noise.decode("latin-1")
    _parse_or_refuse(parse, example[:start] + new + example[start + length :], parse_dir)


LONG = {"deep": "[" * 1500, "digits": "1." + "9" * 5000, "braces": "{" * 1500, "colons": "a: " * 4000}


@pytest.mark.parametrize("text", LONG.values(), ids=LONG)
@pytest.mark.parametrize("name", TEXT)
def test_deep_and_long_text_is_parsed_or_refused(name: str, parse_dir: Path, text: str) -> None:
    """Nesting and numbers beyond the limits of Python's own parsers."""
    _parse_or_refuse(TEXT[name][1], text, parse_dir)


@pytest.mark.parametrize("make", [make_wheel, make_sdist], ids=["wheel", "sdist"])
@_quick
@given(start=st.integers(0, 4000), noise=st.binary(min_size=1, max_size=200))
def test_damaged_archives_are_parsed_or_refused(
    tmp_path: Path, make: Callable[[Path], Path], start: int, noise: bytes
) -> None:
    """Any bytes over any part of a wheel or an sdist."""
    path = make(tmp_path)
    content = bytearray(path.read_bytes())
    content[start % len(content) : start % len(content) + len(noise)] = noise
    path.write_bytes(content)
    with suppress(ReleaseError):
        read_distribution(path)


KEPT = Path(__file__).parents[1] / "data/fuzz"
"""What `nox -s fuzz` found: files whose names begin with the reader's."""


def _examples(make: Callable[[Path], Path]) -> list[bytes]:
    with TemporaryDirectory() as place:
        return [make(Path(place)).read_bytes()]


FUZZED: dict[str, list[bytes]] = {
    **{name: [json.dumps(JSON[name][0]).encode()] for name in ("event", "manifest", "provenance", "page")},
    **{name: [TEXT[name][0].encode()] for name in ("HTML page", "version", "tag", "pyproject.toml", "changelog")},
    "wheel": _examples(make_wheel), "sdist": _examples(make_sdist),
}  # fmt: skip
"""Readers, and what is read well by each."""


def read_bytes(name: str, content: bytes, place: Path) -> None:
    """Read bytes with a reader; any error but a refusal is a bug."""
    if name in ("wheel", "sdist"):
        path = place / f"demo_tool-1.2.0{'-py3-none-any.whl' if name == 'wheel' else '.tar.gz'}"
        path.write_bytes(content)
        with suppress(ReleaseError):
            read_distribution(path)
            refuse_unsafe_archive(path)
        return
    parse = (JSON[name] if name in JSON else TEXT[name])[1]
    with suppress(ReleaseError, *([ValueError] if "page" in name else [])):  # the index client handles it
        parse(content.decode("utf-8", "surrogateescape"), place)


@pytest.mark.parametrize("name", FUZZED)
def test_what_fuzzing_found_is_parsed_or_refused(name: str, tmp_path: Path) -> None:
    """The examples, too."""
    for content in [*FUZZED[name], *(path.read_bytes() for path in sorted(KEPT.glob(f"{name}-*")))]:
        read_bytes(name, content, tmp_path)
