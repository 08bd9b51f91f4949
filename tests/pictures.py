"""Draw the pictures of the README: `uv run nox -s pictures` writes docs/pictures again."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from invoke.tasks import Task

from release_channels.adapters import console
from release_channels.tasks import bump, status, tag
from tests.commands.doing import on_index, run_task
from tests.flow import draw_flow
from tests.support.projects import Sample
from tests.support.releasing import IGNORED
from tests.support.repo import Repo

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
_COLUMNS = 80
# A person and a time that are always the same, so that the commit and its bytes are, too.
_ALWAYS = {
    **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in (
        ("NAME", "Ada"), ("EMAIL", "ada@example.com"), ("DATE", "2026-01-05T12:00:00Z"),
    )},
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "init.defaultBranch",
    "GIT_CONFIG_VALUE_0": "main",
}  # fmt: skip
_FONT = re.compile(r"@font-face \{[^}]*\}\s*")


def draw(directory: Path, env: Mapping[str, str]) -> dict[str, str]:
    """Release a sample project on its local index, with a refusal on the way, and give the screens as SVG by name."""
    repo = Repo.create(directory / "demo", Sample(urls="", files=IGNORED).tree())
    on_index(repo, "1.1.0", "1.2.0.dev1")
    with console.pictured(_COLUMNS) as recorder:
        assert _type(repo, "tag", tag) != 0
        refusal = _svg(recorder.export_svg(title="a release that is refused"))
    with console.pictured(_COLUMNS) as recorder:
        _type(repo, "status", status)
        assert _type(repo, "bump --commit", bump, commit=True) == 0
        repo.git("push", "--quiet", "origin", "main")
        assert _type(repo, "tag", tag) == 0
        release = _svg(recorder.export_svg(title="from a dev version to the release tag"))
    return {"refusal": refusal, "release": release}


def _type(repo: Repo, words: str, task: Task[Any], **options: object) -> int:
    """Show a command line, run its task, and return the exit code."""
    console.result(f"$ release-channels {words} --index local", style="bold cyan")
    code = run_task(repo.root, task, index="local", **options)
    console.result("")
    return code


def words(svg: str) -> list[str]:
    """Return a picture's text by line, without what differs between runs."""
    lines = (re.sub(r"<[^>]+>", "", line) for line in re.findall(r"<text [^>]*>.*?</text>", svg))
    said = (re.sub(r"\b[0-9a-f]{12,}\b", "…", line.replace("&#160;", " ")) for line in lines)
    return [re.sub(r"\d+(\.\d+)? (KiB|MiB|bytes)|\d[\d,]* previews", "…", line) for line in said]


def _svg(text: str) -> str:
    """Remove foreign fonts and paths of this machine from a picture."""
    here = f"{Path(sys.executable).parent}/"
    return _FONT.sub("", text).replace(here, "").replace(here.replace("/", "&#47;"), "")


def main() -> None:
    """Write the pictures."""
    os.environ.update(_ALWAYS)
    os.environ.pop("UV_RUN_RECURSION_DEPTH", None)  # the screens name commands as they are typed without `uv run`
    PICTURES.mkdir(exist_ok=True)
    (PICTURES / "flow.svg").write_text(draw_flow(), encoding="utf-8")
    with tempfile.TemporaryDirectory() as directory:
        for name, svg in draw(Path(directory), dict(os.environ)).items():
            (PICTURES / f"{name}.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
