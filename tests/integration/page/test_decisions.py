"""Decisions that newer ones may replace are settled on the page, by the one who made them, and by nobody else."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.integration.page.conftest import Filled
from tests.integration.page.http_browser import HttpBrowser, Page
from tests.integration.page.person import Person, line
from tests.integration.stack import ProcessStack
from tests.integration.team import TeamStack

SETTLE = "/page/decisions/settle"
OLDER = "We use npm as the package manager of {}"
NEWER = "We use pnpm as the package manager of {} now"


class Pair(NamedTuple):
    """Two decisions of one project, stored at different times."""

    person: Person
    project: str
    older: str
    newer: str

    @property
    def address(self) -> str:
        return f"/page/decisions?state=proposed&project={self.project}"

    def in_force(self) -> tuple[bool, bool]:
        found = [self.person.done("get_memory", id=each)["memory"] for each in (self.older, self.newer)]
        return found[0]["in_force"], found[1]["in_force"]


def stored(person: Person, older: str = OLDER, newer: str = NEWER) -> Pair:
    project, now = f"pair-{secrets.token_hex(3)}", datetime.now(UTC)
    texts = ((older, now - timedelta(days=3)), (newer, now - timedelta(days=1)))
    lines = [
        line(text.format(project), at, project=project, kind="reflection", tags=["decision"]) for text, at in texts
    ]
    return Pair(person, project, *person.imports(lines))


@pytest.fixture
def browser(filled: Filled) -> HttpBrowser:
    return filled.browser()


@pytest.fixture
def pair(filled: Filled) -> Iterator[Pair]:
    made = stored(filled.person)
    yield made
    would = filled.person.tool("delete_conversations", ids=[made.older, made.newer])
    if would.get("would_delete"):
        token = would["confirmation_token"]
        filled.person.done("delete_conversations", ids=[made.older, made.newer], confirm=True, confirmation_token=token)


def is_listed(page: Page, pair: Pair) -> bool:
    """Both of the pair, and a form for it."""
    forms = [dict(each.fields) for each in page.forms if each.action == SETTLE]
    return {"newer": pair.newer, "older": pair.older}.items() <= (forms[0].items() if forms else {}.items())


@pytest.mark.slow
def test_a_pair_is_settled_and_that_is_undone(browser: HttpBrowser, pair: Pair) -> None:
    page = browser.open(pair.address)
    assert is_listed(page, pair)
    assert page.words.index("npm as the package") < page.words.index("pnpm as the package")
    done = browser.press(page, SETTLE, "It replaces it")
    assert "The newer one holds now" in done.words
    assert done.address == pair.address
    assert not is_listed(done, pair)
    assert pair.in_force() == (False, True)
    assert pair.older in browser.open(f"/page/decisions?state=replaced&project={pair.project}").html
    assert pair.older not in browser.open(f"/page/decisions?project={pair.project}").html
    undone = browser.press(done, "/page/memories/change", "Undo")
    assert "both hold" in undone.words
    assert is_listed(undone, pair)
    assert pair.in_force() == (True, True)


def test_a_replacement_is_taken_back_on_the_page_of_the_memory_later(browser: HttpBrowser, pair: Pair) -> None:
    browser.press(browser.open(pair.address), SETTLE, "It replaces it")
    page = browser.open(f"/page/memory/{pair.older}")
    assert f"/page/memory/{pair.newer}" in [link for link, words in page.links if words == "what replaced it"]
    done = browser.press(page, SETTLE, "It does not replace it")
    assert done.address == f"/page/memory/{pair.older}"
    assert pair.in_force() == (True, True)


def test_of_what_both_holds_nothing_is_asked_again_until_that_is_undone(browser: HttpBrowser, pair: Pair) -> None:
    done = browser.press(browser.open(pair.address), SETTLE, "Both hold")
    assert "it is not asked again" in done.words
    assert not is_listed(browser.open(pair.address), pair)
    assert pair.in_force() == (True, True)
    assert is_listed(browser.press(done, "/page/memories/change", "Undo"), pair)


@pytest.mark.slow
def test_what_was_said_holds_after_a_restart(tmp_path: Path) -> None:
    with ProcessStack(tmp_path / "data") as stack:
        first, second = stored(Person(stack.url)), stored(Person(stack.url))
        browser = HttpBrowser(stack.url)
        browser.enter(Person(stack.url).link())
        browser.press(browser.open(first.address), SETTLE, "Both hold")
        browser.press(browser.open(second.address), SETTLE, "It replaces it")
        stack.restart()
        browser = HttpBrowser(stack.url)
        browser.enter(Person(stack.url).link())
        page = browser.open("/page/decisions?state=proposed")
        assert SETTLE not in [each.action for each in page.forms]
        assert second._replace(person=Person(stack.url)).in_force() == (False, True)


def test_a_form_that_is_stale_says_so_and_changes_nothing(browser: HttpBrowser, pair: Pair) -> None:
    page = browser.open(pair.address)
    pair.person.done("withdraw", id=pair.newer)
    for button in ("It replaces it", "Both hold"):
        refused = browser.press(page, SETTLE, button)
        assert refused.status == 409
        assert "no longer in force" in refused.words
        assert "/page/today" in [link for link, _ in refused.links]
    pair.person.done("withdraw", id=pair.newer, withdrawn=False)
    assert pair.in_force() == (True, True)
    would = pair.person.done("delete_conversations", ids=[pair.older])
    token = would["confirmation_token"]
    pair.person.done("delete_conversations", ids=[pair.older], confirm=True, confirmation_token=token)
    assert browser.press(page, SETTLE, "It replaces it").status == 404
    assert pair.person.done("get_memory", id=pair.newer)["memory"].get("replaces", []) == []
    assert not is_listed(browser.open(pair.address), pair)


def test_a_form_without_its_token_or_sense_changes_nothing(browser: HttpBrowser, pair: Pair) -> None:
    form = browser.open(pair.address).form(SETTLE)
    ids = {"newer": pair.newer, "older": pair.older}
    own = dict(form.fields)["form"]
    another = dict(browser.open(f"/page/memory/{pair.newer}").form("/page/memories/change").fields)["form"]
    for token in ("", "odd", another):
        assert browser.post(SETTLE, {**ids, "do": "replaced", "form": token}).status == 403
    assert browser.post(SETTLE, {**ids, "do": "replaced", "form": own}, Origin="https://evil.example").status == 403
    for fields, status in (
        ({**ids, "do": "odd"}, 400),
        (ids, 400),
        ({**ids, "do": "replaced", "newer": pair.older}, 400),
        ({"do": "replaced"}, 400),
        ({**ids, "do": "replaced", "older": "nobody"}, 404),
        ({**ids, "do": "both_hold", "older": "\x00"}, 404),
    ):
        refused = browser.post(SETTLE, {**fields, "form": own})
        assert refused.status == status, fields
        assert len(refused.words) > 80
    change = dict(browser.open(f"/page/memory/{pair.newer}").form("/page/memories/change").fields)["form"]
    odd = {"do": "reopen", "id": pair.newer, "form": change}
    assert browser.post("/page/memories/change", odd).status == 400
    assert pair.in_force() == (True, True)
    assert is_listed(browser.open(pair.address), pair)


@pytest.mark.parametrize("address", ["?state=odd", "?kind=odd", "?state=proposed&kind=correction"])
def test_a_state_that_there_is_not_is_said(browser: HttpBrowser, address: str) -> None:
    assert browser.open(f"/page/decisions{address}").status == 400


def test_hostile_text_in_a_pair_is_text(filled: Filled, browser: HttpBrowser) -> None:
    hostile = '<script>window.pwned=1</script><img src=x onerror=alert(1)> "> \u202e {{ 7*7 }}'
    made = stored(filled.person, OLDER + hostile, NEWER + hostile)
    page = browser.open(made.address)
    assert is_listed(page, made)
    assert "window.pwned=1" in page.words
    assert "<script>window" not in page.html
    assert not [named for _, named in page.elements if named.get("src") == "x"]
    assert "\u202e" not in page.html
    assert "/page/today" in [link for link, _ in browser.press(page, SETTLE, "Both hold").links]


@pytest.mark.slow
def test_nobody_settles_what_is_another_s_or_may_only_read(team: TeamStack) -> None:
    ada, bob = Person(team.url, team.token("ada")), HttpBrowser(team.url)
    made = stored(ada)
    for each in (made.older, made.newer):
        ada.done("share_memory", id=each)
    bob.sign_in(team.token("bob"))
    assert not is_listed(bob.open("/page/decisions?state=proposed"), made)
    own = stored(Person(team.url, team.token("bob")))
    form = bob.open(own.address).form(SETTLE)
    token = dict(form.fields)["form"]
    for newer, older in ((made.newer, made.older), (own.newer, made.older), (made.newer, own.older)):
        for what in ("replaced", "both_hold", "open"):
            refused = bob.post(SETTLE, {"newer": newer, "older": older, "do": what, "form": token})
            assert refused.status == 403
    assert made.in_force() == own.in_force() == (True, True)
    reader = HttpBrowser(team.url)
    reader.sign_in(team.token("ada", "read"))
    page = reader.open(made.address)
    assert made.newer in page.html
    assert SETTLE not in [each.action for each in page.forms]
    assert reader.post(SETTLE, {"newer": made.newer, "older": made.older, "do": "replaced"}).status == 403
    assert made.in_force() == (True, True)
