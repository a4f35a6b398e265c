"""Debian's Chromium through Playwright, and axe, which looks at pages as people with assistive technology meet them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import axe_playwright_python
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, sync_playwright

from tests.patience import PATIENCE_S

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
RULES = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@contextmanager
def open_chromium() -> Iterator[Browser]:
    """A browser; while it is open no other event loop runs in this thread."""
    found = shutil.which("chromium") or shutil.which("google-chrome")
    assert found, "Chromium is missing: `make test-browser` installs it as root; on Debian: apt install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


class Troubles(list[str]):
    """What the browser complained of, and each request for another host."""

    def note_dialog(self, dialog: Dialog) -> None:
        """A page that asks something in a dialog of the browser's own runs a script that is not ours."""
        self.append(f"dialog: {dialog.message}")
        dialog.dismiss()


def watched(context: BrowserContext, origin: str) -> tuple[Page, Troubles]:
    """A tab, and what goes wrong in it."""
    page, troubles = context.new_page(), Troubles()
    page.set_default_timeout(1e3 * PATIENCE_S)
    page.on("pageerror", lambda error: troubles.append(f"error: {error}"))
    page.on("dialog", troubles.note_dialog)
    page.on("console", lambda message: troubles.append(message.text) if "Content Security" in message.text else None)
    context.on("request", lambda asked: None if asked.url.startswith((origin, "data:")) else troubles.append(asked.url))
    return page, troubles


def violations(page: Page) -> list[str]:
    """What axe finds wrong with the page."""
    page.evaluate((Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8"))
    found: dict[str, Any] = page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
    return [f"{each['id']}: {each['help']}: {_places(each)}" for each in found["violations"]]


def _places(violation: dict[str, Any]) -> list[str]:
    return [str(node["html"])[:160] for node in violation["nodes"][:3]]
