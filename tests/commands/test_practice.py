"""Practice pushes nothing to GitHub, where a tag starts the release workflow."""

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


def redirect(repo: Repo, address: str = ADDRESS) -> None:
    """Set the remote to a GitHub URL that git redirects to the bare repository."""
    repo.git("remote", "set-url", "origin", address)
    repo.git("config", f"url.{repo.remote}.insteadOf", address)


def push_elsewhere(repo: Repo) -> None:
    """Fetch from a mirror, and push to GitHub."""
    repo.git("remote", "set-url", "--push", "origin", f"git@github.com:{NAME}.git")


def shorten(repo: Repo) -> None:
    """Write the URL in the user's own short form."""
    repo.git("remote", "set-url", "origin", f"gh:{NAME}")
    repo.git("config", "url.git@github.com:.insteadOf", "gh:")


ON_GITHUB = {
    "its address": (redirect, ""),
    "its address for pushing": (push_elsewhere, ""),
    "a short form": (shorten, ""),
    "an alias of ssh": (partial(redirect, address=f"work:{NAME}"), f'repository = "{NAME}"\n'),
}


@pytest.mark.parametrize(("make", "settings"), some_of(ON_GITHUB, "its address", "its address for pushing"))
def test_practice_pushes_no_tag_to_github(
    make_repo: MakeRepo, capsys: pytest.CaptureFixture[str], make: Callable[[Repo], None], settings: str
) -> None:
    """Also in a dry run; the hint contains the command that practises a whole release."""
    repo = make_repo(final(settings=settings))
    make(repo)
    before = repo.fingerprint()
    assert [tag(repo, dry_run=dry_run) for dry_run in (False, True)] == [1, 1]
    assert repo.fingerprint() == before
    printed = capsys.readouterr().err
    assert "the local index is for practice, and the tag v1.2.0 would be real: origin is on GitHub" in printed
    assert "nox -s rehearse" in printed


def test_practice_opens_no_pull_request(make_repo: MakeRepo, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --pull-request, bump and bump-dev write their files."""
    repo = make_repo(Sample())
    redirect(repo)
    before = repo.fingerprint()
    assert bump(repo, pull_request=True) == 1
    assert bump_dev(repo, to="1.4", pull_request=True) == 1
    assert repo.fingerprint() == before
    assert capsys.readouterr().err.count("the pull request would be real: origin is on GitHub") == 2
    assert bump(repo) == 0


def test_a_rehearsal_pushes_its_tag(make_repo: MakeRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    """GitHub's API is on this machine then."""
    repo = make_repo(final(settings='public-proof = "warn"\n'))
    redirect(repo)
    with on_github(repo, monkeypatch):
        assert tag(repo) == 0
    assert "refs/tags/v1.2.0" in repo.git("ls-remote", "origin")
