"""Databases as earlier versions wrote them, built anew by their own statements, with memories in them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np

from services.memory.memories import Kind, Memory

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
                *(each.id, str(each.fingerprint(user)), user, each.project, str(each.kind), each.content),
                *(each.timestamp, STORED_AT, each.session_id, each.role, list(each.tags), metadata),
            )
            sql = "INSERT INTO memories VALUES (nextval('memory_sequence'), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            connection.execute(sql, row)
            connection.execute("INSERT INTO embeddings VALUES (?, 'm', ?, ?)", (number + 1, vector, vector))
