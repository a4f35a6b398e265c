"""The schema as numbered migrations; the table `schema_version` records those applied.

Every key of what is a user's begins with the user; the large tables are divided by it into 16 partitions.
"""

from __future__ import annotations

PARTITIONS = 16
DIVIDED = ("memories", "embeddings", "versions", "deleted_memories", "deletion_digests", "changes")
"""The tables that are divided into partitions, which are called `memories_0` and so on."""


def _partitions(*tables: str) -> str:
    return "".join(
        f"CREATE TABLE {table}_{number} PARTITION OF {table}"
        f" FOR VALUES WITH (MODULUS {PARTITIONS}, REMAINDER {number});\n"
        for table in tables
        for number in range(PARTITIONS)
    )


_memory = """
        sequence     BIGINT      NOT NULL,         -- order of storing, never reused; what the indexes call it by
        key          UUID        NOT NULL,         -- of user and id
        id           TEXT        NOT NULL,
        fingerprint  UUID        NOT NULL,         -- of user, project, kind, session and content
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
        replaces     TEXT[]      NOT NULL,         -- ids of the user's memories that this one replaces
        replaced_at  TIMESTAMPTZ,                  -- since when it does
        withdrawn_at TIMESTAMPTZ,
        made_of      TEXT[]      NOT NULL          -- ids of what it was made of
"""
MEMORY_COLUMNS = tuple(line.split()[0] for line in _memory.strip().splitlines())

MIGRATIONS: tuple[str, ...] = (
    # 1: as the 7th schema of DuckDB; a version for each user, raised by each change, and what changed
    f"""
    CREATE TABLE leases (                          -- who may write to this database
        name       TEXT        PRIMARY KEY,
        holder     UUID        NOT NULL UNIQUE,
        host       TEXT        NOT NULL,           -- where it is, to be told of
        home       TEXT        NOT NULL,           -- the server whose it is: it may take over at once
        renewed_at TIMESTAMPTZ NOT NULL,
        lasts      INTERVAL    NOT NULL
    );
    CREATE TABLE users (
        user_id TEXT   PRIMARY KEY,
        version BIGINT NOT NULL                    -- raised in the transaction of each change
    );
    CREATE TABLE changes (
        user_id   TEXT        NOT NULL,
        version   BIGINT      NOT NULL,
        what      TEXT        NOT NULL,            -- stored, removed, changed, embedded
        sequences BIGINT[]    NOT NULL,
        at        TIMESTAMPTZ NOT NULL,
        PRIMARY KEY (user_id, version, what)
    ) PARTITION BY HASH (user_id);
    CREATE SEQUENCE memory_sequence;
    CREATE TABLE memories (
{_memory},
        PRIMARY KEY (user_id, sequence),
        UNIQUE (user_id, key),
        UNIQUE (user_id, fingerprint)
    ) PARTITION BY HASH (user_id);
    CREATE INDEX ON memories (sequence);
    CREATE INDEX ON memories (key);
    CREATE INDEX ON memories (user_id, project);
    CREATE INDEX ON memories (id) WHERE shared;
    CREATE INDEX ON memories (user_id) WHERE cardinality(replaces) > 0;
    CREATE INDEX ON memories (user_id) WHERE cardinality(made_of) > 0;
    CREATE INDEX ON memories (user_id) WHERE withdrawn_at IS NOT NULL;
    CREATE TABLE embeddings (
        user_id  TEXT   NOT NULL,
        sequence BIGINT NOT NULL,
        model    TEXT   NOT NULL,
        content  BYTEA  NOT NULL,                  -- float16[384], little-endian, unit length
        context  BYTEA  NOT NULL,                  -- the same, of the memory before it and itself; then of its chunks
        PRIMARY KEY (user_id, sequence)
    ) PARTITION BY HASH (user_id);
    ALTER TABLE embeddings ALTER content SET STORAGE EXTERNAL, ALTER context SET STORAGE EXTERNAL;
    CREATE SEQUENCE version_sequence;
    CREATE TABLE versions (
        number      BIGINT      NOT NULL,
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
        removal     BIGINT,                        -- the deletion that took its memory
        PRIMARY KEY (user_id, number)
    ) PARTITION BY HASH (user_id);
    CREATE INDEX ON versions (user_id, key);
    CREATE INDEX ON versions (user_id, fingerprint);
    CREATE TABLE deleted_memories (
{_memory},
        removal      BIGINT      NOT NULL,
        PRIMARY KEY (user_id, sequence)
    ) PARTITION BY HASH (user_id);
    CREATE INDEX ON deleted_memories (user_id, key);
    CREATE TABLE counters (                        -- numbers in the order of commits, which sequences are not in
        name  TEXT   PRIMARY KEY,
        value BIGINT NOT NULL
    );
    INSERT INTO counters VALUES ('removal', 0);
    CREATE TABLE removals (
        user_id    TEXT        NOT NULL,           -- whose memories they were
        number     BIGINT      NOT NULL,
        removed_at TIMESTAMPTZ NOT NULL,
        actor      TEXT        NOT NULL,           -- who removed them
        reason     TEXT        NOT NULL,
        project    TEXT        NOT NULL,
        ids        TEXT[]      NOT NULL,           -- the first ones
        count      BIGINT      NOT NULL,
        erased     BOOLEAN     NOT NULL,           -- whether their text has left the database's files
        restored   BIGINT      NOT NULL,           -- how many of them were brought back
        PRIMARY KEY (user_id, number)
    );
    CREATE INDEX ON removals (number) WHERE NOT erased;
    CREATE TABLE deletion_digests (
        user_id    TEXT        NOT NULL,
        digest     UUID        NOT NULL,           -- of a deleted memory's id, or its text and project, under the key
        removal    BIGINT      NOT NULL,
        deleted_at TIMESTAMPTZ NOT NULL
    ) PARTITION BY HASH (user_id);
    CREATE INDEX ON deletion_digests (user_id, digest);
    CREATE TABLE digest_key (
        single BOOLEAN PRIMARY KEY DEFAULT true CHECK (single),
        secret TEXT    NOT NULL                    -- sealed where texts are
    );
    CREATE TABLE retention (
        user_id     TEXT        NOT NULL,
        project     TEXT        NOT NULL,
        days        INTEGER,                       -- NULL is for ever
        size_mb     DOUBLE PRECISION,              -- NULL is any
        reflections BOOLEAN     NOT NULL,          -- whether it holds for them, too
        set_at      TIMESTAMPTZ NOT NULL,
        is_reset    BOOLEAN     NOT NULL,          -- since then the settings' rule holds, and the others say nothing
        PRIMARY KEY (user_id, project)
    );
    CREATE TABLE project_links (
        user_id     TEXT        NOT NULL,
        source      TEXT        NOT NULL,
        target      TEXT        NOT NULL,
        type        TEXT        NOT NULL,
        description TEXT        NOT NULL,
        created_at  TIMESTAMPTZ NOT NULL,
        PRIMARY KEY (user_id, source, target)
    );
    CREATE TABLE merged_memories (
        user_id TEXT NOT NULL,
        project TEXT NOT NULL,                     -- of which it was before that was merged into another
        key     UUID NOT NULL,                     -- as in memories
        PRIMARY KEY (user_id, project, key)
    );
    CREATE TABLE earlier_projects (
        user_id TEXT NOT NULL,
        project TEXT NOT NULL,
        earlier TEXT NOT NULL,                     -- a project whose memories were moved to it
        PRIMARY KEY (user_id, project, earlier)
    );
    CREATE TABLE upkeep (
        name  TEXT PRIMARY KEY,
        value TEXT NOT NULL                        -- JSON
    );
    CREATE TABLE sealing (                         -- what texts and vectors are sealed under; no row if nothing is
        data_key TEXT PRIMARY KEY,
        keyring  TEXT NOT NULL                     -- a copy of the file, which holds keys only sealed
    );
    {_partitions(*DIVIDED)}
    """,  # noqa: S608  # our own names
    # 2: who ever shared a memory, so that what others share is followed without asking everybody
    """
    ALTER TABLE users ADD shares BOOLEAN NOT NULL DEFAULT false;
    UPDATE users u SET shares = true WHERE EXISTS (SELECT FROM memories m WHERE m.user_id = u.user_id AND m.shared);
    CREATE INDEX ON users (user_id) WHERE shares;
    """,
    # 3: events for other programs, in parts by user
    """
    CREATE TABLE outgoing (
        part   INTEGER NOT NULL,
        number BIGINT  NOT NULL,
        body   TEXT    NOT NULL,                   -- ids, counts and whose: JSON, in clear
        PRIMARY KEY (part, number)
    );
    CREATE TABLE outgoing_numbers (part INTEGER PRIMARY KEY, last BIGINT NOT NULL, settled BIGINT NOT NULL);
    INSERT INTO outgoing_numbers SELECT part, 0, 0 FROM generate_series(0, 3) AS part;
    """,
)
