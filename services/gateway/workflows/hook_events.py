"""What a hook tells, and what it is answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.gateway.directory.client_reports import Asked, Client
from services.gateway.workflows.briefing import NOTHING, Briefing
from services.pb import session_pb2
from services.workspace.directory_identity import IDENTITY_META

_PATHS = ("file_path", "notebook_path", "path")
_LOOKED_FOR = {"Glob": "pattern", "Grep": "glob"}
"""Where a tool names the files that it works on, if it is given no path."""


@dataclass(frozen=True, slots=True)
class HookEvent:
    """What a hook told; what it did not is empty."""

    directory: str = ""
    session: str = ""
    source: str = ""
    mode: str = ""
    tool: str = ""
    tool_input: Mapping[str, str] = field(default_factory=dict)
    prompt: str = ""
    delivery: str = ""
    files: Sequence[str] = ()
    touched: Sequence[str] = ()
    """The files that the conversation touched last, the latest last."""
    error: str = ""
    """What failed in its last turn."""
    tokens: int = 0
    prompt_tokens: int = 0
    within_s: float = 0.0
    age_s: int = 0
    ends_wait: bool = False
    """Whether the end of another conversation is still to be delivered."""
    utc_offset_s: int = 0
    """Of the user's clock; 0 says nothing of it."""
    recap: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)
    proposals: Sequence[str] = ()
    """Of rules, which the call made."""
    denies_version: str | None = None
    """Of the copy of the user's denies that the hook has; None for a hook that keeps none."""

    @property
    def which(self) -> session_pb2.Which:
        """The session of the directory in which the conversation began."""
        return session_pb2.Which(working_directory=self.directory)

    @property
    def call_directory(self) -> Asked:
        """The directory, and what the client says of it."""
        identity = self.meta.get(IDENTITY_META)
        known = isinstance(identity, str) and identity and self.directory
        client = Client(self.directory, str(identity), self.meta) if known else None
        return Asked(self.directory, client, self.session)

    @property
    def is_on_file(self) -> bool:
        """Whether the target is a path."""
        return not self.tool_input.get("command") and self.target in {self.tool_input.get(key) for key in _PATHS}

    @property
    def target(self) -> str:
        """What the tool is to work on; without a path, the files that it looks for, or in."""
        keys = ("command", "file_path", "notebook_path", "url", "path", _LOOKED_FOR.get(self.tool, ""))
        named = (self.tool_input.get(key, "") for key in keys)
        return next((each for each in named if each), "")


@dataclass(frozen=True, slots=True)
class Said:
    """What the client is to do, as it wants it told; and what the model is given with it."""

    answer: dict[str, Any]
    briefing: Briefing = NOTHING
    denies: Mapping[str, Any] | None = None
    """A copy of the user's denies, where the hook has another."""
    is_ready: bool = True
    """Whether the briefing is."""


LATER = Said({}, is_ready=False)
"""The briefing is not ready: ask again."""
Handler = Callable[[HookEvent], Awaitable[Said | None]]
