"""The log's schema as numbered migrations; `user_version` is the number already applied."""

from __future__ import annotations

import sqlite3

from services.kit.errors import NotReady

MIGRATIONS: tuple[str, ...] = (
    # 1: events in the order in which they came; what each sink has; what it refused; who may report
    """
    CREATE TABLE events (
        number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, user TEXT NOT NULL, body TEXT NOT NULL
    ) STRICT;
    CREATE INDEX events_of_user ON events (user, number);
    CREATE TABLE sinks (name TEXT PRIMARY KEY, number INTEGER NOT NULL, dropped INTEGER NOT NULL) STRICT;
    CREATE TABLE dead_letters (
        sink TEXT NOT NULL, id TEXT NOT NULL, buried_at TEXT NOT NULL, reason TEXT NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (sink, id)
    ) STRICT;
    CREATE TABLE intakes (
        id TEXT PRIMARY KEY, user TEXT NOT NULL, provider TEXT NOT NULL, project TEXT NOT NULL, secret TEXT NOT NULL,
        created_at TEXT NOT NULL
    ) STRICT;
    """,
    # 2: dead letters that are sent once more
    "ALTER TABLE dead_letters ADD COLUMN again INTEGER NOT NULL DEFAULT 0;",
)


def migrate(connection: sqlite3.Connection) -> None:
    """Migrates the database to this program's schema; NotReady if a newer program wrote it."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise NotReady(
            f"The log of events has schema {version}; this version of Segue knows {len(MIGRATIONS)}.",
            "Start the version of Segue that wrote it, or a newer one.",
        )
    for number, statements in enumerate(MIGRATIONS[version:], start=version + 1):
        connection.executescript(f"BEGIN; {statements} PRAGMA user_version = {number}; COMMIT;")
