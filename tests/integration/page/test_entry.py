"""How a browser gets into the page, and who does not."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from services.gateway.access.scopes import is_page
from services.kit import bearer_token
from tests.integration.access.test_issuer import AUDIENCE, KeyServer
from tests.integration.page.conftest import Filled
from tests.integration.page.http_browser import HttpBrowser
from tests.integration.page.person import Person
from tests.integration.stack import ProcessStack, segue
from tests.integration.team import TeamStack
from tests.patience import until

UNKNOWN = f"segue_{'0' * 43}1OzN7i"
"""A token by its form, which nobody has."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
PAGES = (
    "today",
    "search",
    "sessions",
    "decisions",
    "projects",
    "permissions",
    "quality",
    "health",
    "removals",
    "export",
)


@pytest.mark.slow
def test_a_link_works_once(filled: Filled) -> None:
    link = filled.person.link()
    first, second = HttpBrowser(filled.stack.url), HttpBrowser(filled.stack.url)
    assert "Capture works" in first.enter(link).words
    refused = second.enter(link)
    assert refused.status == 401
    assert "has been used" in refused.words
    assert "segue dashboard" in refused.words
    assert second.open("/page/today").status == 401
    assert first.open("/page/today").status == 200


def test_who_only_asks_for_the_head_of_a_link_does_not_use_it_up(filled: Filled) -> None:
    link, browser = filled.person.link(), HttpBrowser(filled.stack.url)
    assert browser._send("HEAD", link, None, {}, follow=False).status == 405
    assert browser.enter(link).status == 200


@pytest.mark.parametrize("code", ["", "x", "0" * 49, UNKNOWN.removeprefix("segue_"), "é", "a&code=b"])
def test_a_code_that_was_never_given_lets_nobody_in(filled: Filled, code: str) -> None:
    browser = HttpBrowser(filled.stack.url)
    refused = browser.open(f"/page/enter?code={code.encode().hex() if not code.isascii() else code}")
    assert refused.status == 401
    assert not any(name.startswith("segue_page") for name in browser.cookies)


def test_the_code_itself_is_no_cookie(filled: Filled) -> None:
    browser = HttpBrowser(filled.stack.url)
    port = filled.stack.url.rpartition(":")[2].removesuffix("/mcp")
    browser.cookies[f"segue_page_{port}"] = bearer_token.PREFIX + filled.person.link().partition("code=")[2]
    assert browser.open("/page/today").status == 401


def test_the_cookie_is_out_of_scripts_sight_and_of_this_site_alone(filled: Filled) -> None:
    browser = HttpBrowser(filled.stack.url)
    browser.open(filled.person.link(), follow=False)
    (cookie,) = [each for each in browser.set_cookies if each.startswith("segue_page")]
    assert {"httponly", "samesite=strict", "path=/page"} <= {each.strip().lower() for each in cookie.split(";")}


def test_who_signs_out_is_out_with_the_same_cookie(filled: Filled) -> None:
    browser = filled.browser()
    kept = dict(browser.cookies)
    left = browser.press(browser.open("/page/today"), "/page/sign-out", "Sign out")
    assert "segue dashboard" in left.words
    browser.cookies = kept
    until(lambda: browser.open("/page/today").status == 401)


@pytest.mark.parametrize("name", PAGES)
def test_without_a_cookie_every_page_says_how_to_get_in(filled: Filled, name: str) -> None:
    page = HttpBrowser(filled.stack.url).open(f"/page/{name}")
    assert page.status == 401
    assert "segue dashboard" in page.words
    assert page.headers["content-security-policy"] == POLICY


def test_every_answer_has_the_policy_and_is_kept_by_no_cache(filled: Filled) -> None:
    browser = filled.browser()
    for address in (
        *(f"/page/{name}" for name in PAGES),
        "/page/nothing",
        "/page/memory/nobody",
        "/page/export/memories.jsonl",
    ):
        page = browser.open(address)
        assert page.headers["content-security-policy"] == POLICY
        assert page.headers["x-frame-options"] == "DENY"
        assert page.headers["x-content-type-options"] == "nosniff"
        assert page.headers["cache-control"] == "no-store"


def test_a_page_has_no_script_or_style_of_its_own(filled: Filled) -> None:
    browser = filled.browser()
    for name in PAGES:
        for tag, named in browser.open(f"/page/{name}").elements:
            assert tag != "style"
            assert not [each for each in named if each.startswith("on") or each in {"style", "srcdoc"}]
            if tag == "script":
                assert named["src"].startswith("/page/assets/")


# --- forms ----------------------------------------------------------------------------------------


def forged(browser: HttpBrowser, token: str, **headers: str) -> int:
    """What a form without that browser's own token comes to."""
    return browser.post("/page/zone", {"zone": "Europe/Berlin", "form": token}, follow=False, **headers).status


def test_a_form_that_is_not_this_browsers_changes_nothing(filled: Filled) -> None:
    browser, other = filled.browser(), filled.browser()
    token = dict(browser.open("/page/today").form("/page/zone").fields)["form"]
    of_another = dict(other.open("/page/today").form("/page/zone").fields)["form"]
    of_another_form = dict(browser.open("/page/today").form("/page/sign-out").fields)["form"]
    assert forged(browser, token) == 303
    assert {forged(browser, each) for each in ("", "x", "é", of_another, of_another_form)} == {403}


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
def test_a_form_that_another_site_sends_changes_nothing(filled: Filled, headers: dict[str, str]) -> None:
    browser = filled.browser()
    token = dict(browser.open("/page/today").form("/page/zone").fields)["form"]
    assert forged(browser, token, **headers) == 403


def test_a_name_of_another_host_is_not_served(filled: Filled) -> None:
    assert filled.browser().open("/page/today", Host="evil.example").status in {401, 421}


def test_an_address_elsewhere_is_no_way_back(filled: Filled) -> None:
    browser = filled.browser()
    for back in ("//evil.example", "https://evil.example/page", "/page\\evil", "/v1/memories", "javascript:alert(1)"):
        token = dict(browser.open("/page/today").form("/page/zone").fields)["form"]
        fields = {"zone": "UTC", "form": token, "back": back}
        assert browser.post("/page/zone", fields, follow=False).headers["location"] == "/page/today"


def test_a_link_on_another_site_leads_to_the_page_by_way_of_itself(filled: Filled) -> None:
    """The browser keeps a strict cookie back then: the page asks again by itself, and then it has it."""
    stranger = HttpBrowser(filled.stack.url)
    page = stranger.open("/page/search?q=keys", Sec_Fetch_Site="cross-site")
    assert ("meta", {"http-equiv": "refresh", "content": "0"}) in page.elements
    assert stranger.open("/page/search?q=keys", Sec_Fetch_Site="same-origin").status == 401


# --- a team ---------------------------------------------------------------------------------------


def test_a_team_signs_in_by_tokens_and_each_is_who_they_are(team: TeamStack) -> None:
    for user in ("ada", "bob"):
        browser = HttpBrowser(team.url)
        assert "Sign in with your token" in browser.open("/page/today").words
        assert user in browser.sign_in(team.token(user)).words


def test_who_signs_in_comes_to_the_page_that_was_asked_for(team: TeamStack) -> None:
    browser = HttpBrowser(team.url)
    asked = browser.open("/page/search?q=retries&project=shop")
    assert browser.press(asked, "/page/sign-in", "Sign in", {"token": team.token("ada")}).address.endswith(
        "/page/search?q=retries&project=shop"
    )


@pytest.mark.parametrize("token", ["", "x", "segue_" + "0" * 49, UNKNOWN, "y" * 5_000, "a;b", 'q"', "é"])
def test_a_wrong_token_lets_nobody_in_and_is_not_repeated(team: TeamStack, token: str) -> None:
    browser = HttpBrowser(team.url)
    refused = browser.sign_in(token)
    assert refused.status == 401
    assert not token or len(token) < 3 or token not in refused.html
    assert browser.open("/page/today").status == 401


def test_a_sign_in_needs_a_form_of_ours(team: TeamStack) -> None:
    refused = HttpBrowser(team.url).post("/page/sign-in", {"token": team.token("ada"), "form": "x"}, follow=False)
    assert refused.status == 403


def test_a_token_that_is_revoked_ends_the_page(team: TeamStack) -> None:
    admin = Person(team.url, team.token("root", "admin"))
    made = admin.ask("POST", "/v1/tokens", {"user": "eve"}).content
    browser = HttpBrowser(team.url)
    assert browser.sign_in(made["token"]).status == 200
    admin.ask("POST", "/v1/tokens/revoke", {"which": made["id"]})
    until(lambda: browser.open("/page/today").status == 401)


def test_no_link_lets_anybody_into_a_teams_page(team: TeamStack) -> None:
    for token in (team.token("root", "admin"), team.token("ada"), team.token("ada", "read")):
        assert Person(team.url, token).link() == "/page/sign-in"


def test_who_may_only_read_is_offered_no_change_and_can_make_none(team: TeamStack) -> None:
    ada = Person(team.url, team.token("ada"))
    made = ada.done("store_reflection", content="A reader cannot change this.", project="shop")["reflection_id"]
    reader = HttpBrowser(team.url)
    reader.sign_in(team.token("ada", "read"))
    page = reader.open(f"/page/memory/{made}")
    assert "A reader cannot change this." in page.words
    assert [each.action for each in page.forms if each.method == "post"] == ["/page/zone", "/page/sign-out"]
    assert reader.post("/page/memories/change", {"do": "delete", "id": made}, follow=False).status == 403
    left = reader.press(page, "/page/sign-out", "Sign out")
    assert "Sign in with your token" in left.words


def test_a_backup_takes_an_admin(team: TeamStack, tmp_path: Path) -> None:
    writer = HttpBrowser(team.url)
    writer.sign_in(team.token("ada"))
    assert "Back up now" not in writer.open("/page/health").words
    assert writer.post("/page/health/backup", {"directory": str(tmp_path)}, follow=False).status == 403
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_user_of_an_issuer_signs_in_by_their_token(tmp_path: Path) -> None:
    keys = KeyServer()
    keys.rotate("one")
    public = "https://segue.example"
    issuer = {"SEGUE_GATEWAY_JWT_ISSUER": keys.url, "SEGUE_GATEWAY_JWT_AUDIENCE": AUDIENCE}
    more = {"SEGUE_GATEWAY_AUTH": "jwt", "SEGUE_GATEWAY_JWT_ALGORITHM": "ES256", "SEGUE_GATEWAY_PUBLIC_URL": public}
    with ProcessStack(tmp_path / "data", **issuer, **more) as stack:
        browser = HttpBrowser(stack.url)
        browser.origin = public  # behind TLS
        assert browser.sign_in(keys.sign(aud="another")).status == 401
        assert "ada" in browser.sign_in(keys.sign()).words
        assert all("secure" in each.lower() for each in browser.set_cookies)
        short = HttpBrowser(stack.url)
        short.origin = public
        short.sign_in(keys.sign(exp=int(time.time()) + 5))
        until(lambda: short.open("/page/today").status == 401)
    keys.close()


# --- the command, and the setting -------------------------------------------------------------------


def test_the_command_prints_a_link_that_works(filled: Filled) -> None:
    done = segue(filled.stack, "dashboard", "--print")
    assert done.returncode == 0, done.stderr
    address = done.stdout.strip()
    assert HttpBrowser(filled.stack.url).open(address.removeprefix(filled.stack.url.removesuffix("/mcp"))).status == 200


def test_the_command_leads_a_team_to_the_form(team: TeamStack, monkeypatch: pytest.MonkeyPatch) -> None:
    for token in ("", team.token("ada"), team.token("root", "admin")):
        monkeypatch.setenv("SEGUE_TOKEN", token)
        done = segue(team, "dashboard", "--print")
        assert done.stdout.strip().endswith("/page/sign-in"), done.stderr


@pytest.mark.slow
def test_the_page_is_off_by_a_setting(tmp_path: Path) -> None:
    with ProcessStack(tmp_path / "data", SEGUE_GATEWAY_PAGE="false") as stack:
        for name in ("today", "enter", "sign-in", "assets/page.css"):
            assert is_page(f"/page/{name}")
            assert HttpBrowser(stack.url).open(f"/page/{name}").status == 404
        done = segue(stack, "dashboard", "--print")
        assert done.returncode == 1
        assert "SEGUE_GATEWAY_PAGE" in done.stderr


@pytest.mark.slow
def test_links_and_sessions_are_tokens_that_can_be_seen_and_go(filled: Filled) -> None:
    filled.browser()
    listed = json.loads(filled.person.ask("GET", "/v1/tokens").body)["tokens"]
    assert {each["user"] for each in listed} <= {"local", "dashboard-link"}
    assert all(each["expires_at"] for each in listed)
