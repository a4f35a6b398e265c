"""The configuration of Segue in other MCP clients; in each client's own format and location."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from services.cli.clients.codex_config import server_lines


class Client(NamedTuple):
    """Where and how a client's servers are configured."""

    title: str
    where: str
    lines: Callable[[str, Mapping[str, str]], str]


def _json(root: str, *, stdio: bool = False, **more: Any) -> Callable[[str, Mapping[str, str]], str]:
    def lines(program: str, environment: Mapping[str, str]) -> str:
        kind = {"type": "stdio"} if stdio else {}
        server = {**kind, "command": program, "args": ["connect"], **_environment(environment), **more}
        return json.dumps({root: {"segue": server}}, indent=2, ensure_ascii=False)

    return lines


def _environment(environment: Mapping[str, str]) -> dict[str, Any]:
    return {"env": dict(environment)} if environment else {}


CLIENTS: Mapping[str, Client] = {
    "cursor": Client("Cursor", "~/.cursor/mcp.json, or .cursor/mcp.json in a project", _json("mcpServers")),
    "vscode": Client(
        "VS Code", ".vscode/mcp.json in a project, or `MCP: Open User Configuration`", _json("servers", stdio=True)
    ),
    "codex": Client("Codex CLI", "~/.codex/config.toml", server_lines),
    "gemini": Client(
        "Gemini CLI", "~/.gemini/settings.json, or .gemini/settings.json in a project", _json("mcpServers")
    ),
}
