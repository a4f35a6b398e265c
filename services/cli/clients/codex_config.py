"""Segue's server in Codex CLI's `config.toml`: a table at its end, everything else to the byte.

TOML is not written anew: lines are added or taken out, and what then reads otherwise than meant is left alone.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from services.cli.clients.claude_code import SERVER_NAME, Taken

START_TIMEOUT_S = 30
"""The first start of a server builds its model; the client's own default timeout is shorter."""
_HEADER = f"[mcp_servers.{SERVER_NAME}]"
_ours = re.compile(rf"\[mcp_servers\.{SERVER_NAME}(\.[^\]]*)?\]\s*(#.*)?")
_connects = re.compile(r"(^|[/\\])segue(\.exe)?$")


def server_lines(program: str, carried: Mapping[str, str]) -> str:
    """The table, without a line's end at its last line."""
    table = {"command": program, "args": ["connect"], **({"env": carried} if carried else {})}
    values = {**table, "startup_timeout_sec": START_TIMEOUT_S}
    return "\n".join([_HEADER, *(f"{name} = {_toml(value)}" for name, value in values.items())])


def with_server(text: str, program: str, carried: Mapping[str, str]) -> str:
    """The file with our table. An existing one keeps what the user added. Raises Taken, and ValueError for no TOML."""
    there = _entry(text)
    if there is not None and not _is_ours(there):
        raise Taken(f"it has an MCP server named {SERVER_NAME} that is not Segue's: rename that one first")
    if there is None:
        newline = "\r\n" if "\r\n" in text else "\n"
        gap = "" if not text else newline if text.endswith("\n") else newline * 2
        block = server_lines(program, carried).replace("\n", newline)
        return _verify(f"{text}{gap}{block}{newline}", text, _read(block))
    wanted = _read(server_lines(program, {**_variables(there), **carried}))
    return text if {**there, **wanted} == there else _with_values(text, {**there, **wanted}, wanted)


def without_server(text: str) -> str:
    """The file without our table, and without the empty line that was put before it. Raises ValueError."""
    if not has_server(text):
        return text
    lines = text.splitlines(keepends=True)
    begin, end = _span(lines)
    while end > begin + 1 and not lines[end - 1].strip() and end < len(lines):  # what parts it from the next one stays
        end -= 1
    is_parted = begin > 0 and not lines[begin - 1].strip()
    return _verify("".join([*lines[: begin - is_parted], *lines[end:]]), text, None)


def _with_values(text: str, meant: object, wanted: Mapping[str, object]) -> str:
    """The file with other values in our table, each of which has a line of its own. Raises ValueError."""
    lines = text.splitlines(keepends=True)
    begin, end = _span(lines)
    newline = "\r\n" if lines[begin].endswith("\r\n") else "\n"
    for name, value in wanted.items():
        line = f"{name} = {_toml(value)}{newline}"
        at = next((at for at in range(begin, end) if re.match(rf"\s*{name}\s*=", lines[at])), None)
        if at is None:
            lines.insert(begin + 1, line)
            end += 1
        else:
            lines[at] = line
    return _verify("".join(lines), text, meant)


def _span(lines: Sequence[str]) -> tuple[int, int]:
    """The first line of our table, and the one after its last. Raises ValueError."""
    begin = next((at for at, line in enumerate(lines) if _ours.fullmatch(line.strip())), None)
    if begin is None:  # written inline, or by other names
        raise ValueError(f"its server {SERVER_NAME} is not in a table of its own")
    end = begin + 1
    while end < len(lines) and (not lines[end].lstrip().startswith("[") or _ours.fullmatch(lines[end].strip())):
        end += 1
    return begin, end


def has_server(text: str) -> bool:
    """Whether our table is in the file. Raises ValueError."""
    there = _entry(text)
    return there is not None and _is_ours(there)


def _verify(text: str, before: str, entry: object) -> str:
    """The text, if it says of our server what is meant, and of all else what it said before. Raises ValueError."""
    try:
        is_so = _others(text) == _others(before) and _entry(text) == entry
    except tomllib.TOMLDecodeError:
        is_so = False
    if not is_so:
        raise ValueError(f"the server {SERVER_NAME} cannot be told from the rest of it")
    return text


def _read(lines: str) -> Any:
    """Our server in lines of ours."""
    return tomllib.loads(lines)["mcp_servers"][SERVER_NAME]


def _others(text: str) -> dict[str, Any]:
    """All that the file says except of our server."""
    said = tomllib.loads(text)
    servers = said.get("mcp_servers")
    if not isinstance(servers, dict):
        return said
    kept = {name: value for name, value in servers.items() if name != SERVER_NAME}
    rest = {name: value for name, value in said.items() if name != "mcp_servers"}
    return {**rest, "mcp_servers": kept} if kept else rest


def _entry(text: str) -> Any:
    servers = tomllib.loads(text).get("mcp_servers")
    return servers.get(SERVER_NAME) if isinstance(servers, dict) else None


def _variables(entry: Any) -> dict[str, str]:
    """The variables that an earlier table of ours gives the server."""
    given = entry.get("env") if isinstance(entry, dict) else None
    return {str(name): str(value) for name, value in given.items()} if isinstance(given, dict) else {}


def _is_ours(entry: Any) -> bool:
    if not isinstance(entry, dict):
        return False
    command, arguments = entry.get("command"), entry.get("args")
    return isinstance(arguments, list) and "connect" in arguments and bool(_connects.search(str(command)))


def _toml(value: object) -> str:
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{name} = {_toml(each)}' for name, each in value.items())} }}"
    # TOML's basic strings have JSON's escapes, and want one more
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
