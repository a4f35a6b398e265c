"""Every change that the page offers, made in Chromium by its own forms: with JavaScript, and with it off."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Locator, Page

from tests.integration.page.chromium import open_chromium, watched
from tests.integration.page.conftest import Filled
from tests.integration.page.person import Person, line
from tests.integration.team import TeamStack
from tests.patience import until

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with open_chromium() as browser:
        yield browser


class Desk(NamedTuple):
    """A person at a browser, and their agent."""

    page: Page
    person: Person
    origin: str
    filled: Filled

    def open(self, address: str) -> Page:
        self.page.goto(self.origin + address)
        return self.page

    def press(self, words: str, within: Page | Locator | None = None) -> None:
        """The button with these words."""
        with self.page.expect_navigation():
            (within or self.page).get_by_role("button", name=words, exact=True).first.click()

    def says(self, words: str) -> None:
        """The page says so at its top."""
        assert words in self.page.locator(".notice").inner_text()

    def store(self, content: str, **more: object) -> str:
        return self.person.imports([line(content, datetime.now(UTC), kind="reflection", **more)])[0]

    def memory(self, id: str) -> dict[str, object]:
        found: dict[str, object] = self.person.done("get_memory", id=id)["memory"]
        return found


@pytest.fixture(params=[True, False], ids=["script", "no-script"])
def desk(request: pytest.FixtureRequest, chromium: Browser, filled: Filled) -> Iterator[Desk]:
    origin = filled.stack.url.removesuffix("/mcp")
    context = chromium.new_context(java_script_enabled=request.param, timezone_id="UTC")
    page, troubles = watched(context, origin)
    page.goto(origin + filled.person.link())
    yield Desk(page, filled.person, origin, filled)
    context.close()
    assert not troubles


@pytest.fixture
def project() -> str:
    return f"desk-{secrets.token_hex(3)}"


def test_a_memory_is_edited_and_its_earlier_text_brought_back(desk: Desk, project: str) -> None:
    made = desk.store("The cache keeps a minute.\n\n  Indented, and ends with space ", project=project)
    page = desk.open(f"/page/memory/{made}")
    with page.expect_navigation():
        page.get_by_role("link", name="Edit", exact=True).click()
    field = page.get_by_label("Text")
    assert field.input_value() == "The cache keeps a minute.\n\n  Indented, and ends with space "
    field.fill("The cache keeps an hour: <b>measured</b> & fine.")
    page.get_by_label("Tags").fill("cache, speed , cache")
    desk.press("Save")
    desk.says("The memory was changed")
    now = desk.memory(made)
    assert now["content"] == "The cache keeps an hour: <b>measured</b> & fine."
    assert now["tags"] == ["cache", "speed"]
    page.locator("details.version summary").first.click()
    desk.press("Bring this back")
    assert str(desk.memory(made)["content"]).startswith("The cache keeps a minute.")


def test_what_cannot_be_stored_comes_back_with_what_was_typed(desk: Desk, project: str) -> None:
    made = desk.store("It is short.", project=project)
    page = desk.open(f"/page/memory/{made}?edit")
    page.get_by_label("Tags").fill("x" * 2_000)
    page.get_by_label("Text").fill("What I typed must not be lost.")
    desk.press("Save")
    assert page.locator(".problem").inner_text()
    assert page.get_by_label("Text").input_value() == "What I typed must not be lost."
    assert desk.memory(made)["content"] == "It is short."


def test_a_memory_is_replaced(desk: Desk, project: str) -> None:
    made = desk.store("The queue is Redis.", project=project, tags=["decision"])
    page = desk.open(f"/page/memory/{made}?replace")
    page.get_by_label("Text").fill("The queue is Postgres.")
    desk.press("Store it instead")
    desk.says("holds now")
    assert "The queue is Postgres." in page.locator("main").inner_text()
    assert not desk.memory(made)["in_force"]


def test_a_pair_of_decisions_is_settled(desk: Desk, project: str) -> None:
    texts = ("We use npm as the package manager", "We use pnpm as the package manager now")
    older, newer = (desk.store(each, project=project, tags=["decision"]) for each in texts)
    page = desk.open("/page/decisions")
    with page.expect_navigation():
        page.get_by_role("link", name="May be replaced").click()
    page.get_by_label("Project").fill(project)
    desk.press("Show")
    shown = page.locator(".pair").inner_text()
    assert shown.index(texts[0]) < shown.index(texts[1])
    desk.press("It replaces it")
    desk.says("The newer one holds now")
    assert desk.memory(newer)["replaces"] == [older]
    desk.press("Undo")
    assert desk.memory(older)["in_force"]
    desk.press("Both hold")
    desk.says("it is not asked again")
    assert not page.locator(".pair").count()
    assert desk.memory(older)["in_force"]


def test_a_memory_is_withdrawn_and_holds_again(desk: Desk, project: str) -> None:
    made = desk.store("Deploy on Fridays.", project=project)
    desk.open(f"/page/memory/{made}")
    desk.press("No longer holds")
    desk.says("no longer holds")
    assert not desk.memory(made)["in_force"]
    desk.press("Undo")
    assert desk.memory(made)["in_force"]


def test_a_deletion_is_asked_about_and_undone(desk: Desk, project: str) -> None:
    made = desk.store("Delete me, and bring me back.", project=project)
    page = desk.open(f"/page/memory/{made}")
    desk.press("Delete…")
    assert "Delete one memory?" in page.locator("h1").inner_text()
    assert desk.memory(made)
    with page.expect_navigation():
        page.get_by_role("link", name="Cancel").click()
    desk.press("Delete…")
    desk.press("Delete")
    assert desk.person.tool("get_memory", id=made)["error_code"] == "NOT_FOUND"
    desk.says("Deleted one memory")
    desk.press("Undo")
    assert desk.memory(made)["content"] == "Delete me, and bring me back."


def test_many_are_chosen_deleted_and_brought_back(desk: Desk, project: str) -> None:
    made = [desk.store(f"Note {number} of many.", project=project) for number in range(5)]
    page = desk.open(f"/page/search?project={project}")
    for box in page.locator(".pick").all()[:3]:
        box.check()
    desk.press("Delete…")
    assert "Delete 3 memories?" in page.locator("h1").inner_text()
    desk.press("Delete")
    desk.says("Deleted 3 memories")
    left = desk.person.done("list_memories", project=project)["total"]
    assert left == 2
    desk.press("Undo")
    desk.says("Brought 3 memories back")
    assert desk.person.done("list_memories", project=project)["total"] == len(made)


def test_many_are_withdrawn_at_once(desk: Desk, project: str) -> None:
    made = [desk.store(f"Rule {number} of old.", project=project, tags=["decision"]) for number in range(3)]
    page = desk.open(f"/page/decisions?project={project}")
    for box in page.locator(".pick").all():
        box.check()
    desk.press("No longer holds")
    desk.says("3 memories no longer hold")
    assert not any(desk.memory(each)["in_force"] for each in made)
    assert "None in this project" in page.locator("main").inner_text()
    desk.press("Undo")
    assert all(desk.memory(each)["in_force"] for each in made)


def test_what_was_removed_comes_back_from_the_list_of_removals(desk: Desk, project: str) -> None:
    made = desk.store("Removed by the agent.", project=project)
    token = desk.person.done("delete_conversations", ids=[made])["confirmation_token"]
    desk.person.done("delete_conversations", ids=[made], confirm=True, confirmation_token=token)
    desk.open(f"/page/removals?project={project}")
    desk.press("Bring back")
    assert desk.memory(made)


def test_a_proposal_is_accepted_and_another_declined(desk: Desk) -> None:
    for target in ("make lint", "make deploy"):
        desk.person.done(
            "record_permission", operation="Bash", target=f"{target} {secrets.token_hex(2)}", decision="allow",
            scope="project", working_directory=desk.filled.made.directory,
        )  # fmt: skip
    page = desk.open("/page/permissions")
    lint = page.locator("article", has_text="make lint").last
    desk.press("Allow", lint)
    desk.says("without asking")
    deploy = page.locator("article", has_text="make deploy").last
    desk.press("Decline", deploy)
    desk.says("declined")
    rules = [rule["pattern"] for rule in desk.person.done("permission_status")["rules"]]
    assert any(each.startswith("make lint") for each in rules)
    assert not any(each.startswith("make deploy") for each in rules)


def test_a_rule_is_added_tried_and_taken_back(desk: Desk) -> None:
    word = secrets.token_hex(3)
    page = desk.open("/page/permissions")
    page.get_by_text("Add a rule").click()
    form = page.locator("form[action='/page/permissions/record']")
    form.get_by_label("Command or target").fill(f"rsync {word} *")
    form.get_by_label("Where").select_option("always")
    form.get_by_label("Ends after hours").fill("8")
    desk.press("Deny", form)
    desk.says("denied from now on")
    page.get_by_label("Command or target", exact=True).first.fill(f"rsync {word} everything")
    desk.press("Try")
    assert "Denied." in page.locator(".answer").inner_text()
    desk.press("Take back", page.locator(".rules li", has_text=word))
    desk.says("The rule is gone")
    assert word not in page.locator(".rules").inner_text()


def test_a_project_is_named_linked_merged_and_split(desk: Desk, tmp_path: Path) -> None:
    names = [f"part-{secrets.token_hex(3)}" for _ in range(2)]
    labels = []
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "go.mod").write_text(f"module {name}\n")
        labels.append(desk.person.done("init", working_directory=str(tmp_path / name))["project_context"]["name"])
        desk.store(f"What is known of {name}.", project=labels[-1])
    one, two = labels
    page = desk.open(f"/page/project/{quote(one, safe='')}")
    page.get_by_text("Rename, or one more name").click()
    form = page.locator(f"form[action='/page/name/{one}']").last
    form.get_by_label("Name").fill(f"{one}-also")
    desk.press("Add as an alias", form)
    assert f"{one}-also" in page.locator("main").inner_text()
    page.get_by_text("Link it with another").click()
    form = page.locator(f"form[action='/page/link/{one}']").last
    form.get_by_label("Project").fill(two)
    desk.press("Link", form)
    assert desk.person.done("list_project_links", project=one)["links"]
    desk.press("Unlink")
    assert not desk.person.done("list_project_links", project=one)["links"]
    page.get_by_text("Merge it into another project").click()
    form = page.locator(f"form[action='/page/merge/{one}']")
    form.get_by_label("Project").fill(two)
    desk.press("Merge…", form)
    assert "1 memories" in page.locator("main").inner_text()
    desk.press("Merge")
    assert desk.person.done("list_memories", project=two)["total"] == 2
    desk.press("Split again…")
    desk.press("Split")
    assert desk.person.done("list_memories", project=two)["total"] == 1


def test_a_projects_retention_is_set_and_goes(desk: Desk, project: str) -> None:
    desk.store("Kept for a while.", project=project)
    page = desk.open(f"/page/project/{project}")
    page.get_by_text("Change that").click()
    page.get_by_label("for some days").check()
    page.get_by_role("textbox", name="Days").fill("90")
    desk.press("Set", page.locator(f"form[action='/page/retention/{project}']"))
    assert "for 90 days" in page.locator("main").inner_text()
    page.get_by_text("Change that").click()
    page.get_by_label("as all projects").check()
    desk.press("Set", page.locator(f"form[action='/page/retention/{project}']"))
    rules = desk.person.ask("GET", "/v1/retention").content["rules"]
    assert project not in [each["project"] for each in rules]


def test_quality_is_measured(desk: Desk) -> None:
    label = desk.filled.made.ids["project"]
    before = len(desk.person.done("quality_history", project=label)["points"])
    desk.open(f"/page/quality?project={quote(label)}")
    desk.press("Measure and add it")
    desk.says("Measured just now")
    assert len(desk.person.done("quality_history", project=label)["points"]) == before + 1


def test_a_backup_is_written(desk: Desk, tmp_path: Path) -> None:
    page = desk.open("/page/health")
    page.get_by_label("Directory on the server").fill(str(tmp_path))
    desk.press("Back up now")
    desk.says("The backup is written")
    assert [each for each in tmp_path.iterdir() if each.name.startswith("segue-")]
    page.get_by_label("Directory on the server").fill("no/absolute/path")
    desk.press("Back up now")
    assert page.locator("h1").inner_text()


def test_the_export_is_downloaded(desk: Desk) -> None:
    page = desk.open("/page/export")
    with page.expect_download() as waited:
        page.get_by_role("link", name="Download").click()
    assert waited.value.suggested_filename.startswith("segue-")
    assert waited.value.suggested_filename.endswith(".jsonl")


# --- with the script ------------------------------------------------------------------------------


@pytest.fixture
def keyboard(chromium: Browser, filled: Filled) -> Iterator[Desk]:
    origin = filled.stack.url.removesuffix("/mcp")
    context = chromium.new_context(timezone_id="America/New_York")
    page, troubles = watched(context, origin)
    page.goto(origin + filled.person.link())
    yield Desk(page, filled.person, origin, filled)
    context.close()
    assert not troubles


def test_keys_move_choose_and_edit(keyboard: Desk) -> None:
    page = keyboard.open("/page/today")
    page.keyboard.press("/")
    page.keyboard.type("idempotency")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    page.locator("body").click(position={"x": 5, "y": 400})
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    assert page.locator(".item.at").count() == 1
    page.keyboard.press("x")
    assert page.locator(".item.at .pick").is_checked()
    with page.expect_navigation():
        page.keyboard.press("e")
    assert page.get_by_label("Text").is_visible()


def test_the_browsers_zone_becomes_the_pages(keyboard: Desk) -> None:
    page = keyboard.page
    page.get_by_text("Times of America/New York").wait_for()
    cookies = {each["name"]: each for each in page.context.cookies()}
    assert all(each["httpOnly"] and each["sameSite"] == "Strict" for each in cookies.values()), cookies


def test_today_shows_what_is_stored_while_it_is_open(keyboard: Desk) -> None:
    """The first may come before the page listens."""
    page, words = keyboard.open("/page/today"), list[str]()

    def is_shown() -> bool:
        words.append(secrets.token_hex(4))
        keyboard.store(f"Stored while you look: {words[-1]}.")
        page.wait_for_timeout(4_000)
        text = page.locator("main").inner_text()
        return any(word in text for word in words)

    until(is_shown)


# --- a team ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", [True, False])
def test_a_memory_is_shared_and_made_private(chromium: Browser, team: TeamStack, script: bool) -> None:
    ada, origin = Person(team.url, team.token("ada")), team.url.removesuffix("/mcp")
    word = secrets.token_hex(4)
    made = ada.done("store_reflection", content=f"What all may know: {word}.")["reflection_id"]
    context = chromium.new_context(java_script_enabled=script)
    page, troubles = watched(context, origin)
    page.goto(f"{origin}/page/memory/{made}")
    page.get_by_label("Token").fill(team.token("ada"))
    desk = Desk(page, ada, origin, None)  # type: ignore[arg-type]  # a team's
    desk.press("Sign in")
    assert word in page.locator("main").inner_text()
    bob = Person(team.url, team.token("bob"))
    assert bob.tool("get_memory", id=made)["error_code"] == "NOT_FOUND"
    desk.press("Share")
    desk.says("shared with everybody")
    assert bob.done("get_memory", id=made)["memory"]["author"] == "ada"
    desk.press("Undo")
    assert bob.tool("get_memory", id=made)["error_code"] == "NOT_FOUND"
    desk.press("Sign out")
    assert "Sign in" in page.locator("main").inner_text()
    context.close()
    assert not troubles


# --- what is hostile ------------------------------------------------------------------------------

HOSTILE = (
    '<script>window.pwned = 1; alert(1)</script><img src=x onerror="window.pwned=1"><svg onload=window.pwned=1>',
    '</textarea></form><iframe src=javascript:alert(1)></iframe>"\'><a href="javascript:window.pwned=1">press</a>',
    "[press](javascript:alert(1)) ![](https://evil.example/pixel.png) <https://evil.example> https://evil.example/x",
    "{{ 7*7 }} {% raw %} ${7*7} <%= 7*7 %> #{7*7}",
    "\u202egnp.exe\u202c \u2066hidden\u2069 \x1b]8;;https://evil.example\x07link\x1b]8;;\x07 \x1b[2J \x00 \u200b\ufeff",
    "```html\n<script>window.pwned=1</script>\n```\n````\nnever closed <script>window.pwned=1</script>",
    "A" * 20_000 + " " + "\u0301" * 3_000,
    "</title></style><base href=https://evil.example/><meta http-equiv=refresh content=0;url=https://evil.example>",
)


def test_hostile_text_does_nothing_wherever_it_is_shown(chromium: Browser, filled: Filled) -> None:
    origin, project = filled.stack.url.removesuffix("/mcp"), "</title><script>window.pwned=1</script>"
    person = filled.person
    at = datetime.now(UTC)
    marks = {
        "session_id": '"><script>window.pwned=1</script>',
        "role": "<b>",
        "metadata": {"<i>": "<script>window.pwned=1"},
    }
    said = [line(text, at, project=project, tags=["<script>", "decision"], **marks) for text in HOSTILE]
    ids = person.imports([*said, *(line(text, at, kind="reflection", tags=["decision"]) for text in HOSTILE)])
    person.ask(
        "POST", "/v1/permissions", {"action": "deny", "operation": "Bash", "target": HOSTILE[0], "scope": "always"}
    )
    context = chromium.new_context()
    page, troubles = watched(context, origin)
    page.goto(origin + person.link())
    addresses = [f"/page/memory/{each}{form}" for each in ids for form in ("", "?edit", "?replace")]
    addresses += [f"/page/search?q={quote(each[:200])}" for each in HOSTILE]
    addresses += [f"/page/search?project={quote(project)}&tag=%3Cscript%3E", f"/page/project/{quote(project, safe='')}"]
    addresses += [f"/page/conversation/{quote(str(marks['session_id']), safe='')}", "/page/today", "/page/decisions"]
    addresses += ["/page/decisions?state=proposed", "/page/decisions?state=all"]
    addresses += [f"/page/permissions?target={quote(HOSTILE[0])}", "/page/projects", f"/page/{quote(HOSTILE[1])}"]
    for address in addresses:
        page.goto(origin + address)
        assert page.evaluate("window.pwned === undefined"), address
        assert (
            page.evaluate(
                "document.querySelectorAll('main script, main iframe, main img, main base, main meta').length"
            )
            == 0
        )
        foreign = page.evaluate(
            "[...document.links].filter(each => each.origin !== location.origin).map(each => each.href)"
        )
        assert foreign == []
        shown = page.evaluate("document.querySelector('main').innerText")
        assert not {"\x1b", "\u202e", "\u2066"} & set(shown), address
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, address
    context.close()
    assert not troubles


def test_no_notice_of_a_cookie_that_somebody_else_set(chromium: Browser, filled: Filled) -> None:
    """Another server of this machine may set cookies for its name, too."""
    origin = filled.stack.url.removesuffix("/mcp")
    context = chromium.new_context()
    page, troubles = watched(context, origin)
    page.goto(origin + filled.person.link())
    for value in ("pay me", "deleted!1!<script>", "zone!1!../../x", "odd!1!a", "deleted!99999999999!a"):
        context.add_cookies([{"name": "segue_notice", "value": quote(value), "url": f"{origin}/page/"}])
        page.goto(origin + "/page/today")
        assert page.locator(".notice").count() == 0, value
    context.close()
    assert not troubles


def test_two_deletions_at_once_delete_once(filled: Filled) -> None:
    made = filled.person.imports([line("Pressed twice.", datetime.now(UTC), kind="reflection")])
    browser = filled.browser()
    asked = browser.press(browser.open(f"/page/memory/{made[0]}"), "/page/memories/change", "Delete…", {"do": None})
    browser.press(asked, "/page/memories/delete", "Delete")
    again = browser.press(asked, "/page/memories/delete", "Delete")
    assert again.status in {200, 400, 404, 409}
    assert len(again.words) > 100
    until(lambda: filled.person.tool("get_memory", id=made[0])["error_code"] == "NOT_FOUND")
