"""The SQLite store's schema as numbered migrations; `user_version` is the number already applied."""

from __future__ import annotations

import sqlite3

from services.kit.errors import NotReady

MIGRATIONS: tuple[str, ...] = (
    # 1: records as JSON; columns for the fields used in lookups. Times are ISO 8601 in UTC, of one length.
    """
    CREATE TABLE sessions (
        id TEXT PRIMARY KEY, user TEXT NOT NULL, working_directory TEXT NOT NULL, project TEXT NOT NULL,
        state TEXT NOT NULL, created_at TEXT NOT NULL, last_seen_at TEXT NOT NULL, version INTEGER NOT NULL,
        body TEXT NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX one_active ON sessions (user, working_directory) WHERE state = 'active';
    CREATE INDEX lease ON sessions (last_seen_at) WHERE state = 'active';
    CREATE INDEX of_user ON sessions (user, created_at, id);
    CREATE INDEX of_project ON sessions (user, project, created_at, id);
    CREATE TABLE checkpoints (
        session_id TEXT NOT NULL, number INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (session_id, number)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE owed (
        id TEXT NOT NULL, session_id TEXT NOT NULL, user TEXT NOT NULL, created_at TEXT NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (session_id, id)
    ) STRICT;
    CREATE INDEX owed_by_user ON owed (user, created_at);
    CREATE TABLE handoffs (
        session_id TEXT PRIMARY KEY, user TEXT NOT NULL, project TEXT NOT NULL, ended_at TEXT NOT NULL,
        body TEXT NOT NULL
    ) STRICT;
    CREATE INDEX latest_handoff ON handoffs (user, project, ended_at);
    CREATE TABLE ledgers (user TEXT PRIMARY KEY, version INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
    CREATE TABLE audit (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT, user TEXT NOT NULL, project TEXT NOT NULL, body TEXT NOT NULL
    ) STRICT;
    CREATE INDEX audit_of_user ON audit (user, sequence);
    CREATE INDEX audit_of_project ON audit (user, project, sequence);
    CREATE TABLE answers (
        user TEXT NOT NULL, operation_id TEXT NOT NULL, at TEXT NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (user, operation_id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX answers_by_age ON answers (at);
    CREATE TABLE outbox (sequence INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL) STRICT;
    """,
    # 2: bearer tokens, by the SHA-256 of each
    """
    CREATE TABLE tokens (
        digest TEXT PRIMARY KEY, created_at TEXT NOT NULL, last_used_at TEXT, body TEXT NOT NULL
    ) STRICT;
    """,
    # 3: each user's registry of projects; `key` is what a project is found by: a remote, a root, a name
    """
    CREATE TABLE registries (user TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT;
    CREATE TABLE projects (
        user TEXT NOT NULL, id TEXT NOT NULL, seen_at TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (user, id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX projects_by_use ON projects (user, seen_at, id);
    CREATE TABLE project_keys (
        user TEXT NOT NULL, key TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (user, key, id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX keys_of_project ON project_keys (user, id);
    """,
    # 4: conversations; handoffs by an id of their own, in the order in which the server saw them
    """
    CREATE TABLE conversations (
        user TEXT NOT NULL, id TEXT NOT NULL, project TEXT NOT NULL, is_open INTEGER NOT NULL, heard_at TEXT NOT NULL,
        version INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (user, id)
    ) STRICT;
    CREATE INDEX open_conversations ON conversations (user, project, heard_at) WHERE is_open = 1;
    CREATE INDEX conversations_by_age ON conversations (heard_at);
    ALTER TABLE handoffs RENAME TO handoffs_by_session;
    CREATE TABLE handoffs (
        place INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, session_id TEXT NOT NULL, user TEXT NOT NULL,
        project TEXT NOT NULL, working_directory TEXT NOT NULL, ended_at TEXT NOT NULL, body TEXT NOT NULL
    ) STRICT;
    INSERT INTO handoffs (id, session_id, user, project, working_directory, ended_at, body)
        SELECT session_id, session_id, user, project,
               coalesce((SELECT working_directory FROM sessions WHERE id = session_id), ''), ended_at, body
        FROM handoffs_by_session ORDER BY ended_at, session_id;
    DROP TABLE handoffs_by_session;
    CREATE INDEX last_handoffs ON handoffs (user, project, place);
    CREATE INDEX handoffs_of_session ON handoffs (session_id);
    """,
    # 5: events for other programs, until the integration service has them
    """
    CREATE TABLE outgoing (number INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL) STRICT;
    CREATE TABLE outgoing_settled (number INTEGER NOT NULL) STRICT;
    INSERT INTO outgoing_settled VALUES (0);
    """,
    # 6: a directory may hold another project than it did, whose session is another one
    """
    DROP INDEX one_active;
    CREATE UNIQUE INDEX one_active ON sessions (user, working_directory, project) WHERE state = 'active';
    """,
)


def migrate(connection: sqlite3.Connection) -> None:
    """Migrates the database to this program's schema; NotReady if a newer program wrote it."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise NotReady(
            f"The session database has schema {version}; this version of Segue knows {len(MIGRATIONS)}.",
            "Start the version of Segue that wrote it, or a newer one.",
        )
    for number, statements in enumerate(MIGRATIONS[version:], start=version + 1):
        connection.executescript(f"BEGIN; {statements} PRAGMA user_version = {number}; COMMIT;")
