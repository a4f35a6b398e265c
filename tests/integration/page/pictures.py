"""`make pictures`: the README's pictures of the web page, of real pages with made-up content."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Browser

from tests.integration.page.chromium import open_chromium
from tests.integration.page.content import Made, fill, repository_at
from tests.integration.page.person import Person
from tests.integration.stack import ROOT, ProcessStack

PICTURES = ROOT / "docs" / "pictures"
WIDTH, HEIGHT = 1120, 700


def main() -> None:
    """Makes all of them."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.gettempdir()) / "ada"
    with tempfile.TemporaryDirectory() as data, ProcessStack(Path(data)) as stack:
        try:
            made = fill(Person(stack.url), repository_at(work / "checkout"))
        finally:
            shutil.rmtree(work, ignore_errors=True)
        with open_chromium() as browser:
            _take(browser, stack, made)


def _take(browser: Browser, stack: ProcessStack, made: Made) -> None:
    origin = stack.url.removesuffix("/mcp")
    views = {
        "today": ("/page/today", "light"),
        "search": ("/page/search?q=idempotency+key+of+a+charge", "light"),
        "memory": (f"/page/memory/{made.ids['answer']}", "dark"),
    }
    for name, (address, scheme) in views.items():
        size = {"width": WIDTH, "height": HEIGHT}
        context = browser.new_context(viewport=size, color_scheme=scheme)  # type: ignore[arg-type]  # light or dark
        page = context.new_page()
        page.goto(origin + Person(stack.url).link())
        page.wait_for_timeout(500)
        page.goto(origin + address)
        page.screenshot(path=PICTURES / f"{name}.png")
        context.close()


if __name__ == "__main__":
    main()
