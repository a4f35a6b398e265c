"""Databases as earlier versions wrote them, built anew by their own statements, with memories in them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import duckdb
import numpy as np

from services.kit.encryption.vault import Vault
from services.memory.domain.memories import Kind, Memory, id_key
from services.memory.storage.row_codec import Texts, Whose, rows_of

SCHEMA_1 = """
    CREATE TABLE schema_version (version INTEGER NOT NULL);
    INSERT INTO schema_version VALUES (1);
    CREATE TABLE memories (
        sequence BIGINT NOT NULL UNIQUE, id TEXT PRIMARY KEY, fingerprint UUID NOT NULL UNIQUE, user_id TEXT NOT NULL,
        project TEXT NOT NULL, kind TEXT NOT NULL, content TEXT NOT NULL, timestamp TIMESTAMPTZ NOT NULL,
        stored_at TIMESTAMPTZ NOT NULL, session_id TEXT NOT NULL, role TEXT NOT NULL, tags TEXT[] NOT NULL,
        metadata TEXT NOT NULL
    );
    CREATE SEQUENCE memory_sequence;
    CREATE TABLE embeddings (
        sequence BIGINT PRIMARY KEY, model TEXT NOT NULL, content BLOB NOT NULL, context BLOB NOT NULL
    );
"""
SCHEMA_2 = """
    INSERT INTO schema_version VALUES (2);
    CREATE TABLE project_links (
        user_id TEXT NOT NULL, source TEXT NOT NULL, target TEXT NOT NULL, type TEXT NOT NULL,
        description TEXT NOT NULL, created_at TIMESTAMPTZ NOT NULL, PRIMARY KEY (user_id, source, target)
    );
"""
SCHEMA_4 = """
    INSERT INTO schema_version VALUES (3), (4);
    CREATE TABLE memories (
        sequence BIGINT NOT NULL UNIQUE, key UUID PRIMARY KEY, id TEXT NOT NULL, fingerprint UUID NOT NULL UNIQUE,
        user_id TEXT NOT NULL, project TEXT NOT NULL, kind TEXT NOT NULL, content TEXT NOT NULL,
        timestamp TIMESTAMPTZ NOT NULL, stored_at TIMESTAMPTZ NOT NULL, session_id TEXT NOT NULL, role TEXT NOT NULL,
        tags TEXT[] NOT NULL, metadata TEXT NOT NULL, shared BOOLEAN NOT NULL
    );
    CREATE SEQUENCE removal_sequence;
    CREATE TABLE removals (
        number BIGINT PRIMARY KEY, removed_at TIMESTAMPTZ NOT NULL, user_id TEXT NOT NULL, actor TEXT NOT NULL,
        reason TEXT NOT NULL, project TEXT NOT NULL, ids TEXT[] NOT NULL, count BIGINT NOT NULL, erased BOOLEAN NOT NULL
    );
    CREATE TABLE retention (
        user_id TEXT NOT NULL, project TEXT NOT NULL, days INTEGER, size_mb DOUBLE, reflections BOOLEAN NOT NULL,
        set_at TIMESTAMPTZ NOT NULL, PRIMARY KEY (user_id, project)
    );
    CREATE TABLE upkeep (name TEXT PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE sealing (data_key TEXT NOT NULL);
"""
SCHEMA_5 = """
    INSERT INTO schema_version VALUES (5);
    CREATE TABLE rows_of_4 AS FROM memories;
    DROP TABLE memories;
    CREATE TABLE memories (
        sequence BIGINT NOT NULL UNIQUE, key UUID PRIMARY KEY, id TEXT NOT NULL, fingerprint UUID NOT NULL UNIQUE,
        user_id TEXT NOT NULL, project TEXT NOT NULL, kind TEXT NOT NULL, content TEXT NOT NULL,
        timestamp TIMESTAMPTZ NOT NULL, stored_at TIMESTAMPTZ NOT NULL, session_id TEXT NOT NULL, role TEXT NOT NULL,
        tags TEXT[] NOT NULL, metadata TEXT NOT NULL, shared BOOLEAN NOT NULL, first_said TIMESTAMPTZ NOT NULL,
        size BIGINT NOT NULL
    );
    DROP TABLE retention;
    CREATE TABLE retention (
        user_id TEXT NOT NULL, project TEXT NOT NULL, days INTEGER, size_mb DOUBLE, reflections BOOLEAN NOT NULL,
        set_at TIMESTAMPTZ NOT NULL, is_reset BOOLEAN NOT NULL, PRIMARY KEY (user_id, project)
    );
"""
STORED_AT = datetime(2026, 2, 1, 12, tzinfo=UTC)


def memory(number: int) -> Memory:
    """The memory of that number in each of these databases."""
    return Memory(
        content=f"The lighthouse keeper's entry number {number}: naïve café, 日本語.",
        kind=Kind.CONVERSATION,
        project="lighthouse",
        timestamp=datetime(2026, 1, 1, 8, number % 60, 0, 123456, tzinfo=UTC),
        session_id="night",
        role="user",
        tags=("log", f"n{number}"),
        metadata={"line": number, "nested": {"deep": [1, None, 2.5]}},
        id=f"00000000-0000-4000-8000-{number:012}",
    )


def fingerprint(each: Memory, user: str) -> UUID:
    """As it was up to schema 4: a session's words were not its own."""
    return replace(each, session_id="").fingerprint(user)


def write_schema_4(path: Path, count: int, user: str = "ann", vault: Vault | None = None) -> None:
    """A database of schema 4, sealed or not, that holds `count` memories with embeddings, and a rule of retention."""
    rows, vector = rows_of(vault), np.full(384, 384**-0.5, np.float16).tobytes()
    with duckdb.connect(path) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        tables = SCHEMA_1.replace(SCHEMA_1[SCHEMA_1.index("CREATE TABLE memories") : SCHEMA_1.index("CREATE SEQ")], "")
        connection.execute(tables + SCHEMA_2 + SCHEMA_4)
        if vault:
            connection.execute("INSERT INTO sealing VALUES (?)", [vault.id])
        connection.execute("INSERT INTO retention VALUES (?, ?, 30, NULL, false, ?)", (user, rows.name("p"), STORED_AT))
        for number in range(count):
            each, sequence = memory(number), number + 1
            connection.execute("SELECT nextval('memory_sequence')").fetchall()
            texts = rows.texts(Whose(sequence, each.id, user), Texts.of(each))
            printed = rows.fingerprint(replace(each, session_id=""), user)
            row = (
                *(sequence, str(id_key(user, each.id)), each.id, str(printed), user, texts.project, str(each.kind)),
                *(texts.content, each.timestamp, STORED_AT, texts.session_id, texts.role, list(texts.tags)),
                *(texts.metadata, False),
            )
            connection.execute(f"INSERT INTO memories VALUES ({', '.join('?' * len(row))})", row)
            sealed = (rows.vector(sequence, place, vector) for place in ("content", "context"))
            connection.execute("INSERT INTO embeddings VALUES (?, 'm', ?, ?)", (sequence, *sealed))


def write_schema_5(path: Path, count: int, user: str = "ann", vault: Vault | None = None) -> None:
    """A database of schema 5, sealed or not, that holds `count` memories with embeddings, and a deletion."""
    rows = rows_of(vault)
    write_schema_4(path, count, user, vault)
    with duckdb.connect(path) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(SCHEMA_5)
        for number in range(count):
            printed, size = str(rows.fingerprint(memory(number), user)), memory(number).size
            sql = "INSERT INTO memories SELECT * REPLACE (? AS fingerprint), timestamp, ? FROM rows_of_4 WHERE id = ?"
            connection.execute(sql, (printed, size, memory(number).id))
        connection.execute("DROP TABLE rows_of_4")
        removal = (STORED_AT, user, user, "user", rows.name("p"), ["gone"])
        sql = "INSERT INTO removals VALUES (nextval('removal_sequence'), ?, ?, ?, ?, ?, ?, 1, true)"
        connection.execute(sql, removal)


def write_schema_2(path: Path, count: int, user: str = "ann") -> None:
    """A database of schema 2 that holds `count` memories with embeddings."""
    write_schema_1(path, count, user)
    with duckdb.connect(path) as connection:
        connection.execute(SCHEMA_2)


def write_schema_1(path: Path, count: int, user: str = "ann") -> None:
    """A database of schema 1 that holds `count` memories with embeddings."""
    vector = np.full(384, 384**-0.5, np.float16).tobytes()
    with duckdb.connect(path) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(SCHEMA_1)
        for number in range(count):
            each = memory(number)
            metadata = f'{{"line": {number}, "nested": {{"deep": [1, null, 2.5]}}}}'
            row = (
                *(each.id, str(fingerprint(each, user)), user, each.project, str(each.kind), each.content),
                *(each.timestamp, STORED_AT, each.session_id, each.role, list(each.tags), metadata),
            )
            sql = "INSERT INTO memories VALUES (nextval('memory_sequence'), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            connection.execute(sql, row)
            connection.execute("INSERT INTO embeddings VALUES (?, 'm', ?, ?)", (number + 1, vector, vector))
