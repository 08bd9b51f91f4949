"""The console script: runs the tasks, and explains errors on the command line."""

from __future__ import annotations

import difflib
import re
import shlex
import sys
from importlib.metadata import version
from typing import NoReturn

from invoke.collection import Collection
from invoke.exceptions import Exit, ParseError
from invoke.parser.argument import Argument
from invoke.parser.context import ParserContext
from invoke.program import Program

from release_channels.adapters import console
from release_channels.errors import UsageError
from release_channels.model.outcome import PROGRAM
from release_channels.model.refusal import first_command
from release_channels.model.session_names import SESSION_NAMES
from release_channels.model.version import try_version

_UNKNOWN = re.compile(r"No idea what '(?P<word>.*)' is!", re.DOTALL)
_NO_VALUE = re.compile(r"Flag <Argument: (?P<name>[\w-]+).*needed value and was not given one", re.DOTALL)

_VERSIONED = {"bump": "--to", "bump-dev": "--to", "tag": "--version"}
"""The option of each task that takes a version, which people type without it."""


_KEPT = ("complete", "help", "print-completion-script", "version")
"""The options before a task that are invoke's own."""


class TaskProgram(Program):
    """invoke's program with our own messages for errors on the command line."""

    def __init__(self, tasks: Collection) -> None:
        super().__init__(name=PROGRAM, namespace=tasks, version=version(PROGRAM))

    @property
    def initial_context(self) -> ParserContext:
        """The options before a task: those of invoke that mean something here, and two that mean something else."""
        own = (
            Argument(names=("dry", "R"), kind=bool, default=False, help="Show what would be done and do nothing."),
            Argument(names=("list", "l"), kind=bool, default=False, help="List the tasks."),
        )
        return ParserContext(args=[*own, *(one for one in self.core_args() if one.name in _KEPT)])

    def parse_core_args(self) -> None:
        """Parse them; all other options of invoke have their defaults."""
        super().parse_core_args()
        for one in self.core_args():
            if one.name not in self.args:
                self.core[0].add_arg(one)

    def parse_core(self, argv: list[str] | None) -> None:
        """Parse the options before the first task; a --help anywhere is about the first task.

        Raises: Exit for a command line that cannot be parsed.
        """
        argv = self._help_first(argv if argv is not None else sys.argv)
        try:
            super().parse_core(argv)
        except ParseError as err:
            self._explain(err)

    def parse_tasks(self) -> None:
        """Parse the tasks and their options.

        Raises: Exit for a command line that cannot be parsed.
        """
        try:
            super().parse_tasks()
        except ParseError as err:
            self._explain(err)

    def parse_cleanup(self) -> None:
        """Print help or a list if they are asked for.

        Raises: Exit after that, and for an unknown task.
        """
        try:
            super().parse_cleanup()
        except ParseError as err:
            self._explain(err)

    def _help_first(self, argv: list[str]) -> list[str]:
        """Move --help before its task: invoke takes it for a task's argument, or for an option of that letter."""
        names = self.namespace.task_names if self.namespace is not None else {}
        task = next((word for word in argv[1:] if word in names), None)
        return [argv[0], "--help", task] if task and {"--help", "-h"}.intersection(argv) else argv

    def print_help(self) -> None:
        """Print the usage and the tasks first, then the options before them."""
        console.result(f"Usage: {self.binary} TASK [--options of the task]\n")
        self.list_tasks()
        console.result(f"`{PROGRAM} --help TASK` shows the options of a task. Options before the task:\n")
        self.print_columns(self.initial_context.help_tuples())

    def _with(self, word: str, *others: str) -> str:
        """Return the command that was typed, with other words in the place of a wrong one."""
        at = self._at(word)
        *before, last = others
        last = self.argv[at].replace(word, last, 1)  # which may have its value behind it
        return shlex.join([PROGRAM, *self.argv[1:at], *before, last, *self.argv[at + 1 :]])

    def _at(self, word: str) -> int:
        """Return where a word was typed: alone, or before or after the sign of an option with its value."""
        if word in self.argv:
            return self.argv.index(word)
        return next(at for at, typed in enumerate(self.argv) if word in typed.partition("="))

    def _explain(self, err: ParseError) -> NoReturn:
        """Describe what cannot be read, and what can be typed instead.

        Raises: Exit with the code of a wrong request.
        """
        task = err.context.name if err.context is not None else None
        names = sorted(self.namespace.task_names) if self.namespace is not None else []
        text, hint = str(err), f"`{PROGRAM} --list` names the tasks"
        if task:
            hint = f"`{PROGRAM} --help {task}` names its options"
        if found := _UNKNOWN.search(text):
            word = found["word"]
            if word.startswith("-"):
                text = f"{word[:60]!r} is not an option of {task or PROGRAM}"
                options = [] if err.context is None else [flag for flag in err.context.flags if flag.startswith("--")]
                if close := difflib.get_close_matches(word, options, n=1):
                    hint = f"did you mean `{self._with(word, close[0])}`? {hint}"
            elif task:
                text = f"{task} takes no {word[:60]!r} without an option"
                if task in _VERSIONED and (meant := try_version(word.removeprefix("v"))):
                    hint = f"did you mean `{self._with(word, _VERSIONED[task], str(meant))}`? {hint}"
            elif word in SESSION_NAMES:
                text, at = f"{word!r} is not a task", self._at(word)
                options = ["--", *self.argv[at + 1 :]] if self.argv[at + 1 :] else []
                hint = f"it is a session: `{shlex.join(['nox', '-s', word, *options])}`"
            else:
                text = f"{word[:60]!r} is not a task"
                if close := difflib.get_close_matches(word, names, n=1):
                    hint = f"did you mean `{self._with(word, close[0])}`? {hint}"
        elif found := _NO_VALUE.search(text):
            text = f"--{found['name']} needs a value"
        console.error(UsageError(text, hint=hint))
        console.next_step(first_command(hint))
        raise Exit(code=UsageError.exit_code) from err
