"""The gateway's settings, from the environment."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.gateway.tools.tool_sets import SETS

if TYPE_CHECKING:
    from services.gateway.limits.connection_timeouts import ConnectionTimeouts


class GatewaySettings(BaseSettings):
    """`SEGUE_GATEWAY_*`."""

    model_config = SettingsConfigDict(env_prefix="SEGUE_GATEWAY_")

    host: str = Field("127.0.0.1", description="Address to listen on")
    port: int = Field(8377, ge=0, le=65535, description="Port to listen on; 0 takes any free one")
    auth: Literal["none", "tokens", "jwt"] = Field(
        "none", description="How callers are identified: none, tokens (`segue token`), jwt (an issuer's)"
    )
    jwt_issuer: str = Field("", description="The OpenID Connect issuer that signs tokens: https://…")
    jwt_audience: str = Field("", description="What a token's aud must contain")
    jwt_jwks_uri: str = Field("", description="Where the issuer's keys are; taken from its configuration when empty")
    jwt_algorithm: str = Field(
        "RS256", description="The one signature algorithm that is accepted; never a symmetric one"
    )
    jwt_user_claim: str = Field("sub", description="The claim that names the user")
    jwt_scopes_claim: str = Field(
        "", description="The claim that contains read, write or admin; scope or scp when empty"
    )
    jwt_default_scope: Literal["", "read", "write"] = Field(
        "", description="The scope of a token that names none; such tokens are refused when empty"
    )
    public_url: str = Field("", description="The address at which clients reach this gateway, without /mcp: https://…")
    published_on: str = Field(
        "", description="The address at which others reach this port, if it is not `host`: compose's, a proxy's"
    )
    allowed_hosts: list[str] = Field([], description="Names that a Host header may have besides the local ones")
    memory_target: str = Field("127.0.0.1:50052", description="The memory service: host:port or unix:/path")
    search_target: str = Field(
        "",
        description="The search replicas: dns:///name:port for all of a name, or ipv4:host:port,host:port; the memory "
        "service when empty",
    )
    search_balancing: Literal["ring_hash", "round_robin"] = Field(
        "ring_hash",
        description="How searches go to replicas: a user's to the same one (ring_hash), or in turn (round_robin)",
    )
    session_target: str = Field("127.0.0.1:50051", description="The session service: host:port or unix:/path")
    quality_target: str = Field("127.0.0.1:50053", description="The quality service: host:port or unix:/path")
    integration_target: str = Field(
        "", description="The integration service, which has events for others: host:port or unix:/path; none when empty"
    )
    roots: str = Field("/", description="Directories in which projects may be worked on, separated by colons")
    checkpoint_commits: Literal["off", "tracked", "all"] = Field(
        "tracked", description="What a checkpoint commits: nothing, changes to tracked files, or new files, too"
    )
    checkpoints_on_ref: bool = Field(
        False, description="Whether checkpoints are committed to refs/segue/checkpoints, beside the branch"
    )
    tools: str = Field(
        "all",
        description="The sets of tools that clients are shown: all, or core, sessions, search, memory, projects, "
        "permissions, quality, operations, separated by commas",
    )
    page: bool = Field(True, description="Whether the web page is served, at /page")
    handoff_tokens: int = Field(1500, ge=0, description="How many tokens of memories init returns at most")
    likely_files: bool = Field(
        True,
        description="Whether a prompt hook that is on names up to three files that the project's git history suggests",
    )
    call_timeout_s: float = Field(10.0, gt=0, le=600, description="How long one tool call may take")
    import_timeout_s: float = Field(120.0, gt=0, le=600, description="How long one batch of an import may take")
    backup_timeout_s: float = Field(600.0, gt=0, le=7200, description="How long a backup may take")
    run_tools_timeout_s: float = Field(330.0, gt=0, le=3600, description="How long quality_check may run tools")
    body_max_bytes: int = Field(4 * 1024 * 1024, gt=0, description="The largest request body that is read")
    head_max_bytes: int = Field(32 * 1024, gt=0, description="The largest request line and headers that are read")
    head_timeout_s: float = Field(10.0, gt=0, description="How long a request's head may take to arrive")
    body_timeout_s: float = Field(120.0, gt=0, description="How long a request's body may take to arrive")
    write_timeout_s: float = Field(60.0, gt=0, description="How long a client may leave its answer unread")
    connections_max: int = Field(
        500, gt=0, description="How many connections may be open at once; more are answered with 503"
    )
    calls_per_minute: int = Field(
        12_000, gt=0, description="How many calls a user may make in a minute, at all gateways together"
    )
    calls_at_once: int = Field(128, gt=0, description="How many calls a user may have running at once, at each gateway")
    memories_max: int = Field(0, ge=0, description="How many memories a user may keep; 0 is no limit")
    memories_max_bytes: int = Field(
        0, ge=0, description="How many bytes of content and metadata a user may keep; 0 is no limit"
    )
    time_zone: str = Field(
        "", description="The time zone of words such as `yesterday`, as in Europe/Berlin; this machine's when empty"
    )
    leave_s: float = Field(0.0, ge=0, description="How long calls are still accepted at shutdown, while /ready says no")
    drain_s: float = Field(8.0, ge=0, description="How long running calls may take to finish at shutdown")

    @field_validator("time_zone")
    @classmethod
    def _check_time_zone(cls, name: str) -> str:
        if name and name not in available_timezones():
            raise ValueError(f"there is no time zone {name}")
        return name

    @field_validator("tools")
    @classmethod
    def _check_tools(cls, names: str) -> str:
        unknown = set(_words(names)) - {"all", *SETS}
        if unknown or not _words(names):
            raise ValueError(f"the sets of tools are all, or {', '.join(SETS)}")
        return names

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.auth == "jwt":
            if not (self.jwt_issuer and self.jwt_audience):
                raise ValueError("SEGUE_GATEWAY_AUTH=jwt needs SEGUE_GATEWAY_JWT_ISSUER and SEGUE_GATEWAY_JWT_AUDIENCE")
            if self.jwt_algorithm.startswith("HS"):
                raise ValueError("SEGUE_GATEWAY_JWT_ALGORITHM is symmetric: whoever checks such a token could make one")
        return self

    @property
    def tool_sets(self) -> Collection[str]:
        """`tools` as names of sets."""
        return SETS if "all" in _words(self.tools) else _words(self.tools)

    @property
    def hosts(self) -> list[str] | None:
        """`allowed_hosts`, and the one of `public_url`."""
        public = urlsplit(self.public_url).hostname
        return [*self.allowed_hosts, *([public] if public else [])] or None

    @property
    def origins(self) -> list[str] | None:
        """The origin of `public_url`: with TLS in front of it, the gateway cannot know it by itself."""
        public = urlsplit(self.public_url)
        return [f"{public.scheme}://{public.netloc}"] if public.netloc else None

    @property
    def connection_timeouts(self) -> ConnectionTimeouts:
        """The timeouts for slow clients."""
        from services.gateway.limits.connection_timeouts import ConnectionTimeouts  # with uvicorn; settings come first

        return ConnectionTimeouts(self.head_timeout_s, self.body_timeout_s, self.write_timeout_s, self.connections_max)

    @property
    def allowed_roots(self) -> list[Path]:
        """`roots` as a list."""
        return [Path(each).expanduser() for each in self.roots.split(":") if each]


def _words(text: str) -> list[str]:
    return [each.strip() for each in text.split(",") if each.strip()]
