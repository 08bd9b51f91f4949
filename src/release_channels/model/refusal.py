"""What comes after a refusal: another command, or what a person does first. Pure."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from release_channels.model.outcome import PROGRAM, name_index

if TYPE_CHECKING:
    from release_channels.model.next_step import NextStep

# Commands that delete or overwrite, and those with a place for the user to fill in.
_NOT_NEXT = re.compile(
    r" (--delete|-d|-D|--force|-f|rm|reset|clean)\b|…|X\.Y|\b(NAME|REQUIREMENT|VERSION|REV|TAG|FILE|DIR)\b"
)
_COMMAND = re.compile(rf"`((?:{PROGRAM}|nox|git|gh|uv|uvx) [^`]+)`")
_IMPERATIVE = re.compile(
    r"(?:add|allow|change|check|choose|clone|commit|compare|correct|delete|describe|edit|fetch|fix|get|give|install|keep|"
    r"leave|list|look|make|merge|move|name|point|put|push|raise|remove|rename|save|say|see|set|shorten|start|take|try|turn|"
    r"unset|use|wait|write)\b"
)
"""The first word of a hint that asks for something."""
_END = re.compile(r"(?:, as here)?:|;|$|, (?:then|and) (?:run|start|try)\b| \(")
_QUOTED = re.compile(r"`[^`]*`|\"[^\"]*\"")
_SAME_AGAIN = re.compile(r"(?:run|start|try) (?:.* )?again\b")
_LONGEST = 120
"""The most letters of an advice that is repeated after `next:`."""
_IN_NO_HURRY = ("nox -s preview", f"{PROGRAM} status", f"{PROGRAM} doctor")
"""The next steps that nothing else has to wait for."""
_RELEASE_TASKS = (["bump"], ["bump-dev"], ["tag"], ["resume"])


def first_command(text: str) -> str:
    """Return the first command in a text that can be typed as it is and deletes nothing; empty if there is none."""
    return next((command for command, _ in _commands(text)), "")


def next_after_error(
    typed: str,
    hint: str,
    *,
    index: str,
    state: str = "",
    usage: str = "",
    is_unanswered: bool = False,
    is_foreign: bool = False,
) -> str:
    """Return what comes after a command that was refused or failed: itself only where nothing has to be done first.

    `state` is the next command of the observed state, empty where that is unknown. `usage` is the command that shows
    what may be typed, for a request that is wrong itself. With `is_foreign` the hint is another program's.
    """
    command, advised = next(((one, text) for one, text in _commands(hint) if not _is_same(one, typed)), ("", ""))
    first = "" if is_foreign or advised else _first(hint, typed)
    if usage:
        return advised or usage
    if hint.startswith("did you mean "):  # a wrong name in a file is about no state
        return name_index(f"correct that, then `{typed}`", index)
    if advised and _is_same_task(command, typed) and _has_own_options(typed):  # what was asked for was wrong
        return advised
    comes_first = first and state.startswith(_IN_NO_HURRY) if _is_release_task(typed) else first or advised
    if state and not _is_same_task(state, typed) and not comes_first:
        return advised if command == state else state
    if advised:
        return advised
    if is_unanswered or _SAME_AGAIN.match(hint):
        return typed
    doctor = name_index(f"`{PROGRAM} doctor`", index).strip("`")
    if (is_foreign or not hint) and not _is_same_task(doctor, typed):
        return doctor
    return name_index(first or f"correct that, then `{typed}`", index)


def why_before(hint: str, following: str, state: NextStep | None) -> str:
    """Return why the next command of the state comes before what a hint says; empty where the hint says it, too."""
    is_states = state is not None and following == state.command and bool(_COMMAND.fullmatch(f"`{following}`"))
    named = [command for command, _ in _commands(hint)]
    if state is None or not is_states or not (named or _IMPERATIVE.match(hint)):
        return ""
    return state.why if not any(_is_same_task(command, following) for command in named) else ""


def next_after_plan(typed: str) -> str:
    """Return the command that does what was only planned; empty where it has no options of its own."""
    done = shlex.join(word for word in _split(typed) if word != "--dry-run")
    return done if _has_own_options(done) else ""


def _commands(hint: str) -> list[tuple[str, str]]:
    """List the commands of a hint, each also with what has to be done before it."""
    found = []
    for line in hint.splitlines():
        for match in _COMMAND.finditer(line):
            before = line[: match.start()].rpartition("; ")[2].strip()
            is_after = before.endswith("then") and _IMPERATIVE.match(before)
            if not _NOT_NEXT.search(match[1]):
                found.append((match[1], f"{before} {match[0]}" if is_after else match[1]))
    return found


def _first(hint: str, typed: str) -> str:
    """Return what the first line of a hint asks for, without its reasons, and then the command; empty for nothing."""
    line = hint.partition("\n")[0].strip()
    if not _IMPERATIVE.match(line) or _SAME_AGAIN.match(line):
        return ""
    own = next((found for found in _COMMAND.finditer(line) if _is_same(found[1], typed)), None)
    if own:
        return line[: own.end()]
    end = _END.search(_QUOTED.sub(lambda found: "x" * len(found[0]), line))  # a colon in quotes ends no sentence
    asked = line[: end.start()] if end else line
    return f"{asked}, then `{typed}`" if len(asked) <= _LONGEST else ""


def _is_release_task(typed: str) -> bool:
    """Return whether a command belongs to every release, so that the observed state tells what comes before it."""
    words = _split(typed)
    return words[:1] == ["nox"] or words[1:2] in _RELEASE_TASKS


def _is_same(command: str, other: str) -> bool:
    """Return whether two commands are the same but for the index."""
    return _without_index(command) == _without_index(other)


def _without_index(command: str) -> list[str]:
    words = _split(command)
    at = words.index("--index") if "--index" in words else len(words)
    return words[:at] + words[at + 2 :]


def _is_same_task(command: str, other: str) -> bool:
    """Return whether two commands are the same task or session, whatever the options."""
    words = _split(command)
    name = _length_of_name(words)
    return words[:name] == _split(other)[:name]


def _has_own_options(typed: str) -> bool:
    """Return whether a command has more words than its name and the index."""
    words = _without_index(typed)
    return len(words) > _length_of_name(words)


def _length_of_name(words: list[str]) -> int:
    """Return how many words name the task or session; of any other program all do."""
    return {PROGRAM: 2, "nox": 3}.get(words[0] if words else "", len(words))


def _split(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:  # what a person does first may have an apostrophe
        return command.split()
