"""Preview what towncrier does with the news fragments, on a copy, so that the plan is shown before any change."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date as Date
from pathlib import Path

from packaging.version import Version

from release_channels.adapters import console
from release_channels.adapters.edits import read_text, reader
from release_channels.adapters.files import temporary_directory
from release_channels.adapters.process import run_unchecked
from release_channels.adapters.uv import sanitized_environment, uv_program, without_pin
from release_channels.cli.context import TaskContext
from release_channels.errors import CommandError, RefusedError
from release_channels.project.changelog import has_section, parse_changelog
from release_channels.project.changelog_edit import prove_sections
from release_channels.project.edit import Change, Creation, Edit, Removal
from release_channels.project.files import follow_links
from release_channels.project.pyproject import News

_SECONDS = 300
_HOW = (
    "make title_format, underlines and the end of the template in [tool.towncrier] fit the titles that the file has; "
    "the template ends with an empty line, and start_string stands above the newest title"
)


def plan_news(context: TaskContext, news: News, version: Version, date: Date) -> tuple[Change, ...]:
    """Plan a version's section in the news file, and the fragments to remove.

    Raises: RefusedError with towncrier's own words if it fails, or if it would change anything else, or lose a section.
    """
    news_file, _ = follow_links(news.file.replace("{version}", str(version)), reader(context.git))
    _tell_left_out(context, news)
    with temporary_directory("towncrier") as place:
        copied = _copy(context, place, news_file)
        with console.progress("running towncrier on a copy"):
            _run(context, place, version, date, news.name)
        changes = tuple(_changes(context.root, place, copied, news_file))
    for change in changes:
        if change.path == news_file and not isinstance(change, Removal):
            _prove(change, version)
    return changes


def _tell_left_out(context: TaskContext, news: News) -> None:
    """Report which fragments nobody has committed: the section would do without them in silence.

    Source: towncrier's tutorial: a fragment is named `ISSUE.TYPE`; what begins with a dot or is a read-me is none.
    """
    names = [
        name for name in context.git.untracked_files(news.directory)
        if "." in (last := name.rpartition("/")[2].lower()) and not last.startswith((".", "readme"))
    ]  # fmt: skip
    if names:
        console.warn(f"not in the section, since git does not track them: {', '.join(names)}")


def _copy(context: TaskContext, place: Path, news_file: str) -> tuple[str, ...]:
    """Copy what git tracks, and the news file if it is there, as they stand in the working tree, and no history.

    Without history towncrier removes plain files.
    """
    names = dict.fromkeys((*context.git.tracked_files(), news_file))
    copied = tuple(name for name in names if (context.root / name).is_file())
    for name in copied:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(context.root / name, place / name, follow_symlinks=False)
    (place / news_file).parent.mkdir(parents=True, exist_ok=True)
    return copied


def _run(context: TaskContext, place: Path, version: Version, date: Date, name: str) -> None:
    words = ["towncrier", "build", "--yes", "--version", str(version), "--date", date.isoformat()]
    words += ["--name", name] if name else []  # else it imports the package, whose dependencies are not here
    env = sanitized_environment(context.env)
    try:
        with temporary_directory("uv") as elsewhere:
            start = (uv_program(), "tool", "run", *without_pin(place, elsewhere))
            run_unchecked(*start, *words, cwd=place, env=env, timeout=_SECONDS).or_raise()
    except CommandError as stop:
        raise RefusedError(f"towncrier could not write the section for {version}", hint=stop.hint) from stop


def _prove(change: Edit | Creation, version: Version) -> None:
    """Prove that the news file gets a section for the version, and that every other one stays.

    Raises: RefusedError if not.
    """
    before, after = (parse_changelog(text, change.path) for text in (getattr(change, "old", ""), change.new))
    if not has_section(after, version):
        raise RefusedError(
            f"towncrier would write {change.path} without a recognizable section for {version}", hint=_HOW
        )
    prove_sections(before, after, version, change.path, hint=_HOW)


def _changes(root: Path, place: Path, copied: tuple[str, ...], news_file: str) -> Iterator[Change]:
    """Compare the copy with the working tree.

    Raises: RefusedError if another file than the news file was changed, or none was written.
    """
    if not (place / news_file).is_file():
        raise RefusedError(f"towncrier would not write {news_file}", hint="run it by hand, and look at the diff")
    if news_file not in copied:
        yield Creation(news_file, read_text(place / news_file))
    for name in copied:
        old, copy = root / name, place / name
        if not copy.exists():
            yield Removal(name, old.read_bytes())
        elif name == news_file:
            yield Edit(name, read_text(old), read_text(copy))
        elif not copy.is_symlink() and old.read_bytes() != copy.read_bytes():
            raise RefusedError(
                f"towncrier would change {name} and not {news_file} alone", hint="run it by hand, and look at the diff"
            )
