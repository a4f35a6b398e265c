"""The web page of a team on compose, behind the entry and two gateways: two users, and this machine's own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from os import environ

import pytest

from tests.integration.page.chromium import open_chromium, watched
from tests.integration.page.http_browser import HttpBrowser
from tests.integration.page.person import Person
from tests.integration.page.test_entry import PAGES
from tests.integration.stack import ComposeStack
from tests.patience import until

pytestmark = [pytest.mark.containers, pytest.mark.browser]


@pytest.fixture(scope="module")
def tokens() -> Iterator[ComposeStack]:
    """Users are known by their tokens."""
    settings = {"SEGUE_GATEWAY_AUTH": "tokens", "SEGUE_GATEWAY_CALLS_PER_MINUTE": "1000000"}
    with ComposeStack({"gateway": 2}, settings) as made:
        yield made


def token(stack: ComposeStack, user: str) -> str:
    made = stack.compose("exec", "-T", "session", "python", "-m", "services.cli", "token", "create", user)
    return made.strip()


def test_two_users_see_and_change_their_own(tokens: ComposeStack) -> None:
    users = {user: token(tokens, user) for user in ("ada", "bob")}
    ids = {}
    for user, its in users.items():
        person = Person(tokens.url, its)
        ids[user] = person.done("store_reflection", content=f"A secret of {user}.", project=user)["reflection_id"]
    for user, its in users.items():
        other = next(each for each in users if each != user)
        browser = HttpBrowser(tokens.url)
        assert browser.sign_in(its).status == 200
        for name in (*PAGES, "search?q=secret", f"project/{other}", "export/memories.jsonl"):
            page = browser.open(f"/page/{name}")
            assert page.status == 200, (name, page.words)
            assert f"secret of {other}" not in page.html
        assert browser.open(f"/page/memory/{ids[other]}").status == 404
        assert f"secret of {user}" in browser.open(f"/page/memory/{ids[user]}").words


@pytest.mark.parametrize("script", [True, False])
def test_a_user_edits_and_deletes_in_chromium(tokens: ComposeStack, script: bool) -> None:
    its, origin = token(tokens, "eve"), tokens.url.removesuffix("/mcp")
    person = Person(tokens.url, its)
    made = person.done("store_reflection", content=f"Written before, {script}.", project="shop")["reflection_id"]
    with open_chromium() as chromium:
        context = chromium.new_context(java_script_enabled=script)
        page, troubles = watched(context, origin)
        page.goto(f"{origin}/page/memory/{made}?edit")
        page.get_by_label("Token").fill(its)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_label("Text").fill(f"Written again, {script}.")
        page.get_by_role("button", name="Save").click()
        page.locator(".notice").wait_for()
        assert person.done("get_memory", id=made)["memory"]["content"] == f"Written again, {script}."
        page.get_by_role("button", name="Delete…").click()
        page.get_by_role("button", name="Delete", exact=True).click()
        page.locator(".notice").wait_for()
        assert person.tool("get_memory", id=made)["error_code"] == "NOT_FOUND"
        page.get_by_role("button", name="Undo").click()
        page.get_by_text("Brought one memory back").wait_for()
        context.close()
        assert not troubles
    assert person.done("get_memory", id=made)


def test_a_link_is_taken_by_any_gateway_and_once(team: ComposeStack) -> None:
    """Without tokens, and published on this machine alone: `segue dashboard` works as in one process."""
    command = [sys.executable, "-m", "services.cli", "dashboard", "--print"]
    for _ in range(4):
        done = subprocess.run(command, env=environ | team.environment, capture_output=True, text=True, check=True)
        link = done.stdout.strip().removeprefix(team.url.removesuffix("/mcp"))
        first, second = HttpBrowser(team.url), HttpBrowser(team.url)
        assert first.enter(link).status == 200
        assert second.enter(link).status == 401
        for name in PAGES:
            assert first.open(f"/page/{name}").status == 200
        kept = dict(first.cookies)
        first.press(first.open("/page/today"), "/page/sign-out", "Sign out")
        first.cookies = kept
        until(lambda asked=first: asked.open("/page/today").status == 401)  # type: ignore[misc]  # of this round
