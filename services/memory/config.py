"""The memory service's settings, from the environment."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.kit.encryption.sealed_directory import Place

KEY_FILE_SETTING = "SEGUE_MEMORY_ENCRYPTION_KEY_FILE"


class MemorySettings(BaseSettings):
    """`SEGUE_MEMORY_*`."""

    model_config = SettingsConfigDict(env_prefix="SEGUE_MEMORY_", env_ignore_empty=True, protected_namespaces=())

    address: str = Field("127.0.0.1:50052", description="Where to listen: host:port or unix:/path")
    directory: Path = Field(Path("~/.claude/segue/memory"), description="Where the database and the model live")
    model_directory: Path | None = Field(None, description="Where the embedding model is; in `directory` when unset")
    model_build: bool = Field(True, description="Whether to build the embedding model at start if there is none")
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
    redis_url: str = Field(
        "", description="A Redis that replicas share as a cache: redis://host:port/0; none when empty"
    )
    backup_directory: Path | None = Field(None, description="Where backups are written regularly; none when unset")
    backup_every_h: float = Field(24, gt=0, description="Hours between two regular backups")
    backup_keep: int = Field(7, ge=1, description="How many of this server's newest backups are kept")
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
    drain_s: float = Field(5.0, ge=0, description="How long running calls may take to finish at shutdown")

    @property
    def place(self) -> Place:
        """The files that may be encrypted."""
        return Place(self.home, "The memories", KEY_FILE_SETTING, "memory*.duckdb")

    @property
    def home(self) -> Path:
        """`directory`, with `~` expanded."""
        return self.directory.expanduser()
