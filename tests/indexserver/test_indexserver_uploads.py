"""Uploads that the local index accepts, and those that it refuses without changing anything."""

from __future__ import annotations

import hashlib
import io
import os
import re
import socket
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
from packaging.utils import canonicalize_name
from werkzeug.test import EnvironBuilder

from release_channels.adapters import process
from release_channels.cli.context import open_local_index
from release_channels.errors import CommandError
from release_channels.indexserver.app import IndexApp
from release_channels.indexserver.pages import PageFile
from release_channels.indexserver.server import RunningIndex, serve
from release_channels.indexserver.storage import Storage
from release_channels.indexserver.upload_rules import MIB, Limits, Upload, UploadRefused, check_release
from release_channels.indexserver.uploads import Uploads
from release_channels.project.pyproject import parse_project
from tests.indexserver.servers import (
    PLAIN,
    clean_env,
    distributions_in,
    fingerprint,
    form_of,
    page,
    post,
    post_in_process,
    publish,
    stored,
)
from tests.support.distributions import make_sdist, make_wheel
from tests.support.projects import Sample

Build = Callable[[Path], tuple[Path, dict[str, str] | None]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The directory of the index, which does not exist yet."""
    return tmp_path / "root"


@pytest.fixture
def index(root: Path) -> Iterator[RunningIndex]:
    """An index of demo-tool."""
    with serve(root, project="demo-tool") as running:
        yield running


def test_uv_publishes_a_release_twice(index: RunningIndex, root: Path, tmp_path: Path) -> None:
    """The same bytes again are accepted."""
    files = [make_wheel(tmp_path / "dist", PLAIN), make_sdist(tmp_path / "dist", PLAIN)]
    publish(index, *files)
    before = fingerprint(root, index)
    publish(index, *files)
    assert fingerprint(root, index) == before
    assert [path.name for path in distributions_in(root)] == sorted(path.name for path in files)


def test_uv_shows_why_other_bytes_are_refused(index: RunningIndex, root: Path, tmp_path: Path) -> None:
    """Under a taken name, in the index's words."""
    publish(index, make_wheel(tmp_path / "first", PLAIN))
    before = fingerprint(root, index)
    with pytest.raises(CommandError) as caught:
        publish(index, make_wheel(tmp_path / "second", PLAIN, files={"more.py": b""}))
    assert "File already exists ('demo_tool-1.0.0-py3-none-any.whl', with blake2_256 hash '" in caught.value.hint
    assert fingerprint(root, index) == before


def test_twine_uploads_and_shows_the_refusal(index: RunningIndex, root: Path, tmp_path: Path) -> None:
    """Same bytes are accepted, other bytes refused."""
    words = ["-m", "twine", "upload", "--repository-url", index.upload_url, "-u", "u", "-p", "p"]
    first, second = (
        make_wheel(tmp_path / "first", PLAIN),
        make_wheel(tmp_path / "second", PLAIN, files={"more.py": b""}),
    )
    env = clean_env({"COLUMNS": "200"})
    process.run(sys.executable, *words, first, cwd=tmp_path, env=env)
    before = fingerprint(root, index)
    process.run(sys.executable, *words, first, cwd=tmp_path, env=env)
    with pytest.raises(CommandError, match="exited 1") as caught:
        process.run_unchecked(sys.executable, *words, second, cwd=tmp_path, env=env, merged=True).or_raise()
    assert "File already exists" in caught.value.hint
    assert fingerprint(root, index) == before


def test_serving_and_refusing_write_no_file(index: RunningIndex, root: Path, tmp_path: Path) -> None:
    """The first stored file creates the directory."""
    assert page(index) == {}
    assert post(index, make_wheel(tmp_path, PLAIN), {}).status_code == 400
    assert not root.exists()


def wheel(**options: Any) -> Build:
    """Upload a wheel with an unchanged form."""
    return lambda directory: (make_wheel(directory, PLAIN, **options), None)


def sdist(**options: Any) -> Build:
    """Upload an sdist with an unchanged form."""
    return lambda directory: (make_sdist(directory, PLAIN, **options), None)


def form(**changes: str) -> Build:
    """Upload a valid wheel with a changed form."""

    def build(directory: Path) -> tuple[Path, dict[str, str]]:
        path = make_wheel(directory, PLAIN, version="2.0.0")
        return path, form_of(path, **changes)

    return build


def garbage(file_name: str, version: str = "2.0.0") -> Build:
    """Upload bytes that are no archive under a distribution's name."""

    def build(directory: Path) -> tuple[Path, dict[str, str]]:
        path = directory / file_name
        path.write_bytes(b"garbage")
        kind = "sdist" if file_name.endswith("gz") else "bdist_wheel"
        digest = hashlib.sha256(b"garbage").hexdigest()
        fields = {":action": "file_upload", "name": "demo-tool", "version": version, "filetype": kind}
        return path, fields | {"sha256_digest": digest}

    return build


def other_wheel(directory: Path) -> tuple[Path, dict[str, str]]:
    """Upload another project's wheel to this project."""
    path = make_wheel(directory, PLAIN, name="other", version="2.0.0")
    return path, form_of(path, name="demo-tool")


OTHER_DIGEST = "The digest supplied does not match a digest calculated from the uploaded file."
PRIVATE = "'Private :: Do Not Upload' is not a valid classifier."
REFUSED: dict[str, tuple[Build, str]] = {
    "no action": (form(**{":action": ""}), "Only :action file_upload"),
    "wrong action": (form(**{":action": "submit"}), "Only :action file_upload"),
    "wrong protocol": (form(protocol_version="2"), "Unknown protocol version."),
    "no name": (form(name=""), "'' is an invalid value for Name. Error: This field is required."),
    "no version": (form(version=""), "'version' is a required field."),
    "no file type": (form(filetype=""), "Invalid value for filetype. Error: This field is required."),
    "no digest": (form(sha256_digest=""), "Error: Include at least one message digest."),
    "unknown file type": (form(filetype="bdist_egg"), "Invalid value for filetype. Error: Use a known file type."),
    "other file type": (
        form(filetype="sdist"),
        "Invalid file extension: Extension .whl is invalid for filetype sdist.",
    ),
    "wrong sha256": (form(sha256_digest="0" * 64), OTHER_DIGEST),
    "wrong md5": (form(md5_digest="0" * 32), OTHER_DIGEST),
    "wrong blake2": (form(blake2_256_digest="0" * 64), OTHER_DIGEST),
    "other project in the form": (form(name="other"), "takes files of demo-tool alone"),
    "other version in the form": (
        form(version="2.0.1"),
        "Version in filename should be '2.0.1' not '2.0.0'.",
    ),
    "no version at all": (form(version="two"), "'two' is invalid for 'version'."),
    "local version in the form": (form(version="2.0.0+g1"), "The use of local versions in '2.0.0+g1' is not allowed."),
    "local version": (wheel(version="2.0.0+g1"), "The use of local versions in '2.0.0+g1' is not allowed."),
    "direct URL in the form": (form(requires_dist="x @ https://x.example/x"), "Can't have direct dependency: x @"),
    "direct URL in the file": (
        wheel(version="2.0.0", extra=["Requires-Dist: x @ https://x.example/x"]),
        "Can't have direct dependency: x @ https://x.example/x",
    ),
    "broken dependency": (
        wheel(version="2.0.0", extra=["Requires-Dist: ???"]),
        "'???' is invalid for 'requires-dist'.",
    ),
    "private in the form": (form(classifiers="Private :: Do Not Upload"), PRIVATE),
    "private in the file": (
        wheel(version="2.0.0", extra=["Classifier: Private :: Do Not Upload"]),
        PRIVATE,
    ),
    "unknown extension": (garbage("demo_tool-2.0.0.zip"), "Extension .zip is invalid for filetype bdist_wheel."),
    "egg-like wheel name": (garbage("demo_tool-2.0.0.whl"), "Invalid wheel filename: demo_tool-2.0.0.whl"),
    "no archive, wheel": (garbage("demo_tool-2.0.0-py3-none-any.whl"), "Invalid distribution file."),
    "no archive, sdist": (garbage("demo_tool-2.0.0.tar.gz"), "Invalid distribution file."),
    "metadata of another project": (
        wheel(version="2.0.0", metadata_name="other"),
        "contains the metadata of other 2.0.0",
    ),
    "metadata of another version": (
        sdist(version="2.0.0", metadata_version="2.0.1"),
        "contains the metadata of demo-tool 2.0.1",
    ),
    "metadata without a name": (
        wheel(version="2.0.0", instead={"METADATA": "Metadata-Version: 2.4\nVersion: 2.0.0\n"}),
        "lacks Name",
    ),
    "metadata with a broken version": (
        wheel(version="2.0.0", metadata_version="two"),
        "Invalid distribution file.",
    ),
    "empty metadata": (sdist(version="2.0.0", instead={"PKG-INFO": ""}), "lacks Metadata-Version, Name, Version"),
    "sdist name not normal": (
        sdist(version="2.0.0", file_name="demo-tool-2.0.0.tar.gz"),
        "Filename 'demo-tool-2.0.0.tar.gz' is invalid, should be 'demo_tool-2.0.0.tar.gz'.",
    ),
    "sdist version not normal": (
        sdist(version="2.0.0", file_name="demo_tool-2.0.0.0.tar.gz"),
        "Filename 'demo_tool-2.0.0.0.tar.gz' is invalid, should be 'demo_tool-2.0.0.tar.gz'.",
    ),
    "wheel name not normal": (
        wheel(version="2.0.0", file_name="Demo_Tool-2.0.0-py3-none-any.whl"),
        "should contain the normalized project name 'demo_tool', not 'Demo_Tool'.",
    ),
    "wheel version not normal": (
        wheel(version="2.0.0", file_name="demo_tool-2.0.0.0-py3-none-any.whl"),
        "Filename 'demo_tool-2.0.0.0-py3-none-any.whl' is invalid, should be 'demo_tool-2.0.0-py3-none-any.whl'.",
    ),
    "wheel of another project": (
        other_wheel,
        "Start filename for 'demo-tool' with 'demo_tool'.",
    ),
    "no file name": (garbage("x.bin"), "Invalid file extension: Use .tar.gz, .whl or .zip extension."),
    "no version in the name": (
        garbage("demo_tool.tar.gz"),
        "Invalid source distribution filename: demo_tool.tar.gz",
    ),
    "second sdist": (
        sdist(version="1.0.0", file_name="Demo_Tool-1.0.0.tar.gz", extra=["Keywords: x"]),
        "Only one sdist may be uploaded per release.",
    ),
    "taken name": (wheel(version="1.0.0", extra=["Keywords: x"]), "File already exists ('demo_tool-1.0.0-py3-none-any"),
    "same bytes, other name": (
        wheel(version="1.0.0", file_name="demo_tool-1.0.0-py2-none-any.whl"),
        "File already exists ('demo_tool-1.0.0-py2-none-any.whl', with blake2_256 hash '",
    ),
}


@pytest.mark.parametrize(("build", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_each_upload_rule_refuses(root: Path, tmp_path: Path, build: Build, reason: str) -> None:
    """A 400 with the reason in status line, code and message; nothing changes."""
    app = IndexApp(root, project="demo-tool")
    publishes = [make_wheel(tmp_path / "good", PLAIN), make_sdist(tmp_path / "good", PLAIN)]
    assert [post_in_process(app, path)[0] for path in publishes] == [200, 200]
    before = stored(root, app)
    path, fields = build(tmp_path)
    status, said = post_in_process(app, path, fields)
    assert (status, reason in said) == (400, True), said
    assert stored(root, app) == before
    assert app.warnings() == ()


@pytest.mark.parametrize("digest", ["sha256", "md5", "blake2_256"])
def test_any_one_digest_is_enough(root: Path, tmp_path: Path, digest: str) -> None:
    """The index requires one of the three."""
    path = make_wheel(tmp_path, PLAIN)
    make: dict[str, Callable[[bytes], Any]] = {
        "sha256": hashlib.sha256,
        "md5": hashlib.md5,
        "blake2_256": partial(hashlib.blake2b, digest_size=32),
    }
    announced = {f"{digest}_digest": make[digest](path.read_bytes()).hexdigest()}
    fields = form_of(path, sha256_digest="") | announced
    assert post_in_process(IndexApp(root, project="demo-tool"), path, fields)[0] == 200


DAY = 86400
TOO_OLD = "Uploading new files to releases older than 14 days is not allowed."
USED = "This filename was previously used by a file that has since been deleted. Use a different version."
# Days since the release's wheel was uploaded, what comes, and the refusal.
AGES: dict[str, tuple[float, Callable[..., Path], str, str]] = {
    "new file, young release": (13.9, make_sdist, "1.0.0", ""),
    "new file, old release": (14.1, make_sdist, "1.0.0", TOO_OLD),
    "same file, old release": (99, make_wheel, "1.0.0", ""),
    "new release beside an old one": (99, make_wheel, "1.0.1", ""),
}


@pytest.mark.parametrize(("days", "make", "version", "refusal"), AGES.values(), ids=AGES)
def test_a_release_is_closed_after_14_days(
    root: Path, tmp_path: Path, days: float, make: Callable[..., Path], version: str, refusal: str
) -> None:
    """From its first file; same bytes are always accepted, and a new version has its own 14 days."""
    app = IndexApp(root, project="demo-tool")
    first = make_wheel(tmp_path / "first", PLAIN)
    assert post_in_process(app, first) == (200, "OK")
    uploaded = time.time() - days * DAY
    os.utime(root / first.name, (uploaded, uploaded))
    path = make(tmp_path / "then", PLAIN, version=version)
    before = stored(root, app)
    assert post_in_process(app, path) == ((400, refusal) if refusal else (200, "OK"))
    if refusal:
        assert stored(root, app) == before


def test_upstream_files_count_for_a_releases_age(root: Path, tmp_path: Path) -> None:
    """Where practice completes a real release."""
    old = PageFile("demo_tool-1.0.0.tar.gz", "https://x.example/x", upload_time=datetime(2020, 1, 1, tzinfo=UTC))
    path = make_wheel(tmp_path, PLAIN)
    upload = Upload(form_of(path), (), (), path)
    with pytest.raises(UploadRefused, match="older than 14 days"):
        check_release(upload, Limits(), [old], was_deleted=False)
    unknown = replace(old, name="demo_tool-1.0.0-1.tar.gz", upload_time=None)
    check_release(upload, Limits(), [unknown], was_deleted=False)


def test_a_deleted_file_name_is_never_reused(root: Path, tmp_path: Path) -> None:
    """A file renamed to `NAME.deleted` is not on the page, and its name stays taken for any bytes."""
    app = IndexApp(root, project="demo-tool")
    wheel, sdist = make_wheel(tmp_path, PLAIN), make_sdist(tmp_path, PLAIN)
    assert [post_in_process(app, path)[0] for path in (wheel, sdist)] == [200, 200]
    (root / wheel.name).rename(root / f"{wheel.name}.deleted")
    assert [file.name for file in app.listing(canonicalize_name("demo-tool"))] == [sdist.name]
    before = stored(root, app)
    again = [wheel, make_wheel(tmp_path / "other", PLAIN, extra=["Keywords: x"])]
    assert [post_in_process(app, path) for path in again] == [(400, USED)] * 2
    assert stored(root, app) == before
    (root / f"{wheel.name}.deleted").unlink()
    assert post_in_process(app, wheel)[0] == 200


@pytest.mark.parametrize("name", ["../demo_tool-2.0.0-py3-none-any.whl", "..", ".hidden.whl", "a\\b.whl", "ä.whl"])
def test_a_file_name_with_special_characters_is_refused(
    index: RunningIndex, root: Path, tmp_path: Path, name: str
) -> None:
    """Before a file is written."""
    path = make_wheel(tmp_path, PLAIN, version="2.0.0")
    answer = post(index, path, form_of(path), file_name=name)
    assert (answer.status_code, bool(re.match(r"Invalid|Cannot upload", answer.reason))) == (400, True)
    assert not root.exists()


def test_the_refusal_is_an_html_page_without_json(index: RunningIndex, tmp_path: Path) -> None:
    """Its body contains the message."""
    answer = post(index, make_wheel(tmp_path, PLAIN, version="2.0.0+g1"), accept="text/html")
    assert "The use of local versions in '2.0.0+g1' is not allowed." in answer.text


def test_file_body_and_project_limits_are_enforced(root: Path, tmp_path: Path) -> None:
    small, large = (
        make_wheel(tmp_path, PLAIN, version="1.0.0"),
        make_wheel(tmp_path, PLAIN, version="1.1.0", files={"x.bin": bytes(2 * MIB)}),
    )
    huge = make_wheel(tmp_path, PLAIN, version="1.2.0", files={"x.bin": bytes(18 * MIB)})
    limits = Limits(file=MIB, project=small.stat().st_size + 100)
    with serve(root, project="demo-tool", limits=limits) as index:
        assert post(index, small).status_code == 200
        before = fingerprint(root, index)
        assert post(index, large).reason == "File too large. Limit for project 'demo-tool' is 1 MB."
        assert post(index, huge).reason == "File too large. Limit for project 'demo-tool' is 1 MB."
        assert post(index, make_sdist(tmp_path, PLAIN)).reason.startswith("Project size too large.")
        assert fingerprint(root, index) == before
        assert post(index, small).status_code == 200


OWN_LIMITS: dict[str, tuple[str, Limits, str]] = {
    "as usual": ("", Limits(), "OK"),
    "more room": (
        f"file-limit = {300 * MIB}\nproject-limit = {20480 * MIB}", Limits(300 * MIB, 20480 * MIB), "OK",
    ),
    "small files": (
        "file-limit = 1000", Limits(file=1000), "File too large. Limit for project 'demo-tool' is 0.000953674 MB.",
    ),
    "a small project": (
        "project-limit = 1000", Limits(project=1000),
        "Project size too large. Limit for project 'demo-tool' total size is 9.31323e-07 GB.",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("settings", "limits", "reason"), OWN_LIMITS.values(), ids=OWN_LIMITS)
def test_the_projects_own_limits_apply(tmp_path: Path, settings: str, limits: Limits, reason: str) -> None:
    """Where the real index grants other ones."""
    project = parse_project(Sample(settings=f"{settings}\n").pyproject().encode())
    assert Limits.of(project.config) == limits
    with open_local_index(project, tmp_path, None) as index:
        path = make_wheel(tmp_path / "dist", PLAIN)
        with path.open("rb") as content:
            answer = requests.post(index.upload_url, data=form_of(path), files={"content": content}, timeout=20)
    assert answer.reason == reason


def test_an_invalid_file_in_the_directory_is_reported(index: RunningIndex, root: Path, tmp_path: Path) -> None:
    """Broken distributions are warned about, other files ignored; all of them stay."""
    post(index, make_wheel(tmp_path, PLAIN))
    (root / "demo_tool-3.0.0-py3-none-any.whl").write_bytes(b"broken")
    (root / "release.json").write_text("{}")
    (root / "runs").mkdir()
    assert page(index)["versions"] == ["1.0.0"]
    assert "demo_tool-3.0.0-py3-none-any.whl is not a readable wheel" in "".join(index.warnings())
    taken = post(index, make_wheel(tmp_path, PLAIN, version="3.0.0"))
    assert taken.reason.startswith("File already exists")
    assert (root / "demo_tool-3.0.0-py3-none-any.whl").read_bytes() == b"broken"


def test_an_interrupted_upload_stores_nothing(index: RunningIndex, root: Path, tmp_path: Path) -> None:
    """Not even a hidden file."""
    path = make_wheel(tmp_path, PLAIN, files={"x.bin": bytes(MIB)})
    content = (path.name, path.read_bytes())
    prepared = requests.Request("POST", index.upload_url, data=form_of(path), files={"content": content}).prepare()
    assert isinstance(prepared.body, bytes)
    host, _, port = index.url.removeprefix("http://").partition(":")
    head = "".join(f"{key}: {prepared.headers[key]!s}\r\n" for key in ("Content-Type", "Content-Length"))
    with socket.create_connection((host, int(port))) as half:
        half.sendall(f"POST /legacy/ HTTP/1.1\r\nHost: {host}\r\n{head}\r\n".encode() + prepared.body[: MIB // 2])
    ends = time.monotonic() + 5
    while not index.requests and time.monotonic() < ends:
        time.sleep(0.01)
    assert (root.exists(), index.warnings()) == (False, ())
    assert post(index, path).status_code == 200


@pytest.mark.parametrize("servers", [1, 2])
def test_one_of_eight_concurrent_uploads_is_stored(root: Path, tmp_path: Path, servers: int) -> None:
    """Same name, different bytes, through one server or two."""
    bodies = [make_wheel(tmp_path / str(n), PLAIN, files={"n.bin": bytes([n]) * MIB}) for n in range(8)]
    with serve(root, project="demo-tool") as first, serve(root, project="demo-tool") as second:
        indexes = [first, second][:servers]
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda n: post(indexes[n % servers], bodies[n]), range(8)))
        codes = [answer.status_code for answer in answers]
        assert sorted(codes) == [200] + [400] * 7
        assert all(a.reason.startswith("File already exists") for a in answers if a.status_code == 400)
        winner = bodies[codes.index(200)]
        assert [path.read_bytes() for path in distributions_in(root)] == [winner.read_bytes()]
        assert requests.get(f"{first.url}/files/{winner.name}", timeout=20).content == winner.read_bytes()


@pytest.mark.parametrize("same", [True, False], ids=["same bytes", "other bytes"])
def test_an_upload_compares_with_a_file_stored_meanwhile(root: Path, tmp_path: Path, same: bool) -> None:
    """The other process stores it after the listing was read; its bytes stay."""
    ours, theirs = (
        make_wheel(tmp_path / "a", PLAIN),
        make_wheel(tmp_path / "b", PLAIN, extra=[] if same else ["Keywords: x"]),
    )

    def listing(_project: str) -> list[PageFile]:
        assert Storage(root).add(theirs)
        return []

    uploads = Uploads(Storage(root), listing, limits=Limits())
    content = (io.BytesIO(ours.read_bytes()), ours.name)
    with closing(EnvironBuilder(method="POST", data={**form_of(ours), "content": content})) as builder:
        if same:
            uploads.receive(builder.get_environ())
        else:
            with pytest.raises(UploadRefused, match="File already exists"):
                uploads.receive(builder.get_environ())
    assert [path.read_bytes() for path in distributions_in(root)] == [theirs.read_bytes()]


def test_concurrent_uploads_of_the_same_bytes_all_succeed(root: Path, tmp_path: Path) -> None:
    """Eight uploads through two servers are one file."""
    path = make_wheel(tmp_path, PLAIN, files={"n.bin": bytes(MIB)})
    with serve(root) as first, serve(root) as second, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: post([first, second][n % 2], path), range(8)))
        assert [answer.status_code for answer in answers] == [200] * 8
        assert [found.name for found in distributions_in(root)] == [path.name]
