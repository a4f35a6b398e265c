"""Segue's entries in Claude Code's settings: an MCP server, the hooks, and the gateway's address if it is elsewhere.

The locations were observed with the client itself: servers in `~/.claude.json` or a project's `.mcp.json`, hooks in
`settings.json` of `~/.claude` or of a project's `.claude`; below `CLAUDE_CONFIG_DIR` if that is set.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from services.cli.clients.json_text import replace_value, without

SERVER_NAME = "segue"
PLUGIN = "segue@segue"
CARRIED = ("SEGUE_URL", "SEGUE_TOKEN_FILE", "SEGUE_DATA_DIR")
"""Settings that hooks and server must have; SEGUE_TOKEN is a secret, and no file's to keep."""
_connects = re.compile(r"(^|[/\\])segue(\.exe)?$")
_hook = re.compile(
    r"""(^|[/\\\s"'])segue(\.exe)?["']?\s+hook(\s|$)|services[/\\]cli[/\\]hook\.py|-m\s+services\.cli\s+hook(\s|$)"""
)


class Taken(Exception):
    """Another server already uses the name; the message says what to do."""


class Place(NamedTuple):
    """The client's two files, for one user or for one project."""

    servers: Path
    settings: Path


def user_place(home: Path, config_dir: str | None) -> Place:
    """The user's own files, which apply everywhere."""
    if config_dir:
        return Place(Path(config_dir) / ".claude.json", Path(config_dir) / "settings.json")
    return Place(home / ".claude.json", home / ".claude" / "settings.json")


def project_place(directory: Path) -> Place:
    """The files of one project, which apply to everybody who works in it."""
    return Place(directory / ".mcp.json", directory / ".claude" / "settings.json")


def server_entry(program: str, carried: Mapping[str, str]) -> dict[str, Any]:
    """The MCP server's entry, as `claude mcp add` writes it."""
    return {"type": "stdio", "command": program, "args": ["connect"], "env": dict(carried)}


def with_server(text: str, program: str, carried: Mapping[str, str]) -> str:
    """The servers' file with our entry. An existing entry keeps what the user added. Raises Taken."""
    path = ("mcpServers", SERVER_NAME)
    wanted, there = server_entry(program, carried), _at(text, path)
    if there is None:
        return replace_value(_object(text), path, wanted)
    if not _is_ours(there):
        raise Taken(f"it has an MCP server named {SERVER_NAME} that is not Segue's: rename that one first")
    for name in ("command", "args"):
        if there.get(name) != wanted[name]:
            text = replace_value(text, (*path, name), wanted[name])
    for name, value in carried.items():
        if (there.get("env") or {}).get(name) != value:
            text = replace_value(text, (*path, "env", name), value)
    return text


def without_server(text: str) -> str:
    """The servers' file without our entry."""
    path = ("mcpServers", SERVER_NAME)
    return _or_nothing(without(text, path)) if _is_ours(_at(text, path)) else text


def carried_along(text: str) -> dict[str, str]:
    """The settings that install gave to our server in the servers' file, and to the hooks."""
    given = (_at(text, ("mcpServers", SERVER_NAME)) or {}).get("env") if has_server(text) else None
    return {name: str(given[name]) for name in CARRIED if name in given} if isinstance(given, dict) else {}


def with_hooks(text: str, wanted: Mapping[str, object], carried: Mapping[str, str]) -> str:
    """The settings with these hooks, for each event its entry; our earlier ones are replaced."""
    text = _without_hooks(text, lambda event: event not in wanted)
    for event, entry in wanted.items():
        text = _with_hook(text, event, entry)
    for name, value in carried.items():
        if _at(text, ("env", name)) != value:
            text = replace_value(_object(text), ("env", name), value)
    return text


def _with_hook(text: str, event: str, wanted: Any) -> str:
    there = _at(text, ("hooks", event)) or []
    if sum(path[1] == event for path, _ in _our_hooks(text)) == len(wanted) and all(each in there for each in wanted):
        return text
    text = _without_hooks(_object(text), lambda other: other == event)
    for entry in wanted:
        text = replace_value(text, ("hooks", event, len(_at(text, ("hooks", event)) or [])), entry)
    return text


def without_hooks(text: str, carried: Mapping[str, str]) -> str:
    """The settings without our hooks, and without the settings that install added for them."""
    left = _without_hooks(text, lambda _: True)
    for name, value in carried.items():
        if _at(left, ("env", name)) == value:
            left = without(left, ("env", name))
    return text if left == text else _or_nothing(left)


def _without_hooks(text: str, meant: Callable[[str], bool]) -> str:
    while found := next(((path, alone) for path, alone in _our_hooks(text) if meant(path[1])), None):
        path, alone = found
        text = without(text, path[:3] if alone else path)  # with its matcher, unless the user has another hook there
    return text


def _our_hooks(text: str) -> list[tuple[tuple[Any, ...], bool]]:
    """The positions of our hooks, and whether each is alone in its entry."""
    found = []
    hooks = _at(text, ("hooks",))
    for event, entries in (hooks if isinstance(hooks, dict) else {}).items():
        for place, entry in enumerate(entries if isinstance(entries, list) else ()):
            inner = entry.get("hooks") if isinstance(entry, dict) else None
            for number, hook in enumerate(inner if isinstance(inner, list) else ()):
                if isinstance(hook, dict) and _hook.search(_command_line(hook)):
                    found.append((("hooks", event, place, "hooks", number), len(inner or ()) == 1))
    return found


def _command_line(hook: Mapping[str, Any]) -> str:
    """What a hook runs, in words."""
    arguments = hook.get("args")
    words = arguments if isinstance(arguments, list) else []
    return " ".join(map(str, [hook.get("command", ""), *words]))


def hook_words(text: str) -> list[list[str]]:
    """The words of our hooks' commands."""
    entries = _at(text, ("hooks",))
    found = [entries[event][place]["hooks"][number] for (_, event, place, _, number), _ in _our_hooks(text)]
    return [[str(each["command"]), *map(str, each["args"])] if "args" in each else _split(each) for each in found]


def _split(hook: Mapping[str, Any]) -> list[str]:
    try:
        return shlex.split(str(hook["command"]))
    except ValueError:
        return []


def has_hooks(text: str) -> bool:
    """Whether any of our hooks is in the settings."""
    return bool(_our_hooks(text))


def has_plugin(text: str) -> bool:
    """Whether Segue's plugin, which includes the server and the hooks, is enabled in the settings."""
    plugins = _at(text, ("enabledPlugins",))
    return isinstance(plugins, dict) and plugins.get(PLUGIN) is True


def has_server(text: str) -> bool:
    """Whether our server is in the servers' file."""
    return _is_ours(_at(text, ("mcpServers", SERVER_NAME)))


def _is_ours(entry: Any) -> bool:
    if not isinstance(entry, dict):
        return False
    command, arguments = str(entry.get("command", "")), entry.get("args") or []
    return "connect" in arguments and (bool(_connects.search(command)) or "services.cli" in arguments)


def _at(text: str, path: tuple[str | int, ...]) -> Any:
    value = json.loads(_object(text))
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return None
        value = value[name]
    return value


def _object(text: str) -> str:
    return text if text.strip() else "{}\n"


def _or_nothing(text: str) -> str:
    """Empty text instead of an empty object: the file is to be removed."""
    return "" if json.loads(_object(text)) == {} else text
