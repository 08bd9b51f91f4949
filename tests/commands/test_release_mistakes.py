"""The kinds of mistakes that the sixteen releases of the reference project made, each stopped before anything moves.

Each is made here in a project of our own, with the command of that moment.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from release_channels import tasks
from release_channels.adoption.workflows.render import Adoption, Tests, render
from release_channels.model.config import Config
from tests.commands.doing import bump, on_index, run_task, tag
from tests.conftest import MakeRepo, RunSession
from tests.support.projects import Sample
from tests.support.repo import Repo

OLDER = "## [1.1.0] - 2026-10-01\n\n- It.\n"
EMPTY = f"# Changelog\n\n## [Unreleased]\n\n{OLDER}"
UNRELEASED = f"# Changelog\n\n## [Unreleased]\n\n- Everything.\n\n{OLDER}"
CHANGELOG = f"# Changelog\n\n## [1.2.0] - 2026-11-22\n\n- Everything.\n\n{OLDER}"
CITATION = "cff-version: 1.2.0\ntitle: Demo\nversion: 1.1.0\n"
LOCK = (
    'version = 1\nrevision = 3\nrequires-python = ">=3.10"\n\n'
    '[[package]]\nname = "demo-tool"\nversion = "1.1.0"\nsource = { editable = "." }\n'
)
WORKFLOWS = render(Adoption(Config(), Tests("uv run --frozen --script noxfile.py", ("tests",), ("3.12",))))
GATE = ".github/workflows/integration-eval.yml"
CUT = {**WORKFLOWS, GATE: WORKFLOWS[GATE].replace("name: integration-eval\n", "name: integration-light\n", 1)}

Act = Callable[[Repo, RunSession], int]
Prepare = Callable[[Repo], object]


def _final(**files: str) -> Sample:
    """A project whose main is ready to be tagged but for one mistake."""
    return Sample(version="1.2.0", files={"CHANGELOG.md": CHANGELOG, **files})


def _dev(version: str = "1.2.0.dev0", **files: str) -> Sample:
    return Sample(version=version, files={"CHANGELOG.md": UNRELEASED, **files})


def _tag(repo: Repo, _: RunSession) -> int:
    return tag(repo)


def _bump(repo: Repo, _: RunSession) -> int:
    return bump(repo, commit=True)


def _preview(number: int) -> Act:
    return lambda repo, session: int(not session(repo, "--run-number", str(number)).result.is_good)


def _task(name: str, **options: object) -> Act:
    return lambda repo, _: run_task(repo.root, getattr(tasks, name), **options)


def _index(*versions: str) -> Prepare:
    return lambda repo: on_index(repo, *versions)


def _later(repo: Repo) -> None:
    for number in range(8):
        repo.commit(f"a feature, part {number}", {f"src/demo_tool/part_{number}.py": "x = 1\n"})
    repo.git("push", "--quiet", "origin", "main")


def _aside(repo: Repo) -> None:
    repo.git("switch", "--quiet", "--create", "hotfix")
    repo.commit("aside", {"src/demo_tool/fix.py": "x = 1\n"})
    repo.git("push", "--quiet", "origin", "hotfix")


def _released(repo: Repo) -> None:
    repo.tag("v1.2.0")
    repo.commit("goes on", {"src/demo_tool/more.py": "x = 1\n"})
    repo.git("push", "--quiet", "origin", "main", "v1.2.0")
    on_index(repo, "1.2.0")


def _nothing(_: Repo) -> None:
    pass


KINDS: dict[str, tuple[Sample, Prepare, Act, str]] = {
    "1 no section in the changelog": (
        Sample(version="1.2.0", files={"CHANGELOG.md": UNRELEASED}), _nothing, _tag, "no section for 1.2.0",
    ),
    "2 nothing described": (
        Sample(files={"CHANGELOG.md": EMPTY}), _nothing, _bump, "nothing below its heading",
    ),
    "3 a pinned pre-release": (
        Sample(version="1.2.0", dependencies=("litellm==1.88.0rc1",), files={"CHANGELOG.md": CHANGELOG}),
        _nothing, _tag, "asks for a pre-release (==1.88.0rc1)",
    ),
    "4 a stale citation": (_dev(**{"CITATION.cff": CITATION}), _nothing, _bump, "CITATION.cff"),
    "5 a lock of the version before": (_final(**{"uv.lock": LOCK}), _nothing, _tag, "uv.lock says 1.1.0"),
    "6 a released final stays on main": (
        _final(), _released, _preview(300), "bump-dev",
    ),
    "7 a dev line below a candidate": (_dev(), _index("1.2.0rc6"), _preview(300), "1.2.0rc6"),
    "8 a dev line below the release": (_dev(), _index("1.2.0"), _preview(300), "never pick this preview"),
    "9 a tag many commits later": (_final(), _later, _tag, "8 commits after the one that set 1.2.0"),
    "10 a page that pins what never was": (
        _final(**{"docs/install.md": "uv add 'demo-tool==1.1.5'\n"}), _index("1.1.0"), _tag,
        "names 1.1.5, which was never released",
    ),
    "11 a stale __version__": (
        _final(**{"src/demo_tool/_version.py": '__version__ = "1.1.0"\n'}), _nothing, _tag, "_version.py has 1.1.0",
    ),
    "12 a tag aside of main": (_final(), _aside, _tag, "is not contained in origin/main"),
    "13 a version that is spelled another way": (
        Sample(version="1.2.0-rc.1", files={"CHANGELOG.md": CHANGELOG}), _nothing, _tag, "1.2.0rc1 is a pre-release",
    ),
    "14 a chain cut by a name": (
        Sample(version="1.2.0", files={**CUT, "CHANGELOG.md": CHANGELOG}), _nothing, _tag, "follows integration-eval",
    ),
    "14 seen by doctor": (
        Sample(urls="", files=dict(CUT)), _nothing, _task("doctor", index="local"), "follows integration-eval",
    ),
    "14 seen by init": (Sample(files=dict(CUT)), _nothing, _task("init", check=True), "integration-eval.yml"),
}  # fmt: skip


@pytest.mark.parametrize(("sample", "prepare", "act", "said"), KINDS.values(), ids=KINDS)
def test_a_mistake_is_stopped_before_anything_moves(
    make_repo: MakeRepo, run_session: RunSession, capsys: pytest.CaptureFixture[str],
    sample: Sample, prepare: Prepare, act: Act, said: str,
) -> None:  # fmt: skip
    """It is named, and no file, ref, remote or index is other than before."""
    repo = make_repo(sample)
    prepare(repo)
    before = repo.fingerprint()
    assert act(repo, run_session) == 1
    assert repo.fingerprint() == before
    shown = capsys.readouterr()
    assert said in " ".join((shown.err + shown.out).split())
