"""The page of both channels: what `status` found, as one HTML file that needs nothing else. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from datetime import datetime
from html import escape

from packaging.version import Version

from release_channels.commands.status_view import StatusReport, uploaded
from release_channels.model.install_commands import pip_command, uv_command
from release_channels.model.observed import IndexFile
from release_channels.model.redact import printable
from release_channels.model.status import humanize_age
from release_channels.model.version import Channel

_NEWEST = 20
"""How many releases the timeline has."""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
_STYLE = """
:root { color-scheme: light dark; --line: #8886; --soft: #8882; --good: #1a7f37; --wait: #9a6700; }
html { background: Canvas; color: CanvasText; }
@media (prefers-color-scheme: dark) { :root { --good: #3fb950; --wait: #d29922; } }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.15rem; margin: 0 0 .5rem; }
section { border: 1px solid var(--line); border-radius: .5rem; padding: 1rem; margin: 1rem 0; }
.channels { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); gap: 1rem; }
.channels section { margin: 0; } .version { font-size: 1.75rem; margin: 0; } p, ul, ol { margin: .25rem 0; }
.command { display: flex; gap: .5rem; align-items: center; background: var(--soft); border-radius: .25rem;
  padding: .25rem .5rem; margin: .25rem 0; } .command code { flex: 1; }
button { font: inherit; min-height: 2rem; cursor: pointer; } .done { color: var(--good); } .open { color: var(--wait); }
ol { border-left: 2px solid var(--line); list-style: none; padding-left: 1rem; }
time { font-variant-numeric: tabular-nums; }
"""
_SCRIPT = """
for (const button of document.querySelectorAll("button")) button.addEventListener("click", async () => {
  await navigator.clipboard.writeText(button.previousElementSibling.textContent);
  button.textContent = "copied";
});
"""


def render_page(report: StatusReport, *, is_tool: bool) -> str:
    """Return the page; `is_tool` is whether the project has a program."""
    project = report.seen.project
    sections = (*_channels(report, project, is_tool=is_tool), *_in_flight(report), *_next(report), *_timeline(report))
    body = "\n".join(sections)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_text(project)}: release channels</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{_text(project)}</h1>\n<p>{_text(report.index)}, as of {_time(report.now)}</p>\n"
        f"{body}\n</main>\n<script>{_SCRIPT}</script>\n</body>\n</html>\n"
    )


def _channels(report: StatusReport, project: str, *, is_tool: bool) -> Iterator[str]:
    index, rows = report.seen.index, dict(report.rows())
    newest = {Channel.PUBLIC: index.newest_final(), Channel.PREVIEW: index.newest_preview()}
    cards = []
    for channel, version in newest.items():
        since = f"<p>{_text(rows['since then'])}</p>" if channel is Channel.PREVIEW else ""
        commands = (pip_command(project, channel), uv_command(project, channel, is_tool=is_tool))
        cards.append(
            f"<section>\n<h2>{channel.value.capitalize()} channel</h2>\n"
            f'<p class="version">{_text(str(version) if version else "none yet")}</p>\n'
            f"<p>{_text(rows[channel.value])}</p>\n{since}\n"
            + "\n".join(_command(shlex.join(words)) for words in commands)
            + "\n</section>"
        )
    yield '<div class="channels">\n' + "\n".join(cards) + "\n</div>"


def _in_flight(report: StatusReport) -> Iterator[str]:
    """Show what a tagged release has and lacks, step by step."""
    if not report.unfinished:
        return
    kinds = {file.name.endswith(".whl") for file in report.files}
    steps = [(f"tag {report.tag}", True), ("sdist on the index", False in kinds), ("wheel on the index", True in kinds)]
    if report.release_asked:
        steps.append(("GitHub Release", report.release is not None and not report.release.is_draft))
    items = "\n".join(
        f'<li class="{"done" if is_done else "open"}">{_text(name)}: {"done" if is_done else "open"}</li>'
        for name, is_done in steps
    )
    yield (
        f"<section>\n<h2>In flight: {_text(str(report.subject))}</h2>\n<p>{_text(report.unfinished)}</p>\n"
        f"<ul>\n{items}\n</ul>\n</section>"
    )


def _next(report: StatusReport) -> Iterator[str]:
    unseen = "".join(f"<li>{_text(what)}</li>" for what in report.unseen)
    yield (
        f"<section>\n<h2>Next</h2>\n{_command(report.next.command)}\n<p>{_text(report.next.why)}</p>\n"
        + (f"<p>Not seen:</p>\n<ul>{unseen}</ul>\n" if unseen else "")
        + "</section>"
    )


def _timeline(report: StatusReport) -> Iterator[str]:
    """List the newest releases of both channels, the latest first."""
    rows = sorted(_releases(report), key=lambda row: (row[0] is not None, row[0] or report.now, row[1]), reverse=True)
    items = "\n".join(_item(when, version, files, report.now) for when, version, files in rows[:_NEWEST])
    if items:
        yield f"<section>\n<h2>Releases</h2>\n<ol>\n{items}\n</ol>\n</section>"


def _releases(report: StatusReport) -> Iterable[tuple[datetime | None, Version, tuple[IndexFile, ...]]]:
    return ((uploaded(files), version, files) for version, files in report.seen.index.releases.items())


def _item(when: datetime | None, version: Version, files: tuple[IndexFile, ...], now: datetime) -> str:
    channel = "preview" if version.is_prerelease else "public"
    yanked = ", yanked" if all(file.yanked for file in files) else ""
    date = f"{_time(when)} ({_text(humanize_age(when, now))})" if when else "at an unknown time"
    return f"<li><strong>{_text(str(version))}</strong> {channel}{yanked}, {date}</li>"


def _command(text: str) -> str:
    return (
        f'<div class="command"><code>{_text(text)}</code>'
        f'<button type="button" aria-label="copy {_text(text)}">copy</button></div>'
    )


def _time(when: datetime) -> str:
    return f'<time datetime="{when.isoformat(timespec="seconds")}">{when:%Y-%m-%d %H:%M} UTC</time>'


def _text(text: str) -> str:
    return escape(printable(text))
