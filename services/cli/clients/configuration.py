"""The configuration of Segue in other MCP clients; in each client's own format and location."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

START_TIMEOUT_S = 30
"""The first start of a server builds its model; a client's own default timeout may be shorter."""


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


def _toml(program: str, environment: Mapping[str, str]) -> str:
    pairs = ", ".join(f"{name} = {_toml_text(value)}" for name, value in environment.items())
    lines = (
        "[mcp_servers.segue]",
        f"command = {_toml_text(program)}",
        'args = ["connect"]',
        *([f"env = {{ {pairs} }}"] if pairs else []),
        f"startup_timeout_sec = {START_TIMEOUT_S}",
    )
    return "\n".join(lines)


def _toml_text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # TOML's basic strings have the same escapes


def _environment(environment: Mapping[str, str]) -> dict[str, Any]:
    return {"env": dict(environment)} if environment else {}


CLIENTS: Mapping[str, Client] = {
    "cursor": Client("Cursor", "~/.cursor/mcp.json, or .cursor/mcp.json in a project", _json("mcpServers")),
    "vscode": Client(
        "VS Code", ".vscode/mcp.json in a project, or `MCP: Open User Configuration`", _json("servers", stdio=True)
    ),
    "codex": Client("Codex CLI", "~/.codex/config.toml", _toml),
    "gemini": Client(
        "Gemini CLI", "~/.gemini/settings.json, or .gemini/settings.json in a project", _json("mcpServers")
    ),
}
