"""Every page in Chromium: wide, dark and narrow, with pictures of each in `reports/page`, which somebody looks at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page

from tests.integration.page.chromium import open_chromium, violations, watched
from tests.integration.page.conftest import Filled
from tests.integration.page.content import CONVERSATION
from tests.integration.page.test_entry import PAGES
from tests.integration.stack import ROOT
from tests.integration.team import TeamStack

pytestmark = pytest.mark.browser

REPORTS = ROOT / "reports" / "page"
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1280, "height": 860}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 860}, "color_scheme": "dark"},
    "narrow": {"viewport": {"width": 360, "height": 740}, "color_scheme": "light"},
}
first_load_max_bytes = 60_000


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with open_chromium() as browser:
        yield browser


def addresses(filled: Filled) -> dict[str, str]:
    """Every kind of page there is, by a name for its picture."""
    ids, where = filled.made.ids, quote(filled.made.directory)
    return {
        **{name: f"/page/{name}" for name in PAGES},
        "search-found": "/page/search?q=idempotency+key+of+a+charge",
        "search-filters": "/page/search?kind=reflection&tag=decision&since=2020-01-01",
        "search-nothing": "/page/search?q=zeppelin+hangar+rent",
        "memory": f"/page/memory/{ids['answer']}",
        "memory-edit": f"/page/memory/{ids['edited']}?edit",
        "memory-replaced": f"/page/memory/{ids['replaced']}",
        "memory-replace": f"/page/memory/{ids['newer']}?replace",
        "conversation": f"/page/conversation/{CONVERSATION}",
        "session": f"/page/session/{filled.made.session}",
        "decisions-all": "/page/decisions?state=all",
        "decisions-proposed": "/page/decisions?state=proposed",
        "decisions-replaced": "/page/decisions?state=replaced",
        "project": f"/page/project/{quote(ids['project'])}",
        "permissions-tried": f"/page/permissions?target=git+push+--force&directory={where}",
        "failure": "/page/nothing",
    }


@pytest.mark.parametrize("look", LOOKS)
def test_every_page_looks_right_and_keeps_to_the_rules(chromium: Browser, filled: Filled, look: str) -> None:
    origin = filled.stack.url.removesuffix("/mcp")
    context = chromium.new_context(**LOOKS[look])
    page, troubles = watched(context, origin)
    page.goto(origin + filled.person.link())
    page.wait_for_timeout(300)
    problems: list[str] = []
    for name, address in addresses(filled).items():
        page.goto(origin + address)
        problems += _problems(page, name, REPORTS / look)
    confirm(page, origin, filled)
    problems += _problems(page, "confirm-deletion", REPORTS / look)
    context.close()
    assert not problems, "\n".join(problems)
    assert not troubles


def _problems(page: Page, name: str, folder: Path) -> list[str]:
    """What is wrong with the page that is shown; and its picture."""
    folder.mkdir(parents=True, exist_ok=True)
    for each in page.query_selector_all("details"):
        each.evaluate("element => { element.open = true }") if name in {"project", "permissions"} else None
    page.screenshot(path=folder / f"{name}.png", full_page=True)
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    found = violations(page) + ([f"{wide} pixels too wide"] if wide > 0 else [])
    return [f"{name}: {each}" for each in found]


def confirm(page: Page, origin: str, filled: Filled) -> None:
    """To the page that asks before a deletion."""
    page.goto(f"{origin}/page/memory/{filled.made.ids['asked']}")
    page.get_by_role("button", name="Delete…").click()
    page.get_by_role("heading", name="Delete one memory?").wait_for()


@pytest.mark.parametrize("look", LOOKS)
def test_who_is_not_in_sees_how_to_get_in(chromium: Browser, filled: Filled, team: TeamStack, look: str) -> None:
    for name, url in (("signed-out", filled.stack.url), ("sign-in", team.url)):
        context = chromium.new_context(**LOOKS[look])
        page, troubles = watched(context, url.removesuffix("/mcp"))
        page.goto(url.removesuffix("/mcp") + "/page/today")
        assert not _problems(page, name, REPORTS / look)
        assert not troubles
        context.close()


def test_the_first_load_is_small(chromium: Browser, filled: Filled) -> None:
    origin = filled.stack.url.removesuffix("/mcp")
    context = chromium.new_context()
    page, _ = watched(context, origin)
    sizes: dict[str, int] = {}
    page.on("response", lambda answer: sizes.update({answer.url: len(answer.body())}) if answer.status == 200 else None)
    page.goto(origin + filled.person.link())
    page.wait_for_timeout(500)
    context.close()
    assert [each for each in sizes if each.partition("?")[0].endswith((".css", ".js", ".svg"))]
    assert sum(size for each, size in sizes.items() if "/page/live" not in each) < first_load_max_bytes
