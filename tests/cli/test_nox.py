"""Nox sessions on the screen: what runs, what does not, and how usage errors are reported."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from release_channels.indexserver.server import serve
from release_channels.indexserver.upload_rules import Limits
from release_channels.model.session_names import PREVIEW
from release_channels.sessions import SESSIONS
from tests.cli.screen import BIN, adopter, built, nox, published, run, snapshot
from tests.conftest import MakeRepo
from tests.support.repo import Repo

HERE = Path(__file__).parents[2]
FULL = pytest.mark.full
CLOSED_PORT = "http://127.0.0.1:9/simple/"
HEAVY = ("rich", "requests", "twine", "werkzeug", "cheroot", "tomlkit", "pypi_simple", "packaging", "trove_classifiers")


@pytest.fixture
def checkout(make_repo: MakeRepo) -> Repo:
    """A checkout of a sample project with the README's noxfile."""
    return make_repo(adopter())


def test_a_bare_nox_builds_and_publishes_nothing(checkout: Repo) -> None:
    """It writes nothing."""
    before = snapshot(checkout.root)
    screen = nox(checkout.root)
    assert screen.code == 0
    screen.shows("No sessions selected")
    assert snapshot(checkout.root) == before
    assert built(checkout.root) == published(checkout.root) == []
    assert not (checkout.root / ".release-channels").exists()


def test_no_release_session_of_this_repository_is_a_default(offline: None) -> None:
    """`nox -l` describes every session in one line."""
    screen = nox(HERE, "-l")
    assert screen.code == 0
    lines = {line[2:].partition(" -> ")[0]: line for line in screen.out.splitlines() if line[:2] in ("* ", "- ")}
    assert SESSIONS.keys() <= lines.keys()
    assert {"tests", "lint", "typecheck", "bench"} <= lines.keys()
    assert [name for name in SESSIONS if lines[name].startswith("*")] == []
    assert [name for name, line in lines.items() if len(line.partition(" -> ")[2]) < 20] == []


@pytest.mark.parametrize("module", ["release_channels.sessions", "release_channels.tasks"])
def test_listing_imports_nothing_heavy(module: str, offline: None) -> None:
    """By `nox -l` and `invoke --list`."""
    code = f"import sys, {module}; print(*sorted(m for m in {HEAVY!r} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == ""


def test_a_dry_run_shows_the_plan_and_changes_nothing(checkout: Repo) -> None:
    """With --install-only or --dry-run; the outcome is planned."""
    before = snapshot(checkout.root)
    screens = [
        nox(checkout.root, "--install-only", "-s", "preview"),
        nox(checkout.root, "-s", "preview", "--", "--dry-run"),
    ]
    assert [screen.code for screen in screens] == [0, 0]
    assert screens[0].plan == screens[1].plan
    assert screens[0].out == screens[1].out
    screens[0].shows("number 1, the next free one", "steps build, check, preview-publish, verify")
    assert screens[0].last == "planned: demo-tool 1.2.0.dev1 would go to the preview channel on the local index"
    assert snapshot(checkout.root) == before
    assert not (checkout.root / ".release-channels").exists()


@pytest.mark.full
def test_a_preview_carries_out_the_shown_plan_once(checkout: Repo) -> None:
    """At the same commit it is already published, and exits with 0."""
    planned = nox(checkout.root, "-s", "preview", "--", "--dry-run").plan
    first = nox(checkout.root, "-s", "preview")
    assert (first.code, first.last) == (0, "published: demo-tool 1.2.0.dev1 on the local index")
    assert first.plan[: len(planned)] == planned
    assert [first.err.count(f"[{n}/4] {name}: ") for n, name in enumerate(PREVIEW, 1)] == [1, 1, 1, 1]
    first.shows(
        "pip install --pre --upgrade demo-tool` installed 1.2.0.dev1",
        "uv tool install --prerelease allow --upgrade demo-tool` installed 1.2.0.dev1",
    )
    before = snapshot(checkout.root)
    again = nox(checkout.root, "-s", "preview")
    assert again.code == 0
    assert again.last.startswith("already published: demo-tool 1.2.0.dev1 on the local index")
    assert snapshot(checkout.root) == before
    assert checkout.git("status", "--porcelain") == "?? release.json"
    dry = nox(checkout.root, "-s", "preview", "--", "--dry-run")
    assert dry.last == "planned: demo-tool 1.2.0.dev1 is on the local index already and would be compared with it"


def test_uncommitted_changes_are_reported_and_not_built(checkout: Repo) -> None:
    """And stay as they are."""
    checkout.write({"src/demo_tool/__init__.py": "raise SystemExit('not committed')\n", "new.txt": "new\n"})
    before = snapshot(checkout.root)
    screen = nox(checkout.root, "-s", "build")
    assert screen.code == 0
    screen.shows("2 uncommitted and left out: src/demo_tool/__init__.py, new.txt")
    wheel = next((checkout.root / "dist").glob("*.whl"))
    listing = subprocess.run([sys.executable, "-m", "zipfile", "-l", wheel], check=True, capture_output=True, text=True)
    assert "new.txt" not in listing.stdout
    assert b"not committed" not in wheel.read_bytes()
    after = snapshot(checkout.root)
    assert {name: after[name] for name in before} == before


# --- a step that fails is the last one -------------------------------------------------------------------------------


def _reported_steps(text: str) -> list[str]:
    return [found[1] for found in re.finditer(r"^\[\d/\d\] ([\w-]+): ", text, re.MULTILINE)]


@pytest.mark.full
def test_a_failing_build_ends_the_run(make_repo: MakeRepo) -> None:
    """Without dist/, manifest or upload."""
    sample = adopter(backend="hatchling")
    broken = sample.pyproject().replace("hatchling.build", "hatchling.nowhere")
    repo = make_repo(adopter(files={"pyproject.toml": broken}))
    screen = nox(repo.root, "-s", "preview")
    assert screen.code == 1
    assert _reported_steps(screen.own) == ["build"]
    assert screen.last.startswith("failed: build: ")
    assert "No module named 'hatchling.nowhere'" in screen.err
    assert built(repo.root) == published(repo.root) == []


@pytest.mark.parametrize("session", ["preview", pytest.param("build-and-check", marks=FULL)])
def test_a_failing_check_ends_the_run(make_repo: MakeRepo, session: str) -> None:
    """A dependency by direct URL; nothing is on the index."""
    repo = make_repo(adopter(dependencies=("idna @ file:///nowhere/idna-3.20-py3-none-any.whl",)))
    screen = nox(repo.root, "-s", session)
    assert screen.code == 1
    assert _reported_steps(screen.text) == ["build", "check"]
    assert screen.last.startswith("refused: check: ")
    screen.shows("idna @ file:///nowhere/idna")
    assert built(repo.root)[-1] == "release.json"
    assert published(repo.root) == []


def test_a_refused_upload_ends_the_run(make_repo: MakeRepo, tmp_path: Path, upstream: str) -> None:
    """In the index's own words."""
    with serve(tmp_path / "mine", limits=Limits(file=10), upstream=upstream, project="demo-tool") as index:
        named = f'\n[[tool.uv.index]]\nname = "mine"\nurl = "{index.simple_url}"\npublish-url = "{index.upload_url}"\n'
        repo = make_repo(adopter(tail=named))
        login = {"UV_PUBLISH_USERNAME": "somebody", "UV_PUBLISH_PASSWORD": "something"}
        screen = nox(repo.root, "-s", "preview", "--", "--index", "mine", "--run-number", "5", env=login)
    assert screen.code == 1
    assert _reported_steps(screen.text) == ["build", "check", "preview-publish"]
    assert screen.last == "failed: preview-publish: the index mine did not take the upload"
    screen.shows("File too large")
    assert [path.name for path in (tmp_path / "mine").rglob("*.whl")] == []
    assert published(repo.root) == []


@FULL
def test_a_broken_script_fails_verify_after_publishing(make_repo: MakeRepo) -> None:
    """The outcome contains that the preview is published."""
    only_there = 'import sys\nassert "verify" not in sys.prefix, "no start"\n\n\ndef main() -> None:\n    """Go."""\n'
    repo = make_repo(adopter(files={"src/demo_tool/__init__.py": only_there}))
    screen = nox(repo.root, "-s", "preview")
    assert screen.code == 1
    assert _reported_steps(screen.text) == list(PREVIEW)
    assert screen.last.startswith(
        "failed: demo-tool 1.2.0.dev1 on the local index was published, but afterwards verify"
    )
    screen.shows("AssertionError: no start")
    assert len(published(repo.root)) == 2


@pytest.mark.parametrize(
    "session", [pytest.param("check", marks=FULL), "preview-publish", pytest.param("verify", marks=FULL)]
)
def test_a_step_without_a_build_hints_at_the_build(session: str, checkout: Repo) -> None:
    before = snapshot(checkout.root)
    screen = nox(checkout.root, "-s", session)
    assert screen.code == 1
    screen.shows("there is no release.json: nothing was built yet", "`nox -s build` makes it")
    assert snapshot(checkout.root) == before


# --- a name that is taken --------------------------------------------------------------------------------------------


def test_a_projects_session_of_a_taken_name_stays(make_repo: MakeRepo) -> None:
    """Every release session reports why it does not run."""
    own = "import nox\n\nfrom release_channels import sessions\n\n\n@nox.session(venv_backend='none')\n"
    own += 'def build(session):\n    """Build our own thing."""\n    session.log("our own build")\n\n\n'
    repo = make_repo(adopter(files={"noxfile.py": own + "sessions.register(nox)\n"}))
    before = snapshot(repo.root)
    mine = nox(repo.root, "-s", "build")
    assert mine.code == 0
    mine.shows("our own build")
    refused = nox(repo.root, "-s", "preview")
    assert refused.code == 1
    refused.shows("refused: this noxfile has its own session 'build'", "rename yours")
    nox(repo.root, "-l").shows("build -> Build our own thing.", "preview -> Not usable: this noxfile has its own")
    assert snapshot(repo.root) == before


# --- wrong input -----------------------------------------------------------------------------------------------------

Change = Callable[[Repo], dict[str, str] | None]


@dataclass(frozen=True)
class Mistake:
    """A mistake: the change, the command, and the expected text."""

    parts: tuple[str, ...]
    change: Change = lambda repo: None
    words: tuple[str, ...] = ()
    session: str = "preview"
    marks: tuple[pytest.MarkDecorator, ...] = field(default=(FULL,))


def _pyproject(old: str, new: str) -> Change:
    def change(repo: Repo) -> None:
        text = (repo.root / "pyproject.toml").read_text()
        assert old in text
        repo.commit("change", {"pyproject.toml": text.replace(old, new)})

    return change


def _no_repository(repo: Repo) -> None:
    shutil.rmtree(repo.root / ".git")


def _no_commit(repo: Repo) -> None:
    shutil.rmtree(repo.root / ".git")
    repo.git("init", "--quiet")


def _no_pyproject(repo: Repo) -> None:
    repo.git("rm", "--quiet", "pyproject.toml")
    repo.commit("without")


def _bom(repo: Repo) -> None:
    content = (repo.root / "pyproject.toml").read_bytes()
    repo.commit("bom", {"pyproject.toml": b"\xef\xbb\xbf" + content})


def _no_git(repo: Repo) -> dict[str, str]:
    return {"PATH": str(repo.root / "src")}


def _no_network(repo: Repo) -> dict[str, str]:
    repo.commit("change", {"pyproject.toml": adopter(backend="hatchling").pyproject()})
    return {"UV_DEFAULT_INDEX": CLOSED_PORT, "PIP_INDEX_URL": CLOSED_PORT, "UV_HTTP_RETRIES": "0"}


def _in_workflow(repo: Repo) -> dict[str, str]:
    ref = "example/demo-tool/.github/workflows/internal-preview-release.yml@refs/heads/main"
    return {"GITHUB_ACTIONS": "true", "GITHUB_WORKFLOW_REF": ref}


_NUMBER = "is not a run number"
MISTAKES = {
    "not a repository": Mistake(("is not in a git repository", "`git init`"), _no_repository, marks=()),
    "no commit": Mistake(("this repository has no commit yet", "make one"), _no_commit),
    "no pyproject": Mistake(("there is no pyproject.toml", "[project]"), _no_pyproject),
    "bad TOML": Mistake(
        ("pyproject.toml is not valid TOML", "line 2, column 12", "correct that place"),
        _pyproject("requires = [", "requires = ]"),
        marks=(),
    ),
    "byte order mark": Mistake(("starts with a byte order mark", "save it as UTF-8 without"), _bom),
    "dynamic version": Mistake(
        ("declares the version dynamic, and uv_build takes no dynamic", 'take "version" out of'),
        _pyproject('version = "1.2.0.dev0"', 'dynamic = ["version"]'),
    ),
    "no version": Mistake(("has no version in [project]",), _pyproject('version = "1.2.0.dev0"\n', "")),
    "unknown key": Mistake(
        ("tool.release-channels.main-brnch is not a key", "did you mean main-branch?"),
        _pyproject("[project.urls]", '[tool.release-channels]\nmain-brnch = "main"\n\n[project.urls]'),
        marks=(),
    ),
    "unknown option": Mistake(
        (
            "unrecognized arguments: --dryrun",
            "did you mean `nox -s preview -- --dry-run`?",
            "next: nox -s preview -- --dry-run",
        ),
        words=("--dryrun",),
        marks=(),
    ),
    "run number abc": Mistake((f"'abc' {_NUMBER}", "decimal digits"), words=("--run-number", "abc")),
    "run number 0": Mistake((f"'0' {_NUMBER}",), words=("--run-number", "0")),
    "run number negative": Mistake((f"'-1' {_NUMBER}",), words=("--run-number=-1",)),
    "run number in Arabic digits": Mistake((f"'٣' {_NUMBER}",), words=("--run-number", "٣"), marks=()),
    "run number of 5,000 digits": Mistake((f"'{'9' * 20}' {_NUMBER}",), words=("--run-number", "9" * 5000)),
    "no run number": Mistake(("expected one argument", "--run-number N"), words=("--run-number",)),
    "unknown index": Mistake(
        ("there is no index called 'nowhere'", "known here: local, pypi, testpypi", "next: nox -s preview -- --help"),
        words=("--index", "nowhere"),
        marks=(),
    ),
    "unknown commit": Mistake(
        ("'nonsense' names no commit here", "check the spelling"), words=("--commit", "nonsense"), marks=()
    ),
    "no git": Mistake(("could not run git", "is git installed?"), _no_git, marks=()),
    "no network": Mistake(
        ("failed: build: ", "Connection refused", "upstream index did not answer"), _no_network, session="build"
    ),
    "no way to the index": Mistake(
        ("refused: the index pypi did not answer: cannot connect to the proxy: Connection refused",),
        words=("--index", "pypi", "--run-number", "3"),
    ),
    "no index in a release workflow": Mistake(
        ("no --index in the release workflow internal-preview-release.yml", "`-- --index pypi`"), _in_workflow
    ),
}


@pytest.mark.parametrize(
    "mistake", [pytest.param(mistake, id=name, marks=mistake.marks) for name, mistake in MISTAKES.items()]
)
def test_a_mistake_is_reported_without_a_traceback(mistake: Mistake, checkout: Repo) -> None:
    """With reason and hint, exit code 1, and nothing moved."""
    env = mistake.change(checkout)
    before = snapshot(checkout.root)
    screen = nox(checkout.root, "-s", mistake.session, "--", *mistake.words, env=env)
    assert screen.code == 1
    assert screen.last.startswith(("refused: ", "failed: ", "::error"))
    screen.shows(*mistake.parts)
    assert "urllib3" not in screen.text
    assert snapshot(checkout.root) == before
    assert built(checkout.root) == published(checkout.root) == []


def test_nox_in_a_subdirectory_needs_the_noxfile_option(checkout: Repo) -> None:
    """With -f it runs at the root."""
    inside = checkout.root / "src"
    before = snapshot(checkout.root)
    lost = nox(inside, "-s", "preview")
    assert lost.code == 2
    lost.shows("no such file exists")
    found = nox(inside, "-f", "../noxfile.py", "-s", "preview", "--", "--dry-run")
    assert (found.code, found.last.partition(":")[0]) == (0, "planned")
    assert snapshot(checkout.root) == before


def test_a_project_below_the_repository_root_is_refused(make_repo: MakeRepo) -> None:
    sample = adopter()
    repo = make_repo(adopter(files={f"inner/{name}": content for name, content in sample.tree().items()}))
    before = snapshot(repo.root)
    screen = nox(repo.root / "inner", "-s", "preview")
    assert screen.code == 1
    screen.shows("is not the top of its repository", "release-channels init --path inner")
    assert snapshot(repo.root) == before


@pytest.mark.full
def test_a_read_only_checkout_is_refused(checkout: Repo) -> None:
    """A dry run works."""
    # Root may write everywhere until it gives that right away.
    humble = ("setpriv", "--bounding-set=-all", "--inh-caps=-all") if os.geteuid() == 0 else ()
    before = snapshot(checkout.root)
    checkout.root.chmod(0o555)
    try:
        env = {"NOX_SCRIPT_MODE": "none"}
        dry = run(*humble, BIN / "nox", "-s", "preview", "--", "--dry-run", cwd=checkout.root, env=env)
        screen = run(*humble, BIN / "nox", "-s", "preview", cwd=checkout.root, env=env)
    finally:
        checkout.root.chmod(0o755)
    assert (dry.code, dry.last.partition(":")[0]) == (0, "planned")
    assert screen.code == 1
    screen.shows("cannot be written: Permission denied")
    assert snapshot(checkout.root) == before


@pytest.mark.parametrize("words", [("--", "--dry-run"), pytest.param((), marks=FULL)], ids=["dry", "real"])
def test_home_may_be_unset(words: tuple[str, ...], checkout: Repo) -> None:
    """As in a bare container."""
    screen = nox(checkout.root, "-s", "preview", *words, env={"HOME": "", "XDG_CACHE_HOME": ""})
    assert screen.code == 0, screen.text
    assert screen.last.partition(":")[0] == ("planned" if words else "published")


@FULL
def test_a_second_run_in_one_checkout_is_refused(checkout: Repo) -> None:
    """The first one succeeds, and the index is complete."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(2) as pool:
        screens = list(pool.map(lambda _: nox(checkout.root, "-s", "preview"), range(2)))
    good, refused = sorted(screens, key=lambda screen: screen.code)
    assert (good.code, refused.code) == (0, 1)
    assert good.last == "published: demo-tool 1.2.0.dev1 on the local index"
    assert refused.last == "refused: another release run is at work in this checkout"
    refused.shows("wait until it has ended")
    assert len(published(checkout.root)) == 2
    again = nox(checkout.root, "-s", "preview-publish")
    assert again.last.startswith("already published")
