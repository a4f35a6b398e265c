"""The input of a hook: read up to a limit, reduced to the fields that are used, and put into an envelope.

The envelope is `{"directory", "meta", "tokens", "prompt_tokens", "within_ms", "denies", "touched", "error", "input"}`,
the last of which is what the client told.
"""

from __future__ import annotations

import os

from services.cli.hooks import plain_json
from services.kit.systems import canonical_path

MYPY = False
if MYPY:
    from typing import Any

INPUT_MAX_BYTES = 16 << 20
SENT_WHOLE_MAX_BYTES = 256 * 1024
TEXT_MAX_CHARS = 20_000
COMMAND_MAX_CHARS = 131_072
"""No longer one runs: a shell takes 128 KiB in an argument. What is cut off of a command nobody judges."""
SUMMARY_MAX_CHARS = 250_000
PROPOSALS_MAX = 50
DURATION_MAX_MS = 10**9
# The fields that are used; the rest, such as what a tool wrote or read, is not sent.
KEPT = ("session_id", "transcript_path", "cwd", "source", "reason", "trigger", "permission_mode", "tool_name", "prompt")
KEPT_OF_TOOL = (
    *("command", "file_path", "notebook_path", "path", "url", "pattern", "glob"),
    *("operation", "target", "decision", "scope", "rule_id"),  # of our own tools that propose rules
)


FLAGS_OF_TOOL = ("exact", "all")


class NotUnderstood(Exception):
    """The input is not what a hook understands; the message is for the hook log."""


def read_input(descriptor: int) -> bytes:
    """All of stdin. Raises NotUnderstood if it exceeds the limit."""
    parts, size = [], 0
    while data := os.read(descriptor, 1 << 20):
        size += len(data)
        if size <= INPUT_MAX_BYTES:
            parts.append(data)
    if size > INPUT_MAX_BYTES:
        raise NotUnderstood(f"{size:,} bytes of input are too many")
    return b"".join(parts).strip() or b"{}"


def fields(raw: bytes) -> dict[str, Any]:
    """The fields of the input that are used. Raises NotUnderstood."""
    client_input = _parse_input(raw)
    kept = _texts(client_input, KEPT) | _texts(client_input, ("compact_summary",), SUMMARY_MAX_CHARS)
    tool_input = client_input.get("tool_input")
    if not isinstance(tool_input, dict):
        return kept
    flags = {name: "true" for name in FLAGS_OF_TOOL if tool_input.get(name) is True}
    return {**kept, "tool_input": _texts(tool_input, KEPT_OF_TOOL, COMMAND_MAX_CHARS) | flags}


def proposals(raw: bytes) -> list[str]:
    """The ids of what our own tool has proposed by this call, as its answer says; of no other part of the answer."""
    answer = _parse_input(raw).get("tool_response")
    try:
        said = plain_json.loads(answer) if isinstance(answer, str) else answer
    except (ValueError, RecursionError):
        return []
    if not isinstance(said, dict):
        return []
    rule, others = said.get("rule"), said.get("proposed")
    made = [rule] if said.get("status") == "proposed" else others if isinstance(others, list) else []
    ids = [each.get("id") for each in made if isinstance(each, dict)]
    return [each for each in ids if isinstance(each, str)][:PROPOSALS_MAX]


def failed_call(raw: bytes) -> tuple[str, int, bool]:
    """Of a tool call that failed: its id, the milliseconds it took, and whether the user interrupted it."""
    client_input = _parse_input(raw)
    call, took = client_input.get("tool_use_id"), client_input.get("duration_ms")
    took_ms = int(took) if isinstance(took, int | float) and 0 <= took < DURATION_MAX_MS else 0
    return call if isinstance(call, str) else "", took_ms, client_input.get("is_interrupt") is True


def _parse_input(raw: bytes) -> dict[str, Any]:
    try:
        client_input = plain_json.loads(raw.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        raise NotUnderstood("the input is not JSON") from None
    if not isinstance(client_input, dict):
        raise NotUnderstood("the input is not a JSON object")
    return client_input


def session(raw: bytes) -> str:
    """The conversation's id, found without a parser; empty where it is not plain."""
    found = raw.partition(b'"session_id"')[2].lstrip(b" :\n")
    return found[1:].partition(b'"')[0][:100].decode("ascii", "replace") if found.startswith(b'"') else ""


def event_name(raw: bytes) -> str:
    """The event that the client names in its input. Raises NotUnderstood."""
    named = _parse_input(raw).get("hook_event_name")
    return named if isinstance(named, str) else ""


def envelope(raw: bytes, **meant: int | str | list[str]) -> bytes:
    """The envelope: short input unchanged, because parsing costs more than everything else; long input reduced."""
    if len(raw) > SENT_WHOLE_MAX_BYTES:
        raw = plain_json.dumps(fields(raw)).encode()
    directory = here()
    is_elsewhere = os.environ.get("SEGUE_URL", "").strip()  # what that gateway sees shows by the identity
    meta = f'"meta": {_meta(directory)}, ' if is_elsewhere else ""
    others = "".join(f'"{name}": {_json(value)}, ' for name, value in meant.items())
    return f'{{"directory": {_json_string(directory)}, {meta}{others}"input": '.encode() + raw + b"}"


def _meta(directory: str) -> str:
    """What tells a gateway elsewhere which directory it is, and of which project."""
    from services.workspace.directory_identity import IDENTITY_META, PROJECT_META, directory_identity
    from services.workspace.git.first_commit import quick_first_commit
    from services.workspace.project_identity import sighting_here

    sighting = sighting_here(directory)
    if sighting.get("is_repository") and not sighting["remote"]:  # a remote tells it without running git
        sighting = sighting_here(directory, quick_first_commit)
    return plain_json.dumps({IDENTITY_META: directory_identity(directory) or "none", PROJECT_META: sighting})


def here() -> str:
    """The directory where the conversation began, which identifies its session; tools may have left it since."""
    given = os.environ.get("CLAUDE_PROJECT_DIR", "")
    try:
        return canonical_path(given or os.getcwd())
    except (OSError, ValueError):  # it was removed under us
        return ""


def _texts(given: dict[str, Any], names: tuple[str, ...], most_chars: int = TEXT_MAX_CHARS) -> dict[str, str]:
    found = {name: given[name] for name in names if isinstance(given.get(name), str)}
    return {name: text[:most_chars] for name, text in found.items()}


def _json(value: int | str | list[str]) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_json_string, value))}]"
    return _json_string(value) if isinstance(value, str) else str(value)


def _json_string(text: str) -> str:
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return plain_json.dumps(text)
