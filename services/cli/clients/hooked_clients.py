"""Clients besides Claude Code that have hooks: which of their events are ours, and the files that hold them.

Observed with them: Codex CLI 0.171 (`hooks.json` beside its `config.toml`) and Gemini CLI 0.61 (`settings.json`).
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


class HookedClient(NamedTuple):
    """A client with hooks: the folder of its settings, the file of the hooks, and its events with ours for each."""

    title: str
    folder: str
    file: str
    events: Mapping[str, str]
    timeout: int
    has_server: bool
    """The same file holds its MCP servers."""
    left: str
    """What install cannot do, for the user."""

    def path(self, base: Path) -> Path:
        """Its file below a home, or a project's directory."""
        return base / self.folder / self.file

    def entries(self, hook: Sequence[str]) -> Mapping[str, object]:
        """The hooks to register, each of which runs `hook` followed by the event's name."""
        return {theirs: [self._entry(shlex.join([*hook, ours]))] for theirs, ours in self.events.items()}

    def with_entries(self, text: str, hook: Sequence[str], program: str, carried: Mapping[str, str]) -> str:
        """The file with our hooks, and with our server where the same file has it. Raises Taken, ValueError."""
        text = claude_code.with_hooks(text, self.entries(hook), {})
        return claude_code.with_server(text, program, carried) if self.has_server else text

    def without_entries(self, text: str) -> str:
        """The file without them."""
        text = claude_code.without_hooks(text, {})
        return claude_code.without_server(text) if self.has_server else text

    def _entry(self, command: str) -> dict[str, object]:
        return {"hooks": [{"type": "command", "command": command, "timeout": self.timeout}]}


HOOKED_CLIENTS: Mapping[str, HookedClient] = {
    "codex": HookedClient(
        "Codex CLI",
        ".codex",
        "hooks.json",
        {name: name for name in ("SessionStart", "UserPromptSubmit", "PreCompact", "Stop", "SessionEnd")},
        CLIENT_TIMEOUT_S,
        has_server=False,
        left="Codex runs new hooks only once you have trusted them: say /hooks in it. "
        "Its servers are in config.toml, which is left to you: `codex mcp add segue -- {program} connect`.",
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
        has_server=True,
        left="Gemini runs a project's hooks only in folders that you trust.",
    ),
}
