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
    model_build: bool = Field(True, description="Build the embedding model at start where there is none")
    database_memory_mb: int = Field(256, ge=64, description="DuckDB's buffer pool")
    database_threads: int = Field(2, ge=1, description="DuckDB's threads")
    embed_workers: int = Field(2, ge=1, description="Texts that are embedded at once, each on one core")
    shards: int = Field(1, ge=1, le=64, description="Databases the projects are spread over; not to be changed later")
    encryption_key_file: Path | None = Field(
        None, description="The file of the key that what is stored is encrypted with; nothing is when unset"
    )
    readers: int = Field(2, ge=1, description="Database reads at once")
    write_queue_max: int = Field(1000, ge=1, description="Writes that may wait")
    redis_url: str = Field(
        "", description="A Redis that replicas share as a cache: redis://host:port/0; none when empty"
    )
    backup_directory: Path | None = Field(None, description="Where backups are written regularly; none when unset")
    backup_every_h: float = Field(24, gt=0, description="Hours between two of them")
    backup_keep: int = Field(7, ge=1, description="How many of this server's newest there are kept")
    share_by_default: bool = Field(False, description="Whether every user may read what is stored without saying so")
    retention_days: int | None = Field(
        None, ge=1, description="Days conversations are kept since they were said last; for ever when unset"
    )
    retention_size_mb: float | None = Field(
        None, gt=0, description="Text of conversations that a project keeps, the newest; any size when unset"
    )
    retention_reflections: bool = Field(False, description="Whether both hold for reflections, too")
    erase_within_s: float = Field(600, gt=0, description="How soon deleted text has left the files here")
    snapshot_every_changes: int = Field(10_000, ge=1, description="Changes after which the index is written to disk")
    drain_s: float = Field(5.0, ge=0, description="How long calls that have begun may take to finish at shutdown")

    @property
    def place(self) -> Place:
        """The files that may be encrypted."""
        return Place(self.home, "The memories", KEY_FILE_SETTING, "memory*.duckdb")

    @property
    def home(self) -> Path:
        """`directory`, with `~` expanded."""
        return self.directory.expanduser()
