"""`install-commands`: print them, or keep a document's block of them up to date."""

from __future__ import annotations

from pathlib import Path

from release_channels.adapters import console
from release_channels.adapters.files import write_whole
from release_channels.errors import RefusedError, UsageError
from release_channels.installing_guide import Product, as_markdown, as_text, install_guide
from release_channels.project.pyproject import Project
from release_channels.setup.install_block import parse_channels, with_block
from release_channels.setup.tree import Tree

README = "README.md"
_FORMATS = {"text": as_text, "markdown": as_markdown}


def print_commands(root: Path, *, channel: str = "", form: str = "text") -> None:
    """Print the commands and their sentences on stdout.

    Raises: UsageError for an unknown channel or format; RefusedError where there is no project.
    """
    if form not in _FORMATS:
        raise UsageError(f"{form!r} is no format", hint="--format is " + " or ".join(_FORMATS))
    channels = parse_channels(channel)
    console.result(_FORMATS[form](install_guide(product_of(Tree(root).project()), channels)))


def keep_block(root: Path, file: str, *, channel: str = "", check: bool = False) -> None:
    """Bring the block of a document up to date, or with `check` only refuse one that is not.

    Raises: RefusedError where there is no place for it, and with `check` where it is out of date.
    """
    parse_channels(channel)
    tree = Tree(root)
    text = tree.text(file)
    if text is None:
        raise RefusedError(f"there is no {file} in {root}", hint="--write names the document that holds the commands")
    wanted = with_block(text, product_of(tree.project()), file, channel=channel)
    if wanted == text:
        console.result(f"{file} holds today's install commands")
    elif check:
        raise RefusedError(
            f"{file} does not hold today's install commands", hint=f"`invoke install-commands --write {file}` mends it"
        )
    else:
        write_whole(root / file, wanted)
        console.result(f"{file} now holds today's install commands")


def product_of(project: Project) -> Product:
    """Give what the commands depend on; scripts that only the build knows are left out, which is said."""
    if {"scripts", "entry-points"} & project.dynamic and not project.scripts:
        console.warn("the console scripts are dynamic, so the commands are those for a library")
    return Product(project.name, tuple(project.scripts), project.requires_python, project.config.main_branch)
