"""The marked block of a README that holds the install commands. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from release_channels.errors import RefusedError, UsageError
from release_channels.installing_guide import BOTH, Product, as_markdown, install_guide
from release_channels.model.version import Channel

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
    """Give the channels that an option names: one, or both without it.

    Raises: UsageError for anything else.
    """
    if channel not in ("", *Channel):
        raise UsageError(f"{channel!r} is no channel", hint="--channel is preview or public; without it both are shown")
    return (Channel(channel),) if channel else BOTH


def with_block(text: str, product: Product, file: str, *, channel: str = "") -> str:
    """Give a document with its block as it must be; a channel that was not asked for is the one that the block names.

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
            hint=f"put these two lines where they belong, and run the same again:\n{_MARKERS}",
        )
    if len(begins) != 1 or len(ends) != 1 or ends[0].start() < begins[0].end():
        lines = ", ".join(str(text.count("\n", 0, found.start()) + 1) for found in (*begins, *ends))
        raise RefusedError(
            f"{file} marks the install commands on the lines {lines}",
            hint=f"it takes these two lines once each, in this order:\n{_MARKERS}",
        )
    end = ends[0]
    return _Place(begins[0].start(), end.start() + len(end.group().rstrip()), begins[0]["channel"] or "")
