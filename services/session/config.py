"""The session service's settings, from the environment."""

from __future__ import annotations

from pathlib import Path

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.kit.encryption.sealed_directory import Place


class SessionSettings(BaseSettings):
    """`SEGUE_SESSION_*`."""

    model_config = SettingsConfigDict(env_prefix="SEGUE_SESSION_", env_ignore_empty=True, populate_by_name=True)

    address: str = Field("127.0.0.1:50051", description="Where to listen: host:port or unix:/path")
    directory: Path = Field(
        Path("~/.claude/segue/session"), description="Where the database lives, if there is no Redis"
    )
    encryption_key_file: Path | None = Field(
        None,
        validation_alias=AliasChoices("SEGUE_SESSION_ENCRYPTION_KEY_FILE", "SEGUE_MEMORY_ENCRYPTION_KEY_FILE"),
        description="The key file with which sessions in SQLite are encrypted; memory's when unset",
    )
    redis_url: SecretStr = Field(
        SecretStr(""),
        description="Keep sessions in this Redis: redis://host:6379/0, redis+sentinel://h1,h2/NAME/0 or "
        "redis+cluster://h1,h2; rediss for TLS",
    )
    redis_timeout_s: float = Field(2.0, gt=0, description="How long Redis may take to answer or to connect")
    lease_s: float = Field(
        3600.0, gt=0, description="How long a session lives without a call; after that it is abandoned"
    )
    sweep_s: float = Field(60.0, gt=0, description="How often the service looks for sessions to abandon")
    quality_threshold: float = Field(
        70.0, ge=0, le=100, description="The quality score whose crossing is reported as an event"
    )
    learn_after: int = Field(3, ge=2, description="How often the same must be allowed in a project to become a rule")
    answers_keep_s: float = Field(
        604800.0, gt=0, description="How long a repeated call gets the answer of the first one"
    )
    answers_max: int = Field(10000, ge=100, description="For how many of a user's latest calls that holds")
    keep_days: float = Field(
        90.0, gt=0, le=36500, description="How long sessions are kept after they ended; a project's last handoff stays"
    )
    audit_max: int = Field(
        2000, ge=100, description="About how many lines of the permission log are kept for each user"
    )
    queue_max: int = Field(1000, ge=1, description="How many calls may wait for the database, if there is no Redis")
    events_max: int = Field(
        0, ge=0, description="How many events wait for the integration service at most; 0 writes none"
    )
    stream_max: int = Field(100000, ge=1000, description="About how many events Redis keeps")
    drain_s: float = Field(5.0, ge=0, description="How long running calls may take to finish at shutdown")

    @property
    def place(self) -> Place:
        """The directory that may be encrypted."""
        return Place(self.home, "The sessions", "SEGUE_MEMORY_ENCRYPTION_KEY_FILE", "session.sqlite")

    @property
    def home(self) -> Path:
        """`directory`, with `~` expanded."""
        return self.directory.expanduser()
