"""Which workflows an event starts, by GitHub's documentation of `on:`."""

from __future__ import annotations

from typing import Any

import pytest

from release_channels.errors import RefusedError
from release_channels.model.workflow_semantics.file import read_workflow
from release_channels.model.workflow_semantics.patterns import matches
from release_channels.model.workflow_semantics.triggers import Event, announced_refs, is_started
from release_channels.rehearsal.actions.run_name import title_of
from release_channels.rehearsal.actions.workflow import parse_workflow

JOBS = "jobs:\n  one:\n    runs-on: x\n    steps:\n      - run: 'true'\n"


def push(ref: str, *files: str) -> Event:
    """Build a push to a ref, with changed files where a filter needs them."""
    return Event("push", ref, "a" * 40, files=files or None)


def run_ended(name: str = "test", branch: str | None = "main", action: str = "completed") -> Event:
    """Build the event of a run that ended."""
    run: dict[str, Any] = {"name": name, "head_branch": branch}
    return Event("workflow_run", "refs/heads/main", "a" * 40, {"action": action, "workflow_run": run})


MAIN, SIDE, TAG = push("refs/heads/main"), push("refs/heads/side"), push("refs/tags/v1.0")
FOLLOWS = "{workflow_run: {workflows: [test], types: [completed], branches: [main]}}"
STARTED = {
    "any push": ("push", MAIN, True),
    "any push, a tag": ("push", TAG, True),
    "in a list": ("[push, pull_request]", MAIN, True),
    "another event": ("pull_request", MAIN, False),
    "the branch": ("{push: {branches: [main]}}", MAIN, True),
    "another branch": ("{push: {branches: [main]}}", SIDE, False),
    "branches alone leave tags out": ("{push: {branches: [main]}}", TAG, False),
    "tags alone leave branches out": ("{push: {tags: ['v[0-9]*']}}", MAIN, False),
    "the tag": ("{push: {tags: ['v[0-9]*']}}", TAG, True),
    "another tag": ("{push: {tags: ['v[0-9]*']}}", push("refs/tags/very"), False),
    "both, a branch": ("{push: {branches: [main], tags: [v*]}}", MAIN, True),
    "ignored": ("{push: {branches-ignore: [side]}}", SIDE, False),
    "not ignored": ("{push: {branches-ignore: [side]}}", MAIN, True),
    "both filters of branches, which GitHub refuses": (
        "{push: {branches: [main], branches-ignore: [side]}}",
        MAIN,
        False,
    ),
    "a branch taken back": ("{push: {branches: ['**', '!main']}}", MAIN, False),
    "a branch given again": ("{push: {branches: ['!main', '**']}}", MAIN, True),
    "another branch taken back": ("{push: {branches: ['**', '!side']}}", MAIN, True),
    "nothing but taken back": ("{push: {branches: ['!side']}}", MAIN, False),
    "ignored by a pattern": ("{push: {branches-ignore: ['m*']}}", MAIN, False),
    "an ignored branch leaves tags out": ("{push: {branches-ignore: [side]}}", TAG, False),
    "an ignored tag": ("{push: {tags-ignore: ['v*']}}", TAG, False),
    "another tag than the ignored": ("{push: {tags-ignore: ['w*']}}", TAG, True),
    "an ignored tag leaves branches out": ("{push: {tags-ignore: ['w*']}}", MAIN, False),
    "a path": ("{push: {paths: ['src/**']}}", push("refs/heads/main", "README.md", "src/a/b.py"), True),
    "another path": ("{push: {paths: ['src/**']}}", push("refs/heads/main", "README.md"), False),
    "a path taken back": (
        "{push: {paths: ['src/**', '!src/docs/**']}}",
        push("refs/heads/main", "src/docs/a.md"),
        False,
    ),
    "a path and another branch": (
        "{push: {branches: [side], paths: ['src/**']}}",
        push("refs/heads/main", "src/a.py"),
        False,
    ),
    "all paths ignored": (
        "{push: {paths-ignore: ['*.md', docs/**]}}",
        push("refs/heads/main", "README.md", "docs/a/b.md"),
        False,
    ),
    "a path that is not ignored": (
        "{push: {paths-ignore: ['*.md']}}",
        push("refs/heads/main", "README.md", "docs/a.md"),
        True,
    ),
    "no path changed": (
        "{push: {paths-ignore: ['*.md']}}",
        Event("push", "refs/heads/main", "a" * 40, files=()),
        False,
    ),
    "no path changed, and none asked": ("push", Event("push", "refs/heads/main", "a" * 40, files=()), True),
    "a tag has no paths": ("{push: {paths: ['src/**']}}", push("refs/tags/v1.0", "README.md"), True),
    "a tag, filters of both": ("{push: {tags: ['v*'], paths: ['src/**']}}", push("refs/tags/v1.0", "README.md"), True),
    "a run on an ignored branch": (
        "{workflow_run: {workflows: [test], branches-ignore: [main]}}",
        run_ended(),
        False,
    ),
    "a run on a branch taken back": (
        "{workflow_run: {workflows: [test], branches: ['**', '!main']}}",
        run_ended(),
        False,
    ),
    "a run of one by a pattern": ("{workflow_run: {workflows: ['t?est', 'te*']}}", run_ended(), True),
    "a run of one taken back": ("{workflow_run: {workflows: ['*', '!test']}}", run_ended(), False),
    "an empty filter": ("{push: }", MAIN, True),
    "a run that is followed": (FOLLOWS, run_ended(), True),
    "a run of another workflow": (FOLLOWS, run_ended("lint"), False),
    "a run on another branch": (FOLLOWS, run_ended(branch="side"), False),
    "a run that has begun": (FOLLOWS, run_ended(action="requested"), False),
    "a run without a branch": (FOLLOWS, run_ended(branch=None), False),
    "by hand": ("workflow_dispatch", Event("workflow_dispatch", "refs/heads/main", "a" * 40), True),
}


@pytest.mark.parametrize(("on", "event", "expected"), STARTED.values(), ids=STARTED)
def test_an_event_starts_the_workflows_that_match(on: str, event: Event, expected: bool) -> None:
    """Filters of branches, tags, workflows and types apply."""
    workflow = parse_workflow(".github/workflows/one.yml", f"name: one\non: {on}\n{JOBS}")
    assert is_started(workflow.on, event) is expected


TAGS = tuple(f"refs/tags/v{number}" for number in range(4))


@pytest.mark.parametrize(
    ("pushed", "announced"),
    [
        pytest.param(TAGS[:1], TAGS[:1], id="one"),
        pytest.param(TAGS[:3], TAGS[:3], id="three"),
        pytest.param(TAGS, (), id="four"),
        pytest.param(("refs/heads/main", *TAGS), ("refs/heads/main",), id="four and a branch"),
        pytest.param(("refs/heads/main", *TAGS[:3]), ("refs/heads/main", *TAGS[:3]), id="three and a branch"),
    ],
)
def test_a_push_of_more_than_three_tags_starts_nothing(pushed: tuple[str, ...], announced: tuple[str, ...]) -> None:
    """GitHub sends no event for them; branches are not affected."""
    assert announced_refs(pushed) == announced


def test_path_filters_read_the_first_300_files() -> None:
    """A match after them starts nothing."""
    files = [f"docs/{number}.md" for number in range(300)]
    on = read_workflow("on: {push: {paths: ['src/**']}}", "one.yml")["on"]
    assert not is_started(on, push("refs/heads/main", *files, "src/a.py"))
    assert is_started(on, push("refs/heads/main", *files[1:], "src/a.py"))


PATTERNS = {
    "star stops at a slash": ("releases/1", ("*",), False),
    "two stars do not": ("releases/1", ("**",), True),
    "a later pattern takes back": ("releases/1", ("releases/**", "!releases/1"), False),
    "and gives again": ("releases/1", ("releases/**", "!releases/**", "releases/1"), True),
    "a question mark": ("v", ("va?",), True),
    "a plus": ("v11", ("v1+",), True),
    "a set": ("v1", ("v[0-9]",), True),
    "an escaped plus": ("C++", (r"C\+\+",), True),
    "escaped brackets": ("[py] t", (r"\[py\] t",), True),
    "brackets": ("[py] t", ("[py] t",), False),
    "nothing to repeat": ("+", ("+",), False),
    "a dot is a dot": ("v1x0", ("v1.0",), False),
    "directories before a name": ("a/b/README.md", ("**/README.md",), True),
    "no directory before a name": ("README.md", ("**/README.md",), True),
    "directories between": ("docs/README.md", ("docs/**/*.md",), True),
    "two stars and more of a name": ("my-src/code/app.js", ("**/*src/**",), True),
    "any name that ends so": ("js/index.js", ("**.js",), True),
    "one star and a directory": ("js/index.js", ("*.js",), False),
    "nothing": ("main", (), False),
}


@pytest.mark.parametrize(("name", "patterns", "expected"), PATTERNS.values(), ids=PATTERNS)
def test_patterns_match_as_documented(name: str, patterns: tuple[str, ...], expected: bool) -> None:
    """By the filter pattern cheat sheet."""
    assert matches(name, patterns) is expected


CONTEXTS = {"github": {"event": {"workflow_run": {"id": 7, "head_sha": "abc"}}, "sha": "def"}, "inputs": {}}
TITLES = {
    "none": ("", "otherwise"),
    "a path": ("gate of ${{ github.event.workflow_run.head_sha || github.sha }}", "gate of abc"),
    "the second": ("${{ github.event.nothing.at.all || github.sha }}", "def"),
    "a literal": ("run ${{ github.event.none || 'it''s none' }}", "run it's none"),
    "a number": ("${{ github.event.workflow_run.id }}", "7"),
    "folded": ("one\n  ${{ github.sha }}\n", "one def"),
    "empty": ("do ${{ inputs.do }}", "do"),
}


@pytest.mark.parametrize(("name", "expected"), TITLES.values(), ids=TITLES)
def test_a_run_name_is_evaluated_from_its_file(name: str, expected: str) -> None:
    """The gate's run of a commit is found by its title."""
    assert title_of(name, CONTEXTS, "otherwise") == expected


@pytest.mark.parametrize("expression", ["format('{0}', github.sha)", "github.sha && 'x'", "secrets.A", "github['sha']"])
def test_an_unsupported_run_name_expression_is_refused(expression: str) -> None:
    """A wrong title would hide a run."""
    with pytest.raises(RefusedError, match="unsupported expression in run-name"):
        title_of(f"x ${{{{ {expression} }}}}", CONTEXTS, "otherwise")
