"""What a project tells its users about installing: the commands, and when to use which channel. Pure.

Source: the reference document, "Install and Upgrade Commands": its sentences, with this project's names in them.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from release_channels.model.install_commands import downstream_commands, pip_command, return_commands, uv_command
from release_channels.model.version import Channel

# The newest Python that everybody can be expected to have; who needs a newer one has to name it.
_COMMON_MINOR = 10
_NEWEST_MINOR = 99
_NARROW_PIP = "26.0"
_NARROW_UV = "0.12.1"

BOTH = (Channel.PUBLIC, Channel.PREVIEW)


@dataclass(frozen=True, slots=True)
class Product:
    """What the commands depend on: the project's name, its console scripts, and the Python that it needs."""

    name: str
    executables: tuple[str, ...] = ()
    requires_python: str | None = None
    main_branch: str = "main"

    @property
    def is_tool(self) -> bool:
        """Whether it has anything that `uv tool install` could install."""
        return bool(self.executables)

    @property
    def python(self) -> str:
        """The oldest Python that it runs on, as 3.12, if that is newer than the common one; else nothing.

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
    """A few sentences, with code in backticks, and the commands that they lead to."""

    text: str
    commands: tuple[tuple[str, ...], ...] = ()


def install_guide(product: Product, channels: Sequence[Channel] = BOTH) -> tuple[Passage, ...]:
    """Write the passages for some channels, in the order of the reference document; the narrow forms follow it."""
    return tuple(_passages(product, channels))


def as_text(guide: Sequence[Passage]) -> str:
    """Lay the passages out for a terminal, each command on a line of its own."""
    blocks = [
        "\n".join([passage.text, *(["", *_lines(passage, "    ")] if passage.commands else [])]) for passage in guide
    ]
    return "\n\n".join(blocks)


def as_markdown(guide: Sequence[Passage]) -> str:
    """Lay the passages out for a README."""
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
    """Word uv's complaint about executables that something else put there, as uv does for one and for several."""
    told = "Executable already exists" if len(executables) == 1 else "Executables already exist"
    return f"{told}: {', '.join(sorted(executables))}"


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
    """Word the forms for one package.

    Source: pip's and uv's change logs, for the versions that brought `--all-releases` and `--prerelease-package`.
    """
    return Passage(
        "`--pre` and `--prerelease allow` let in the pre-releases of every dependency, too. These forms let in those "
        f"of {product.name} alone; they need pip {_NARROW_PIP} and uv {_NARROW_UV}, or newer:",
        (
            pip_command(product.name, Channel.PREVIEW, narrow=True),
            uv_command(product.name, Channel.PREVIEW, narrow=True, is_tool=product.is_tool),
            *downstream_commands(product.name, Channel.PREVIEW, narrow=True),
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
