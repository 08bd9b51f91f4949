"""The page of both channels in a real browser: on a phone and a desk, light and dark, and its buttons.

It takes the Chromium of the system, and `uv sync --group browser` for what drives it and for axe.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from release_channels import tasks
from tests.commands.doing import run_task
from tests.commands.test_status_page import half, kept_open
from tests.support.repo import Repo

__all__ = ["half"]  # a fixture: a project with much to show

WIDTHS = {"phone": (360, 740), "desk": (1280, 800)}
_CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(_CHROMIUM is None, reason="there is no Chromium: `apt-get install chromium`"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium without a window."""
    driver = pytest.importorskip("playwright.sync_api", reason="there is no playwright: `uv sync --group browser`")
    with driver.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=_CHROMIUM)
        try:
            yield chromium
        finally:
            chromium.close()


@pytest.fixture(params=["the file", "the local index"])
def address(request: pytest.FixtureRequest, half: Repo, capsys: pytest.CaptureFixture[str]) -> Iterator[str]:
    """Where the page is."""
    if request.param == "the file":
        assert run_task(half.root, tasks.status, index="local", html="channels.html") == 0
        yield (half.root / "channels.html").as_uri()
        return
    with kept_open(half, capsys) as found:
        yield found


def opened(browser: Any, address: str, **look: Any) -> Any:
    """Open the page; what it logs as an error fails the test at once."""
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"], **look)
    page = context.new_page()
    page.on("console", lambda message: page.errors.append(message.text) if message.type == "error" else None)
    page.errors = []
    assert page.goto(address) is not None
    return page


def test_axe_finds_nothing_and_nothing_is_cut_off(browser: Any, address: str) -> None:
    """In light and dark, on a phone and a desk: no violation of any rule, and no line that has to be scrolled to."""
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="there is no axe: `uv sync --group browser`"
    )
    for width, height in WIDTHS.values():
        for scheme in ("light", "dark"):
            page = opened(browser, address, viewport={"width": width, "height": height}, color_scheme=scheme)
            found = axe.Axe().run(page)
            assert found.response["passes"], "axe looked at nothing"
            assert found.violations_count == 0, f"{scheme}, {width}: {found.generate_report()}"
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{scheme}, {width}"
            assert page.errors == []
            page.context.close()


def test_each_button_copies_its_command_and_says_so(browser: Any, address: str) -> None:
    """With the mouse and with the keyboard."""
    page = opened(browser, address)
    buttons, commands = page.get_by_role("button").all(), page.locator(".command code").all_text_contents()
    assert len(buttons) == len(commands) == 5
    for number, (button, command) in enumerate(zip(buttons, commands, strict=True)):
        button.focus()
        button.click() if number % 2 else page.keyboard.press("Enter")
        page.wait_for_function("button => button.textContent === 'copied'", arg=button.element_handle())
        assert page.evaluate("navigator.clipboard.readText()") == command
    assert page.errors == []
    page.context.close()
