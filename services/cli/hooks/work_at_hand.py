"""What a conversation is at: the files that it touched last, and what failed in its last turn.

A prompt such as "again, please look" names neither, and what is remembered of them is found all the same. Nothing of
it is written anywhere. Imports nothing before it is needed, like everything that the client waits for.
"""

from __future__ import annotations

import os

from services.cli.hooks import hook_input, plain_json, state_files
from services.kit.systems import PLAIN

MYPY = False
if MYPY:
    from typing import Any

FILES_MAX = 3
TOUCHED_END_BYTES = 8 * 1024
TRANSCRIPT_END_BYTES = 128 * 1024
"""What is read of a transcript: a turn that is longer has no error then."""


def work_at_hand(raw: bytes) -> dict[str, str | list[str]]:
    """The fields of a prompt's envelope: `touched`, the latest last, and `error`; without what is not known."""
    client = hook_input.fields(raw)
    touched = last_touched(client.get("session_id", ""), hook_input.here())
    error = last_error(_end(client.get("transcript_path", ""), TRANSCRIPT_END_BYTES))
    return {**({"touched": touched} if touched else {}), **({"error": error} if error else {})}


def last_touched(session: str, directory: str) -> list[str]:
    """The last files of a conversation, each once, as they are named in the directory; of others the name alone."""
    lines = _end(state_files.of_session("touched", session), TOUCHED_END_BYTES).decode("utf-8", "replace").splitlines()
    latest = list(dict.fromkeys(reversed(lines)))[:FILES_MAX]
    return [_name_in(directory, path) for path in reversed(latest)]


def last_error(transcript_end: bytes) -> str:
    """The line that says most of the last tool call that failed in the last turn; empty for none.

    The prompt that the hook is for may stand in the transcript already; the turn before it is the last one.
    """
    has_begun = False
    for line in reversed(transcript_end.splitlines()):
        if b'"assistant"' in line:
            has_begun = True
        elif b'"user"' in line and (fields := _user_fields(line)) and not _is_aside(fields):
            results = _results(fields)
            if failed := next((each for each in reversed(results) if each.get("is_error") is True), None):
                return _telling(failed.get("content"))
            if not results and has_begun:
                return ""
    return ""


def _telling(content: object) -> str:
    from services.memory.imports.tool_calls import result_text, telling_line

    return telling_line(result_text(content))


def _results(fields: dict[str, Any]) -> list[dict[str, Any]]:
    """The results of tools in a line of a transcript; none in what a person typed."""
    message = fields.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    blocks = content if isinstance(content, list) else []
    return [each for each in blocks if isinstance(each, dict) and each.get("type") == "tool_result"]


def _user_fields(line: bytes) -> dict[str, Any] | None:
    """A line of a transcript of what the user or a tool said; None for any other."""
    try:
        fields = plain_json.loads(line)
    except (ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) and fields.get("type") == "user" else None


def _is_aside(fields: dict[str, Any]) -> bool:
    """Whether it is a subagent's, or what the client itself put there."""
    return fields.get("isSidechain") is True or fields.get("isMeta") is True


def _name_in(directory: str, path: str) -> str:
    inside = directory and path.startswith(directory + os.sep)
    return path[len(directory) + 1 :] if inside else os.path.basename(path)


def _end(path: str, most_bytes: int) -> bytes:
    """The end of a file, in whole lines; nothing of one that is not there."""
    if not path:
        return b""
    try:
        descriptor = os.open(path, os.O_RDONLY | PLAIN)
    except OSError:
        return b""
    try:
        size = os.fstat(descriptor).st_size
        begin = max(0, size - most_bytes)
        os.lseek(descriptor, begin, os.SEEK_SET)
        read = os.read(descriptor, most_bytes)
    except OSError:
        return b""
    finally:
        os.close(descriptor)
    return read.partition(b"\n")[2] if begin else read
