"""After a refusal: what a person does first, or another command, and never the refused command alone."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from release_channels import tasks
from tests.cli.screen import BIN, run
from tests.commands.doing import bump, on_index, run_task, some_of, tag
from tests.commands.test_next_step import NEXT
from tests.conftest import MakeRepo
from tests.support.projects import Sample
from tests.support.releasing import IGNORED, put_on_index
from tests.support.repo import Repo

LOG = "# Changelog\n\n## [Unreleased]\n\n- A thing.\n\n## [1.1.0] - 2025-01-02\n\n- Old.\n"
EMPTY = LOG.replace("- A thing.\n", "")


def previewed(make_repo: MakeRepo, **files: str) -> Repo:
    """A dev line of which a preview is on the index."""
    texts: dict[str, str | bytes] = {name.replace("_", "."): text for name, text in files.items()}
    repo = make_repo(Sample(files={"CHANGELOG.md": LOG, ".gitignore": ".release-channels/\n", **texts}))
    put_on_index(repo, "1.2.0.dev1")
    return repo


def final(make_repo: MakeRepo, log: str = LOG.replace("Unreleased", "1.2.0")) -> Repo:
    return make_repo(Sample(version="1.2.0", files={"CHANGELOG.md": log, ".gitignore": ".release-channels/\n"}))


def changed(repo: Repo, **files: str) -> Repo:
    repo.write({name.replace("_", "."): text for name, text in files.items()})
    return repo


def pushed(repo: Repo, files: dict[str, str | bytes]) -> Repo:
    repo.commit("more", files)
    repo.git("push", "--quiet", "origin", "main")
    return repo


def unconnected(repo: Repo) -> Repo:
    repo.git("remote", "remove", "origin")
    return repo


def typed(repo: Repo, *words: str) -> int:
    """Run a task from a command line, of which the next step depends, and print its screen."""
    screen = run(BIN / "release-channels", *words, "--index", "local", cwd=repo.root)
    sys.stderr.write(screen.err)
    return screen.code


def released(make_repo: MakeRepo) -> Repo:
    repo = previewed(make_repo)
    on_index(repo, "1.1.0")
    return repo


HELP = "release-channels --help"
B, T, LOCAL = "release-channels bump", "release-channels tag", "--index local"
AGAIN = f"then `{B} {LOCAL}`"
REFUSALS: dict[str, tuple[Callable[[MakeRepo], Repo], Callable[[Repo], int], str]] = {
    "an unlisted copy": (
        lambda make: previewed(make, CITATION_cff="cff-version: 1.2.0\nversion: 1.1.0\n"), bump,
        f"list it in pyproject.toml, {AGAIN}",
    ),
    "an empty changelog": (
        lambda make: previewed(make, CHANGELOG_md=EMPTY), bump, f"write the changes in 1.2.0 into CHANGELOG.md, {AGAIN}"
    ),
    "a broken pyproject.toml": (
        lambda make: changed(previewed(make), pyproject_toml="[project\n"), bump,
        f"correct that place in the file, {AGAIN}",
    ),
    "begun in the same file": (
        lambda make: changed(previewed(make), CHANGELOG_md=f"{LOG}More.\n"), lambda repo: bump(repo, commit=True),
        f"commit or stash them first, {AGAIN}",
    ),
    "no GitHub for a pull request": (
        previewed, lambda repo: bump(repo, pull_request=True),
        f"set repository in [tool.release-channels], or use --commit and push by hand, {AGAIN}",
    ),
    "a version that is taken": (
        released, lambda repo: typed(repo, "bump", "--to", "1.1.0"), f"{B} --to 1.1.1 {LOCAL}"
    ),
    "a dev line that is taken": (
        released, lambda repo: typed(repo, "bump-dev", "--to", "1.0.0"), f"release-channels bump-dev --to 1.1.1 {LOCAL}"
    ),
    "another version than the commit's": (
        final, lambda repo: typed(repo, "tag", "--version", "9.9"), f"{B} --to 9.9 {LOCAL}"
    ),
    "no version to tag": (final, lambda repo: tag(repo, version="x"), "release-channels --help tag"),
    "a page in place of a directory": (
        previewed, lambda repo: run_task(repo.root, tasks.status, html="src", index="local"),
        f"name a file instead of a directory, then `release-channels status {LOCAL}`",
    ),
    "a set-up of the local index": (
        previewed, lambda repo: run_task(repo.root, tasks.setup_publishing, index="local"), f"{HELP} setup-publishing"
    ),
    "two ways to say which version": (previewed, lambda repo: bump(repo, to="1.3.0", part="minor"), f"{HELP} bump"),
    "no version to yank": (
        previewed, lambda repo: run_task(repo.root, tasks.yank, version="x", index="local"), f"{HELP} yank"
    ),
    "a check that writes": (
        previewed, lambda repo: run_task(repo.root, tasks.init, check=True, update=True), f"{HELP} init"
    ),
    "a page in no directory": (
        previewed, lambda repo: run_task(repo.root, tasks.status, html="no/page.html", index="local"),
        f"name a file in a directory that is there, then `release-channels status {LOCAL}`",
    ),
    "no version": (previewed, lambda repo: bump(repo, to="x"), "release-channels --help bump"),
    "a dirty tree": (
        lambda make: changed(final(make), notes_txt="x"), tag,
        f"commit or stash what is uncommitted, then `{T} {LOCAL}`",
    ),
    "a setting that is corrected, and not committed": (
        lambda make: changed(
            pushed(previewed(make), {"pyproject.toml": "[project\n"}),
            pyproject_toml=str(Sample().tree()["pyproject.toml"]),
        ),
        bump, f"commit what corrects that in the working tree, {AGAIN}",
    ),
    "a misspelt setting": (
        lambda make: changed(
            final(make),
            pyproject_toml=str(Sample(version="1.2.0").tree()["pyproject.toml"])
            + "\n[tool.release-channels]\nmain-brunch = 'x'\n",
        ),
        bump, f"correct that, {AGAIN}",
    ),
    "a tag without a remote": (
        lambda make: unconnected(final(make)), tag,
        "add the remote that the tag is pushed to: `git remote add origin URL`",
    ),
    "no section in the changelog": (lambda make: final(make, EMPTY), tag, f"{B} {LOCAL}"),
    "code after the version": (
        lambda make: pushed(final(make), {"src/demo_tool/more.py": ""}), tag, f"{T} --commit HEAD {LOCAL}"
    ),
    "a tag without its format": (
        previewed, lambda repo: run_task(repo.root, tasks.resume, tag="0.3.1", index="local"),
        f"release-channels resume v0.3.1 {LOCAL}",
    ),
    "not a tag": (
        previewed, lambda repo: run_task(repo.root, tasks.resume, tag="x", index="local"),
        "release-channels --help resume",
    ),
    "a set-up without GitHub": (
        lambda make: make(Sample(urls="")), lambda repo: run_task(repo.root, tasks.setup_publishing),
        'set `repository = "owner/name"` in [tool.release-channels], or add the remote, '
        "then `release-channels setup-publishing`",
    ),
    "a status that cannot be read": (
        lambda make: pushed(previewed(make), {"pyproject.toml": "[project\n"}),
        lambda repo: run_task(repo.root, tasks.status, index="local"),
        "correct that place in the file, then `release-channels status --index local`",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("make", "command", "expected"), some_of(REFUSALS, "an empty changelog", "a dirty tree", "a tag without its format")
)
def test_a_refusal_names_what_comes_first(
    make_repo: MakeRepo,
    capsys: pytest.CaptureFixture[str],
    make: Callable[[MakeRepo], Repo],
    command: Callable[[Repo], int],
    expected: str,
) -> None:
    """On its last line; nothing moves."""
    repo = make(make_repo)
    before = repo.fingerprint()
    capsys.readouterr()
    assert command(repo) != 0
    said = capsys.readouterr()
    assert NEXT.findall(said.out + said.err) == [expected]
    assert repo.fingerprint() == before


def test_a_hint_that_comes_later_is_followed_by_what_comes_before_it(
    make_repo: MakeRepo, capsys: pytest.CaptureFixture[str]
) -> None:
    """The refused `tag` names `bump`, and the state a preview: both are named, with the reason."""
    repo = make_repo(Sample(files={"CHANGELOG.md": LOG, **IGNORED}))
    before = repo.fingerprint()
    assert tag(repo) == 1
    lines = capsys.readouterr().err.splitlines()
    assert "`release-channels bump --index local` writes 1.2.0" in lines[-3]
    assert not any("is free" in line for line in lines)  # nobody would take the name of a dev release
    assert not any("tag v1.2.0.dev0 on" in line for line in lines)
    assert not any("GitHub …" in line for line in lines)  # the remote is a directory
    assert lines[-2:] == ["  before that: 1 commit on main is in no preview", "next: nox -s preview"]
    assert repo.fingerprint() == before


def test_a_remote_without_a_default_branch_gets_one_by_the_next_command(
    make_repo: MakeRepo, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bare directory that was made before any branch may have none."""
    repo = final(make_repo)
    repo.git(f"--git-dir={repo.remote}", "symbolic-ref", "HEAD", "refs/heads/gone")
    before = repo.fingerprint()
    capsys.readouterr()
    assert tag(repo) == 1
    (said,) = NEXT.findall(capsys.readouterr().err)
    assert said == f"git --git-dir={repo.remote} symbolic-ref HEAD refs/heads/main"
    assert repo.fingerprint() == before
    repo.git(*said.split()[1:])
    assert tag(repo) == 0


PLANS = {
    "bump-dev": ("bump-dev --to 1.4.0 --dry-run", "bump-dev --to 1.4.0"),
    "bump": ("bump --dry-run --to 1.4.0", "bump --to 1.4.0"),
    "for all tasks": ("-R bump --to 1.4.0", "bump --to 1.4.0"),
    "yank": ("yank 1.1.0", "yank 1.1.0"),
}


@pytest.mark.parametrize(("planned", "done"), some_of(PLANS, "bump-dev", "yank"))
def test_after_a_plan_the_same_command_does_it(make_repo: MakeRepo, planned: str, done: str) -> None:
    """With its options, and without the one that kept it from being done."""
    repo = released(make_repo)
    before = repo.fingerprint()
    screen = run(BIN / "release-channels", *planned.split(), *LOCAL.split(), cwd=repo.root)
    assert (screen.code, NEXT.findall(screen.text)) == (0, [f"release-channels {done} {LOCAL}"])
    assert repo.fingerprint() == before


BROKEN_SETTINGS: dict[str, str | bytes] = {"pyproject.toml": "[project\n"}
SESSIONS: dict[str, tuple[dict[str, str | bytes], tuple[str, ...], str]] = {
    "a status that cannot be read": (
        BROKEN_SETTINGS, ("-s", "preview", "--", "--run-number", "7"),
        "correct that place in the file, then `nox -s preview -- --run-number 7`",
    ),
    "a step that needs a final": ({}, ("-s", "github-release"), f"{B} {LOCAL}"),
}  # fmt: skip


@pytest.mark.full
@pytest.mark.parametrize(("files", "words", "expected"), SESSIONS.values(), ids=SESSIONS)
def test_a_refused_session_names_what_comes_first(
    make_repo: MakeRepo, files: dict[str, str | bytes], words: tuple[str, ...], expected: str
) -> None:
    """With the options that were typed, or with the index in use."""
    noxfile = "import nox\n\nfrom release_channels import sessions\n\nsessions.register(nox)\n"
    repo = make_repo(Sample(files={"noxfile.py": noxfile}))
    if files:
        pushed(repo, files)
    screen = run(BIN / "nox", *words, cwd=repo.root, env={"NOX_SCRIPT_MODE": "none"})
    assert (screen.code, NEXT.findall(screen.text)) == (1, [expected])
