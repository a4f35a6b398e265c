"""Clients besides Claude Code that have hooks: which of their events are ours, and the files that hold them.

Observed with them: Codex CLI 0.171 (`hooks.json`, and `config.toml` for the server) and Gemini CLI 0.61
(`settings.json`).
Their hooks get what Claude Code's get, on stdin, and take the same answer. Gemini has names of its own for three of
the events, and counts in milliseconds.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from services.cli.clients import claude_code
from services.cli.hooks.hook_table import CLIENT_TIMEOUT_S

CODEX_END_TIMEOUT_S = 3
"""Codex gives the hooks of a conversation's end no more, and warns of what asks for more."""


class HookedClient(NamedTuple):
    """A client with hooks: the folder of its settings, the file of the hooks, and its events with ours for each."""

    title: str
    folder: str
    file: str
    events: Mapping[str, str]
    timeout: int
    left: str
    """What install cannot do, for the user."""
    servers_file: str = ""
    """The file that holds its MCP servers, in TOML; empty where the file of the hooks does."""
    timeouts: Mapping[str, int] = {}
    """Of events that the client gives less time, by its own name."""

    def path(self, base: Path) -> Path:
        """Its file below a home, or a project's directory."""
        return base / self.folder / self.file

    def servers_path(self, base: Path) -> Path | None:
        """The file of its servers below the same, where that is another."""
        return base / self.folder / self.servers_file if self.servers_file else None

    def entries(self, hook: Sequence[str]) -> Mapping[str, object]:
        """The hooks to register, each of which runs `hook` followed by the event's name."""
        return {theirs: [self._entry(theirs, shlex.join([*hook, ours]))] for theirs, ours in self.events.items()}

    def with_entries(self, text: str, hook: Sequence[str], program: str, carried: Mapping[str, str]) -> str:
        """The file with our hooks, and with our server where the same file has it. Raises Taken, ValueError."""
        text = claude_code.with_hooks(text, self.entries(hook), {})
        return text if self.servers_file else claude_code.with_server(text, program, carried)

    def without_entries(self, text: str) -> str:
        """The file without them."""
        text = claude_code.without_hooks(text, {})
        return text if self.servers_file else claude_code.without_server(text)

    def _entry(self, theirs: str, command: str) -> dict[str, object]:
        timeout = self.timeouts.get(theirs, self.timeout)
        return {"hooks": [{"type": "command", "command": command, "timeout": timeout}]}


HOOKED_CLIENTS: Mapping[str, HookedClient] = {
    "codex": HookedClient(
        "Codex CLI",
        ".codex",
        "hooks.json",
        {name: name for name in ("SessionStart", "UserPromptSubmit", "PreCompact", "Stop", "SessionEnd")},
        CLIENT_TIMEOUT_S,
        left="Codex runs new hooks only once you have trusted them: say /hooks in it.",
        servers_file="config.toml",
        timeouts={"SessionEnd": CODEX_END_TIMEOUT_S},
    ),
    "gemini": HookedClient(
        "Gemini CLI",
        ".gemini",
        "settings.json",
        {
            "SessionStart": "SessionStart",
            "BeforeAgent": "UserPromptSubmit",
            "PreCompress": "PreCompact",
            "AfterAgent": "Stop",
            "SessionEnd": "SessionEnd",
        },
        CLIENT_TIMEOUT_S * 1000,
        left="Gemini runs a project's hooks only in folders that you trust.",
    ),
}
