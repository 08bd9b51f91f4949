"""The block of a README: written between its marks, updated, and nothing else changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from release_channels.adoption.install_guide import Product, with_block
from release_channels.errors import RefusedError, UsageError
from tests.adoption.printed import commands_in
from tests.cli.screen import BIN, run
from tests.support.projects import Sample

PRODUCT = Product("demo", ("demo",))
SCRIPT = BIN / "release-channels"
BEGIN, END = "<!-- install-commands: begin -->", "<!-- install-commands: end -->"
EMPTY = f"# Demo\n\n{BEGIN}\n{END}\n\nMore.\n"


def test_the_block_is_written_between_its_marks() -> None:
    """A second time changes nothing."""
    once = with_block(EMPTY, PRODUCT, "README.md")
    assert once.startswith(f"# Demo\n\n{BEGIN}\n\n")
    assert once.endswith(f"\n\n{END}\n\nMore.\n")
    assert "uv tool install --upgrade demo" in commands_in(once)
    assert with_block(once, PRODUCT, "README.md") == once


def test_the_marks_remember_the_channel() -> None:
    """A block for one channel stays one."""
    once = with_block(EMPTY, PRODUCT, "README.md", channel="public")
    assert "begin channel=public" in once
    assert "--pre" not in once
    assert with_block(once, PRODUCT, "README.md") == once


def test_the_documents_line_endings_are_kept() -> None:
    """A CRLF document is up to date the second time."""
    once = with_block(EMPTY.replace("\n", "\r\n"), PRODUCT, "README.md")
    assert once.replace("\r\n", "").count("\n") == 0
    assert with_block(once, PRODUCT, "README.md") == once


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("# Demo\n", "has no place", id="none"),
        pytest.param(f"{BEGIN}\n", "on the lines 1", id="no end"),
        pytest.param(f"{END}\n{BEGIN}\n", "on the lines 2, 1", id="turned round"),
        pytest.param(f"{BEGIN}\n{END}\n{BEGIN}\n{END}\n", "on the lines 1, 3, 2, 4", id="twice"),
        pytest.param(f"\n    {BEGIN}\n    {END}\n", "has no place", id="inside code"),
    ],
)
def test_a_document_without_exactly_one_block_is_refused(text: str, message: str) -> None:
    """The hint contains the lines to write."""
    with pytest.raises(RefusedError, match=message) as caught:
        with_block(text, PRODUCT, "README.md")
    assert f"{BEGIN}\n{END}" in caught.value.hint


def test_an_unknown_channel_in_a_mark_is_refused() -> None:
    """It does not become a block for both channels."""
    with pytest.raises(UsageError, match="'nightly' is not a channel"):
        with_block(f"<!-- install-commands: begin channel=nightly -->\n{END}\n", PRODUCT, "README.md")


def _project(root: Path, readme: str) -> Path:
    for name, content in Sample().tree().items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    (root / "README.md").write_bytes(readme.encode())
    return root / "README.md"


def test_the_task_prints_writes_and_checks_the_block(tmp_path: Path, offline: None) -> None:
    """Also without git: --check fails before --write and after an edit."""
    readme = _project(tmp_path, EMPTY)
    words = (SCRIPT, "install-commands")
    printed = run(*words, "--channel", "public", cwd=tmp_path)
    assert printed.code == 0
    assert commands_in(printed.out)[0] == "python -m pip install --upgrade demo-tool"
    red = run(*words, "--check", cwd=tmp_path)
    assert red.code == 1
    red.shows(
        "README.md does not contain today's install commands", "release-channels install-commands --write README.md"
    )
    assert readme.read_text() == EMPTY
    assert run(*words, "--write", "README.md", cwd=tmp_path).code == 0
    assert run(*words, "--check", cwd=tmp_path).code == 0
    readme.write_text(readme.read_text().replace("--upgrade demo-tool", "demo-tool"))
    assert run(*words, "--check", cwd=tmp_path).code == 1


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        pytest.param(("--channel", "nightly"), 2, "'nightly' is not a channel", id="channel"),
        pytest.param(("--format", "html"), 2, "'html' is not a format", id="format", marks=pytest.mark.full),
        pytest.param(("--write", "INSTALL.md"), 1, "there is no INSTALL.md", id="file"),
        pytest.param(("--write", "README.md"), 1, "has no place for the install commands", id="no marks"),
    ],
)
def test_wrong_options_are_refused(
    tmp_path: Path, offline: None, words: tuple[str, ...], code: int, message: str
) -> None:
    """Nothing is written."""
    readme = _project(tmp_path, "# Demo\n")
    screen = run(SCRIPT, "install-commands", *words, cwd=tmp_path)
    assert screen.code == code
    screen.shows(message)
    assert readme.read_text() == "# Demo\n"


@pytest.mark.parametrize("file", ["INSTALL.md", "no/such/README.md"])
def test_a_document_that_is_not_there_is_made_first(tmp_path: Path, offline: None, file: str) -> None:
    """By hand: where its commands belong only a person knows."""
    _project(tmp_path, "# Demo\n")
    screen = run(SCRIPT, "install-commands", "--write", file, cwd=tmp_path)
    assert screen.err.splitlines()[-1] == (
        "next: make it, with these two lines where the commands belong, "
        f"then `release-channels install-commands --write {file}`"
    )
    assert not (tmp_path / file).exists()
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text("\n".join(line.strip() for line in screen.err.splitlines() if "<!--" in line))
    assert run(SCRIPT, "install-commands", "--write", file, cwd=tmp_path).code == 0


def test_a_directory_without_a_project_is_refused(tmp_path: Path, offline: None) -> None:
    screen = run(SCRIPT, "install-commands", cwd=tmp_path)
    assert screen.code == 1
    screen.shows("there is no pyproject.toml", "a release is made from a project")
