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
from tests.support.corpus import PROJECTS, create_repository, read_case

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

    def go(self, directory: Path) -> None:
        """Begin in a directory."""
        (self.place / ".where").write_text(f"{directory}\n")

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


KINDS = {
    "default": "pyproject.toml has the version",
    "released-on-main": "main still declares what is released",
    "hatch-vcs": "the version lives in git tags",
    "setuptools-attr": "the version is in the package",
    "setup-cfg-alone": "there is no pyproject.toml",
    "changelog-towncrier": "towncrier writes the changelog",
    "sub-directory": "the project is below the top",
    "noxfile": "it has sessions of its own",
    "tasks": "it has tasks of its own",
}
"""Projects by the directory that has them, and what kind each is."""


@pytest.mark.full
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", KINDS)
def test_a_project_comes_to_both_channels_by_the_next_steps_alone(
    tmp_path: Path, offline: None, tools: str, kind: str
) -> None:
    """From `init` to published on both channels, nothing is typed but what the screen before said."""
    case = read_case(kind)
    repo = create_repository(tmp_path, PROJECTS / kind, case)
    shell, published = Shell(tmp_path, tools), list[str]()
    shell.go(repo.root)
    command = "release-channels init"
    if directory := case.get("directory"):
        command += f" --path {directory}"
    for _ in range(24):
        screen = shell.type(command)
        published += _PUBLISHED.findall(screen)
        if published and ".dev" not in published[-1]:
            break
        said = _NEXT.findall(screen)
        command = said[-1] if said else "release-channels status"  # git itself says nothing of it
    final = re.match(r"(.*)\.dev[1-9]\d* on the local index$", published[0] if published else "")
    assert final, "\n".join(shell.screens)
    assert published[-1] == f"{final[1]} on the local index", "\n".join(shell.screens)
