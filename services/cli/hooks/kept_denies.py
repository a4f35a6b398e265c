"""The copy of the user's denies that hooks keep, and what follows from it where no gateway answers in time.

There is a copy for each directory, and one of what is denied everywhere. A gateway's answer brings a new copy where
other denies hold than the hook knows. Nothing is ever allowed from a copy.
"""

from __future__ import annotations

import os

from services.cli.hooks import hook_input, plain_json
from services.cli.hooks.state_files import gateway_name, hooks_directory
from services.kit.systems import PLAIN

MYPY = False
if MYPY:
    from collections.abc import Iterator
    from typing import Any

    from services.session.permissions.plain_denies import KeptDeny

DIRECTORY = "denies"
EVERYWHERE = "everywhere"
COPIES_MAX = 200
COPY_MAX_BYTES = 1 << 20
NAME_MAX_CHARS = 80
VERSION_MAX_CHARS = 64
NO_COPY = "-"
"""The version of a hook that has no copy for its directory: a gateway knows none of that name."""
NO_DENIES = b"[]"
NEAR_RULES = ("segue", "/v1/", "cli", "session.sqlite")
"""No command that changes what may be done without asking is without one of these words."""
ASKED_TOOLS = ("__record_permission", "__revoke_permission")
TARGETS = ("command", "file_path", "notebook_path", "url", "path")
PATHS = ("file_path", "notebook_path", "path")
LOOKED_FOR = {"Glob": "pattern", "Grep": "glob"}
"""Where a tool names the files that it works on, if it is given no path."""
DENIED = "Segue: you denied it. No server answered in time; the hook keeps a copy of what you deny."
UNSURE = "Segue: no server answered in time, and you denied what this may be."
PERSONS = "Segue: no server answered in time, and it may change what is done without asking, which only you decide."


def version(directory: str) -> str:
    """The version of the copy for `directory`."""
    try:
        with open(_path(_name(directory)), encoding="ascii", errors="replace") as file:
            return "".join(each for each in file.readline(VERSION_MAX_CHARS) if each.isalnum())
    except OSError:
        return NO_COPY


def mark_in_use(directory: str) -> None:
    """Says that work goes on in `directory`: of too many copies those go where it does not."""
    path = _path(_name(directory))
    if os.path.lexists(path):
        os.utime(path, follow_symlinks=os.utime not in os.supports_follow_symlinks)  # Windows knows only to follow


def keep(directory: str, copy: bytes) -> None:
    """Keeps what the gateway told of the denies that hold in `directory`, whole or not at all."""
    told = plain_json.loads(copy)
    denies = [deny for deny in told["denies"] if isinstance(deny, dict)]
    _write(_name(directory), "".join(filter(str.isalnum, told["version"])), denies)
    _write(EVERYWHERE, "", [deny for deny in denies if deny.get("everywhere")])
    _forget_oldest()


def answer(raw: bytes) -> bytes:
    """What the client is to do about the call, as far as the copy says; empty where it denies nothing."""
    fields = hook_input.fields(raw)
    tool, tool_input = fields.get("tool_name", ""), fields.get("tool_input", {})
    if not tool:
        return b""
    named = (*TARGETS, LOOKED_FOR.get(tool, ""))
    target = next((tool_input[name] for name in named if tool_input.get(name)), "")
    is_proposal = tool.endswith(ASKED_TOOLS) and tool_input.get("decision") != "deny"
    copy = _read(_name(hook_input.here())) or _read(EVERYWHERE)
    if copy in {b"", NO_DENIES} and not is_proposal and not _is_near_rules(target):
        return b""  # what follows costs more than the rest of a hook
    from services.session.permissions.files.file_commands import Holds
    from services.session.permissions.plain_denies import judge_plainly, may_change_rules

    denies = list(_denies(copy or NO_DENIES, hook_input.here()))
    paths = {
        os.path.realpath(os.path.join(hook_input.here(), tool_input[name])) for name in PATHS if name in tool_input
    }
    said = {judge_plainly(denies, tool, each) for each in (target, *paths)}
    if Holds.DENY in said:
        return _permission("deny", DENIED)
    if is_proposal or may_change_rules(tool, target):
        return _permission("ask", PERSONS)
    return _permission("ask", UNSURE) if Holds.ASK in said else b""


def _is_near_rules(target: str) -> bool:
    plain = target.replace("'", "").replace('"', "").replace("\\", "")
    return any(word in plain for word in NEAR_RULES)


def _denies(copy: bytes, directory: str) -> Iterator[KeptDeny]:
    import time

    from services.session.permissions.plain_denies import KeptDeny

    for deny in plain_json.loads(copy):
        ends_at = deny.get("expires_at")
        if not isinstance(ends_at, int | float) or time.time() < ends_at:
            root = str(deny.get("root") or directory)
            yield KeptDeny(str(deny["operation"]), str(deny["pattern"]), deny.get("exact") is True, root)


def _read(name: str) -> bytes:
    """The denies of a copy; empty where there is none."""
    try:
        descriptor = os.open(_path(name), os.O_RDONLY | PLAIN)
    except FileNotFoundError:
        return b""
    with open(descriptor, "rb") as file:
        return file.read(COPY_MAX_BYTES).partition(b"\n")[2]


def _write(name: str, version: str, denies: list[dict[str, Any]]) -> None:
    path = _path(name)
    draft = f"{path}.{os.getpid()}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | PLAIN, 0o600)
    with open(descriptor, "wb") as file:
        file.write(f"{version}\n{plain_json.dumps(denies)}".encode())
    os.replace(draft, path)


def _forget_oldest() -> None:
    """The copies of directories where nobody worked for longest make room."""
    entries = [entry for entry in os.scandir(_path("")) if entry.name != EVERYWHERE]
    entries.sort(key=lambda entry: entry.stat(follow_symlinks=False).st_mtime)
    for entry in entries[:-COPIES_MAX]:
        os.unlink(entry.path)


def _path(name: str) -> str:
    return os.path.join(hooks_directory(os.path.join(DIRECTORY, gateway_name())), name)


def _name(directory: str) -> str:
    import zlib

    plain = "".join(each if each.isalnum() else "-" for each in directory)
    return f"{plain[-NAME_MAX_CHARS:]}-{zlib.crc32(directory.encode('utf-8', 'replace')):08x}"


def _permission(decision: str, reason: str) -> bytes:
    told = {"hookEventName": "PreToolUse", "permissionDecision": decision, "permissionDecisionReason": reason}
    return plain_json.dumps({"hookSpecificOutput": told, "suppressOutput": True}).encode()
