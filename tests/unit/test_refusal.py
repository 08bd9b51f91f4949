"""What comes after a refusal: never the refused command alone while a person has to do something first."""

from __future__ import annotations

import pytest

from release_channels.model.next_step import NextStep
from release_channels.model.refusal import first_command, next_after_error, next_after_plan, why_before

NEXT = {
    "a command": ("write it: `release-channels bump` does", "release-channels bump"),
    "what deletes is passed over": ("`git push --delete origin v1` and `release-channels tag`", "release-channels tag"),
    "a local deletion": ("`git tag --delete v1`, then look", ""),
    "what removes files": ("`git rm --cached x`", ""),
    "a place to fill in": ("`release-channels tag --version X.Y.Z`", ""),
    "a placeholder": ("`release-channels init --tool release-channels==VERSION --update`", ""),
    "a file name": ("see `pyproject.toml`", ""),
}


@pytest.mark.parametrize(("hint", "command"), NEXT.values(), ids=NEXT)
def test_a_deleting_command_is_never_the_next_step(hint: str, command: str) -> None:
    """It is the hint's first command that can be typed unchanged."""
    assert first_command(hint) == command


BUMP, TAG = "release-channels bump --index local", "release-channels tag --index local"
THEN = f"then `{BUMP}`"
AFTER: dict[str, tuple[str, dict[str, object], str]] = {
    # the hint asks a person for something: that comes first
    "an edit": ("write it into the log: it is read", {}, f"write it into the log, {THEN}"),
    "an edit of several lines": ("list it in x.toml, as here:\n[[x]]\npath = 1", {}, f"list it in x.toml, {THEN}"),
    "a colon in quotes": ('write `a: "b; c"` there (as it was)', {}, f'write `a: "b; c"` there, {THEN}'),
    "and run it again": ("commit them first, then run the same again", {}, f"commit them first, {THEN}"),
    "the other options are not it": ("commit them", {"state": f"{BUMP} --part minor"}, f"commit them, {THEN}"),
    "the refused command alone is passed over": (f"commit it, and `{BUMP}`; or not", {}, f"commit it, and `{BUMP}`"),
    "what is to be written": ("it must be 0 or above", {}, f"correct that, {THEN}"),
    "a question": ("is the disk full?", {}, f"correct that, {THEN}"),
    "a long advice": (f"write {'x' * 200}", {}, f"correct that, {THEN}"),
    # another command
    "the state": ("commit them first", {"state": TAG}, TAG),
    "a state that nothing waits for": ("commit them first", {"state": "nox -s preview"}, f"commit them first, {THEN}"),
    "a wrong name": ("did you mean x?", {"state": TAG}, f"correct that, {THEN}"),
    "it before a command": ("`release-channels tag`", {"state": "nox -s preview"}, "nox -s preview"),
    "the state says what a person does": ("", {"state": "merge the branch don't"}, "merge the branch don't"),
    "a command of the hint": ("`release-channels tag` releases it", {"state": BUMP}, "release-channels tag"),
    "the same task with an option": (f"`{BUMP} --to 2`", {}, f"{BUMP} --to 2"),
    "the state says another task": (f"`{BUMP} --to 2`", {"state": TAG}, TAG),
    "an edit and a command": ("fix that, then `git commit -m x`; or not", {}, "fix that, then `git commit -m x`"),
    "both agree": ("fix that, then `git push`", {"state": "git push"}, "fix that, then `git push`"),
    # what shows what is missing
    "no hint": ("", {}, "release-channels doctor --index local"),
    "another program's words": ("fix your mother", {"is_foreign": True}, "release-channels doctor --index local"),
    # the same command, where nobody has to do anything
    "no answer": ("set another one", {"is_unanswered": True}, BUMP),
    "the hint says so": ("try it again later", {}, BUMP),
    # a request that is wrong itself
    "a wrong request": ("write it as in 1.3.0", {"usage": "--help bump", "state": TAG}, "--help bump"),
    "a right one": ("`release-channels bump --to 1.3.0`", {"usage": "--help bump"}, "release-channels bump --to 1.3.0"),
}  # fmt: skip


@pytest.mark.parametrize(("hint", "more", "expected"), AFTER.values(), ids=AFTER)
def test_what_comes_after_a_refusal(hint: str, more: dict[str, object], expected: str) -> None:
    """From the hint, the observed state and the kind of the error."""
    assert next_after_error(BUMP, hint, index="local", **more) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (f"{BUMP} --to 2 --dry-run", f"{BUMP} --to 2"),
        ("release-channels yank 1.0", "release-channels yank 1.0"),
        (f"{BUMP} --dry-run", ""),
    ],
)
def test_a_plan_is_followed_by_the_command_that_does_it(typed: str, expected: str) -> None:
    """Where it has no options of its own the state names it."""
    assert next_after_plan(typed) == expected


def test_a_wrong_option_is_corrected() -> None:
    """A user who asks for one thing is led to that, and not to the next step of the state."""
    hint = f"`{BUMP} --to 2`"
    assert next_after_error(f"{BUMP} --to 1", hint, index="local", state=TAG) == f"{BUMP} --to 2"


@pytest.mark.parametrize(("hint", "first"), [("set it: there", "set it"), ("`git push` does", "")])
def test_a_task_that_is_no_part_of_every_release_follows_its_own_hint(hint: str, first: str) -> None:
    """Whatever the state of the release is."""
    typed = "release-channels setup-publishing"
    expected = f"{first}, then `{typed}`" if first else "git push"
    assert next_after_error(typed, hint, index="local", state=TAG) == expected
    assert next_after_error(typed, "is it?", index="local", state=TAG) == TAG


WHY = {
    "another command": ("`release-channels bump` does", "nox -s preview", "no preview"),
    "what a person does": ("commit them first", "nox -s preview", "no preview"),
    "the same task": ("`nox -s preview -- --run-number 7`", "nox -s preview", ""),
    "what a person does comes first": ("commit them", "commit them, then `x`", ""),
    "no hint": ("", "nox -s preview", ""),
    "no command": ("`release-channels bump` does", "fix the version on main", ""),
    "another program's words": ("fatal: it is not there", "nox -s preview", ""),
}


@pytest.mark.parametrize(("hint", "following", "why"), WHY.values(), ids=WHY)
def test_what_comes_before_a_hint_says_why(hint: str, following: str, why: str) -> None:
    """Where the state names another command than the hint, both are on the screen."""
    command = following if " then " not in following else "nox -s preview"
    assert why_before(hint, following, NextStep(False, command, "no preview")) == why
    assert why_before(hint, following, None) == ""


def test_doctor_is_never_after_doctor() -> None:
    """It would be refused by the same thing."""
    typed = "release-channels doctor"
    assert next_after_error(typed, "", index="pypi") == "correct that, then `release-channels doctor`"
