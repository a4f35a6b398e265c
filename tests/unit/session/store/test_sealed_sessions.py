"""Sealed sessions cannot be read or swapped; every column that can hold text is known; changing it loses nothing."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services.kit.encryption.key_file import generate_key
from services.kit.encryption.reencryption import change
from services.kit.encryption.vault import SealBroken, Vault
from services.kit.errors import InvalidInput, NotReady, Unavailable
from services.session.app import open_vault
from services.session.config import SessionSettings
from services.session.domain.conversations import Conversation
from services.session.domain.handoff import Handoff
from services.session.domain.operation_risk import Level
from services.session.domain.permissions import Audited, Ledger, Place, Verdict
from services.session.domain.sessions import Answer, Checkpoint, DeferredStore, State
from services.session.operations.events import SESSION_ENDED, Event
from services.session.store import Change, Listing, SessionStore
from services.session.store.reencryption import changeable_sessions
from services.session.store.sqlite import open_sqlite
from tests.unit.session.store.test_session_store import BEGAN, new

VAULT = Vault(bytes(range(32)))
AUDITED = Audited(BEGAN, "ada", "check", "o", "pelican", Place("observatory"), Verdict.ASK, Level.HIGH, "why")
SECRETS = ("observatory", "varnish", "marzipan", "pelican", "zinc")
IN_CLEAR = {
    ("sessions", "id"),
    ("sessions", "user"),
    ("sessions", "state"),
    ("sessions", "created_at"),
    ("sessions", "last_seen_at"),
    ("checkpoints", "session_id"),
    *(("owed", name) for name in ("id", "session_id", "user", "created_at")),
    *(("handoffs", name) for name in ("id", "session_id", "user", "ended_at")),
    *(("conversations", name) for name in ("user", "id", "heard_at")),
    ("ledgers", "user"),
    ("audit", "user"),
    *(("answers", name) for name in ("user", "operation_id", "at")),
    ("registries", "user"),
    *(("projects", name) for name in ("user", "id", "seen_at")),
    *(("project_keys", name) for name in ("user", "id")),
    *(("tokens", name) for name in ("digest", "created_at", "last_used_at", "body")),  # whose, what for, until when
}
"""Columns that stay readable. A column that is new belongs here, or into `encrypting.py` and into UNREADABLE."""
UNREADABLE = {
    *((table, "body") for table in ("sessions", "checkpoints", "owed", "handoffs", "ledgers", "audit", "answers")),
    ("outbox", "body"),
    ("outgoing", "body"),
    ("projects", "body"),
    ("project_keys", "key"),
    *(("sessions", name) for name in ("working_directory", "project")),
    *((table, "project") for table in ("handoffs", "conversations", "audit")),
    ("handoffs", "working_directory"),
    ("conversations", "body"),
}


async def fill(store: SessionStore) -> None:
    session = new("s1", "/work/observatory", project="observatory")
    await store.commit(Change(session=session))
    session = replace(session, version=1)
    handoff = Handoff("s1", "ada", "observatory", BEGAN, State.ENDED, "varnish", ("marzipan",), (), "# pelican", "f.md")
    handoff = replace(handoff, working_directory="/work/observatory", place=1)
    conversation = Conversation("c1", "ada", "/work/observatory", "observatory", BEGAN, BEGAN, recap="zinc")
    await store.commit(
        Change(
            session=session,
            checkpoint=Checkpoint("c1", "s1", 1, BEGAN, note="varnish the telescope"),
            handoff=handoff,
            conversation=conversation,
            deferred=DeferredStore("o1", "s1", "ada", "memory", "zinc", BEGAN),
            ledger=Ledger("ada"),
            audited=[AUDITED],
            events=[Event(SESSION_ENDED, "ada", BEGAN, "s1", {"project": "observatory"}, id="e1")],
            answer=Answer("ada", "op1", "end", BEGAN, "s1", {"summary": "marzipan"}),
        )
    )


async def everything(store: SessionStore) -> list[Any]:
    return [
        await store.session("s1"),
        await store.active_in("ada", "/work/observatory"),
        await store.session_page("ada", Listing(project="observatory")),
        await store.checkpoints("s1", 9),
        await store.pending("ada", 9),
        await store.latest_handoff("ada", "observatory"),
        await store.conversation("ada", "c1"),
        await store.open_conversations("ada", "observatory", 9),
        await store.ledger("ada"),
        await store.earlier_answer("ada", "op1"),
        await store.audit("ada", "observatory", 9),
        await store.events.take(),
    ]


def seen(directory: Path) -> set[str]:
    contents = [path.read_bytes() for path in directory.rglob("*") if path.is_file()]
    return {word for word in SECRETS if any(word.encode() in content for content in contents)}


async def test_every_column_that_can_hold_text_is_sealed_or_known_to_be_clear(tmp_path: Path) -> None:
    async with open_sqlite(tmp_path / "session.sqlite", queue_max=9):
        pass
    with closing(sqlite3.connect(tmp_path / "session.sqlite")) as connection:
        sql = """SELECT t.name, c.name FROM sqlite_master t, pragma_table_info(t.name) c
                 WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%' AND c.type IN ('TEXT', 'BLOB', 'ANY')"""
        assert set(connection.execute(sql).fetchall()) == IN_CLEAR | UNREADABLE


async def test_no_file_shows_any_text_and_the_log_does_not_either(tmp_path: Path) -> None:
    async with open_sqlite(tmp_path / "session.sqlite", queue_max=9, vault=VAULT) as store:
        await fill(store)
        assert (tmp_path / "session.sqlite-wal").exists()
        assert seen(tmp_path) == set()
        assert all(await everything(store))
    assert seen(tmp_path) == set()


async def test_a_body_of_another_row_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "session.sqlite"
    async with open_sqlite(path, queue_max=9, vault=VAULT) as store:
        await fill(store)
        await store.commit(Change(session=new("s2", "/work/b")))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE sessions SET body = (SELECT body FROM sessions WHERE id = 's2') WHERE id = 's1'")
        connection.execute("UPDATE owed SET body = 'clear text'")
        connection.commit()
    async with open_sqlite(path, queue_max=9, vault=VAULT) as store:
        assert await store.session("s2")
        for reading in (store.session("s1"), store.pending("ada", 9)):
            with pytest.raises(SealBroken):
                await reading


@pytest.mark.parametrize(("written", "opened"), [(VAULT, None), (None, VAULT), (VAULT, Vault(bytes(32)))])
async def test_a_database_without_its_keyring_is_not_opened(
    tmp_path: Path, written: Vault | None, opened: Vault | None
) -> None:
    path = tmp_path / "session.sqlite"
    async with open_sqlite(path, queue_max=9, vault=written) as store:
        await fill(store)
    with pytest.raises(NotReady, match="do not belong together"):
        async with open_sqlite(path, queue_max=9, vault=opened):
            pass


async def test_encrypting_and_decrypting_lose_nothing(tmp_path: Path) -> None:
    home, key_file = tmp_path / "session", tmp_path / "key"
    key = generate_key(key_file)
    home.mkdir()
    async with open_sqlite(home / "session.sqlite", queue_max=9) as store:
        await fill(store)
        expected = await everything(store)
        with pytest.raises(Unavailable, match="locked"):  # by this very store
            change(changeable_sessions(SessionSettings(directory=home).place), None, key, lambda *_: None)
    assert seen(home) == set(SECRETS)
    for before, after in ((None, key), (key, None)):
        settings = SessionSettings(directory=home, encryption_key_file=key_file if after else None)
        change(changeable_sessions(settings.place), before, after, lambda *_: None)
        assert seen(home) == (set() if after else set(SECRETS))
        assert [path.stat().st_mode & 0o077 for path in home.iterdir()] == [0] * len(list(home.iterdir()))
        async with open_sqlite(home / "session.sqlite", queue_max=9, vault=open_vault(settings)) as store:
            assert await everything(store) == expected
    generate_key(tmp_path / "other")
    with pytest.raises(NotReady, match=r"The sessions in .* are not encrypted"):
        open_vault(SessionSettings(directory=home, encryption_key_file=tmp_path / "other"))
    change(changeable_sessions(SessionSettings(directory=home).place), None, key, lambda *_: None)
    with pytest.raises(InvalidInput, match="is another one"):
        open_vault(SessionSettings(directory=home, encryption_key_file=tmp_path / "other"))
