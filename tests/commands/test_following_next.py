"""A user who types what the last screen said after `next:` gets on: no refusal comes twice."""

from __future__ import annotations

import shlex
from collections.abc import Callable

import pytest

from tests.cli.screen import BIN, run
from tests.commands.doing import some_of
from tests.commands.test_next_step import NEXT
from tests.conftest import MakeRepo
from tests.support.distributions import make_sdist
from tests.support.projects import Sample
from tests.support.releasing import CHANGELOG, IGNORED, index_of, put_on_index, sample, tagged
from tests.support.repo import Repo

_STATUS = "release-channels status --index local"
_TAGS = """\
[build-system]
requires = ["setuptools", "setuptools-scm"]
build-backend = "setuptools.build_meta"

[project]
name = "demo-tool"
dynamic = ["version"]
description = "A sample."
readme = "README.md"
requires-python = ">=3.11"

[tool.setuptools_scm]
"""
_MOST = 8
"""No walk is longer."""


def from_tags(make_repo: MakeRepo) -> Repo:
    return make_repo(Sample(files={"pyproject.toml": _TAGS, "README.md": "# A sample\n", **IGNORED}))


def released_tag(make_repo: MakeRepo) -> Repo:
    repo = tagged(from_tags(make_repo), "v2.0.1")
    put_on_index(repo, "2.0.1")
    make_sdist(index_of(repo), version="2.0.1")
    return repo


def old_tag(make_repo: MakeRepo) -> Repo:
    """Adopted after a release that is on no index here, and not pushed yet."""
    files = {name: text for name, text in IGNORED.items() if name != "noxfile.py"}
    repo = tagged(make_repo(Sample(files={"pyproject.toml": _TAGS, "README.md": "# A sample\n", **files})), "v2.0.0")
    repo.commit("Adopt", {"noxfile.py": IGNORED["noxfile.py"], ".github/workflows/public-release.yml": "on: push\n"})
    return repo


UNRELEASED = "# Changelog\n\n## [Unreleased]\n\n- A thing.\n"


def old_tag_and_unreleased(make_repo: MakeRepo) -> Repo:
    """As before, with a changelog that has no section for the old tag, and one for what comes."""
    repo = old_tag(make_repo)
    repo.commit("log", {"CHANGELOG.md": UNRELEASED})
    return repo


def final_by_hand(make_repo: MakeRepo) -> Repo:
    """The version was edited, committed and pushed, and the changelog was not."""
    return make_repo(sample("1.2.0", CHANGELOG_md=CHANGELOG.replace("## [1.2.0] - 2026-01-02", "## [Unreleased]")))


def branch_with_more(make_repo: MakeRepo) -> Repo:
    repo = make_repo(sample("1.2.0", CHANGELOG_md=CHANGELOG))
    repo.git("switch", "--quiet", "--create", "feature")
    repo.commit("more")
    return repo


def no_remote(make_repo: MakeRepo) -> Repo:
    repo = make_repo(sample("1.2.0", CHANGELOG_md=CHANGELOG))
    repo.git("remote", "remove", "origin")
    return repo


def not_adopted(make_repo: MakeRepo) -> Repo:
    repo = make_repo(sample("1.2.0.dev0"))
    repo.git("rm", "--quiet", "noxfile.py")
    repo.commit("no sessions")
    repo.git("push", "--quiet", "origin", "main")
    return repo


def not_committed(make_repo: MakeRepo) -> Repo:
    repo = not_adopted(make_repo)
    repo.write({"noxfile.py": IGNORED["noxfile.py"]})
    return repo


def next_by_changelog(make_repo: MakeRepo) -> Repo:
    """A later version than the one after the newest tag is written into the changelog."""
    repo = released_tag(make_repo)
    log = "# Changelog\n\n## [Unreleased]\n\n- A thing.\n\n## [2.0.1] - 2026-01-02\n\n- Old.\n"
    repo.commit("more", {"CHANGELOG.md": log})
    repo.git("push", "--quiet", "origin", "main")
    put_on_index(repo, "2.0.2.dev1")
    screen = run(BIN / "release-channels", "bump", "--to", "2.1.0", "--index", "local", cwd=repo.root)
    assert screen.code == 0, screen.text
    return repo


def below_the_index(make_repo: MakeRepo) -> Repo:
    """The newest releases were tagged on a branch of their own."""
    repo = tagged(from_tags(make_repo), "v2.0.1")
    put_on_index(repo, "2.0.1", "2.1.0")
    make_sdist(index_of(repo), version="2.0.1")
    repo.commit("more")
    repo.git("push", "--quiet", "origin", "main")
    return repo


WALKS: dict[str, tuple[Callable[[MakeRepo], Repo], list[str]]] = {
    "tags, right after a release": (released_tag, ["commit and push the next change"]),
    "tags, an old one, and what was adopted is here": (old_tag, ["git push origin main", "nox -s preview"]),
    "tags, an old one without a section": (old_tag_and_unreleased, ["git push origin main", "nox -s preview"]),
    "tags, and main is below the index": (
        below_the_index,
        ["release-channels tag --version 2.1.1 --index local", "release-channels resume v2.1.1 --index local"],
    ),
    "tags, and a version that was named": (
        next_by_changelog,
        [
            "git commit --message 'Release 2.1.0' -- CHANGELOG.md",
            "git push origin main",
            "release-channels tag --version 2.1.0 --index local",
            "release-channels resume v2.1.0 --index local",
        ],
    ),
    "a final made by hand": (
        final_by_hand,
        [
            "release-channels bump --index local",
            "git commit --message 'Release 1.2.0' -- CHANGELOG.md",
            "git push origin main",
            "release-channels tag --index local",
            "release-channels resume v1.2.0 --index local",
        ],
    ),
    "a final on main, and a branch with more": (
        branch_with_more,
        [
            "release-channels tag --index local",
            "release-channels tag --commit origin/main --index local",
            "release-channels resume v1.2.0 --index local",
        ],
    ),
    "no remote": (no_remote, ["add the remote that the tag is pushed to: `git remote add origin URL`"]),
    "not adopted": (not_adopted, ["release-channels init"]),
    "adopted, and not committed": (not_committed, ["release-channels init --commit"]),
}
_ENDS = ("nox", "release-channels resume", "release-channels init", "commit and push", "add the remote")
"""Where a walk ends: what takes long, and what a person does."""


@pytest.mark.parametrize(
    ("make", "expected"),
    some_of(WALKS, "tags, right after a release", "tags, an old one without a section", "a final made by hand"),
)
def test_what_a_screen_says_after_next_leads_on(
    make_repo: MakeRepo, offline: None, make: Callable[[MakeRepo], Repo], expected: list[str]
) -> None:
    """From status, through every command of the release; git's own commands are followed by status."""
    repo, said = make(make_repo), _STATUS
    met: list[str] = []
    while len(met) < _MOST and not said.startswith(_ENDS):
        program, *words = shlex.split(said)
        if program == "git":
            repo.git(*words)
            program, *words = shlex.split(_STATUS)
        screen = run(BIN / program, *words, cwd=repo.root)
        (said,) = NEXT.findall(screen.text)
        assert said not in met, screen.text
        met.append(said)
    assert met == expected
