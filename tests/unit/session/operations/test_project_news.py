"""What a user is told of a directory's project: once that it has moved, and which other one it may be."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.session.domain.handoff import Handoff
from services.session.domain.sessions import State
from services.session.operations.project_news import Asked, News, ProjectNews
from services.session.store import Change
from services.session.store.sqlite import open_sqlite
from tests.unit.session.operations.test_project_registry import NOTES, Registry, at
from tests.unit.session.store.test_session_store import BEGAN


@pytest.fixture
async def known(tmp_path: Path) -> AsyncIterator[Registry]:
    async with open_sqlite(tmp_path / "session.sqlite", queue_max=1000) as store:
        yield Registry(store)


async def left(known: Registry, name: str, label: str, user: str = "ada") -> None:
    """A handoff of that name, in that project."""
    made = Handoff(f"{name} {user}", user, label, BEGAN, State.ENDED, "", (), (), "", name)
    await known.store.commit(Change(handoff=made))


async def test_that_a_directory_has_moved_is_news_until_it_was_told(known: Registry) -> None:
    news = ProjectNews(known.store)
    assert await news.news("ada", Asked(await known.label(NOTES), "m", tells=True)) == News("notes")
    label = await known.label(at("/w/Notes-2026"))
    told = News("notes", "/w/notes", "Notes-2026")
    assert await news.news("ada", Asked(label, "m")) == told
    assert await news.news("ada", Asked(label, "m", tells=True)) == told
    assert (await news.news("ada", Asked(label, "m", tells=True))).moved_from == ""


async def test_a_handoff_tells_which_project_it_may_be(known: Registry) -> None:
    news = ProjectNews(known.store)
    await known.label(NOTES)
    await left(known, "n.md", "notes")
    label = await known.label(at("/v/copy", mark="b"))
    assert await news.news("ada", Asked(label, "m", "n.md")) == News(label, likely="notes", roots=["/w/notes"])
    assert (await known.registry.find("ada", label)).likely == ""
    await news.news("ada", Asked(label, "m", "n.md", likely="notes"))
    assert (await known.registry.find("ada", label)).likely == "notes"
    assert await news.news("ada", Asked(label, "n", "n.md")) == News(label, likely="notes", roots=[])
    await left(known, "own.md", label)
    assert await news.news("ada", Asked(label, "m", "own.md")) == News(label)


async def test_what_only_another_user_has_and_what_nobody_has_is_no_news(known: Registry) -> None:
    news = ProjectNews(known.store)
    await known.label(NOTES, "bob")
    await left(known, "n.md", "notes", "bob")
    label = await known.label(at("/v/copy", mark="b"))
    for name in ("n.md", "never.md", "../n.md", ""):
        assert await news.news("ada", Asked(label, "m", name, likely="notes")) == News(label)
    assert await news.news("ada", Asked("", "m", "n.md")) == News()


async def test_the_commands_name_what_means_one_project_alone(known: Registry) -> None:
    news = ProjectNews(known.store)
    await known.label(NOTES)
    await known.label(at("/v/notes", mark="b"))
    await left(known, "n.md", "notes")
    label = await known.label(at("/u/notes", mark="c"))
    found = await news.news("ada", Asked(label, "m", "n.md"))
    for name in (found.name, found.likely):
        assert "/" in name
        await known.registry.find("ada", name)
