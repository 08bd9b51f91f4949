"""Projects whose changelog is made of news fragments: bump runs towncrier on a copy, shows the diff, then writes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.conftest import MakeRepo
from tests.maintain.doing import bump
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
def test_the_fragments_become_the_section(
    make_repo: MakeRepo, name: str, old: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The section is in the news file, the fragments are gone, all in the one commit; the diff was shown first."""
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
    shown = capsys.readouterr().err
    assert "+++ /dev/null" in shown
    assert f"+++ b/{name}" in shown


def test_a_dry_run_shows_the_section_and_writes_nothing(
    make_repo: MakeRepo, capsys: pytest.CaptureFixture[str]
) -> None:
    """towncrier works on a copy, so the plan is there before anything is touched."""
    repo = project(make_repo, "NEWS.md", CHANGELOGS["NEWS.md"])
    before = repo.fingerprint()
    assert bump(repo, dry_run=True) == 0
    assert repo.fingerprint() == before
    assert "A way out. (#1)" in capsys.readouterr().err


def test_a_fragment_that_is_not_committed_yet_stays_out(make_repo: MakeRepo) -> None:
    """What git does not track is nobody's business, here as in a build."""
    repo = project(make_repo, "NEWS.md", CHANGELOGS["NEWS.md"])
    repo.write({"news/3.feature": "A secret.\n"})
    assert bump(repo, commit=True) == 0
    assert "A secret" not in (repo.root / "NEWS.md").read_text()
    assert (repo.root / "news/3.feature").exists()


def test_a_template_that_breaks_is_told_in_towncriers_words(
    make_repo: MakeRepo, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its own message is the hint, and no file is touched."""
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


def test_a_missing_news_file_is_refused(make_repo: MakeRepo, capsys: pytest.CaptureFixture[str]) -> None:
    """Where towncrier would make the file, somebody has to decide that: nothing is written."""
    repo = make_repo(Sample(tail=CONFIGURED.format("NEWS.md"), files=dict(FRAGMENTS)))
    before = repo.fingerprint()
    assert bump(repo) == 1
    assert repo.fingerprint() == before
    assert "there is no NEWS.md" in capsys.readouterr().err


def test_a_template_that_writes_another_file_is_refused(
    make_repo: MakeRepo, capsys: pytest.CaptureFixture[str]
) -> None:
    """A template may run anything: what it changes besides the news file is nothing that a bump may commit."""
    template = "{% set x = cycler.__init__.__globals__.os.system('echo more >> README.md') %}A section.\n"
    tail = CONFIGURED.format("NEWS.md") + 'template = "news.jinja"\n'
    files: dict[str, str | bytes] = {**FRAGMENTS, "NEWS.md": CHANGELOGS["NEWS.md"], "news.jinja": template}
    repo = make_repo(Sample(tail=tail, files=files))
    before = repo.fingerprint()
    assert bump(repo, commit=True) == 1
    assert "towncrier would change README.md and not NEWS.md alone" in capsys.readouterr().err
    assert repo.fingerprint() == before
