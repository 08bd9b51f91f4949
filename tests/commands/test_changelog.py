"""Symlinked changelogs: the target is read and written, the link stays."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.commands.doing import bump, tag
from tests.conftest import MakeRepo
from tests.support.projects import Sample

CHANGELOG = "# Changelog\n\n## Unreleased\n\n- Read the gauge.\n"


def test_bump_writes_the_target_of_a_linked_changelog(make_repo: MakeRepo, capsys: pytest.CaptureFixture[str]) -> None:
    """`tag` finds the section in the commit."""
    repo = make_repo(Sample(files={"docs/changes.md": CHANGELOG}))
    (repo.root / "CHANGELOG.md").symlink_to("docs/changes.md")
    repo.commit("link the changelog")
    assert bump(repo, commit=True) == 0
    today = datetime.now(UTC).date().isoformat()
    assert f"## 1.2.0 - {today}\n\n- Read the gauge.\n" in (repo.root / "docs/changes.md").read_text()
    assert (repo.root / "CHANGELOG.md").is_symlink()
    assert repo.git("show", "--name-only", "--format=", "HEAD").split() == ["docs/changes.md", "pyproject.toml"]
    repo.git("push", "--quiet")
    assert tag(repo, dry_run=True) == 0
    assert "docs/changes.md has a section for 1.2.0" in capsys.readouterr().err


def test_a_new_heading_without_a_link_is_a_warning(make_repo: MakeRepo, capsys: pytest.CaptureFixture[str]) -> None:
    """Older headings have links that no rule derives."""
    older = "\n## [1.1.0](https://forge.example.org/tide/gauge/milestone/7) - 2026-05-05\n\n- Old.\n"
    repo = make_repo(Sample(files={"CHANGELOG.md": CHANGELOG + older}))
    assert bump(repo, dry_run=True) == 0
    shown = " ".join(capsys.readouterr().err.split())
    assert "warning: CHANGELOG.md: the heading of 1.2.0 has no link" in shown


def test_a_changelog_outside_the_project_is_refused(make_repo: MakeRepo, capsys: pytest.CaptureFixture[str]) -> None:
    repo = make_repo(Sample())
    (repo.root.parent / "changes.md").write_text(CHANGELOG)
    (repo.root / "CHANGELOG.md").symlink_to("../changes.md")
    repo.commit("link the changelog")
    before = repo.fingerprint()
    assert bump(repo) == 1
    assert "CHANGELOG.md is a symbolic link" in capsys.readouterr().err
    assert repo.fingerprint() == before
    assert (repo.root.parent / "changes.md").read_text() == CHANGELOG
