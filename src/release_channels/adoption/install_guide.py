"""The install guide for a project's users: the commands of each channel, and when to use which. Pure.

Source: the reference document, "Install and Upgrade Commands": its sentences, with this project's names in them.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from release_channels.adapters import console
from release_channels.adapters.files import atomic_write
from release_channels.adoption.inspect import Tree
from release_channels.errors import RefusedError, UsageError
from release_channels.model.install_commands import downstream_commands, pip_command, return_commands, uv_command
from release_channels.model.version import Channel
from release_channels.project.pyproject import Project

# The newest Python that everybody can be expected to have; who needs a newer one has to name it.
_COMMON_MINOR = 10
_NEWEST_MINOR = 99
_NARROW_PIP = "26.0"
_NARROW_UV = "0.12.1"

BOTH = (Channel.PUBLIC, Channel.PREVIEW)


@dataclass(frozen=True, slots=True)
class Product:
    """The package to install: its project name, console scripts and required Python."""

    name: str
    executables: tuple[str, ...] = ()
    requires_python: str | None = None
    main_branch: str = "main"

    @property
    def is_tool(self) -> bool:
        """True if it has a console script, so that `uv tool install` works."""
        return bool(self.executables)

    @property
    def python(self) -> str:
        """The oldest supported Python, such as 3.12, if not everybody has it; otherwise empty.

        A requirement that does not parse is reported with the metadata, and asks for nothing here.
        """
        try:
            supported = SpecifierSet(self.requires_python or "")
        except InvalidSpecifier:
            return ""
        minors = (minor for minor in range(_NEWEST_MINOR) if supported.contains(f"3.{minor}.{_NEWEST_MINOR}"))
        oldest = next(minors, 0)
        return f"3.{oldest}" if oldest > _COMMON_MINOR else ""


@dataclass(frozen=True, slots=True)
class Passage:
    """A few sentences, with code in backticks, and the commands that they introduce."""

    text: str
    commands: tuple[tuple[str, ...], ...] = ()


def install_guide(product: Product, channels: Sequence[Channel] = BOTH) -> tuple[Passage, ...]:
    """Return the passages for some channels in the order of the reference document, special cases last."""
    return tuple(_passages(product, channels))


def as_text(guide: Sequence[Passage]) -> str:
    """Format the passages for a terminal, each command on its own line."""
    blocks = [
        "\n".join([passage.text, *(["", *_lines(passage, "    ")] if passage.commands else [])]) for passage in guide
    ]
    return "\n\n".join(blocks)


def as_markdown(guide: Sequence[Passage]) -> str:
    """Format the passages for a README."""
    blocks = [
        "\n".join([passage.text, *(["", "```", *_lines(passage, ""), "```"] if passage.commands else [])])
        for passage in guide
    ]
    return "\n\n".join(blocks)


def _lines(passage: Passage, indent: str) -> list[str]:
    return [f"{indent}{shlex.join(command)}" for command in passage.commands]


def _passages(product: Product, channels: Sequence[Channel]) -> Iterator[Passage]:
    if len(channels) > 1:
        yield Passage(
            "Use the public channel by default. Opt into internal preview only when you want the newest build from "
            f"`{product.main_branch}` before the next public tag."
        )
    if Channel.PUBLIC in channels:
        yield from _public(product)
    if Channel.PREVIEW in channels:
        yield from _preview(product)
    yield from _downstream(product, channels)
    if Channel.PREVIEW in channels:
        yield _narrow(product)
        yield Passage(
            "An upgrade keeps an installed preview until a newer release is out. To go back to the public channel at "
            "once:",
            return_commands(product.name, is_tool=product.is_tool),
        )
    if product.python:
        yield _python(product, channels)


def _public(product: Product) -> Iterator[Passage]:
    name = product.name
    yield Passage(
        "Public Python package users, inside a supported Python environment:", (pip_command(name, Channel.PUBLIC),)
    )
    yield Passage(f"Public {_uv_users(product)}:", (uv_command(name, Channel.PUBLIC, is_tool=product.is_tool),))
    if product.is_tool:
        forced = shlex.join(uv_command(name, Channel.PUBLIC, force=True))
        yield Passage(
            f"If the command reports `{already_there(product.executables)}`, rerun it with `{forced}` to replace stale "
            "entrypoints from an older install."
        )


def _preview(product: Product) -> Iterator[Passage]:
    name = product.name
    yield Passage(
        "Internal preview Python package users, inside a supported Python environment:",
        (pip_command(name, Channel.PREVIEW),),
    )
    yield Passage(
        f"Internal preview {_uv_users(product)}:", (uv_command(name, Channel.PREVIEW, is_tool=product.is_tool),)
    )
    if not product.is_tool:
        yield Passage(
            "The preview commands intentionally omit an exact package pin, so pip and uv select the latest available "
            "preview package once the next preview line is open."
        )
        return
    yield Passage(
        "The preview CLI command intentionally omits an exact package pin, so uv selects the latest available preview "
        "package once the next preview line is open. If a machine was previously installed with `pip install --user` "
        "or another non-uv tool method, the command can fail with "
        f"`{already_there(product.executables)}`. In that case, rerun with the forced preview install:",
        (uv_command(name, Channel.PREVIEW, force=True),),
    )


def _uv_users(product: Product) -> str:
    return "uv-managed CLI users" if product.is_tool else "users of uv, inside a supported Python environment"


def already_there(executables: Sequence[str]) -> str:
    """Format uv's error for executables that another tool installed, in singular or plural."""
    text = "Executable already exists" if len(executables) == 1 else "Executables already exist"
    return f"{text}: {', '.join(sorted(executables))}"


def _downstream(product: Product, channels: Sequence[Channel]) -> Iterator[Passage]:
    if Channel.PUBLIC in channels:
        yield Passage(
            "For downstream projects that use uv, keep public dependencies on the default stable channel unless the "
            "project intentionally tracks preview builds:",
            downstream_commands(product.name, Channel.PUBLIC),
        )
    if Channel.PREVIEW in channels:
        instead = " instead" if Channel.PUBLIC in channels else " in a downstream project that uses uv"
        yield Passage(
            f"To lock the latest internal preview{instead}:", downstream_commands(product.name, Channel.PREVIEW)
        )


def _narrow(product: Product) -> Passage:
    """Format the forms for one package.

    Source: pip's and uv's change logs, for the versions that brought `--all-releases` and `--prerelease-package`.
    """
    return Passage(
        "`--pre` and `--prerelease allow` allow the pre-releases of every dependency, too. These forms allow those "
        f"of {product.name} alone; they need pip {_NARROW_PIP} and uv {_NARROW_UV}, or newer:",
        (
            pip_command(product.name, Channel.PREVIEW, only_this_project=True),
            uv_command(product.name, Channel.PREVIEW, only_this_project=True, is_tool=product.is_tool),
            *downstream_commands(product.name, Channel.PREVIEW, only_this_project=True),
        ),
    )


def _python(product: Product, channels: Sequence[Channel]) -> Passage:
    needs = f"{product.name} needs Python {product.python} or newer. With an older one you get the newest release that "
    if not product.is_tool:
        return Passage(f"{needs}still supports it, or none.")
    return Passage(
        f"{needs}still supports it, or none. Where uv would choose an older one, name the Python:",
        tuple(uv_command(product.name, channel, python=product.python) for channel in channels),
    )


README = "README.md"
_FORMATS = {"text": as_text, "markdown": as_markdown}


def print_commands(root: Path, *, channel: str = "", form: str = "text") -> None:
    """Print the commands and their explanations on stdout.

    Raises: UsageError for an unknown channel or format; RefusedError where there is no project.
    """
    if form not in _FORMATS:
        raise UsageError(f"{form!r} is not a format", hint="--format is " + " or ".join(_FORMATS))
    channels = parse_channels(channel)
    console.result(_FORMATS[form](install_guide(product_of(Tree(root).project()), channels)))


def keep_block(root: Path, file: str, *, channel: str = "", check: bool = False) -> None:
    """Update the block of commands in a document, or with `check` refuse an outdated one.

    Raises: RefusedError where there is no place for it, and with `check` where it is out of date.
    """
    parse_channels(channel)
    tree = Tree(root)
    text = tree.text(file)
    if text is None:
        raise RefusedError(
            f"there is no {file} in {root}",
            hint=f"make it, with these two lines where the commands belong:\n{_MARKERS}",
        )
    wanted = with_block(text, product_of(tree.project()), file, channel=channel)
    if wanted == text:
        console.prose(f"{file} contains today's install commands")
    elif check:
        raise RefusedError(
            f"{file} does not contain today's install commands",
            hint=f"`release-channels install-commands --write {file}` fixes it",
        )
    else:
        atomic_write(root / file, wanted)
        console.prose(f"{file} now contains today's install commands")


def product_of(project: Project) -> Product:
    """Return the package of a project, without dynamic scripts, which cause a warning."""
    if {"scripts", "entry-points"} & project.dynamic and not project.scripts:
        console.warn("the console scripts are dynamic, so the commands are those for a library")
    return Product(project.name, tuple(project.scripts), project.requires_python, project.config.main_branch)


_BEGIN = re.compile(r"^<!-- install-commands: begin(?: channel=(?P<channel>\w+))? -->[ \t]*\r?$", re.MULTILINE)
_END = re.compile(r"^<!-- install-commands: end -->[ \t]*\r?$", re.MULTILINE)
_MARKERS = "<!-- install-commands: begin -->\n<!-- install-commands: end -->"


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the block stands in a text, and the channel that its first line names."""

    start: int
    end: int
    channel: str


def parse_channels(channel: str) -> tuple[Channel, ...]:
    """Return the channels of an option: one, or both if it is empty.

    Raises: UsageError for anything else.
    """
    if channel not in ("", *Channel):
        raise UsageError(
            f"{channel!r} is not a channel", hint="--channel is preview or public; without it both are shown"
        )
    return (Channel(channel),) if channel else BOTH


def with_block(text: str, product: Product, file: str, *, channel: str = "") -> str:
    """Return a document with its block updated; without `channel` the block keeps its own.

    Raises: RefusedError for a document without exactly one place for the block.
    """
    place = _find(text, file)
    channel = channel or place.channel
    newline = "\r\n" if "\r\n" in text else "\n"
    return text[: place.start] + _block(product, channel).replace("\n", newline) + text[place.end :]


def _block(product: Product, channel: str) -> str:
    named = f" channel={channel}" if channel else ""
    guide = install_guide(product, parse_channels(channel))
    return "\n".join(
        [f"<!-- install-commands: begin{named} -->", "", as_markdown(guide), "", "<!-- install-commands: end -->"]
    )


def _find(text: str, file: str) -> _Place:
    begins, ends = list(_BEGIN.finditer(text)), list(_END.finditer(text))
    if not begins and not ends:
        raise RefusedError(
            f"{file} has no place for the install commands",
            hint=f"put these two lines where they belong, once each:\n{_MARKERS}",
        )
    if len(begins) != 1 or len(ends) != 1 or ends[0].start() < begins[0].end():
        lines = ", ".join(str(text.count("\n", 0, found.start()) + 1) for found in (*begins, *ends))
        raise RefusedError(
            f"{file} marks the install commands on the lines {lines}",
            hint=f"it takes these two lines once each, in this order:\n{_MARKERS}",
        )
    end = ends[0]
    return _Place(begins[0].start(), end.start() + len(end.group().rstrip()), begins[0]["channel"] or "")
