"""The session stores' outboxes, in clear, sealed and in Redis: what a commit tells is there with it, or neither is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from opentelemetry.trace import SpanKind

from services.kit.encryption.vault import Vault
from services.kit.observability import telemetry
from services.session.domain.sessions import Session
from services.session.operations.events import INIT_STARTED, SESSION_ENDED, Event
from services.session.store import Change, SessionStore, Stale
from services.session.store.redis import open_redis
from services.session.store.sqlite import open_sqlite
from tests.unit.kit.events.outbox_contract import check_outbox, events_max, taken_events

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SESSION = Session("s1", "ada", "/work/otter", "/work/otter", "otter", NOW, NOW)


@pytest.fixture(params=["sqlite", "sealed sqlite", pytest.param("redis", marks=pytest.mark.containers)])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SessionStore]:
    if "sqlite" in request.param:
        vault = Vault(bytes(range(32))) if "sealed" in request.param else None
        path = tmp_path / "session.sqlite"
        async with open_sqlite(path, queue_max=1000, vault=vault, events_max=events_max) as sqlite:
            yield sqlite
        return
    url = request.getfixturevalue("emptied_redis")
    async with open_redis(url, timeout_s=5, stream_max=1000, events_max=events_max) as redis:
        yield redis


async def test_it_does_what_every_outbox_does(store: SessionStore) -> None:
    async def write(number: int) -> None:
        await store.commit(Change(events=[Event(SESSION_ENDED, "ada", NOW, "s1", {"checkpoints": number})]))

    await check_outbox(store.outbox, write)


async def test_a_commit_is_told_with_the_trace_of_its_call(store: SessionStore) -> None:
    with telemetry.span("a call", kind=SpanKind.SERVER):
        await store.commit(Change(events=[Event(SESSION_ENDED, "ada", NOW, "s1", {"checkpoints": 1})]))
        called = telemetry.traceparent()
    ((_, event),) = (await store.outbox.take(10)).events
    assert event.trace.split("-")[1] == called.split("-")[1]


async def test_a_commit_that_was_too_late_tells_nothing(store: SessionStore) -> None:
    told = Event(INIT_STARTED, "ada", NOW, "s1", {"resumed": False, "project": "otter"})
    await store.commit(Change(session=SESSION, events=[told]))
    with pytest.raises(Stale):
        await store.commit(Change(session=SESSION, events=[Event(SESSION_ENDED, "ada", NOW, "s1")]))
    ((number, event),) = (await store.outbox.take(10)).events
    assert (number, event.id, event.user) == (1, told.id, "ada")
    assert event.data == {"session_id": "s1", "resumed": False}, "no name of a project, no directory"


async def test_what_is_told_survives_the_process(tmp_path: Path) -> None:
    path = tmp_path / "session.sqlite"
    async with open_sqlite(path, queue_max=1000, events_max=10) as store:
        await store.commit(Change(events=[Event(SESSION_ENDED, "ada", NOW, "s1")]))
        told = await taken_events(store.outbox)
    async with open_sqlite(path, queue_max=1000) as store:
        await store.commit(Change(events=[Event(SESSION_ENDED, "ada", NOW, "s2")]))
        assert await taken_events(store.outbox) == told, "what waits is kept when events are turned off; no more come"
