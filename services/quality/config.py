"""The quality service's settings, from the environment."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Recommendations(StrEnum):
    """Which recommendations are made."""

    LEARNING = "learning"
    PLAIN = "plain"
    OFF = "off"


class QualitySettings(BaseSettings):
    """`SEGUE_QUALITY_*`."""

    model_config = SettingsConfigDict(env_prefix="SEGUE_QUALITY_")

    address: str = Field("127.0.0.1:50053", description="Where to listen: host:port or unix:/path")
    directory: Path = Field(Path("~/.claude/segue/quality"), description="Where the history lives")
    roots: str = Field("/", description="Directories whose projects may be looked at, separated by colons")
    run_tools: bool = Field(True, description="Whether a project's own tools may be run when a call asks for it")
    run_timeout_s: float = Field(300.0, gt=0, description="How long all tools of one run may take together")
    forecasts: bool = Field(True, description="Whether forecasts of quality and of fixes are given")
    recommendations: Recommendations = Field(
        Recommendations.LEARNING,
        description="Which recommendations are made: learning from answers and what was followed, plain, or off",
    )
    history_target: str = Field("", description="The quality service that keeps the history, if this one is a replica")
    history_timeout_s: float = Field(5.0, gt=0, description="How long a call to that service may take")
    events_max: int = Field(
        0, ge=0, description="How many events wait for the integration service at most; 0 writes none"
    )
    drain_s: float = Field(5.0, ge=0, description="How long running calls may take to finish at shutdown")

    @property
    def allowed_roots(self) -> list[Path]:
        """The directories in `roots`."""
        return [Path(each).expanduser() for each in self.roots.split(":") if each]

    @property
    def home(self) -> Path:
        """`directory`, with `~` expanded."""
        return self.directory.expanduser()
