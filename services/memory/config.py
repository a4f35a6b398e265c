"""The memory service's settings, from the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.kit.encryption.sealed_directory import Place
from services.kit.errors import InvalidInput

KEY_FILE_SETTING = "SEGUE_MEMORY_ENCRYPTION_KEY_FILE"


class MemorySettings(BaseSettings):
    """`SEGUE_MEMORY_*`."""

    model_config = SettingsConfigDict(env_prefix="SEGUE_MEMORY_", env_ignore_empty=True, protected_namespaces=())

    serve: Literal["all", "memory", "search"] = Field(
        "all",
        description="What this process does: all, memory (all but searches), or search (one of any number of replicas)",
    )
    address: str = Field("127.0.0.1:50052", description="Where to listen: host:port or unix:/path")
    directory: Path = Field(Path("~/.claude/segue/memory"), description="Where the database and the model live")
    model_directory: Path | None = Field(None, description="Where the embedding model is; in `directory` when unset")
    model_build: bool = Field(True, description="Whether to build the embedding model at start if there is none")
    database_url: SecretStr = Field(
        SecretStr(""),
        description="The PostgreSQL that holds the memories: postgresql://user:password@host:5432/segue; DuckDB in "
        "`directory` when empty",
    )
    database_url_file: Path | None = Field(None, description="A file that holds that URL, in the setting's place")
    database_connections: int = Field(
        8, ge=2, le=100, description="How many connections to PostgreSQL are open at most"
    )
    database_prepare: bool = Field(
        False, description="Whether statements are prepared: faster, and not for every pooler in transaction mode"
    )
    database_memory_mb: int = Field(256, ge=64, description="The size of DuckDB's buffer pool")
    database_threads: int = Field(2, ge=1, description="How many threads DuckDB uses")
    embed_workers: int = Field(2, ge=1, description="How many texts are embedded at once, each on one core")
    shards: int = Field(
        1, ge=1, le=64, description="How many databases the projects are spread over; cannot be changed later"
    )
    encryption_key_file: Path | None = Field(
        None, description="The key file with which stored data is encrypted; nothing is encrypted when unset"
    )
    readers: int = Field(2, ge=1, description="How many database reads may run at once")
    write_queue_max: int = Field(1000, ge=1, description="How many writes may wait")
    cells_mb: int = Field(
        1_024,
        ge=0,
        description="How much memory the indexes of users take at most, where PostgreSQL has the memories: each is "
        "loaded when its user asks, and dropped when others need the room; 0 keeps one index of all",
    )
    redis_url: str = Field(
        "",
        description="A Redis that replicas share as a cache: redis://host:port/0, redis+sentinel://h1,h2/NAME/0 or "
        "redis+cluster://h1,h2; none when empty",
    )
    backup_directory: Path | None = Field(None, description="Where backups are written regularly; none when unset")
    backup_every_h: float = Field(24, gt=0, description="Hours between two regular backups")
    backup_keep: int = Field(7, ge=1, description="How many of this server's newest backups are kept")
    turn_kinds: bool = Field(
        True, description="Whether new turns of conversations are told apart: question, decision, narration and so on"
    )
    share_by_default: bool = Field(
        False, description="Whether every user may read a memory that is stored without `shared`"
    )
    retention_days: int | None = Field(
        None, ge=1, description="How many days conversations are kept after they were said last; for ever when unset"
    )
    retention_size_mb: float | None = Field(
        None, gt=0, description="How much text of conversations a project keeps, the newest first; any size when unset"
    )
    retention_reflections: bool = Field(False, description="Whether both retention settings also apply to reflections")
    erase_within_s: float = Field(600, gt=0, description="Within how long deleted text is erased from the files")
    snapshot_every_changes: int = Field(10_000, ge=1, description="After how many changes the index is written to disk")
    events_max: int = Field(
        0, ge=0, description="How many events wait for the integration service at most; 0 writes none"
    )
    drain_s: float = Field(5.0, ge=0, description="How long running calls may take to finish at shutdown")

    @property
    def postgres_url(self) -> str:
        """The URL of the setting, or of its file; empty if the memories are in DuckDB. InvalidInput if it cannot be
        read."""
        if self.database_url_file is None:
            return self.database_url.get_secret_value()
        try:
            return self.database_url_file.expanduser().read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise InvalidInput("The file that SEGUE_MEMORY_DATABASE_URL_FILE names cannot be read.") from None

    @property
    def has_cells(self) -> bool:
        """Whether each user has an index of their own; not where each would hold what everybody shares."""
        return self.cells_mb > 0 and not self.share_by_default

    @property
    def place(self) -> Place:
        """The files that may be encrypted."""
        return Place(self.home, "The memories", KEY_FILE_SETTING, "memory*.duckdb")

    @property
    def home(self) -> Path:
        """`directory`, with `~` expanded."""
        return self.directory.expanduser()
