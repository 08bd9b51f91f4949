"""A box of bad inputs: each ends in a value or in a refusal by name, in little time and memory."""

from __future__ import annotations

import json
import time
import tracemalloc
import zipfile
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest
import tomlkit

from release_channels.adapters.actions_env import read_actions
from release_channels.adapters.build_artifact import read_only_member, unpack_build_artifact
from release_channels.adapters.github import Pauses, connect
from release_channels.adapters.index import answer_seconds, upstream_url
from release_channels.cli.options import GateOptions, Options, RehearsalOptions, parse_options
from release_channels.errors import ReleaseError
from release_channels.gate.providers import PROVIDERS, provider_statuses
from release_channels.model.github import repository_name
from release_channels.project.edit import read_toml
from release_channels.project.pyproject import parse_project
from release_channels.release.upload_guard import verify_before_upload
from tests.support.distributions import make_sdist, make_wheel
from tests.support.hostile import complete, serve_hostile
from tests.unit.test_build_artifact import make_artifact
from tests.unit.test_damaged_distributions import UNSAFE, manifest_of
from tests.unit.test_foreign_parsers import JSON, PYPROJECT, RUN, TEXT, Parse, spoilt, spots

SECONDS, BYTES = 5.0, 64 * 2**20
"""What one row may take: seconds of this process's own time, and memory."""
VALUES: dict[str, object] = {
    "nothing": None, "true": True, "minus one": -1, "huge": 10**400, "infinity": float("inf"), "nan": float("nan"),
    "empty": "", "NUL": "a\0b", "surrogate": "\ud800", "escape": "\x1b[31m", "option": "--upload-pack=touch x",
    "climbs": "../../etc/passwd", "newline": "a\nb", "long": "x" * 9_000, "digits": "1." + "9" * 5000,
    "table": {"a": {"b": []}}, "lists": [[[[]]]], "many": [0] * 1_000,
}  # fmt: skip
TEXTS: dict[str, str] = {
    "empty": "", "NUL": "\0" * 100, "surrogate": "\udcff", "escape": "\x1b]0;x\x07", "lists": "[" * 50_000,
    "tables": '{"a":' * 20_000, "dots": "a." * 3_000, "digits": "9" * 20_000, "spaces": " " * 20_000,
    "lines": "\n" * 20_000, "quotes": "'\"" * 20_000, "tags": "<a href='" * 20_000, "mark": "\ufeff\ufeff",
    "option": "--exec=x", "colons": ":" * 3_000, "anchors": "&a " * 1_000, "aliases": "a: &a [*a, *a]",
}  # fmt: skip
API_RUN = {
    **RUN, "repository": {"full_name": "a/b"}, "status": "completed", "html_url": "https://x/1",
    "display_title": "x", "created_at": "2026-01-01T00:00:00Z",
}  # fmt: skip
Row = Callable[[Path], object]


def _json(name: str) -> Iterator[tuple[str, Row]]:
    example, parse = JSON[name]
    for path in spots(example):
        for what, value in VALUES.items():
            yield f"{path}: {what}", _parsing(parse, json.dumps(spoilt(example, path, value)))
    yield from _text(parse)


def _text(parse: Parse) -> Iterator[tuple[str, Row]]:
    for what, text in TEXTS.items():
        yield what, _parsing(parse, text)


def _parsing(parse: Parse, text: str) -> Row:
    return lambda place: parse(text, place)


def _calling(function: Callable[..., object], *words: object) -> Row:
    return lambda _: function(*words)


def _connect(env: Mapping[str, str]) -> None:
    connect("a/b", env).close()


def _pyproject() -> Iterator[tuple[str, Row]]:
    example = read_toml(PYPROJECT)
    for path in spots(example):
        for what in ("minus one", "NUL", "option", "climbs", "digits", "table"):
            if path:
                text = tomlkit.dumps(spoilt(example, path, VALUES[what])).encode()
                yield f"{path}: {what}", _calling(parse_project, text)
    yield from _text(TEXT["pyproject.toml"][1])


def _environment() -> Iterator[tuple[str, Row]]:
    def read(name: str, text: str) -> Row:
        env = {"GITHUB_ACTIONS": "true", "DEEPSEEK_API_KEY": "k", name: text}
        return lambda _: (
            read_actions(env), answer_seconds(env), upstream_url(env), provider_statuses(PROVIDERS, env),
            repository_name("", None, env),
        )  # fmt: skip

    for name in (
        "GITHUB_REF", "GITHUB_WORKFLOW_REF", "GITHUB_REPOSITORY", "GITHUB_RUN_NUMBER", "GITHUB_EVENT_NAME",
        "UV_HTTP_TIMEOUT", "UV_DEFAULT_INDEX", "DEEPSEEK_API_KEY", "DEEPSEEK_BASE_URL", "DEEPSEEK_MODEL",
    ):  # fmt: skip
        for what, value in (TEXTS | {key: value for key, value in VALUES.items() if isinstance(value, str)}).items():
            yield f"{name}: {what}", read(name, value)
    for what, value in TEXTS.items():
        address = {"GITHUB_API_URL": value, "GH_TOKEN": "t"}
        yield f"GITHUB_API_URL: {what}", _calling(_connect, address)


def _options() -> Iterator[tuple[str, Row]]:
    kinds = {Options: ("--run-number", "--from", "--x"), GateOptions: ("--run-number",), RehearsalOptions: ("--only",)}
    for kind, names in kinds.items():
        for name in (*names, "--commit", ""):
            for what, text in TEXTS.items():
                words = [name, text] if name else [text]
                yield (
                    f"{kind.__name__} {name}: {what}",
                    _calling(parse_options, kind, "x", words),
                )


def _zips() -> Iterator[tuple[str, Row]]:
    def read(change: Callable[[bytes], bytes]) -> Row:
        def row(place: Path) -> object:
            archive = make_artifact(place / "x.zip")
            archive.write_bytes(change(archive.read_bytes()))
            (place / "out").mkdir()
            assert unpack_build_artifact(archive, place / "out") is None or list((place / "out").iterdir())
            return read_only_member(archive, "release.json", 1000)

        return row

    for what, change in _damages():
        yield what, read(change)
    for what, text in TEXTS.items():
        yield f"manifest: {what}", _zip_of({"release.json": text})
    for name in ("../release.json", "/etc/x", "dist/../../x", "a\\b", "x" * 60_000):
        yield f"member {name[:20]!r}", _zip_of({name: "x"})


def _damages() -> Iterator[tuple[str, Callable[[bytes], bytes]]]:
    for share in range(40):
        yield f"noise at {share}/40", partial(_noise, share)
        yield f"cut at {share}/40", partial(_cut, share)


def _archives() -> Iterator[tuple[str, Row]]:
    def read(make: Callable[[Path], Path], change: Callable[[bytes], bytes]) -> Row:
        def row(place: Path) -> object:
            path = make(place)
            path.write_bytes(change(path.read_bytes()))
            manifest = manifest_of(path)
            (place / "checked").mkdir()
            return verify_before_upload(manifest, place, place / "checked")

        return row

    for make in (make_wheel, make_sdist):
        for what, change in _damages():
            yield f"{make.__name__}, {what}", read(make, change)


def _links() -> Iterator[tuple[str, Row]]:
    parse = TEXT["HTML page"][1]
    attributes = ("href", "data-yanked", "data-requires-python", "data-core-metadata", "data-dist-info-metadata")
    for what, value in VALUES.items():
        for name in attributes if isinstance(value, str) else ():
            link = {"href": "demo-1.0.tar.gz", name: value}
            words = " ".join(f'{key}="{text}"' for key, text in link.items())
            yield f"{name}: {what}", _parsing(parse, f"<a {words}>demo-1.0.tar.gz</a>")
    yield from _text(parse)


def _noise(share: int, raw: bytes) -> bytes:
    at = len(raw) * share // 40
    return raw[:at] + b"\xff" * 9 + raw[at + 9 :]


def _cut(share: int, raw: bytes) -> bytes:
    return raw[: len(raw) * share // 40]


def _zip_of(members: Mapping[str, str]) -> Row:
    def row(place: Path) -> object:
        with zipfile.ZipFile(place / "x.zip", "w") as archive:
            for name, text in members.items():
                archive.writestr(name, text.encode("utf-8", "surrogatepass"))
        unpack_build_artifact(place / "x.zip", place)
        return read_only_member(place / "x.zip", "release.json", 1000)

    return row


def _api() -> Iterator[tuple[str, Row]]:
    def ask(answer: object) -> Row:
        def row(_: Path) -> object:
            with serve_hostile() as server:
                server.answer = complete(json.dumps(answer).encode(), "application/json")
                env = {"GITHUB_API_URL": server.url, "GH_TOKEN": "t"}
                with connect("a/b", env, pauses=Pauses(reads=(), writes=0)) as client:
                    return client.run(1)

        return row

    for path in spots(API_RUN):
        for what in ("nothing", "minus one", "huge", "empty", "surrogate", "table", "lists"):
            yield f"{path}: {what}", ask(spoilt(API_RUN, path, VALUES[what]))


def _tokens() -> Iterator[tuple[str, Row]]:
    parse = TEXT["token"][1]
    for what, text in TEXTS.items():
        yield what, _parsing(parse, f"a.{urlsafe_b64encode(text.encode('utf-8', 'surrogatepass')).decode()}.b")


KINDS: dict[str, Callable[[], Iterator[tuple[str, Row]]]] = {
    "index pages": lambda: _json("page"), "HTML pages": _links, "archives": _archives,
    "manifests": lambda: _json("manifest"), "provenance": lambda: _json("provenance"),
    "events": lambda: _json("event"), "rehearsal files": lambda: _json("rehearsal"), "claims": lambda: _json("claims"),
    "judgements": lambda: _json("judgement"), "pyproject.toml": _pyproject, "environment": _environment,
    "options": _options, "artifact zips": _zips, "API answers": _api, "tokens": _tokens,
    "workflow files": lambda: _text(TEXT["workflow"][1]), "changelogs": lambda: _text(TEXT["changelog"][1]),
    "locks": lambda: _text(TEXT["lock"][1]), "versions": lambda: _text(TEXT["version"][1]),
    "tags": lambda: _text(TEXT["tag"][1]), "file names": lambda: _text(TEXT["file name"][1]),
}  # fmt: skip


_SLOW = ("pyproject.toml",)


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.full if kind in _SLOW else ()) for kind in KINDS], ids=KINDS
)
def test_every_bad_input_ends_well(kind: str, tmp_path: Path) -> None:
    """A value or a refusal that says what is wrong; anything else names the row."""
    wrong = []
    (tmp_path / "first").mkdir()
    _run(next(KINDS[kind]())[1], tmp_path / "first", is_page=True)  # libraries are imported by now
    tracemalloc.start()
    try:
        for number, (name, row) in enumerate(KINDS[kind]()):
            place = tmp_path / str(number)
            place.mkdir()
            tracemalloc.reset_peak()
            before, begun = tracemalloc.get_traced_memory()[0], time.process_time()
            problem = _run(row, place, is_page="page" in kind)
            peak, seconds = tracemalloc.get_traced_memory()[1] - before, time.process_time() - begun
            if seconds > SECONDS or peak > BYTES:
                problem += f" {seconds:.1f} s, {peak / 2**20:.0f} MiB"
            if problem:
                wrong.append(f"{name}: {problem}")
    finally:
        tracemalloc.stop()
    assert wrong == []


def _run(row: Row, place: Path, *, is_page: bool) -> str:
    try:
        row(place)
    except ReleaseError as stop:
        return "" if str(stop).strip() and stop.hint is not None else "a refusal without words"
    except ValueError as err:
        return "" if is_page else repr(err)[:200]  # the index client gives it its name
    except Exception as bug:  # noqa: BLE001 - each is reported with its row
        return repr(bug)[:200]
    return ""


def test_the_box_is_as_large_as_it_is_said_to_be() -> None:
    """The rows, and the damaged wheels and sdists of `--from`."""
    assert sum(sum(1 for _ in rows()) for rows in KINDS.values()) + len(UNSAFE) >= 397
