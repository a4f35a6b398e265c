"""The integration service's settings, from the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

secret_min_chars = 24


class IntegrationSettings(BaseSettings):
    """`SEGUE_INTEGRATION_*`."""

    model_config = SettingsConfigDict(env_prefix="SEGUE_INTEGRATION_", env_ignore_empty=True)

    address: str = Field("127.0.0.1:50054", description="Where to listen: host:port or unix:/path")
    directory: Path = Field(Path("~/.claude/segue/integration"), description="Where the log of events lives")
    session_target: str = Field("127.0.0.1:50051", description="The session service: host:port or unix:/path")
    memory_target: str = Field("127.0.0.1:50052", description="The memory service: host:port or unix:/path")
    quality_target: str = Field("127.0.0.1:50053", description="The quality service that keeps the history")
    stream: bool = Field(
        False, description="Whether `segue serve` offers a stream of events and intakes, also without Kafka or webhooks"
    )
    events_max: int = Field(
        100_000, ge=1000, description="How many events are kept for a sink that is away; older ones are dropped"
    )
    poll_s: float = Field(0.5, gt=0, le=60, description="How often the services are asked for new events")
    kafka_servers: str = Field("", description="Kafka's bootstrap servers: host:port, separated by commas")
    kafka_topic: str = Field("session-events", description="The topic of all events")
    kafka_security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How Kafka is spoken to: PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL"
    )
    kafka_ca_file: Path | None = Field(None, description="The certificates by which Kafka's are checked")
    kafka_certificate_file: Path | None = Field(None, description="The certificate that is shown to Kafka")
    kafka_key_file: Path | None = Field(None, description="The key of that certificate")
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="How the password is proved: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512"
    )
    kafka_username: str = Field("", description="The user at Kafka")
    kafka_password: SecretStr = Field(SecretStr(""), description="The password of that user")
    kafka_idempotent: bool = Field(
        True, description="Whether Kafka drops what a retry sends twice; false for brokers that cannot"
    )
    webhook_urls: str = Field("", description="Where events are posted to: addresses, separated by spaces")
    webhook_secret: SecretStr = Field(
        SecretStr(""), description="The secret by which a receiver knows that an event is Segue's; 24 characters"
    )
    webhook_private: bool = Field(False, description="Whether webhooks may go to private addresses")
    webhook_timeout_s: float = Field(10.0, gt=0, le=120, description="How long a receiver may take to answer")
    webhook_give_up_h: float = Field(
        72.0, gt=0, description="After how many hours of errors an event becomes a dead letter"
    )
    drain_s: float = Field(5.0, ge=0, description="How long running calls may take to finish at shutdown")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.urls and len(self.webhook_secret.get_secret_value()) < secret_min_chars:
            raise ValueError(f"SEGUE_INTEGRATION_WEBHOOK_SECRET needs {secret_min_chars} characters")
        for url in self.urls:
            parts = urlsplit(url)
            if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.password:
                raise ValueError("SEGUE_INTEGRATION_WEBHOOK_URLS takes http:// and https:// addresses without users")
        return self

    @property
    def urls(self) -> list[str]:
        """`webhook_urls` as a list."""
        return list(dict.fromkeys(self.webhook_urls.split()))

    @property
    def is_wanted(self) -> bool:
        """Whether one process should run it."""
        return bool(self.stream or self.kafka_servers or self.urls)

    @property
    def home(self) -> Path:
        """`directory`, with `~` expanded."""
        return self.directory.expanduser()
