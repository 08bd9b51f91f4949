"""Draw what a preview and `status` look like, from a real run: `uv run nox -s pictures` writes docs/pictures again."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from release_channels.adapters import console
from release_channels.cli.context import open_context
from release_channels.commands.status import read_status, show_status
from release_channels.model.outcome import Result
from release_channels.model.session_names import PREVIEW
from release_channels.model.version import Channel
from release_channels.release.pipeline import run_pipeline
from tests.support.distributions import make_wheel
from tests.support.projects import Sample
from tests.support.repo import Repo

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
_COLUMNS = 110
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
    """Publish a preview of a sample project to its local index, look at the status, and give both as SVG by name."""
    repo = Repo.create(directory / "demo", Sample(urls="", files={".gitignore": "dist/\n"}).tree())
    index = repo.root / ".release-channels" / "index"
    make_wheel(index, version="1.1.0", scripts={"demo-tool": "demo_tool.cli:main"})
    (index.parent / ".gitignore").write_text("*\n")
    pictures = {}
    with console.pictured(_COLUMNS) as recorder:
        outcome = run_pipeline("preview", PREVIEW, (), root=repo.root, channel=Channel.PREVIEW, env=env)
        assert outcome.result is Result.PUBLISHED, outcome.line
        pictures["preview"] = _svg(recorder.export_svg(title="nox -s preview"))
    with console.pictured(_COLUMNS) as recorder, open_context(repo.root, env, index="local") as context:
        show_status(read_status(context))
        pictures["status"] = _svg(recorder.export_svg(title="invoke status --index local"))
    return pictures


def words(svg: str) -> list[str]:
    """Give what a picture says, line by line, without what differs from one run to the next."""
    lines = (re.sub(r"<[^>]+>", "", line) for line in re.findall(r"<text [^>]*>.*?</text>", svg))
    said = (re.sub(r"\b[0-9a-f]{12,}\b", "…", line.replace("&#160;", " ")) for line in lines)
    return [re.sub(r"\d+(\.\d+)? (KiB|MiB|bytes)|\d[\d,]* previews", "…", line) for line in said]


def _svg(text: str) -> str:
    """Take the fonts of another site and the places of this machine out of a picture."""
    here = f"{Path(sys.executable).parent}/"
    return _FONT.sub("", text).replace(here, "").replace(here.replace("/", "&#47;"), "")


def main() -> None:
    """Write the pictures."""
    os.environ.update(_ALWAYS)
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        for name, svg in draw(Path(directory), dict(os.environ)).items():
            (PICTURES / f"{name}.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
