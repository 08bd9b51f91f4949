"""Which workflows an event starts, as GitHub's documentation of `on:` decides it."""

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
    """A push to a ref, and the files that it changes where a filter asks for them."""
    return Event("push", ref, "a" * 40, files=files or None)


def ended(name: str = "test", branch: str | None = "main", action: str = "completed") -> Event:
    """The end of a run."""
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
        ended(),
        False,
    ),
    "a run on a branch taken back": (
        "{workflow_run: {workflows: [test], branches: ['**', '!main']}}",
        ended(),
        False,
    ),
    "a run of one by a pattern": ("{workflow_run: {workflows: ['t?est', 'te*']}}", ended(), True),
    "a run of one taken back": ("{workflow_run: {workflows: ['*', '!test']}}", ended(), False),
    "an empty filter": ("{push: }", MAIN, True),
    "a run that is followed": (FOLLOWS, ended(), True),
    "a run of another workflow": (FOLLOWS, ended("lint"), False),
    "a run on another branch": (FOLLOWS, ended(branch="side"), False),
    "a run that has begun": (FOLLOWS, ended(action="requested"), False),
    "a run without a branch": (FOLLOWS, ended(branch=None), False),
    "by hand": ("workflow_dispatch", Event("workflow_dispatch", "refs/heads/main", "a" * 40), True),
}


@pytest.mark.parametrize(("on", "event", "expected"), STARTED.values(), ids=STARTED)
def test_an_event_starts_what_names_it(on: str, event: Event, expected: bool) -> None:
    """Filters of branches, tags, workflows and types are obeyed."""
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
def test_many_tags_of_one_push_start_nothing(pushed: tuple[str, ...], announced: tuple[str, ...]) -> None:
    """GitHub makes no event for tags where more than three are pushed at once; branches are not concerned."""
    assert announced_refs(pushed) == announced


def test_a_long_diff_is_not_read_to_its_end() -> None:
    """A file that a filter names starts nothing where 300 others come before it."""
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
    """The cheat sheet's signs mean here what they mean there."""
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
def test_a_run_is_called_as_its_file_says(name: str, expected: str) -> None:
    """The gate's run of a commit is found by its title alone."""
    assert title_of(name, CONTEXTS, "otherwise") == expected


@pytest.mark.parametrize("expression", ["format('{0}', github.sha)", "github.sha && 'x'", "secrets.A", "github['sha']"])
def test_an_expression_that_is_not_worked_out_is_refused(expression: str) -> None:
    """A title that came out wrong would hide a run."""
    with pytest.raises(RefusedError, match="unsupported expression in run-name"):
        title_of(f"x ${{{{ {expression} }}}}", CONTEXTS, "otherwise")
