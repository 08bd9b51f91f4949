"""The manifest: deterministic to write, strict to read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.version import Version

from release_channels.errors import RefusedError
from release_channels.model.manifest import MAX_BYTES, Manifest, ManifestFile, parse_manifest
from release_channels.model.version import Channel

SHA = "0123456789abcdef0123456789abcdef01234567"
DIGEST = "ab" * 32
FILE = {"name": "x-1.0.dev42.tar.gz", "size": 7, "sha256": DIGEST}
VALID: dict[str, Any] = {
    "schema": 1,
    "channel": "preview",
    "project": "x",
    "version": "1.0.dev42",
    "commit": SHA,
    "run": 42,
    "tools": {"uv": "1.2.3"},
    "files": [FILE, {"name": "x-1.0.dev42-py3-none-any.whl", "size": 0, "sha256": DIGEST}],
}

HEX = "0123456789abcdef"
NAME = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._+!-]{0,20}", fullmatch=True)
FILES = st.lists(
    st.builds(ManifestFile, NAME, st.integers(0, 10**12), st.text(HEX, min_size=64, max_size=64)),
    min_size=1,
    max_size=4,
    unique_by=lambda file: file.name,
)
MANIFESTS = st.builds(
    Manifest,
    channel=st.sampled_from(Channel),
    project=st.text(min_size=1).filter(lambda text: text.isprintable()),
    version=st.sampled_from(["1.0", "1.0.dev42", "1!2.0.post3.dev4"]).map(Version),
    commit=st.text(HEX, min_size=40, max_size=40) | st.text(HEX, min_size=64, max_size=64),
    run=st.none() | st.integers(1, 10**10),
    tools=st.dictionaries(st.text(), st.text(), max_size=3),
    files=FILES.map(tuple),
)


@given(MANIFESTS)
@settings(max_examples=60, deadline=None)
def test_a_manifest_is_read_back_equal(manifest: Manifest) -> None:
    """And written again as the same text."""
    text = manifest.to_json()
    assert parse_manifest(text) == manifest
    assert parse_manifest(text).to_json() == text
    assert text.startswith('{\n  "schema": 1,\n')


def test_the_channels_are_read_by_name() -> None:
    channels = [parse_manifest(json.dumps({**VALID, "channel": name})).channel for name in ("preview", "public")]
    assert channels == [Channel.PREVIEW, Channel.PUBLIC]


def test_the_largest_manifest_is_read() -> None:
    text = json.dumps(VALID)
    assert parse_manifest(text + " " * (2**20 - len(text))) == parse_manifest(text)
    with pytest.raises(RefusedError, match="is larger than 1048576 bytes"):
        parse_manifest(text + " " * (2**20 + 1 - len(text)))


def test_a_manifests_text_ignores_the_order_of_tools() -> None:
    one = parse_manifest(json.dumps({**VALID, "tools": {"a": "1", "b": "2"}}))
    other = parse_manifest(json.dumps({**VALID, "tools": {"b": "2", "a": "1"}}))
    assert one.to_json() == other.to_json()


def changed(**values: object) -> str:
    return json.dumps({**VALID, **values})


def file_with(**values: object) -> str:
    return changed(files=[{**FILE, **values}])


def without(key: str) -> str:
    return json.dumps({k: v for k, v in VALID.items() if k != key})


MALFORMED = {
    "empty": ("", "is not JSON"),
    "not JSON": ("{", "is not JSON"),
    "half a character": ("\ud800", "is not JSON"),
    "text behind": (json.dumps(VALID) + "x", "is not JSON"),
    "deep nesting": ("[" * 200_000, "is not JSON"),
    "duplicate key": (json.dumps(VALID)[:-1] + ', "run": 43}', "duplicate key"),
    "duplicate key of a file": (changed().replace('"size": 7', '"size": 7, "size": 7'), "duplicate key"),
    "5,000 digits": (changed().replace('"run": 42', '"run": ' + "9" * 5000), "is not JSON"),
    "a list": ("[]", "it must have the keys"),
    "null": ("null", "it must have the keys"),
    **{f"no {key}": (without(key), "it must have the keys") for key in VALID},
    "another key": (changed(extra=1), "it must have the keys"),
    "schema 2": (changed(schema=2), "schema 2 is not 1"),
    "schema true": (changed(schema=True), "schema True is not 1"),
    "schema 1.0": (changed(schema=1.0), "schema 1.0 is not 1"),
    "schema as text": (changed(schema="1"), "schema '1' is not 1"),
    "unknown channel": (changed(channel="nightly"), "`channel` 'nightly'"),
    "channel is a list": (changed(channel=["preview"]), "`channel` ['preview']"),
    "project is a number": (changed(project=1), "`project` must be a string"),
    "project is empty": (changed(project=""), "`project` must be a string"),
    "version is a number": (changed(version=1.0), "`version` must be a string"),
    "no version": (changed(version="one"), "`version` 'one' is not a version"),
    "version of 5,000 digits": (changed(version="9" * 5000), "is not a version"),
    "version not in normal form": (changed(version="1.0-dev42"), "not in normal form"),
    "commit is null": (changed(commit=None), "`commit` must be a string"),
    "short commit": (changed(commit=SHA[:39]), "`commit` '"),
    "commit of 41 digits": (changed(commit=SHA + "0"), "`commit` '"),
    "commit in capitals": (changed(commit=SHA.upper()), "`commit` '"),
    "commit with a newline": (changed(commit=SHA + "\n"), "`commit` '"),
    "commit no hex": (changed(commit="g" * 40), "`commit` '"),
    "run 0": (changed(run=0), "`run` must be a positive integer"),
    "run below 0": (changed(run=-1), "`run` must be a positive integer"),
    "run true": (changed(run=True), "`run` must be a positive integer"),
    "run as text": (changed(run="42"), "`run` must be a positive integer"),
    "run 42.0": (changed(run=42.0), "`run` must be a positive integer"),
    "run NaN": (changed(run=float("nan")), "`run` must be a positive integer"),
    "tools is a list": (changed(tools=[]), "`tools` must be an object of strings"),
    "a tool is a number": (changed(tools={"uv": 1}), "`tools` must be an object of strings"),
    "files is a table": (changed(files={}), "`files` must be a list"),
    "files is a table with a name": (changed(files={"x": 1}), "`files` must be a list"),
    "no files": (changed(files=[]), "`files` must be a list of at least one file"),
    "a file is text": (changed(files=["x"]), "a file must have the keys name, sha256, size"),
    "a file has more": (file_with(more=1), "a file must have the keys name, sha256, size"),
    "a file has less": (changed(files=[{"name": "x", "size": 1}]), "a file must have the keys name, sha256, size"),
    "a file twice": (changed(files=[FILE, {**FILE, "size": 8}]), "duplicate file name"),
    "size true": (file_with(size=True), "a file's size"),
    "size below 0": (file_with(size=-1), "a file's size"),
    "size 1.0": (file_with(size=1.0), "a file's size"),
    "size NaN": (file_with(size=float("nan")), "a file's size"),
    "size Infinity": (file_with(size=float("inf")), "a file's size"),
    "size as text": (file_with(size="7"), "a file's size"),
    "short digest": (file_with(sha256=DIGEST[:-1]), "`sha256` '"),
    "long digest": (file_with(sha256=DIGEST + "a"), "`sha256` '"),
    "digest in capitals": (file_with(sha256=DIGEST.upper()), "`sha256` '"),
    "digest is null": (file_with(sha256=None), "`sha256` must be a string"),
    "file name is a number": (file_with(name=1), "`name` must be a string"),
    "file name is empty": (file_with(name=""), "`name` must be a string"),
    "slash": (file_with(name="a/b.whl"), "`name` 'a/b.whl'"),
    "backslash": (file_with(name="a\\b.whl"), "`name` 'a"),
    "absolute": (file_with(name="/b.whl"), "`name` '/b.whl'"),
    "parent": (file_with(name=".."), "`name` '..'"),
    "leading dot": (file_with(name=".whl"), "`name` '.whl'"),
    "leading dash": (file_with(name="-x.whl"), "`name` '-x.whl'"),
    "drive": (file_with(name="C:x.whl"), "`name` 'C:x.whl'"),
    "zero byte": (file_with(name="a\0.whl"), "`name` 'a"),
    "newline": (file_with(name="a.whl\n"), "`name` 'a.whl"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "message"), MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_manifest_is_refused(text: str, message: str) -> None:
    """No key is missing or added, and every value has its own type and form."""
    with pytest.raises(RefusedError) as stop:
        parse_manifest(text)
    assert message in str(stop.value)
    assert "build again" in stop.value.hint


def test_an_oversized_manifest_is_refused() -> None:
    """The limit counts bytes, and applies before parsing."""
    assert parse_manifest(changed() + " " * (MAX_BYTES - len(changed()))).run == 42
    for text in (changed() + " " * MAX_BYTES, changed(project="é" * 100) + "é" * (MAX_BYTES // 2)):
        with pytest.raises(RefusedError, match=f"larger than {MAX_BYTES} bytes"):
            parse_manifest(text)


def test_a_lone_surrogate_is_read_as_text() -> None:
    """JSON can contain one."""
    assert parse_manifest(changed(tools={"uv": "\ud800"})).tools == {"uv": "\ud800"}
