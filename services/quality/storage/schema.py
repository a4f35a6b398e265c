"""The history's schema as numbered migrations; the table `schema_version` records those applied."""

from __future__ import annotations

import duckdb

from services.kit.errors import NotReady
from services.kit.events import duckdb_outbox

MIGRATIONS: tuple[str, ...] = (
    # 1: a point is a row, unique by the operation that made it
    """
    CREATE TABLE points (
        user_id      TEXT        NOT NULL,
        project      TEXT        NOT NULL,
        operation_id TEXT        NOT NULL,
        timestamp    TIMESTAMPTZ NOT NULL,
        kind         TEXT        NOT NULL,
        overall      DOUBLE      NOT NULL,
        health       DOUBLE      NOT NULL,
        permissions  DOUBLE      NOT NULL,
        tools        DOUBLE      NOT NULL,
        coverage     DOUBLE      NOT NULL,
        commit       TEXT        NOT NULL,
        PRIMARY KEY (user_id, project, operation_id)
    );
    """,
    # 2: scores of different rules do not compare
    "ALTER TABLE points ADD COLUMN rules INTEGER DEFAULT 1;",
    # 3: what a score is of, in words
    "ALTER TABLE points ADD COLUMN summary TEXT DEFAULT '';",
    # 4: what CI hands in: its reports, until a later commit has replaced them, and what they say
    """
    CREATE TABLE handed_reports (
        user_id     TEXT        NOT NULL,
        project     TEXT        NOT NULL,
        commit      TEXT        NOT NULL,
        job         TEXT        NOT NULL,
        name        TEXT        NOT NULL,
        content     BLOB        NOT NULL,
        lines       BIGINT      NOT NULL,
        measured_at TIMESTAMPTZ NOT NULL,
        received_at TIMESTAMPTZ NOT NULL,
        PRIMARY KEY (user_id, project, commit, job, name)
    );
    CREATE TABLE handed_evidence (
        user_id     TEXT        NOT NULL,
        project     TEXT        NOT NULL,
        commit      TEXT        NOT NULL,
        name        TEXT        NOT NULL,
        value       DOUBLE      NOT NULL,
        source      TEXT        NOT NULL,
        detail      TEXT        NOT NULL,
        measured_at TIMESTAMPTZ NOT NULL,
        PRIMARY KEY (user_id, project, commit, name)
    );
    """,
    # 5: events for other programs, until the integration service has them
    duckdb_outbox.TABLES,
    # 6: what a person answered to recommendations, and which they followed; no text of a project
    """
    CREATE TABLE recommendations (
        user_id        TEXT    NOT NULL,
        project        TEXT    NOT NULL,
        id             TEXT    NOT NULL,
        shown_at       TIMESTAMPTZ,
        last_shown_at  TIMESTAMPTZ,
        shown_days     INTEGER NOT NULL,
        first_share    DOUBLE,
        share          DOUBLE,
        basis          TEXT    NOT NULL,
        answer         TEXT    NOT NULL,
        answered_at    TIMESTAMPTZ,
        until          TIMESTAMPTZ,
        answered_share DOUBLE,
        answered_basis TEXT    NOT NULL,
        returned       TEXT    NOT NULL,
        followed       INTEGER NOT NULL,
        refused        INTEGER NOT NULL,
        shared         BOOLEAN NOT NULL,
        version        BIGINT  NOT NULL,
        PRIMARY KEY (user_id, project, id)
    );
    """,
)


def migrate(connection: duckdb.DuckDBPyConnection) -> None:
    """Migrates the database to the current schema; NotReady if a newer program wrote it."""
    connection.execute("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)")
    row = connection.execute("SELECT max(version) FROM schema_version").fetchone()
    version = (row and row[0]) or 0
    if version > len(MIGRATIONS):
        raise NotReady(
            f"The history has schema {version}; this version of Segue knows {len(MIGRATIONS)}.",
            "Start the version of Segue that wrote it, or a newer one.",
        )
    for number, statements in enumerate(MIGRATIONS[version:], start=version + 1):
        connection.begin()
        connection.execute(statements)
        connection.execute("INSERT INTO schema_version VALUES (?)", [number])
        connection.commit()
