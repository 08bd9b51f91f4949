"""A project's install guide: the reference document's commands and text, with this project's names."""

from __future__ import annotations

import pytest

from release_channels.adoption.install_guide import Product, as_markdown, as_text, install_guide
from release_channels.model.version import Channel
from tests.adoption.printed import commands_in, passages

BENCHFLOW = Product("benchflow", ("bench", "benchflow"))

# Typed from the reference document, in its order.
REFERENCE = (
    "python -m pip install --upgrade benchflow",
    "uv tool install --upgrade benchflow",
    "uv tool install --upgrade --force benchflow",
    "python -m pip install --pre --upgrade benchflow",
    "uv tool install --prerelease allow --upgrade benchflow",
    "uv tool install --prerelease allow --upgrade --force benchflow",
    "uv add benchflow",
    "uv lock --upgrade-package benchflow",
    "uv add --prerelease allow benchflow",
    "uv lock --upgrade-package benchflow --prerelease allow",
)
PARAGRAPHS = (
    "Use the public channel by default. Opt into internal preview only when you want the newest build from main "
    "before the next public tag.",
    "Public Python package users, inside a supported Python environment:",
    "Public uv-managed CLI users:",
    "If the command reports Executables already exist: bench, benchflow, rerun it with uv tool install --upgrade "
    "--force benchflow to replace stale entrypoints from an older install.",
    "Internal preview Python package users, inside a supported Python environment:",
    "Internal preview uv-managed CLI users:",
    "The preview CLI command intentionally omits an exact package pin, so uv selects the latest available preview "
    "package once the next preview line is open. If a machine was previously installed with pip install --user or "
    "another non-uv tool method, the command can fail with Executables already exist: bench, benchflow. In that case, "
    "rerun with the forced preview install:",
    "For downstream projects that use uv, keep public dependencies on the default stable channel unless the project "
    "intentionally tracks preview builds:",
    "To lock the latest internal preview instead:",
)


@pytest.mark.parametrize("form", [as_text, as_markdown])
def test_the_guide_matches_the_reference_document(form: object) -> None:
    """In order and word for word, without code marks; the forms for this project alone come last."""
    text = form(install_guide(BENCHFLOW))  # type: ignore[operator]
    assert commands_in(text)[: len(REFERENCE)] == REFERENCE
    assert tuple(passage.replace("`", "") for passage in passages(text))[: len(PARAGRAPHS)] == PARAGRAPHS


def test_a_one_channel_guide_has_no_command_of_the_other() -> None:
    public = commands_in(as_text(install_guide(BENCHFLOW, [Channel.PUBLIC])))
    preview = commands_in(as_text(install_guide(BENCHFLOW, [Channel.PREVIEW])))
    assert not any("pre" in command for command in public)
    assert set(public) | set(preview) == set(commands_in(as_text(install_guide(BENCHFLOW))))


def test_a_librarys_guide_has_no_tool_install() -> None:
    """`uv tool install` would delete an existing installation there."""
    text = as_text(install_guide(Product("demo")))
    assert "uv pip install --prerelease allow --upgrade demo" in commands_in(text)
    assert "uv tool" not in text
    assert "xecutable" not in text


def test_one_executable_is_quoted_in_the_singular() -> None:
    """As uv prints it."""
    assert "`Executable already exists: demo`" in as_text(install_guide(Product("demo", ("demo",))))


@pytest.mark.parametrize(
    ("requires", "named"),
    [
        pytest.param(">=3.12", "3.12", id="newer than common"),
        pytest.param(">=3.12.4,<4", "3.12", id="a patch release"),
        pytest.param("~=3.11", "3.11", id="compatible"),
        pytest.param(">3.11", "3.11", id="above"),
        pytest.param(">=3.11,!=3.11.*,<3.14", "3.12", id="one left out"),
        pytest.param(">=3.10", "", id="common"),
        pytest.param("<3.14", "", id="no lower bound"),
        pytest.param(None, "", id="nothing said"),
        pytest.param("three", "", id="not a requirement"),
        pytest.param(">=4", "", id="no Python of today"),
    ],
)
def test_an_uncommon_python_is_in_the_command(requires: str | None, named: str) -> None:
    """The project's oldest Python, if it is newer than the common one."""
    product = Product("demo", ("demo",), requires)
    assert product.python == named
    commands = [command for command in commands_in(as_text(install_guide(product))) if "--python" in command]
    assert commands == ([
        f"uv tool install --python {named} --upgrade demo",
        f"uv tool install --python {named} --prerelease allow --upgrade demo",
    ] if named else [])  # fmt: skip
