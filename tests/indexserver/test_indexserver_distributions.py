"""Reading a distribution, and refusing invalid files."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.version import Version

from release_channels.adapters.distributions import (
    MAX_METADATA,
    Kind,
    parse_file_name,
    project_urls,
    read_distribution,
    requires_python,
    sha256_of,
)
from release_channels.errors import RefusedError
from release_channels.indexserver.storage import Storage
from tests.indexserver.servers import PLAIN, distributions_in
from tests.support.distributions import make_sdist, make_wheel

WHEEL = "demo_tool-1.0.0-py3-none-any.whl"
INFO = "demo_tool-1.0.0.dist-info"
GOOD = PLAIN.metadata()


@pytest.mark.parametrize(("make", "kind"), [(make_wheel, Kind.WHEEL), (make_sdist, Kind.SDIST)])
def test_a_distributions_metadata_is_read(tmp_path: Path, make: Callable[..., Path], kind: Kind) -> None:
    """With name and version in the metadata's spelling, links and Python versions."""
    urls = {"Source commit": "https://example.org/c/1"}
    path = make(tmp_path, PLAIN, version="1!1.0.0.dev7", requires_python=">=3.9", urls=urls)
    distribution = read_distribution(path)
    assert (distribution.name, distribution.version) == ("demo-tool", Version("1!1.0.0.dev7"))
    assert (distribution.kind, distribution.path) == (kind, path)
    assert distribution.file_name == path.name
    assert requires_python(distribution.metadata) == ">=3.9"
    assert project_urls(distribution.metadata) == {"Source commit": "https://example.org/c/1"}
    assert (requires_python(b""), project_urls(b"")) == (None, {})


@pytest.mark.parametrize(
    "name",
    [
        "x.whl",
        "x-1.0.zip",
        "x-1.0.tar.bz2",
        "../x-1.0.tar.gz",
        "x-1.0.tar.gz\n",
        "",
        "x-one.tar.gz",
        "y" * 300 + "-1.tar.gz",
    ],
)
def test_an_invalid_file_name_is_refused(name: str) -> None:
    """Only wheels and .tar.gz sdists with plain names are valid."""
    with pytest.raises(RefusedError) as caught:
        parse_file_name(name)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        pytest.param({}, "contains 0 METADATA files", id="no metadata"),
        pytest.param({f"x/{INFO}/METADATA": GOOD}, "contains 0 METADATA files", id="metadata too deep"),
        pytest.param({f"{INFO}/METADATA": GOOD, "other-1.dist-info/METADATA": GOOD}, "contains 2 METADATA", id="two"),
        pytest.param({"other-1.0.0.dist-info/METADATA": GOOD}, "of another release", id="other directory"),
        pytest.param({"demo_tool.dist-info/METADATA": GOOD}, "of another release", id="directory without version"),
        pytest.param({f"{INFO}/METADATA": GOOD + "\n" + "x" * MAX_METADATA}, "larger than 8 MiB", id="too much"),
        pytest.param({f"{INFO}/METADATA": "\x00\xff"}, "lacks Metadata-Version, Name, Version", id="no text"),
        pytest.param({f"{INFO}/METADATA": GOOD.replace("demo-tool", "-")}, "is wrong", id="no name"),
    ],
)
def test_a_wheel_without_its_own_metadata_is_refused(tmp_path: Path, members: dict[str, str], reason: str) -> None:
    """The message contains the file and the reason."""
    with zipfile.ZipFile(tmp_path / WHEEL, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, text in members.items():
            wheel.writestr(name, text)
    with pytest.raises(RefusedError, match=reason) as caught:
        read_distribution(tmp_path / WHEEL)
    assert WHEEL in str(caught.value)


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        pytest.param({"demo_tool-1.0.0/README": ""}, "contains 0 PKG-INFO files", id="no metadata"),
        pytest.param({"demo_tool-1.0.0/egg/PKG-INFO": GOOD}, "contains 0 PKG-INFO files", id="metadata too deep"),
        pytest.param({"demo_tool-1.0.0/PKG-INFO": GOOD, "more/x": ""}, "2 top-level entries", id="two directories"),
        pytest.param({}, "0 top-level entries", id="empty"),
    ],
)
def test_an_sdist_without_its_own_metadata_is_refused(tmp_path: Path, members: dict[str, str], reason: str) -> None:
    """An sdist is one directory with a PKG-INFO."""
    path = tmp_path / "demo_tool-1.0.0.tar.gz"
    with tarfile.open(path, "w:gz") as sdist:
        for name, text in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            sdist.addfile(info, io.BytesIO(text.encode()))
    with pytest.raises(RefusedError, match=reason):
        read_distribution(path)


@pytest.mark.parametrize("make", [make_wheel, make_sdist])
def test_a_truncated_file_is_refused(tmp_path: Path, make: Callable[..., Path]) -> None:
    """Half a file, an empty file, a missing file."""
    path = make(tmp_path, PLAIN)
    for content in (path.read_bytes()[: path.stat().st_size // 2], b""):
        path.write_bytes(content)
        with pytest.raises(RefusedError, match="not a readable"):
            read_distribution(path)
    path.unlink()
    with pytest.raises(RefusedError, match="not a readable"):
        read_distribution(path)


def test_an_existing_file_is_never_replaced(tmp_path: Path) -> None:
    """Also one that another process wrote."""
    first, second = make_wheel(tmp_path / "first", PLAIN), make_wheel(tmp_path / "second", PLAIN, files={"x.py": b""})
    ours, theirs = Storage(tmp_path / "root"), Storage(tmp_path / "root")
    assert (ours.add(first), theirs.add(second)) == (True, False)
    assert [path.name for path in distributions_in(tmp_path / "root")] == [first.name]
    assert sha256_of(tmp_path / "root" / first.name) == sha256_of(first)


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    """A deleted file is forgotten."""
    storage = Storage(tmp_path)
    path = make_wheel(tmp_path, PLAIN)
    before = storage.find(path.name)
    path.unlink()
    make_wheel(tmp_path, PLAIN, extra=["Keywords: more"])
    after = storage.find(path.name)
    assert before is not None
    assert after is not None
    assert (before.sha256 == after.sha256, after.sha256) == (False, sha256_of(path))
