"""The store's schema as numbered migrations; a database says in `schema_version` how far it has come."""

from __future__ import annotations

MIGRATIONS: tuple[str, ...] = (
    # 1: a memory is a row; its embeddings are rows of their own, so that they can come later and be made anew
    """
    CREATE TABLE memories (
        sequence    BIGINT      NOT NULL UNIQUE,  -- order of storing, never reused; what the indexes call it by
        id          TEXT        PRIMARY KEY,
        fingerprint UUID        NOT NULL UNIQUE,  -- of user, project, kind and content: the same is stored once
        user_id     TEXT        NOT NULL,
        project     TEXT        NOT NULL,
        kind        TEXT        NOT NULL,
        content     TEXT        NOT NULL,
        timestamp   TIMESTAMPTZ NOT NULL,
        stored_at   TIMESTAMPTZ NOT NULL,
        session_id  TEXT        NOT NULL,
        role        TEXT        NOT NULL,
        tags        TEXT[]      NOT NULL,
        metadata    TEXT        NOT NULL          -- JSON
    );
    CREATE SEQUENCE memory_sequence;
    CREATE TABLE embeddings (
        sequence BIGINT PRIMARY KEY,
        model    TEXT NOT NULL,
        content  BLOB NOT NULL,                   -- float16[384], little-endian, unit length
        context  BLOB NOT NULL                    -- the same, of the memory before it in its session and itself
    );
    """,
    # 2: projects that have to do with each other
    """
    CREATE TABLE project_links (
        user_id     TEXT        NOT NULL,
        source      TEXT        NOT NULL,
        target      TEXT        NOT NULL,
        type        TEXT        NOT NULL,
        description TEXT        NOT NULL,
        created_at  TIMESTAMPTZ NOT NULL,
        PRIMARY KEY (user_id, source, target)
    );
    """,
)
