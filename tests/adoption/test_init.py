"""`init` on real repositories: what it writes and keeps, and that a second run changes nothing."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from release_channels import tasks
from release_channels.adoption.detect import foreign_settings
from release_channels.adoption.inspect import inspect_project
from release_channels.adoption.workflows.rules import check_workflows
from release_channels.errors import FailedError, RefusedError, UsageError
from release_channels.model.outcome import Result
from release_channels.model.refusal import first_command
from tests.adoption.adopting import TOOL, adopt, files
from tests.cli.screen import BIN, run
from tests.commands.doing import run_task
from tests.commands.test_bump import vcs_pyproject
from tests.conftest import MakeRepo, RunSession
from tests.support.distributions import Recipe, make_release, make_wheel
from tests.support.projects import BACKENDS, Sample
from tests.support.releasing import index_of
from tests.support.repo import Repo

pytestmark = pytest.mark.usefixtures("locking")
INIT = (BIN / "release-channels", "init", "--tool", TOOL)
INTEGRATION = ".github/workflows/integration-eval.yml"
PREVIEW = ".github/workflows/internal-preview-release.yml"
NEW = {
    "noxfile.py",
    "noxfile.py.lock",
    "tasks.py",
    ".gitignore",
    ".github/workflows/test.yml",
    ".github/workflows/integration-eval.yml",
    PREVIEW,
    ".github/workflows/public-release.yml",
}
NOXFILE = '''"""Mine."""
import nox

nox.options.reuse_existing_virtualenvs = True


@nox.session(name="docs")
def documentation(session):
    """Build the pages."""


if __name__ == "__main__":
    nox.main()
'''
TASKS = '''"""Mine."""
from invoke import task


@task
def docs(c):
    """Build the pages."""
    print("my pages")


@task
def bump(c):
    """Bump in my own way."""
    print("my bump")
'''


def adopted(make_repo: MakeRepo, texts: Mapping[str, str | bytes] | None = None, **changes: object) -> Repo:
    """Create a project with these files, and adopt the tool."""
    repo = make_repo(Sample(files=dict(texts or {}), **changes))  # type: ignore[arg-type]
    adopt(repo)
    return repo


_QUICK = {("uv_build", True)}


@pytest.mark.parametrize(
    ("backend", "locked"),
    [
        pytest.param(
            backend, locked, id=f"{backend}{'-locked' * locked}",
            marks=() if (backend, locked) in _QUICK else pytest.mark.full,
        )
        for backend in BACKENDS
        for locked in (False, True)
    ],
)  # fmt: skip
def test_init_writes_its_files_once(
    make_repo: MakeRepo,
    run_session: RunSession,
    upstream: str,
    monkeypatch: pytest.MonkeyPatch,
    backend: str,
    locked: bool,
) -> None:
    """Existing lines stay, every rule holds, and a preview is published."""
    repo = make_repo(Sample(backend=backend))
    if locked:
        subprocess.run([BIN / "uv", "lock", "--quiet"], cwd=repo.root, check=True)
        repo.commit("lock")
    before = files(repo)
    assert adopt(repo).result is Result.DONE
    after = files(repo)
    assert {name: text for name, text in after.items() if name in before} == before
    assert set(after) - set(before) == NEW
    assert adopt(repo).message == "nothing to write"
    assert files(repo) == after
    assert adopt(repo, check=True).result is Result.DONE
    repo.commit("adopt")
    monkeypatch.setenv("UV_DEFAULT_INDEX", upstream)
    outcome = run_session(repo)
    assert outcome.result is Result.PUBLISHED, outcome.line


def test_the_noxfile_works_with_nox_alone(make_repo: MakeRepo) -> None:
    """The real programs list noxfile and tasks, and the project's own sessions."""
    repo = adopted(make_repo, {"tests/test_it.py": "def test_it() -> None: ...\n"})
    listed = run(BIN / "nox", "--list", cwd=repo.root, env={"NOX_SCRIPT_MODE": "none"})
    assert "- preview -> " in listed.out
    assert "* tests-3.12 -> Run the tests." in listed.out
    assert "  bump-dev " in run(BIN / "invoke", "--list", cwd=repo.root).out
    block = tomllib.loads("\n".join(line[2:] for line in _lines(repo, "noxfile.py")[1:6]))
    assert block["dependencies"] == ["nox", TOOL]


def test_an_existing_noxfile_keeps_every_line(make_repo: MakeRepo) -> None:
    """The release sessions are added, and `nox.main()` stays the last line."""
    repo = adopted(make_repo, {"noxfile.py": NOXFILE})
    assert _is_within(NOXFILE.splitlines(), _lines(repo, "noxfile.py"))
    assert _lines(repo, "noxfile.py")[-1] == "    nox.main()"
    listed = run(BIN / "nox", "--list", cwd=repo.root, env={"NOX_SCRIPT_MODE": "none"}).out
    assert "* docs -> Build the pages." in listed
    assert "- preview -> " in listed


@pytest.mark.parametrize("rules", ["", "--select=E4,E7,E9,F,I,RUF100"], ids=["the default", "more"])
@pytest.mark.parametrize("texts", [{}, {"noxfile.py": NOXFILE, "tasks.py": TASKS}], ids=["new", "own"])
def test_a_linter_passes_what_init_writes(make_repo: MakeRepo, texts: dict[str, str | bytes], rules: str) -> None:
    """With ruff's own rules: a failed test workflow would stop each preview."""
    repo = adopted(make_repo, texts)
    words = filter(None, ("check", "--isolated", "--no-cache", rules, "noxfile.py", "tasks.py"))
    screen = run(BIN / "ruff", *words, cwd=repo.root)
    assert screen.code == 0, screen.text


@pytest.mark.parametrize(
    ("more", "why"),
    [
        pytest.param("import yaml\n", "it imports yaml", id="foreign import"),
        pytest.param("@nox.session\ndef build(session): ...\n", "a session of the same name: build", id="taken name"),
    ],
)
def test_an_unsuitable_noxfile_stays_and_another_is_written(
    make_repo: MakeRepo, more: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The workflows use the second one."""
    text = NOXFILE.replace("import nox\n", f"import nox\n\n{more}", 1)
    repo = adopted(make_repo, {"noxfile.py": text})
    assert why in capsys.readouterr().err
    assert (repo.root / "noxfile.py").read_text() == text
    assert (repo.root / "release_noxfile.py.lock").exists()
    start = "uv run --frozen --script release_noxfile.py -f release_noxfile.py -s "
    assert f"{start}preview-publish" in (repo.root / PREVIEW).read_text()
    assert "uvx nox -s " in (repo.root / ".github/workflows/test.yml").read_text()
    assert adopt(repo).message == "nothing to write"


def test_existing_tasks_keep_their_names(make_repo: MakeRepo) -> None:
    """The tool's own `bump` becomes `release.bump` then."""
    repo = adopted(make_repo, {"tasks.py": TASKS})
    assert _is_within(TASKS.splitlines(), _lines(repo, "tasks.py"))
    listed = run(BIN / "invoke", "--list", cwd=repo.root).out
    for line in ("  bump               Bump in my own way.", "  docs ", "  release.bump ", "  bump-dev "):
        assert line in listed
    assert run(BIN / "invoke", "bump", cwd=repo.root).out == "my bump\n"


def test_an_existing_task_collection_is_extended(make_repo: MakeRepo) -> None:
    """Its name and its tasks stay."""
    text = TASKS.replace("import task", "import Collection, task") + "\n\nnamespace = Collection(docs)\n"
    repo = adopted(make_repo, {"tasks.py": text})
    listed = run(BIN / "invoke", "--list", cwd=repo.root).out
    assert "  docs " in listed
    assert "  bump               Make main's dev version final" in listed


@pytest.mark.parametrize("text", [TASKS, pytest.param(None, marks=pytest.mark.full)], ids=["own tasks", "no tasks"])
def test_without_the_tool_release_tasks_print_how_to_get_it(
    make_repo: MakeRepo, tmp_path: Path, text: str | None
) -> None:
    """The project's own tasks work."""
    repo = adopted(make_repo, {"tasks.py": text} if text else {})
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text("import sys\nsys.modules['release_channels'] = None\n")
    env = {"PYTHONPATH": str(hidden)}
    listed = run(BIN / "invoke", "--list", cwd=repo.root, env=env)
    assert "  tag                Release task; needs release-channels." in listed.out
    for words in (["tag"], ["tag", "--commit", "HEAD"], ["resume", "v1.0.0", "--help"]):
        screen = run(BIN / "invoke", *words, cwd=repo.root, env=env)
        assert screen.code == 1
        screen.shows(
            "uv tool install invoke --with release-channels", "uvx release-channels@VERSION TASK", "noxfile.py.lock"
        )
    if text:
        assert run(BIN / "invoke", "docs", "bump", cwd=repo.root, env=env).out == "my pages\nmy bump\n"


def test_a_tasks_file_without_invoke_is_not_changed(make_repo: MakeRepo, capsys: pytest.CaptureFixture[str]) -> None:
    repo = adopted(make_repo, {"tasks.py": "import queue\n"})
    assert (repo.root / "tasks.py").read_text() == "import queue\n"
    assert "tasks.py is not invoke's" in capsys.readouterr().err


def test_only_settings_that_differ_from_defaults_are_written(make_repo: MakeRepo) -> None:
    """Branch, remote, tag format and test workflow are detected; existing settings stay."""
    ci = "name: checks\non:\n  push:\n    branches: [trunk]\njobs: {}\n"
    repo = make_repo(Sample(files={".github/workflows/ci.yml": ci}, settings='changelog = ""\n'))
    repo.git("branch", "--move", "trunk")
    repo.git("remote", "rename", "origin", "github")
    for name in ("1.0.0", "1.1.0"):
        repo.tag(name)
    repo.git("push", "--quiet", "github", "trunk")
    repo.git("symbolic-ref", "refs/remotes/github/HEAD", "refs/remotes/github/trunk")
    adopt(repo, gate=False)
    assert tomllib.loads((repo.root / "pyproject.toml").read_text())["tool"]["release-channels"] == {
        "changelog": "",
        "main-branch": "trunk",
        "remote": "github",
        "tag-format": "{version}",
        "test-workflow": "ci.yml",
        "gate": {"enabled": False},
    }
    text = (repo.root / PREVIEW).read_text()
    assert "workflows: [checks]" in text
    assert not (repo.root / ".github/workflows/integration-eval.yml").exists()
    assert not (repo.root / ".github/workflows/test.yml").exists()
    assert adopt(repo).message == "nothing to write"


TAGGED = {
    "in a known format": (("1.0.0", "1.1.0", "v25.7.0"), "25.7.1.dev0, from the git tags (hatch-vcs)"),
    "in an unknown format": (("2024.01.05",), "none of 1 tags with a version, such as 2024.01.05"),
    "none": ((), "0.1.0.dev0, from the git tags (hatch-vcs)"),
}


@pytest.mark.parametrize(("tags", "shown"), TAGGED.values(), ids=TAGGED)
def test_the_version_of_a_tag_project_is_shown(
    make_repo: MakeRepo, capsys: pytest.CaptureFixture[str], tags: tuple[str, ...], shown: str
) -> None:
    """As a preview reads it, in the newest tag's format; another format is reported."""
    repo = make_repo()
    repo.commit("tags decide", {"pyproject.toml": vcs_pyproject()})
    for name in tags:
        repo.tag(name)
        repo.commit("more")
    adopt(repo, gate=False)
    assert shown in " ".join(capsys.readouterr().err.split())


def test_an_unlisted_copy_of_the_version_is_proposed(make_repo: MakeRepo, capsys: pytest.CaptureFixture[str]) -> None:
    """As TOML to paste; nothing is written."""
    citation = "cff-version: 1.2.0\nversion: 0.6.9\n"
    repo = adopted(make_repo, {"CITATION.cff": citation})
    entry = (
        '[[tool.release-channels.version-files]]\npath = "CITATION.cff"\n'
        'pattern = "version: {version}"\nfollows = "finals"\n'
    )
    shown = capsys.readouterr().err
    assert "CITATION.cff, line 2, has 0.6.9" in shown
    assert all(f"  {line}\n" in shown for line in entry.splitlines())
    pyproject = repo.root / "pyproject.toml"
    assert "version-files" not in pyproject.read_text()
    assert (repo.root / "CITATION.cff").read_text() == citation
    pyproject.write_text(f"{pyproject.read_text()}\n{entry}")
    adopt(repo)
    assert "0.6.9" not in capsys.readouterr().err


def test_an_edit_that_violates_no_rule_stays(make_repo: MakeRepo) -> None:
    """Also with `--check`."""
    repo = adopted(make_repo)
    repo.commit("adopt")
    edited = (repo.root / PREVIEW).read_text().replace("timeout-minutes: 30", "timeout-minutes: 45")
    (repo.root / PREVIEW).write_text(edited)
    assert adopt(repo).message == "nothing to write"
    assert adopt(repo, check=True).result is Result.DONE
    assert (repo.root / PREVIEW).read_text() == edited


def test_an_edit_that_breaks_a_rule_is_fixed_on_request(
    make_repo: MakeRepo, capsys: pytest.CaptureFixture[str]
) -> None:
    """`init` keeps its lines, `--check` fails, and `--update` replaces only what git can restore."""
    repo = adopted(make_repo)
    whole = (repo.root / PREVIEW).read_text()
    repo.commit("adopt")
    edited = whole.replace(
        "        run: uv run --frozen --script noxfile.py -s build-and-check", "        run: echo hello; uv build"
    )
    assert edited != whole
    (repo.root / PREVIEW).write_text(edited)
    line = edited[: edited.index("echo hello")].count("\n") + 1
    assert f"not changed: {PREVIEW}" in adopt(repo).message
    assert (repo.root / PREVIEW).read_text() == edited
    assert f"{PREVIEW}:{line}: one-line" in capsys.readouterr().err
    with pytest.raises(RefusedError, match=f"not as it should be: {re.escape(PREVIEW)}"):
        adopt(repo, check=True)
    with pytest.raises(RefusedError, match="would replace what git cannot restore"):
        adopt(repo, update=True)
    assert (repo.root / PREVIEW).read_text() == edited
    repo.commit("an edit")
    assert adopt(repo, update=True).result is Result.DONE
    assert (repo.root / PREVIEW).read_text() == whole
    assert adopt(repo, check=True).result is Result.DONE


def test_a_foreign_workflow_that_uploads_is_reported(make_repo: MakeRepo) -> None:
    """The file stays, and the check fails."""
    publish = "on: push\njobs:\n  go:\n    runs-on: ubuntu-24.04\n    steps:\n      - run: twine upload dist/*\n"
    repo = adopted(make_repo, {".github/workflows/publish.yml": publish})
    assert (repo.root / ".github/workflows/publish.yml").read_text() == publish
    with pytest.raises(RefusedError, match=r"\.github/workflows/publish\.yml:6") as stop:
        adopt(repo, check=True)
    assert "--update" not in stop.value.hint
    assert "by hand" in stop.value.hint


def test_existing_workflows_are_listed_with_their_duplicates(
    make_repo: MakeRepo, capsys: pytest.CaptureFixture[str]
) -> None:
    """And with the tests that read them, without the tool's files."""
    publish = "on:\n  push:\n    tags: ['v*']\njobs:\n  go:\n    runs-on: x\n    steps:\n      - run: uv publish\n"
    test = 'from pathlib import Path\n\nTEXT = Path(".github/workflows/publish.yml").read_text()\n'
    repo = adopted(make_repo, {".github/workflows/publish.yml": publish, "tests/test_publish.py": test})
    shown = [line.strip() for line in capsys.readouterr().err.splitlines()]
    start = shown.index("workflows of its own")
    assert [" ".join(line.split()) for line in shown[start + 1 : start + 6]] == [
        "publish.yml kept",
        "runs for a tag, as public-release.yml does",
        "uploads beside public-release.yml",
        "read by tests/test_publish.py",
        "every file read by tests/test_publish.py: run them after `init`",
    ]
    (repo.root / ".github/workflows/publish.yml").unlink()
    adopt(repo)
    assert "workflows of its own" not in capsys.readouterr().err


def test_a_path_filter_of_the_tests_is_reported(make_repo: MakeRepo, capsys: pytest.CaptureFixture[str]) -> None:
    """The file stays; a bump's commit would get no test run."""
    tests = "on: {push: {paths: ['src/**']}}\njobs:\n  go:\n    runs-on: x\n    steps:\n      - run: pytest\n"
    repo = adopted(make_repo, {".github/workflows/test.yml": tests})
    shown = " ".join(capsys.readouterr().err.split())
    assert (
        "test.yml runs only for some pushes to main, by `paths: [src/**]`: the commit of `release-channels bump`"
        in shown
    )
    assert (repo.root / ".github/workflows/test.yml").read_text() == tests


def test_another_tool_requirement_is_replaced_on_request(make_repo: MakeRepo) -> None:
    """It is the one changed line; the lock follows."""
    repo = adopted(make_repo)
    old = (repo.root / "noxfile.py").read_text()
    (repo.root / "noxfile.py").write_text(old.replace(TOOL, "release-channels==0.0.1"))
    repo.commit("an older tool")
    with pytest.raises(RefusedError, match=r"noxfile\.py"):
        adopt(repo, check=True)
    assert adopt(repo, update=True).result is Result.DONE
    assert (repo.root / "noxfile.py").read_text() == old


def test_a_rebuilt_wheel_is_locked_again(make_repo: MakeRepo, tmp_path: Path) -> None:
    """Its name is the same and its hash is not."""
    wheel = make_wheel(tmp_path, Recipe(name="release-channels", version="9.1", scripts={}))
    repo = make_repo(Sample())
    adopt(repo, tool=str(wheel))
    assert adopt(repo, tool=str(wheel)).message == "nothing to write"
    make_wheel(tmp_path, Recipe(name="release-channels", version="9.1", scripts={}, summary="Another"))
    with pytest.raises(RefusedError, match=r"not as it should be: noxfile\.py\.lock"):
        adopt(repo, tool=str(wheel), check=True)
    assert adopt(repo, tool=str(wheel)).message == "1 file written"
    assert sha256(wheel.read_bytes()).hexdigest() in (repo.root / "noxfile.py.lock").read_text()


def test_a_failed_lock_leaves_no_file(make_repo: MakeRepo) -> None:
    """Nor a directory."""
    repo = make_repo(Sample())
    before = repo.fingerprint()
    with pytest.raises(FailedError, match=r"noxfile\.py\.lock cannot be made, so nothing was written") as stop:
        adopt(repo, tool="release-channels==99")
    assert first_command(stop.value.hint) == "release-channels init --gate --tool release-channels==99"
    assert repo.fingerprint() == before
    assert not (repo.root / ".github").exists()


def test_a_lock_that_no_python_of_the_machine_can_make_is_named_as_that(make_repo: MakeRepo) -> None:
    """And the command that continues."""
    repo = make_repo(Sample(files={".python-version": "3.99\n"}))
    before = repo.fingerprint()
    with pytest.raises(FailedError, match="no Python of this machine fits") as stop:
        adopt(repo)
    assert stop.value.hint.startswith("install a Python that does, or put it on PATH, then `release-channels init ")
    assert repo.fingerprint() == before


@pytest.mark.parametrize(
    ("gate", "extras"), [(True, "[gate,rehearsal]"), (False, "[rehearsal]")], ids=["with a gate", "without"]
)
def test_the_block_has_the_extras_of_gate_and_rehearsal(
    make_repo: MakeRepo, gate: bool | None, extras: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those that the project uses; a block without one has drifted."""
    repo = make_repo(Sample())
    adopt(repo, tool=TOOL.replace("[gate,rehearsal]", ""), gate=gate)
    text = (repo.root / "noxfile.py").read_text()
    assert f'"release-channels{extras}==' in text
    (repo.root / "noxfile.py").write_text(text.replace(extras, ""))
    capsys.readouterr()
    with pytest.raises(RefusedError, match=r"noxfile\.py"):
        adopt(repo, tool=TOOL.replace("[gate,rehearsal]", ""), check=True)
    lacking = "[rehearsal]" if gate is False else "[gate] and [rehearsal]"
    assert f", without {lacking}" in " ".join(capsys.readouterr().err.split())


def test_init_refuses_the_tools_own_repository(make_repo: MakeRepo) -> None:
    """Its workflow files are of another kind and would be replaced."""
    repo = make_repo(Sample(name="release-channels"))
    before = repo.fingerprint()
    with pytest.raises(RefusedError, match="is the tool itself and adopts nothing"):
        adopt(repo)
    assert repo.fingerprint() == before


def test_a_dry_run_and_a_check_write_nothing(make_repo: MakeRepo) -> None:
    """They show the files, and the check fails."""
    repo = make_repo(Sample())
    before = repo.fingerprint()
    practised = adopt(repo, dry_run=True)
    assert (practised.result, practised.message) == (Result.PLANNED, f"{len(NEW)} files would be written; nothing was")
    with pytest.raises(RefusedError, match="not as it should be") as stop:
        adopt(repo, check=True)
    assert first_command(stop.value.hint) == f"release-channels init --gate --tool '{TOOL}'"
    assert repo.fingerprint() == before


@pytest.mark.parametrize(
    ("asked", "command"),
    [
        ({"gate": None}, "release-channels init"),
        ({"gate": True, "update": True}, "release-channels init --gate --update"),
        ({"gate": False}, "release-channels init --no-gate"),
    ],
)
def test_a_dry_run_ends_with_the_command_that_writes(make_repo: MakeRepo, asked: dict[str, Any], command: str) -> None:
    """Without release sessions there is no other next command."""
    repo = make_repo(Sample())
    before = repo.fingerprint()
    assert adopt(repo, dry_run=True, **asked).next == f"{command} --tool '{TOOL}'"
    assert repo.fingerprint() == before


def test_a_tool_from_a_checkout_is_reported_as_local(
    make_repo: MakeRepo, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """It works on this machine, and has to be changed before pushing."""
    wheel = tmp_path / "tool"
    (wheel / "release_channels").mkdir(parents=True)
    (wheel / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "none"\n[project]\nname = "release-channels"\nversion = "1"\n'
        'requires-python = ">=3.11"\n'
    )
    repo = make_repo(Sample())
    adopt(repo, tool=str(wheel))
    assert f"release-channels[gate,rehearsal] @ {wheel.as_uri()}" in (repo.root / "noxfile.py").read_text()
    assert "names a tool of this machine, which CI does not have: before you push to GitHub" in capsys.readouterr().err


@pytest.mark.parametrize("tool", ["requests==2", "no such thing", "/nowhere/at.whl"])
def test_another_tools_requirement_is_refused(make_repo: MakeRepo, tool: str) -> None:
    """Before anything is written."""
    repo = make_repo(Sample())
    before = repo.fingerprint()
    with pytest.raises(UsageError, match=r"is neither a requirement nor a file|does not install release-channels"):
        adopt(repo, tool=tool)
    assert repo.fingerprint() == before


def test_a_repository_without_a_remote_works(make_repo: MakeRepo, capsys: pytest.CaptureFixture[str]) -> None:
    """It is reported that publishing needs one."""
    repo = make_repo(Sample())
    repo.git("remote", "remove", "origin")
    assert adopt(repo).result is Result.DONE
    assert "there is no remote: previews work on the local index" in capsys.readouterr().err


def _break(repo: Repo, name: str) -> Path:
    """Create a directory in which nothing can be adopted."""
    if name == "no git":
        place = repo.root.parent / "bare"
        place.mkdir()
        (place / "pyproject.toml").write_text(Sample().pyproject())
        return place
    if name == "not the top":
        return repo.root / "src"
    if name == "no project":
        (repo.root / "pyproject.toml").unlink()
    if name == "noxfile":
        (repo.root / "noxfile.py").write_text("def broken(:\n")
    if name == "symbolic link":
        (repo.root / "tasks.py").symlink_to(repo.root.parent / "elsewhere.py")
    return repo.root / "nowhere" if name == "no directory" else repo.root


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("no git", "is not in a git repository"),
        pytest.param("not the top", "is not the top of its repository", marks=pytest.mark.full),
        pytest.param("no project", "there is no pyproject.toml", marks=pytest.mark.full),
        ("noxfile", "noxfile.py is not valid Python"),
        ("symbolic link", "tasks.py is a symbolic link"),
        pytest.param("no directory", "is not a directory", marks=pytest.mark.full),
    ],
)
def test_an_unsuitable_directory_is_refused(repo: Repo, place: str, message: str) -> None:
    """Without a traceback or a file."""
    directory = _break(repo, place)
    before = repo.fingerprint()
    screen = run(*INIT, "--path", directory, cwd=repo.root)
    assert screen.code in (1, 2)
    screen.shows(message)
    assert repo.fingerprint() == before


def test_every_written_file_violates_no_rule(make_repo: MakeRepo) -> None:
    """Also with `release_noxfile.py`."""
    from release_channels.model.config import Config

    for text in (NOXFILE, NOXFILE + "import yaml\n"):
        repo = adopted(make_repo, {"noxfile.py": text})
        workflows = {name: text for name, text in files(repo).items() if name.startswith(".github/workflows/")}
        assert check_workflows(workflows, Config()) == ()


def test_a_tool_version_that_differs_from_the_lock_is_a_warning(
    make_repo: MakeRepo, run_session: RunSession, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a session and in a task."""
    repo = adopted(make_repo)
    lock = repo.root / "noxfile.py.lock"
    lock.write_text(lock.read_text().replace(f'version = "{TOOL.partition("==")[2]}"', 'version = "0.0.1"'))
    repo.commit("another tool")
    screen = run(BIN / "release-channels", "status", "--index", "local", cwd=repo.root)
    screen.shows("noxfile.py.lock has 0.0.1", "uvx release-channels@0.0.1")
    capsys.readouterr()
    run_session(repo, "--dry-run", "--offline", steps=("build",))
    assert "noxfile.py.lock has 0.0.1" in capsys.readouterr().err


def _lines(repo: Repo, name: str) -> list[str]:
    return (repo.root / name).read_text().splitlines()


def _is_within(lines: list[str], longer: list[str]) -> bool:
    """Return whether all lines are there, in their order."""
    rest = iter(longer)
    return all(line in rest for line in lines)


CALLS_A_MODEL = Sample(dependencies=("OpenAI >= 1",))
EVALUATES = Sample(files={".github/workflows/nightly-eval.yml": "on: push\njobs: {}\n"})


@pytest.mark.parametrize(
    ("sample", "settings"),
    [
        pytest.param(Sample(), {"gate.enabled": False}, id="a word counter"),
        pytest.param(CALLS_A_MODEL, {}, id="calls a model"),
        pytest.param(EVALUATES, {}, id="evaluates already"),
        pytest.param(Sample(files={INTEGRATION: "on: push\njobs: {}\n"}), {}, id="adopted with a gate"),
    ],
)
def test_a_live_gate_is_proposed_where_it_fits(
    make_repo: MakeRepo, sample: Sample, settings: dict[str, object]
) -> None:
    """Otherwise it is disabled, and --gate enables it."""
    snapshot = inspect_project(make_repo(sample).root, {}, asks_github=False)
    assert foreign_settings(snapshot, None) == settings
    assert "gate.enabled" not in foreign_settings(snapshot, True)


def test_disabling_the_gate_updates_every_file(make_repo: MakeRepo, capsys: pytest.CaptureFixture[str]) -> None:
    """Edited files are listed, and an update deletes the gate's workflow."""
    repo = adopted(make_repo)
    assert "integration-eval" in (repo.root / PREVIEW).read_text()
    capsys.readouterr()
    message = adopt(repo, gate=False).message
    shown = capsys.readouterr().err
    assert (
        "note: no live gate: previews follow the tests; to have one, `gate.enabled = true` and `init --gate`" in shown
    )
    assert "workflows of its own" not in shown
    assert message.endswith(f"; not used any more: {INTEGRATION} (`--update` removes it)")
    assert "integration-eval" not in (repo.root / PREVIEW).read_text()
    with pytest.raises(RefusedError, match="integration-eval") as stop:
        adopt(repo, gate=None, check=True)
    assert first_command(stop.value.hint) == f"release-channels init --update --tool '{TOOL}'"
    repo.commit("without a gate")
    adopt(repo, gate=None, update=True)
    assert not (repo.root / INTEGRATION).exists()
    assert adopt(repo, gate=None, check=True).message == "every file is as it should be"


def test_init_commits_its_files_and_opens_the_dev_line(make_repo: MakeRepo, capsys: pytest.CaptureFixture[str]) -> None:
    """Where main declares a released final; each screen ends with the next command."""
    repo = make_repo(Sample(version="1.2.0"))
    repo.tag("v1.2.0")
    repo.git("push", "--quiet", "origin", "main", "v1.2.0")
    make_release(index_of(repo), Recipe(version="1.2.0"))
    (index_of(repo).parent / ".gitignore").write_text("*\n")
    assert run_task(repo.root, tasks.init, tool=TOOL) == 0
    assert capsys.readouterr().err.splitlines()[-1] == "next: release-channels init --commit"
    assert run_task(repo.root, tasks.init, tool=TOOL, commit=True) == 0
    said = capsys.readouterr()
    assert said.err.splitlines()[-1] == "next: git push origin main"
    assert repo.git("log", "--format=%s", "-2").splitlines() == [
        "Open the dev line 1.2.1.dev0", "Add the release channels",
    ]  # fmt: skip
    assert repo.git("status", "--porcelain") == ""


def test_a_project_elsewhere_is_named_in_the_next_command(
    make_repo: MakeRepo, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --path what comes next works where it was typed; there is one next step, and no list of others."""
    repo = make_repo(Sample(files={"noxfile.py": "import nox\nimport yaml\n"}))
    path = str(repo.root)
    here = repo.root.parent
    assert run_task(here, tasks.init, path=path, tool=TOOL) == 0
    screen = capsys.readouterr().err.splitlines()
    assert [line for line in screen if "next" in line.split()[:1] or line.startswith("next")] == [
        f"next: release-channels init --path {path} --commit"
    ]
    assert run_task(here, tasks.init, path=path, tool=TOOL, commit=True) == 0
    assert capsys.readouterr().err.splitlines()[-1] == f"next: cd {path} && nox -f release_noxfile.py -s preview"
