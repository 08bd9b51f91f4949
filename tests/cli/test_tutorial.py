"""The tutorial as it is typed, and projects of several kinds that follow nothing but the screens."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.adoption.adopting import TOOL
from tests.adoption.conftest import tools
from tests.cli.screen import BIN, run
from tests.conftest import MakeRepo
from tests.support.projects import Sample
from tests.support.repo import Repo

__all__ = ["tools"]  # a fixture: what `init` locks against

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
_BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NEXT = re.compile(r"^next: (.*)$", re.MULTILINE)
_PUBLISHED = re.compile(r"^published: .*", re.MULTILINE)


@dataclass
class Shell:
    """A shell that stays where it is; only `init` locks against the index that has the tool."""

    place: Path
    tools: str
    screens: list[str] = field(default_factory=list)

    def type(self, block: str) -> str:
        """Type some lines, and return all that they printed, which has to go well."""
        env = {"PATH": f"{BIN}:/usr/local/bin:/usr/bin:/bin", "NOX_SCRIPT_MODE": "none"}
        env |= {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "init.defaultBranch", "GIT_CONFIG_VALUE_0": "master"}
        if " init" in block:
            env["UV_DEFAULT_INDEX"] = self.tools
            block = re.sub(r"^(release-channels init)", rf"\1 --tool {shlex.quote(TOOL)}", block, flags=re.MULTILINE)
        where = self.place / ".where"
        done = run(
            "bash", "-e", "-c", f"{{ {block.rstrip()}\n}} 2>&1; pwd > {where}", cwd=self.here, env=env, seconds=300
        )
        assert done.code == 0, f"{block}\n{done.text}"
        self.screens.append(done.out)
        return done.out

    @property
    def here(self) -> Path:
        """The directory that the last line left it in."""
        where = self.place / ".where"
        return Path(where.read_text().strip()) if where.exists() else self.place


@pytest.mark.timeout(600)
def test_the_tutorial_does_what_it_says(tmp_path: Path, offline: None, tools: str) -> None:
    """Each block is typed in order, and prints the lines that the page shows."""
    blocks = _BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    assert len([kind for kind, _ in blocks if kind == "sh"]) > 10
    shell, printed = Shell(tmp_path, tools), ""
    for kind, text in blocks:
        if kind == "sh":
            printed = shell.type(text)
            continue
        for line in text.splitlines():
            wanted = ".*".join(map(re.escape, line.split("…")))
            assert re.search(rf"^{wanted}\s*$", printed, re.MULTILINE), f"{line!r} is not in\n{printed}"


def test_every_command_of_the_tutorial_is_what_a_screen_said() -> None:
    """After `init` every command is `status`, a push, or one that was printed after `next:`."""
    blocks = _BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    printed = {line.removeprefix("next: ") for kind, text in blocks if kind == "text" for line in text.splitlines()}
    begun = next(number for number, (_, text) in enumerate(blocks) if text.startswith("release-channels init\n"))
    typed = [line for kind, text in blocks[begun + 1 :] if kind == "sh" for line in text.splitlines()]
    assert {line.replace(" --quiet", "") for line in typed} <= {*printed, "release-channels status"}


_OWN = '"""Mine."""\nimport nox\nimport yaml\n\n\n@nox.session\ndef docs(session):\n    """Build the pages."""\n'
_LOG = "# Changelog\n\n## [Unreleased]\n\n- It counts.\n"
_RELEASED = "# Changelog\n\n## [Unreleased]\n\n- More.\n\n## [1.2.0] - 2026-01-02\n\n- It counts.\n"


def _tagged(repo: Repo) -> None:
    repo.tag("v1.2.0")
    repo.git("push", "--quiet", "origin", "v1.2.0")


KINDS: dict[str, tuple[Sample, bool]] = {
    "uv": (Sample(files={"CHANGELOG.md": _LOG}), False),
    "hatchling, released": (Sample(backend="hatchling", version="1.2.0", files={"CHANGELOG.md": _RELEASED}), True),
    "setuptools, no changelog": (Sample(backend="setuptools"), False),
    "flit, a noxfile that cannot have them": (Sample(backend="flit-core", files={"noxfile.py": _OWN}), False),
    "poetry, its own tasks": (
        Sample(backend="poetry-core", files={"tasks.py": "from invoke import task\n\n\n@task\ndef tag(c):\n    ...\n"}),
        False,
    ),
    "pdm, no program, released": (Sample(backend="pdm-backend", version="1.2.0", scripts=()), True),
}


@pytest.mark.full
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("sample", "is_released"), KINDS.values(), ids=KINDS)
def test_a_project_comes_to_both_channels_by_the_next_steps_alone(
    make_repo: MakeRepo, tmp_path: Path, tools: str, sample: Sample, is_released: bool
) -> None:
    """From `init` to published on both channels, nothing is typed but what the screen before said."""
    repo = make_repo(sample)
    if is_released:
        _tagged(repo)
    shell, command, published = Shell(tmp_path, tools), "release-channels init", list[str]()
    (tmp_path / ".where").write_text(f"{repo.root}\n")
    for _ in range(24):
        screen = shell.type(command)
        published += _PUBLISHED.findall(screen)
        if len(published) > 1:
            break
        said = _NEXT.findall(screen)
        command = said[-1] if said else "release-channels status"  # git itself says nothing of it
    final = "1.2.1" if is_released else "1.2.0"
    assert published == [
        f"published: demo-tool {final}.dev1 on the local index", f"published: demo-tool {final} on the local index",
    ], "\n".join(shell.screens)  # fmt: skip
