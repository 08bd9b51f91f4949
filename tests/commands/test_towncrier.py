"""Changelogs from news fragments: bump runs towncrier on a copy, shows the diff, then writes."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from datetime import UTC, datetime

import pytest
from packaging.version import Version

from release_channels.adapters.edits import apply_edits
from release_channels.cli.context import open_context
from release_channels.commands.towncrier import plan_news
from release_channels.errors import RefusedError
from release_channels.project.edit import Creation, Edit
from release_channels.project.pyproject import News
from tests.commands.doing import bump, hook, some_of, tag
from tests.conftest import MakeRepo
from tests.support.projects import Sample
from tests.support.repo import Repo

CONFIGURED = '[tool.towncrier]\nname = "demo-tool"\ndirectory = "news"\nfilename = "{}"\nissue_format = "#{{issue}}"\n'
FRAGMENTS: dict[str, str | bytes] = {
    "news/1.feature": "A way out.\n",
    "news/2.bugfix": "No way back.\n",
    "news/.gitkeep": "",
}


def project(make_repo: MakeRepo, name: str, old: str, **more: str | bytes) -> Repo:
    return make_repo(Sample(tail=CONFIGURED.format(name), files={**FRAGMENTS, name: old, **more}))


CHANGELOGS = {
    "NEWS.rst": "demo-tool 1.1.0 (2026-01-02)\n============================\n\nOld.\n",
    "NEWS.md": "# demo-tool 1.1.0 (2026-01-02)\n\nOld.\n",
}


@pytest.mark.parametrize(("name", "old"), CHANGELOGS.items(), ids=CHANGELOGS)
def test_fragments_become_the_changelog_section(
    make_repo: MakeRepo, name: str, old: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """News file and deleted fragments are in one commit, after the diff."""
    repo = project(make_repo, name, old)
    assert bump(repo, commit=True) == 0
    today = datetime.now(UTC).date().isoformat()
    written = (repo.root / name).read_text()
    assert f"demo-tool 1.2.0 ({today})" in written
    assert "A way out. (#1)" in written
    assert written.endswith(old)
    changed = repo.git("show", "--name-status", "--format=", "HEAD").split("\n")
    assert changed == [f"M\t{name}", "D\tnews/1.feature", "D\tnews/2.bugfix", "M\tpyproject.toml"]
    assert repo.git("status", "--porcelain") == ""
    said, shown = capsys.readouterr()
    assert "+++ /dev/null" in shown
    assert f"+++ b/{name}" in shown
    assert f"becomes 1.2.0 in pyproject.toml, {name}, and 2 news fragments are removed, commit " in said


def test_a_package_that_cannot_be_imported_names_the_section(
    make_repo: MakeRepo, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without [project] towncrier would import it for its name alone, and its dependencies are not installed here."""
    build = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
    tail = '[tool.towncrier]\npackage_dir = "src"\npackage = "demo_tool"\nfilename = "NEWS.md"\ndirectory = "news"\n'
    cfg = "[metadata]\nname = demo-tool\nversion = attr: demo_tool.__version__\n"
    module = 'import not_installed_here\n\n__version__ = "1.2.0.dev0"\n'
    repo = make_repo(Sample(files={**FRAGMENTS, "NEWS.md": ""}))
    repo.commit("setup.cfg", {"pyproject.toml": build + tail, "setup.cfg": cfg, "src/demo_tool/__init__.py": module})
    assert bump(repo) == 0, capsys.readouterr().err
    assert (repo.root / "NEWS.md").read_text().startswith("# Demo_Tool 1.2.0 (")


MIXED_TITLES = {
    "rst": ("NEWS.rst", "History\n=======\n\n1.1.0 (2026-01-02)\n------------------\n\nOld.\n"),
    "md": ("NEWS.md", "# History\n\n<!-- towncrier release notes start -->\n\n## 1.1.0 (2026-01-02)\n\nOld.\n"),
}


@pytest.mark.parametrize(("name", "old"), some_of(MIXED_TITLES, "md"))
def test_a_news_file_with_mixed_title_levels_is_refused(
    make_repo: MakeRepo, name: str, old: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The release's section would contain all of history."""
    repo = project(make_repo, name, old)
    before = repo.fingerprint()
    assert bump(repo, commit=True) == 1
    shown = capsys.readouterr().err
    assert f"the edit of {name} would break the section 1.1.0 (2026-01-02)" in shown
    assert "title_format" in shown
    assert repo.fingerprint() == before


def test_a_title_without_a_version_is_refused(make_repo: MakeRepo, capsys: pytest.CaptureFixture[str]) -> None:
    """`tag` would not find the section."""
    tail = CONFIGURED.format("NEWS.md") + 'title_format = "## Changes"\n'
    repo = make_repo(Sample(tail=tail, files={**FRAGMENTS, "NEWS.md": ""}))
    before = repo.fingerprint()
    assert bump(repo, commit=True) == 1
    assert "NEWS.md without a recognizable section for 1.2.0" in " ".join(capsys.readouterr().err.split())
    assert repo.fingerprint() == before


def test_the_target_of_a_linked_news_file_is_written(make_repo: MakeRepo) -> None:
    """The link stays."""
    repo = project(make_repo, "docs/news.md", CHANGELOGS["NEWS.md"])
    configured = (repo.root / "pyproject.toml").read_text()
    repo.write({"pyproject.toml": configured.replace('"docs/news.md"', '"NEWS.md"')})
    (repo.root / "NEWS.md").symlink_to("docs/news.md")
    repo.commit("link the news file")
    assert bump(repo, commit=True) == 0
    assert (repo.root / "NEWS.md").is_symlink()
    assert "A way out. (#1)" in (repo.root / "docs/news.md").read_text()


def test_a_dry_run_shows_the_section_and_writes_nothing(
    make_repo: MakeRepo, capsys: pytest.CaptureFixture[str]
) -> None:
    """towncrier works on a copy."""
    repo = project(make_repo, "NEWS.md", CHANGELOGS["NEWS.md"])
    before = repo.fingerprint()
    assert bump(repo, dry_run=True) == 0
    assert repo.fingerprint() == before
    assert "A way out. (#1)" in capsys.readouterr().err


def test_an_uncommitted_fragment_is_left_out(make_repo: MakeRepo, capsys: pytest.CaptureFixture[str]) -> None:
    """With a warning."""
    repo = project(make_repo, "NEWS.md", CHANGELOGS["NEWS.md"])
    repo.write({"news/3.feature": "A secret.\n", "news/README.md": "How to.\n", "news/.swp.x": ""})
    assert bump(repo, commit=True) == 0
    assert "not in the section, since git does not track them: news/3.feature\n" in capsys.readouterr().err
    assert "A secret" not in (repo.root / "NEWS.md").read_text()
    assert (repo.root / "news/3.feature").exists()


def test_a_broken_template_is_reported_in_towncriers_words(
    make_repo: MakeRepo, capsys: pytest.CaptureFixture[str]
) -> None:
    """No file changes."""
    repo = make_repo(
        Sample(
            tail=CONFIGURED.format("NEWS.md") + 'template = "broken.jinja"\n',
            files={**FRAGMENTS, "NEWS.md": "", "broken.jinja": "{% if"},
        )
    )
    before = repo.fingerprint()
    assert bump(repo) == 1
    assert repo.fingerprint() == before
    shown = capsys.readouterr().err
    assert "towncrier could not write the section for 1.2.0" in shown
    assert "TemplateSyntaxError" in shown


CREATED = {"one for all": ("NEWS.md", ""), "one for each": ("news/{version}.rst", "single_file = false\n")}


@pytest.mark.parametrize(("file", "more"), some_of(CREATED, "one for all"))
def test_a_missing_news_file_is_created(
    make_repo: MakeRepo, capsys: pytest.CaptureFixture[str], file: str, more: str
) -> None:
    """In the same commit; `tag` finds its section."""
    repo = make_repo(Sample(tail=CONFIGURED.format(file) + more, files=dict(FRAGMENTS)))
    before = repo.fingerprint()
    assert bump(repo, dry_run=True) == 0
    assert repo.fingerprint() == before
    name = file.replace("{version}", "1.2.0")
    assert f"--- /dev/null\n+++ b/{name}" in capsys.readouterr().err
    assert bump(repo, commit=True) == 0
    assert repo.git("show", "--name-status", "--format=", "HEAD").splitlines() == [
        *sorted((f"A\t{name}", "D\tnews/1.feature", "D\tnews/2.bugfix"), key=lambda line: line[2:]),
        "M\tpyproject.toml",
    ]
    assert repo.git("status", "--porcelain") == ""
    repo.git("push", "--quiet")
    assert tag(repo, dry_run=True) == 0
    assert f"{name} has a section for 1.2.0" in capsys.readouterr().err


@pytest.mark.full
def test_the_undo_command_deletes_the_new_news_file(make_repo: MakeRepo, capsys: pytest.CaptureFixture[str]) -> None:
    """After a refused commit."""
    repo = make_repo(Sample(tail=CONFIGURED.format("NEWS.md"), files=dict(FRAGMENTS)))
    hook(repo.root / ".git", "pre-commit", "exit 1")
    before = repo.fingerprint()
    assert bump(repo, commit=True) == 1
    back = re.search(r"take the edits back with `(.*?)`", " ".join(capsys.readouterr().err.split()))
    assert back
    subprocess.run(shlex.split(back[1]), cwd=repo.root, check=True)
    assert repo.fingerprint() == before


def test_a_title_with_a_name_of_several_words_is_found(make_repo: MakeRepo, capsys: pytest.CaptureFixture[str]) -> None:
    text = CONFIGURED.format("NEWS.md").replace('"demo-tool"', '"My Demo Tool"')
    repo = make_repo(Sample(tail=text, files={**FRAGMENTS, "NEWS.md": "# My Demo Tool 1.1.0 (2026-01-02)\n\nOld.\n"}))
    assert bump(repo, commit=True) == 0
    assert "# My Demo Tool 1.2.0 (" in (repo.root / "NEWS.md").read_text()
    repo.git("push", "--quiet")
    assert tag(repo, dry_run=True) == 0
    assert "NEWS.md has a section for 1.2.0" in capsys.readouterr().err


@pytest.mark.full
def test_a_news_file_that_towncrier_does_not_write_is_refused(make_repo: MakeRepo) -> None:
    """It writes another one than its settings have."""
    repo = make_repo(Sample(tail=CONFIGURED.format("NEWS.md"), files=dict(FRAGMENTS)))
    with (
        open_context(repo.root, os.environ, index="local") as context,
        pytest.raises(RefusedError, match=r"towncrier would not write OTHER\.md"),
    ):
        plan_news(context, News("OTHER.md", "news"), Version("1.2.0"), datetime.now(UTC).date())


def test_a_new_file_that_exists_meanwhile_is_not_overwritten(repo: Repo) -> None:
    """Nothing else is edited."""
    repo.write({"NEWS.md": "somebody's own\n"})
    before = repo.fingerprint()
    with pytest.raises(RefusedError, match=r"NEWS\.md changed while the edit was planned"):
        apply_edits(
            repo.root, [Edit("README.md", (repo.root / "README.md").read_text(), "x"), Creation("NEWS.md", "y")]
        )
    assert repo.fingerprint() == before


def test_a_created_file_is_deleted_when_the_next_edit_fails(repo: Repo) -> None:
    repo.write({"dir/file": ""})
    before = repo.fingerprint()
    readme = (repo.root / "README.md").read_text()
    with pytest.raises((RefusedError, OSError)):
        apply_edits(repo.root, [Creation("NEWS.md", "y"), Edit("README.md", readme, "x"), Creation("dir/file/x", "")])
    assert repo.fingerprint() == before


def test_a_template_that_writes_another_file_is_refused(
    make_repo: MakeRepo, capsys: pytest.CaptureFixture[str]
) -> None:
    """Bump would not commit it."""
    template = "{% set x = cycler.__init__.__globals__.os.system('echo more >> README.md') %}A section.\n"
    tail = CONFIGURED.format("NEWS.md") + 'template = "news.jinja"\n'
    files: dict[str, str | bytes] = {**FRAGMENTS, "NEWS.md": CHANGELOGS["NEWS.md"], "news.jinja": template}
    repo = make_repo(Sample(tail=tail, files=files))
    before = repo.fingerprint()
    assert bump(repo, commit=True) == 1
    assert "towncrier would change README.md and not NEWS.md alone" in capsys.readouterr().err
    assert repo.fingerprint() == before
