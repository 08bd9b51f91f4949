"""Practice pushes nothing that is real: on GitHub a tag starts the release workflow, and people read a pull request."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from tests.commands.doing import bump, bump_dev, on_github, some_of, tag
from tests.commands.test_tag import final
from tests.conftest import MakeRepo
from tests.github.hubs import NAME
from tests.support.projects import Sample
from tests.support.repo import Repo

ADDRESS = f"https://github.com/{NAME}"


def lead(repo: Repo, address: str = ADDRESS) -> None:
    """Give the remote an address on GitHub that git takes to the bare repository, so that a push would arrive."""
    repo.git("remote", "set-url", "origin", address)
    repo.git("config", f"url.{repo.remote}.insteadOf", address)


def push_elsewhere(repo: Repo) -> None:
    """Read from a mirror, and push to GitHub."""
    repo.git("remote", "set-url", "--push", "origin", f"git@github.com:{NAME}.git")


def shorten(repo: Repo) -> None:
    """Write the address in the user's own short form."""
    repo.git("remote", "set-url", "origin", f"gh:{NAME}")
    repo.git("config", "url.git@github.com:.insteadOf", "gh:")


ON_GITHUB = {
    "its address": (lead, ""),
    "its address for pushing": (push_elsewhere, ""),
    "a short form": (shorten, ""),
    "an alias of ssh": (partial(lead, address=f"work:{NAME}"), f'repository = "{NAME}"\n'),
}


@pytest.mark.parametrize(("make", "settings"), some_of(ON_GITHUB, "its address", "its address for pushing"))
def test_no_tag_is_pushed_to_github_for_practice(
    make_repo: MakeRepo, capsys: pytest.CaptureFixture[str], make: Callable[[Repo], None], settings: str
) -> None:
    """However the remote is named; the refusal names what practises the whole release, and a dry run says the same."""
    repo = make_repo(final(settings=settings))
    make(repo)
    before = repo.fingerprint()
    assert [tag(repo, dry_run=dry_run) for dry_run in (False, True)] == [1, 1]
    assert repo.fingerprint() == before
    told = capsys.readouterr().err
    assert "the local index is for practice, and the tag v1.2.0 would be real: origin is on GitHub" in told
    assert "nox -s rehearse" in told


def test_no_pull_request_is_opened_for_practice(make_repo: MakeRepo, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither by bump nor by bump-dev; without --pull-request they write their files as ever."""
    repo = make_repo(Sample())
    lead(repo)
    before = repo.fingerprint()
    assert bump(repo, pull_request=True) == 1
    assert bump_dev(repo, to="1.4", pull_request=True) == 1
    assert repo.fingerprint() == before
    assert capsys.readouterr().err.count("the pull request would be real: origin is on GitHub") == 2
    assert bump(repo) == 0


def test_a_rehearsal_tags_its_own_github(make_repo: MakeRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where GitHub's API is on this machine, an address on GitHub leads nowhere else."""
    repo = make_repo(final(settings='public-proof = "warn"\n'))
    lead(repo)
    with on_github(repo, monkeypatch):
        assert tag(repo) == 0
    assert "refs/tags/v1.2.0" in repo.git("ls-remote", "origin")
