"""The state files of hooks, below the data directory, and the values of settings. Imports next to nothing."""

from __future__ import annotations

import os
import time

from services.kit.systems import PLAIN

HOOK_LOG = "hook.log"
OVER_QUOTA = "over_quota"
HOOKS_DIRECTORY = "hooks"
"""Below it: `seen/EVENT`, whose time is when that hook last ran; `spool/GATEWAY`, what waits for a server;
`touched/SESSION`, the files a conversation touched; `beat/SESSION`, whose time is when it last said that it lives;
`failed/SESSION`, which of its tool calls failed, how long they took, and whether they were interrupted;
`asked/SESSION`, digests of what its user is asked about;
`denies/GATEWAY/DIRECTORY`, the denies that hold there while no gateway answers;
`owed/SESSION`, that it was not told at its start what it should be; `injected`, by which hook the model was last given
how many tokens and memories, whose time says when.
"""
DEFAULT_DATA_DIR = "~/.claude/segue"
LOG_MAX_BYTES = 256 * 1024
NAME_MAX_CHARS = 80
TOUCHED_MAX_BYTES = 64 * 1024
FAILED_MAX_BYTES = 64 * 1024


def data_directory() -> str:
    """`SEGUE_DATA_DIR`, or the directory beside Claude Code's own data."""
    return os.path.expanduser(os.environ.get("SEGUE_DATA_DIR") or DEFAULT_DATA_DIR)


def hooks_directory(part: str) -> str:
    """The directory of one kind of state files, created if it is missing."""
    path = data_directory()
    os.makedirs(path, mode=0o700, exist_ok=True)
    for name in (HOOKS_DIRECTORY, *part.split(os.sep)):  # makedirs gives the mode to the last one alone
        path = os.path.join(path, name)
        if not os.path.isdir(path):
            os.makedirs(path, mode=0o700, exist_ok=True)
    return path


def gateway_name() -> str:
    """A name, fit for a directory, of the gateway that `SEGUE_URL` names, or `local`."""
    url = os.environ.get("SEGUE_URL", "").strip()
    return "".join(each if each.isalnum() else "-" for each in url)[:NAME_MAX_CHARS] or "local"


def is_on(value: str) -> bool:
    """Whether a setting is on."""
    return value.strip().lower() not in {"off", "0", "false", "no"}


def number(setting: str, default: int, most: int) -> int:
    """A setting that is a number; the default where it is none."""
    text = os.environ.get(setting, "").strip()
    return min(int(text), most) if text.isdecimal() else default


def log(event: str, message: str) -> None:
    """Adds a line to the hook log, never with content. The log is rotated when it is large; a failure is ignored."""
    try:
        path = os.path.join(data_directory(), HOOK_LOG)
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        if os.path.exists(path) and os.stat(path).st_size > LOG_MAX_BYTES:
            os.replace(path, f"{path}.1")
        line = f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} {event}: {' '.join(message.split())[:500]}\n"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, line.encode("utf-8", "replace"))
        finally:
            os.close(descriptor)
    except OSError:  # a full disk or a directory that is no one's must not keep the client waiting
        return


def record_run(event: str) -> None:
    """Records when the hook last ran, as a file's time."""
    path = os.path.join(hooks_directory("seen"), event)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
    os.utime(path)


def record_injection(event: str, given: str) -> None:
    """Records how much the model was given, never what; nothing if it was given nothing."""
    if not given:
        return
    path = os.path.join(data_directory(), HOOKS_DIRECTORY, "injected")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, f"{event} {given[:200]}\n".encode("ascii", "replace"))
    finally:
        os.close(descriptor)


def of_session(part: str, session: str) -> str:
    """The state file of a conversation; empty if its id is not a name."""
    name = "".join(each for each in session if each.isalnum() or each == "-")[:NAME_MAX_CHARS]
    return os.path.join(hooks_directory(part), name) if name else ""


def set_briefing_due(session: str, is_due: bool) -> None:
    """Records whether the conversation still has to get the briefing that it should have got at its start."""
    path = of_session("owed", session)
    if path and is_due:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | PLAIN, 0o600))
    elif path and os.path.lexists(path):
        os.unlink(path)


def is_briefing_due(session: str) -> bool:
    """Whether the conversation still has to get its briefing."""
    path = of_session("owed", session)
    return bool(path) and os.path.lexists(path)


def record_failure(session: str, call: str, took_ms: int, interrupted: bool) -> None:
    """Records that a tool call failed, never which command it was."""
    name = "".join(each for each in call if each.isalnum() or each in "_-")[:NAME_MAX_CHARS]
    if not name or not (path := of_session("failed", session)):
        return
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | PLAIN, 0o600)
    try:
        if os.fstat(descriptor).st_size < FAILED_MAX_BYTES:
            os.write(descriptor, f"{name} {took_ms} {int(interrupted)}\n".encode("ascii", "replace"))
    finally:
        os.close(descriptor)


def record_touch(session: str, path: str, every_s: float) -> bool:
    """Records that a conversation touched a file; True at most once in `every_s` for each conversation."""
    if not (kept := of_session("touched", session)):
        return False
    descriptor = os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_APPEND | PLAIN, 0o600)
    try:
        if path and path.isprintable() and os.fstat(descriptor).st_size < TOUCHED_MAX_BYTES:
            os.write(descriptor, f"{path}\n".encode("utf-8", "replace"))
    finally:
        os.close(descriptor)
    beat = of_session("beat", session)
    if os.path.exists(beat) and 0 <= time.time() - os.stat(beat).st_mtime < every_s:
        return False
    os.close(os.open(beat, os.O_WRONLY | os.O_CREAT | PLAIN, 0o600))
    os.utime(beat)
    return True
