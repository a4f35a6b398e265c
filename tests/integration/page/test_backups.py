"""The page says where the backups are, of what age, and whether they are still there, to who may make them."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.integration.page.http_browser import HttpBrowser
from tests.integration.page.person import Person, line
from tests.integration.stack import ProcessStack
from tests.integration.team import TeamStack
from tests.patience import until


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "data"


def opened(stack: ProcessStack) -> HttpBrowser:
    browser = HttpBrowser(stack.url)
    browser.enter(Person(stack.url).link())
    return browser


@pytest.mark.slow
def test_a_backup_is_listed_and_said_to_be_gone_when_it_is(home: Path, tmp_path: Path) -> None:
    with ProcessStack(home) as stack:
        browser, person = opened(stack), Person(stack.url)
        empty = browser.open("/page/health").words
        assert "None yet." in empty
        assert "segue backup" in empty
        person.imports([line("Something to keep.", datetime.now(UTC))])
        page = browser.press(
            browser.open("/page/health"), "/page/health/backup", "Back up now", {"directory": str(tmp_path / "one")}
        )
        (first,) = (tmp_path / "one").iterdir()
        assert str(first) in page.words
        assert "The newest was written" in page.words
        made = person.ask("POST", "/v1/backup", {"directory": str(tmp_path / "two <b>")}).content
        stack.restart()
        browser = opened(stack)
        words = browser.open("/page/health").words
        assert words.index(made["path"]) < words.index(str(first))
        assert "gone" not in words
        shutil.rmtree(first)
        page = browser.open("/page/health")
        assert page.words.count("gone") == 1
        assert [named.get("class") for tag, named in page.elements if tag == "tr" and "class" in named] == ["off"]
        shutil.rmtree(tmp_path / "two <b>")
        assert "None of them is where it was written." in browser.open("/page/health").words


@pytest.mark.slow
def test_scheduled_backups_are_listed_as_long_as_they_are_kept(home: Path, tmp_path: Path) -> None:
    directory = tmp_path / "scheduled"
    with ProcessStack(home, SEGUE_MEMORY_BACKUP_DIRECTORY=str(directory)) as stack:
        browser = opened(stack)
        until(lambda: str(directory / "segue-") in browser.open("/page/health").words)
        assert "every 24 hours" in browser.open("/page/health").words


@pytest.mark.slow
def test_the_list_is_for_who_may_make_a_backup(team: TeamStack, tmp_path: Path) -> None:
    admin, writer = HttpBrowser(team.url), HttpBrowser(team.url)
    admin.sign_in(team.token("root", "admin"))
    page = admin.open("/page/health")
    admin.press(page, "/page/health/backup", "Back up now", {"directory": str(tmp_path / "kept")})
    assert str(tmp_path / "kept") in admin.open("/page/health").words
    writer.sign_in(team.token("ada"))
    page = writer.open("/page/health")
    assert "Backups" not in page.words
    assert str(tmp_path / "kept") not in page.html
