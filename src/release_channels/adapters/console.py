"""The one console: results go to stdout, messages to stderr; foreign text is never markup."""

from __future__ import annotations

import codecs
import io
import logging
import os
import re
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from release_channels.errors import ReleaseError
from release_channels.model.outcome import PROGRAM
from release_channels.model.redact import printable, redact_urls
from release_channels.model.session_names import OWN_NOXFILE

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

_LONG = 10
"""The seconds from which on a line without a terminal says how long something took."""
_verbose = False
_picture: Console | None = None
_redact: Callable[[str], str] = str


def set_verbose(verbose: bool) -> None:
    """Set whether commands and their output are shown."""
    global _verbose
    _verbose = verbose


@contextmanager
def libraries_quiet() -> Iterator[None]:
    """Hide log messages of libraries within the block, unless --verbose is on.

    nox shows the log of every library, which does not help a maintainer. The log of nox itself is not changed.
    """
    root, nox = logging.getLogger(), logging.getLogger("nox")
    before = root.level, nox.level
    nox.setLevel(nox.level or root.level)
    root.setLevel(logging.DEBUG if _verbose else logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(before[0])
        nox.setLevel(before[1])


def set_redactor(redact: Callable[[str], str]) -> None:
    """Redact secrets from all further output."""
    global _redact
    _redact = redact


def results() -> Console:
    """Return the console for results (stdout)."""
    return _picture or _results()


def messages() -> Console:
    """Return the console for messages (stderr)."""
    return _picture or _messages()


def is_one_screen() -> bool:
    """Check whether stdout and stderr are read as one, so that nothing needs to be printed on both.

    They are a terminal, or the same pipe or file, as after `2>&1`; a picture is one screen.
    """
    if _picture is not None:
        return True
    if results().is_terminal and messages().is_terminal:
        return True
    with suppress(OSError, ValueError):  # what has no file of the system is read alone
        return os.path.sameopenfile(sys.stdout.fileno(), sys.stderr.fileno())
    return False


@cache
def _results() -> Console:
    from rich.console import Console

    _spell_out(sys.stdout)
    return Console(highlight=False, soft_wrap=True, emoji=False)


@cache
def _messages() -> Console:
    from rich.console import Console

    _spell_out(sys.stderr)
    return Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)


def _spell_out(stream: object) -> None:
    """Write what an encoding does not have in its own signs: three dots for an ellipsis, `?` for a foreign letter."""
    if isinstance(stream, io.TextIOWrapper) and not stream.encoding.lower().startswith("utf"):
        codecs.register_error(PROGRAM, _spelt_out)
        stream.reconfigure(errors=PROGRAM)


def _spelt_out(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_SPELT.get(sign, "?") for sign in error.object[error.start : error.end]), error.end


_SPELT = {"…": "...", "–": "-", "—": "-", "→": "->", "×": "x", "‘": "'", "’": "'", "“": '"', "”": '"'}


@contextmanager
def pictured(width: int) -> Iterator[Console]:
    """Record everything instead of printing it, as on a terminal of so many columns, to draw it later."""
    from rich.console import Console

    global _picture
    _picture = Console(
        file=io.StringIO(), record=True, width=width, color_system="truecolor", highlight=False, emoji=False
    )
    try:
        yield _picture
    finally:
        _picture = None


def say(text: str, *, style: str = "", is_prose: bool = True) -> None:
    """Print one line of the story, as plain text in one style; on a terminal, prose breaks between its words."""
    console, plain = messages(), _inert(text)
    console.print(_wrapped(plain, console) if is_prose else plain, style=style, markup=False)


def warn(text: str) -> None:
    """Print a warning, which does not stop the release."""
    say(f"warning: {text}", style="yellow")


def result(text: str, *, style: str = "") -> None:
    """Print one line of the result on stdout as it is, in one style."""
    if style or _picture is not None:
        results().print(_inert(text), style=style, markup=False)
        return
    _spell_out(sys.stdout)  # without rich, which takes longer to import than help to make
    try:
        sys.stdout.write(f"{_inert(text)}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        results().on_broken_pipe()


def fits(lines: Sequence[str]) -> bool:
    """Return whether no line is longer than the terminal is wide; without a terminal every line fits."""
    console = results()
    return not console.is_terminal or max(map(len, lines), default=0) <= console.width


def prose(text: str, *, style: str = "") -> None:
    """Print sentences of the result on stdout; a terminal breaks them between words."""
    console = results()
    console.print(_wrapped(_inert(text), console), style=style, markup=False)


def annotate(command: str) -> None:
    """Print our own workflow command on stdout; foreign text is never printed as one."""
    results().print(printable(_redact(command)), markup=False)


def _wrapped(text: str, console: Console) -> str:
    """Break the lines of a text between words, where a terminal would break them within; commands stay in one piece."""
    if not console.is_terminal and console is not _picture:
        return text
    return "\n".join(_wrap_line(line, console.width) for line in text.split("\n"))


def _wrap_line(line: str, width: int) -> str:
    from rich.cells import cell_len

    if cell_len(line) <= width or _CODE.match(line):
        return line
    label = _LABEL.match(line)
    indent = len(label[0]) if label and len(label[0]) <= width // 2 else len(line) - len(line.lstrip()) + 2
    lines = [""]
    for word in _WORD.findall(line):
        if lines[-1] and cell_len(lines[-1] + word) > width:
            lines.append(" " * indent + word.lstrip())
        else:
            lines[-1] += word
    return "\n".join(lines)


_WORD = re.compile(r"\s*(?:`[^`]*`|\S)+")
"""A word, or a command in backquotes, with the blanks before it."""
_LABEL = re.compile(r"\s*\S+(?: \S+)*?\s{2,}(?=\S)")
_CODE = re.compile(r"\s*(?:\[|[\w-]+ = |\$ |(?:release-channels|invoke|nox|git|gh|uv|uvx|pip|python) )")
"""A line that is copied whole: a setting or a command."""


def _inert(text: str) -> str:
    """Keep foreign text from giving commands to a terminal or to the runner of a workflow.

    Source: the runner's parser of workflow commands: `::` at the beginning of a line, blanks aside, or `##[` anywhere.
    """
    plain = redact_urls(printable(_redact(_as_typed(text))))
    return _COMMAND.sub(r"\1: :", plain).replace("##[", "# #[")


def _as_typed(text: str) -> str:
    """Write the commands of a text as the user types them: through invoke or `uv run`, where the run came from there.

    Sessions that have a file of their own are named with it.

    Source: uv's documentation of environment variables, `UV_RUN_RECURSION_DEPTH` and `VIRTUAL_ENV`.
    """
    if Path(OWN_NOXFILE).is_file():
        text = _NOX.sub(f"nox -f {OWN_NOXFILE} -s ", text)
    if Path(sys.argv[0]).stem in ("invoke", "inv"):
        return _PROGRAM.sub("invoke ", text)
    # What nox installs for a script is in another environment than the one that `uv run` starts.
    is_uvs = "UV_RUN_RECURSION_DEPTH" in os.environ and os.environ.get("VIRTUAL_ENV") == sys.prefix
    return _PROGRAM.sub(rf"uv run {PROGRAM} ", text) if is_uvs else text


_NOX = re.compile(r"(?:(?<=`)|(?<=^next: ))nox -s (?=[a-z])")
_PROGRAM = re.compile(rf"(?:(?<=`)|(?<=^next: )){PROGRAM} (?=[a-z]|--help|--list)")
_COMMAND = re.compile(r"^(\s*)::", re.MULTILINE)


def show(what: RenderableType, *, columns: int = 0) -> None:
    """Print a table or a panel on stdout; without a terminal it is as wide as it needs, if that is given."""
    from rich.console import Console

    console = results()
    if columns and not console.is_terminal:
        console = Console(file=console.file, highlight=False, emoji=False, width=columns)
    console.print(what)


def error(stop: ReleaseError) -> None:
    """Print an error's message and hint."""
    say(f"error: {stop}", style="bold red")
    hint(stop.hint)


def hint(text: str) -> None:
    """Print what to do about a problem, indented."""
    if text:
        say("\n".join(f"  {line}" for line in text.splitlines()))


def next_step(command: str) -> None:
    """Print the next command, as the last line of a run."""
    if command:
        say(f"next: {command}", style="bold", is_prose=False)


def command(argv: Sequence[str]) -> None:
    """Print a command before it runs if --verbose is on."""
    if _verbose:
        say(f"$ {shlex.join(argv)}", style="dim", is_prose=False)


def output(text: str) -> None:
    """Print a command's further output if --verbose is on."""
    if _verbose and text.strip():
        say("\n".join(f"  {line}" for line in text.strip().splitlines()), style="dim", is_prose=False)


class Drawn(Protocol):
    """What a terminal draws again and again."""

    def __rich__(self) -> Text:
        """Format it for a terminal."""


@dataclass(frozen=True, slots=True)
class Running:
    """What is under way, and for how many seconds: read again whenever a terminal draws it."""

    title: str
    clock: Callable[[], float]
    begun: float

    @property
    def seconds(self) -> int:
        """The whole seconds since it began."""
        return int(self.clock() - self.begun)

    def __rich__(self) -> Text:
        """Format it for a terminal."""
        from rich.text import Text

        return Text(str(self))

    def __str__(self) -> str:
        """Format it for people."""
        return f"{self.title} … {self.seconds} s"


def running(title: str, clock: Callable[[], float] = time.monotonic) -> Running:
    """Return something that begins now, as a spinner shows it."""
    return Running(_inert(title), clock, clock())


@contextmanager
def spinner(what: Drawn) -> Iterator[bool]:
    """Show what is under way on a terminal until the block ends; False where nothing is drawn.

    A terminal that moves no cursor gets lines, as a file does.
    """
    console = messages()
    if not console.is_terminal or console.is_dumb_terminal or _verbose:
        yield False
        return
    with console.status(what, spinner="line" if console.options.ascii_only else "dots"):
        yield True


@contextmanager
def progress(title: str, *, is_short: bool = False, clock: Callable[[], float] = time.monotonic) -> Iterator[None]:
    """Show that something is under way: a spinner with the seconds on a terminal, plain lines elsewhere.

    Without a spinner a second line names the seconds of what took ten or more, and what is short is not announced.
    """
    begun = running(title, clock)
    with spinner(begun) as is_drawn:
        if not (is_drawn or is_short):
            say(f"{title} …")
        yield
    if not is_drawn and begun.seconds >= _LONG:
        say(f"{title}: {begun.seconds} s")
