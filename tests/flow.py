"""Draw the two channels from this repository's workflow files: what starts what, and which jobs run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

WORKFLOWS = Path(__file__).parents[1] / ".github" / "workflows"
_LANES = (
    ("a commit on main", ("test", "integration-eval", "internal-preview-release"), "1.3.0.dev42", "pip install --pre"),
    ("a tag v1.3.0", ("public-release",), "1.3.0", "pip install"),
)
# Jobs that only a person starts, and the one that only ends the workflow.
_LEFT_OUT = ("preflight", "ci-result")
_CHARACTER, _PADDING, _GAP, _LINE, _LANE = 8, 10, 22, 18, 158
# Colours of a light and of a dark page.
_STYLE = """<style>
text { font: 13px ui-monospace, "DejaVu Sans Mono", monospace; fill: #1f2328 } .small { font-size: 12px; fill: #59636e }
rect { fill: #f6f8fa; stroke: #59636e } .end { fill: #dafbe1; stroke: #1a7f37 } path { stroke: #59636e; fill: none }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc } .small { fill: #9198a1 } rect { fill: #151b23; stroke: #9198a1 }
.end { fill: #12261e; stroke: #3fb950 } path { stroke: #9198a1 } }
</style>
"""


def draw_flow() -> str:
    """Return the picture as SVG.

    Raises: KeyError for a workflow that is not there, ValueError for one that does not follow the one before it.
    """
    parsed = (yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(WORKFLOWS.glob("*.yml")))
    workflows = {str(workflow["name"]): workflow for workflow in parsed}
    lanes = [_lane(number * _LANE + 8, *lane, workflows) for number, lane in enumerate(_LANES)]
    width, height = max(right for _, right in lanes) + 2, len(_LANES) * _LANE
    title = "<title>What a commit on main and a release tag start, and what users get</title>\n"
    shape = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img"'
    drawn = "".join(lane for lane, _ in lanes)
    return f'<svg xmlns="http://www.w3.org/2000/svg" {shape}>\n{title}{_STYLE}{drawn}</svg>\n'


def _lane(
    top: int, start: str, names: tuple[str, ...], version: str, command: str, workflows: Mapping[str, Any]
) -> tuple[str, int]:
    """Draw one channel, and return it with its right edge in pixels."""
    for before, after in pairwise(names):
        if before not in workflows[after][True]["workflow_run"]["workflows"]:
            raise ValueError(f"{after} does not follow {before}")
    boxes = [("", [start]), *(("", [f"{name}.yml", *_jobs(workflows[name])]) for name in names)]
    boxes.append(("end", [version, command]))
    drawn, left = "", 2
    for kind, lines in boxes:
        width = 2 * _PADDING + _CHARACTER * max(map(len, lines))
        drawn += _arrow(left, top) if left > 2 else ""
        drawn += _box(left, top, width, lines, kind)
        left += width + _GAP
    return drawn, left - _GAP


def _jobs(workflow: Mapping[str, Any]) -> Iterator[str]:
    """Return the names of the jobs, with the environment that a job asks for."""
    for key, job in workflow["jobs"].items():
        name = str(job.get("name", key)).partition(" (")[0]
        if name not in _LEFT_OUT:
            yield name
            if "environment" in job:
                yield f"  in {job['environment']}"


def _box(left: int, top: int, width: int, lines: list[str], kind: str) -> str:
    shape = f'<rect class="{kind}" x="{left}" y="{top}" width="{width}" height="{24 + _LINE * len(lines)}" rx="6"/>\n'
    rows = (
        f'<text class="{"small" if row else ""}" x="{left + _PADDING}" y="{top + 25 + _LINE * row}" '
        f'xml:space="preserve">{escape(line)}</text>\n'
        for row, line in enumerate(lines)
    )
    return shape + "".join(rows)


def _arrow(left: int, top: int) -> str:
    return f'<path d="M {left - _GAP} {top + 21} H {left} m -6 -4 l 6 4 l -6 4"/>\n'
