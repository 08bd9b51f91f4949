"""The page of both channels: one file that needs nothing else, and says what `status` says."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser

import pytest
import requests

from release_channels import tasks
from release_channels.cli.context import open_context
from release_channels.commands.serve_index import keep_open
from release_channels.commands.status import read_status
from release_channels.commands.status_page import render_page
from tests.cli.screen import wait_until
from tests.commands.doing import run_task
from tests.conftest import MakeRepo
from tests.support.releasing import put_on_index, sample, tagged
from tests.support.repo import Repo

_VOID = {"meta", "link", "img", "br", "input"}


class Page(HTMLParser):
    """What a page contains, and whether its elements are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.seen.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close the innermost element, which has to be this one."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Collect what is read."""
        if self.open and self.open[-1] not in ("style", "script"):
            self.words += f" {' '.join(data.split())}"


@pytest.fixture
def half(make_repo: MakeRepo) -> Repo:
    """A project with previews, a release, and one that is half published."""
    repo = tagged(make_repo(sample("1.2.0")))
    put_on_index(repo, "1.1.0", "1.2.0.dev1", "1.2.0")
    put_on_index(repo, "1.1.1", yanked=True)
    return repo


def page_of(repo: Repo) -> str:
    with open_context(repo.root, os.environ) as context:
        return render_page(read_status(context), is_tool=True)


def test_it_says_what_status_says(half: Repo) -> None:
    """Both channels, how to install from them, what is in flight, what comes next, and the last releases."""
    words = " ".join(Page(page_of(half)).words.split())
    for found in (
        "Public channel 1.2.0", "Preview channel 1.2.0.dev1", "uv tool install --prerelease allow --upgrade demo-tool",
        "In flight: 1.2.0 its sdist is not on the index", "sdist on the index: open", "wheel on the index: done",
        "Next release-channels resume v1.2.0 --index local", "1.1.1 public, yanked,", "1.2.0.dev1 preview,",
    ):  # fmt: skip
        assert found in words, words


def test_it_needs_nothing_else_and_can_be_read_by_all(half: Repo) -> None:
    """Nothing is loaded from anywhere; language, title and headings are there, and each button says what it copies."""
    text = page_of(half)
    page = Page(text)
    assert not re.search(r"\b(src|href|action)=|url\(|@import|https?://", text)
    tags = [tag for tag, _ in page.seen]
    assert (tags.count("h1"), tags.count("main"), tags.count("title")) == (1, 1, 1)
    assert ("html", {"lang": "en"}) in page.seen
    policy = next(found["content"] for tag, found in page.seen if tag == "meta" and "http-equiv" in found)
    assert str(policy).startswith("default-src 'none'")
    labels = [found["aria-label"] for tag, found in page.seen if tag == "button"]
    assert len(labels) == len(set(labels)) == 5
    assert "prefers-color-scheme: dark" in text


def test_foreign_text_is_text(make_repo: MakeRepo) -> None:
    """A branch may be called anything, and the page shows it."""
    repo = make_repo(sample("1.2.0.dev0"))
    name = "<script>alert(1)</script>"
    repo.git("switch", "--quiet", "--create", name)
    repo.commit("bump", {"pyproject.toml": (repo.root / "pyproject.toml").read_text().replace("1.2.0.dev0", "1.2.0")})
    page = Page(page_of(repo))
    assert [tag for tag, _ in page.seen].count("script") == 1
    assert name in page.words


def test_status_writes_it_or_says_why_not(half: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    """The table is printed too; a missing directory is refused, and nothing is written."""
    assert run_task(half.root, tasks.status, html="channels.html") == 0
    assert (half.root / "channels.html").read_text().startswith("<!doctype html>")
    (half.root / "channels.html").unlink()
    before = half.fingerprint()
    capsys.readouterr()
    assert run_task(half.root, tasks.status, html="nowhere/channels.html") == 1
    assert "nowhere" in capsys.readouterr().err
    assert half.fingerprint() == before


@contextmanager
def kept_open(repo: Repo, capsys: pytest.CaptureFixture[str]) -> Iterator[str]:
    """Keep the local index open as `serve-index` does, and yield the address of its page."""
    stop = threading.Event()
    server = threading.Thread(target=keep_open, args=(repo.root,), kwargs={"stop": stop})
    server.start()
    said: list[str] = []

    def found() -> re.Match[str] | None:
        said.append(capsys.readouterr().out)
        return re.search(r"its page at (\S+)\n", "".join(said))

    try:
        wait_until(found, "it is open", 30)
        address = found()
        assert address
        yield address[1]
    finally:
        stop.set()
        server.join(30)


def test_the_local_index_shows_it_at_its_root(half: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    """As it is at that moment, with a release that came since the index was opened."""
    with kept_open(half, capsys) as address:
        put_on_index(half, "1.2.1.dev7")
        answer = requests.get(address, timeout=30)
        half.git("remote", "remove", "origin")
        text = (half.root / "pyproject.toml").read_text()
        half.commit("bump", {"pyproject.toml": text.replace('"1.2.0"', '"1.3.0"')})
        later = requests.get(address, timeout=30)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "1.2.1.dev7" in Page(answer.text).words
    assert "1.3.0" in Page(later.text).words
