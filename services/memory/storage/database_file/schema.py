"""The store's schema as numbered migrations; the table `schema_version` records those applied."""

from __future__ import annotations

from services.kit.events import duckdb_outbox

MIGRATIONS: tuple[str, ...] = (
    # 1: a memory is a row; its embeddings are rows of their own, so that they can be added or recomputed later
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
    # 2: project links
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
    # 3: ids are unique per user; sharing, the deletion log, and retention rules
    """
    CREATE TEMP TABLE earlier AS FROM memories;
    DROP TABLE memories;
    CREATE TABLE memories (
        sequence    BIGINT      NOT NULL UNIQUE,  -- order of storing, never reused; what the indexes call it by
        key         UUID        PRIMARY KEY,      -- of user and id
        id          TEXT        NOT NULL,
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
        metadata    TEXT        NOT NULL,         -- JSON
        shared      BOOLEAN     NOT NULL          -- every user may read it
    );
    INSERT INTO memories
        SELECT sequence, left(sha256(user_id || chr(0) || id), 32)::UUID, * EXCLUDE (sequence), false
        FROM earlier ORDER BY sequence;
    DROP TABLE earlier;
    CREATE SEQUENCE removal_sequence;
    CREATE TABLE removals (
        number     BIGINT      PRIMARY KEY,
        removed_at TIMESTAMPTZ NOT NULL,
        user_id    TEXT        NOT NULL,          -- whose memories they were
        actor      TEXT        NOT NULL,          -- who removed them
        reason     TEXT        NOT NULL,
        project    TEXT        NOT NULL,
        ids        TEXT[]      NOT NULL,          -- the first ones
        count      BIGINT      NOT NULL,
        erased     BOOLEAN     NOT NULL           -- whether their text has left this file
    );
    CREATE TABLE retention (
        user_id     TEXT        NOT NULL,
        project     TEXT        NOT NULL,
        days        INTEGER,                      -- NULL is for ever
        size_mb     DOUBLE,                       -- NULL is any
        reflections BOOLEAN     NOT NULL,         -- whether it holds for them, too
        set_at      TIMESTAMPTZ NOT NULL,
        PRIMARY KEY (user_id, project)
    );
    CREATE TABLE upkeep (
        name  TEXT PRIMARY KEY,
        value TEXT NOT NULL                       -- JSON
    );
    """,
    # 4: the data key that texts and vectors are sealed under (see row_codec.py); no row if they are not
    """
    CREATE TABLE sealing (data_key TEXT NOT NULL);
    """,
    # 5: when a memory was first and last said, the bytes of its text, the session in its fingerprint; `measured` has
    # what depends on the text (see text_migration.py). A reset rule takes effect with the same delay as a new one.
    """
    CREATE TEMP TABLE earlier AS FROM memories;
    DROP TABLE memories;
    CREATE TABLE memories (
        sequence    BIGINT      NOT NULL UNIQUE,  -- order of storing, never reused; what the indexes call it by
        key         UUID        PRIMARY KEY,      -- of user and id
        id          TEXT        NOT NULL,
        fingerprint UUID        NOT NULL UNIQUE,  -- of user, project, kind, session and content
        user_id     TEXT        NOT NULL,
        project     TEXT        NOT NULL,
        kind        TEXT        NOT NULL,
        content     TEXT        NOT NULL,
        timestamp   TIMESTAMPTZ NOT NULL,         -- when it was said last
        stored_at   TIMESTAMPTZ NOT NULL,
        session_id  TEXT        NOT NULL,
        role        TEXT        NOT NULL,
        tags        TEXT[]      NOT NULL,
        metadata    TEXT        NOT NULL,         -- JSON
        shared      BOOLEAN     NOT NULL,         -- every user may read it
        first_said  TIMESTAMPTZ NOT NULL,
        size        BIGINT      NOT NULL          -- bytes of content and metadata in clear, as UTF-8
    );
    INSERT INTO memories
        SELECT e.* REPLACE (m.fingerprint AS fingerprint), e.timestamp, m.size
        FROM earlier e JOIN measured m USING (sequence) ORDER BY e.sequence;
    DROP TABLE earlier;
    DROP TABLE measured;
    CREATE TEMP TABLE earlier AS FROM retention;
    DROP TABLE retention;
    CREATE TABLE retention (
        user_id     TEXT        NOT NULL,
        project     TEXT        NOT NULL,
        days        INTEGER,                      -- NULL is for ever
        size_mb     DOUBLE,                       -- NULL is any
        reflections BOOLEAN     NOT NULL,         -- whether it holds for them, too
        set_at      TIMESTAMPTZ NOT NULL,
        is_reset    BOOLEAN     NOT NULL,         -- since then the settings' rule holds, and the others say nothing
        PRIMARY KEY (user_id, project)
    );
    INSERT INTO retention SELECT *, false FROM earlier;
    DROP TABLE earlier;
    """,
    # 6: what replaces what, what was taken back, earlier texts; what was deleted stays until it is erased, and then as
    # keyed digests, so that it does not come back by an import
    """
    CREATE TEMP TABLE earlier AS FROM memories;
    DROP TABLE memories;
    CREATE TABLE memories (
        sequence     BIGINT      NOT NULL UNIQUE,  -- order of storing, never reused; what the indexes call it by
        key          UUID        PRIMARY KEY,      -- of user and id
        id           TEXT        NOT NULL,
        fingerprint  UUID        NOT NULL UNIQUE,  -- of user, project, kind, session and content
        user_id      TEXT        NOT NULL,
        project      TEXT        NOT NULL,
        kind         TEXT        NOT NULL,
        content      TEXT        NOT NULL,
        timestamp    TIMESTAMPTZ NOT NULL,         -- when it was said last
        stored_at    TIMESTAMPTZ NOT NULL,
        session_id   TEXT        NOT NULL,
        role         TEXT        NOT NULL,
        tags         TEXT[]      NOT NULL,
        metadata     TEXT        NOT NULL,         -- JSON
        shared       BOOLEAN     NOT NULL,         -- every user may read it
        first_said   TIMESTAMPTZ NOT NULL,
        size         BIGINT      NOT NULL,         -- bytes of content and metadata in clear, as UTF-8
        replaces     TEXT[]      NOT NULL,         -- ids of the user's memories that are not in force because of it
        replaced_at  TIMESTAMPTZ,                  -- since when
        withdrawn_at TIMESTAMPTZ,                  -- since when it is not in force, unless it was said again
        made_of      TEXT[]      NOT NULL          -- ids of the memories that it goes with
    );
    INSERT INTO memories SELECT *, [], NULL, NULL, [] FROM earlier ORDER BY sequence;
    DROP TABLE earlier;
    CREATE TEMP TABLE earlier AS FROM removals;
    DROP TABLE removals;
    CREATE TABLE removals (
        number     BIGINT      PRIMARY KEY,
        removed_at TIMESTAMPTZ NOT NULL,
        user_id    TEXT        NOT NULL,          -- whose memories they were
        actor      TEXT        NOT NULL,          -- who removed them
        reason     TEXT        NOT NULL,
        project    TEXT        NOT NULL,
        ids        TEXT[]      NOT NULL,          -- the first ones
        count      BIGINT      NOT NULL,
        erased     BOOLEAN     NOT NULL,          -- whether their text has left this file
        restored   BIGINT      NOT NULL           -- how many of them were brought back
    );
    INSERT INTO removals SELECT *, 0 FROM earlier;
    DROP TABLE earlier;
    CREATE SEQUENCE version_sequence;
    CREATE TABLE versions (
        number      BIGINT      PRIMARY KEY,
        key         UUID        NOT NULL,          -- of the memory that was so
        fingerprint UUID        NOT NULL,          -- as in memories, of the text then
        id          TEXT        NOT NULL,
        user_id     TEXT        NOT NULL,
        kind        TEXT        NOT NULL,
        project     TEXT        NOT NULL,
        content     TEXT        NOT NULL,
        session_id  TEXT        NOT NULL,
        role        TEXT        NOT NULL,
        tags        TEXT[]      NOT NULL,
        metadata    TEXT        NOT NULL,
        changed_at  TIMESTAMPTZ NOT NULL,          -- when it was no longer so
        size        BIGINT      NOT NULL,
        removal     BIGINT                         -- the deletion that took its memory
    );
    CREATE TABLE deleted_memories AS SELECT *, 0::BIGINT AS removal FROM memories WHERE false;
    CREATE TABLE deletion_digests (
        digest     UUID        NOT NULL,           -- of a deleted memory's id, or its text and project, under the key
        removal    BIGINT      NOT NULL,
        deleted_at TIMESTAMPTZ NOT NULL
    );
    CREATE INDEX deletion_digests_by_digest ON deletion_digests (digest);
    CREATE TABLE digest_key (secret TEXT NOT NULL);  -- sealed where texts are
    """,
    # 7: under which projects memories were before: what was merged can be split again, and what was deleted of a
    # project is kept out of it under another name, too
    """
    CREATE TABLE merged_memories (
        key     UUID NOT NULL,                     -- as in memories
        user_id TEXT NOT NULL,
        project TEXT NOT NULL                      -- of which it was before that was merged into another
    );
    CREATE TABLE earlier_projects (
        user_id TEXT NOT NULL,
        project TEXT NOT NULL,
        earlier TEXT NOT NULL,                     -- a project whose memories were moved to it
        PRIMARY KEY (user_id, project, earlier)
    );
    """,
    # 8: events for other programs, until the integration service has them
    duckdb_outbox.TABLES,
)
