"""What the client tells a hook: read within bounds, cut to what is needed, and put into the envelope that is sent.

The envelope is `{"directory", "meta", "tokens", "prompt_tokens", "within_ms", "input": what the client told}`.
"""

from __future__ import annotations

import os

MYPY = False
if MYPY:
    from typing import Any

INPUT_MAX_BYTES = 16 << 20
SENT_WHOLE_MAX_BYTES = 256 * 1024
TEXT_MAX_CHARS = 20_000
# What of it anybody needs; the rest, such as what a tool wrote or read, stays where it is.
KEPT = ("session_id", "transcript_path", "cwd", "source", "reason", "trigger", "permission_mode", "tool_name", "prompt")
KEPT_OF_TOOL = (
    *("command", "file_path", "notebook_path", "path", "url", "pattern"),
    *("operation", "target", "decision", "scope", "rule_id"),  # of our own tools that propose rules
)


class NotUnderstood(Exception):
    """The client told nothing that a hook understands; the message is for the hook log."""


def read_input(descriptor: int) -> bytes:
    """All of stdin. Raises NotUnderstood for more than anybody would say."""
    parts, size = [], 0
    while data := os.read(descriptor, 1 << 20):
        size += len(data)
        if size <= INPUT_MAX_BYTES:
            parts.append(data)
    if size > INPUT_MAX_BYTES:
        raise NotUnderstood(f"{size:,} bytes of input are too many")
    return b"".join(parts).strip() or b"{}"


def fields(raw: bytes) -> dict[str, Any]:
    """What the client told, without what nobody needs. Raises NotUnderstood."""
    import json

    try:
        client_input = json.loads(raw.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        raise NotUnderstood("the input is not JSON") from None
    if not isinstance(client_input, dict):
        raise NotUnderstood("the input is not a JSON object")
    kept = _texts(client_input, KEPT)
    tool_input = client_input.get("tool_input")
    return {**kept, "tool_input": _texts(tool_input, KEPT_OF_TOOL)} if isinstance(tool_input, dict) else kept


def session(raw: bytes) -> str:
    """The conversation's id, found without a parser; empty where it is not plain."""
    found = raw.partition(b'"session_id"')[2].lstrip(b" :\n")
    return found[1:].partition(b'"')[0][:100].decode("ascii", "replace") if found.startswith(b'"') else ""


def envelope(raw: bytes, **meant: int) -> bytes:
    """What is sent: short input as it is, for a parser costs more than all the rest; long one cut."""
    if len(raw) > SENT_WHOLE_MAX_BYTES:
        import json

        raw = json.dumps(fields(raw)).encode()
    directory = here()
    if os.environ.get("SEGUE_URL", "").strip():  # whether that gateway sees the directory shows by its identity
        from services.workspace.directory_identity import IDENTITY_META, directory_identity

        meta = f'"meta": {{"{IDENTITY_META}": "{directory_identity(directory) or "none"}"}}, '
    else:
        meta = ""
    numbers = "".join(f'"{name}": {value}, ' for name, value in meant.items())
    return f'{{"directory": {_json_string(directory)}, {meta}{numbers}"input": '.encode() + raw + b"}"


def here() -> str:
    """Where the conversation began, which is what names its session; tools of the client go elsewhere meanwhile."""
    given = os.environ.get("CLAUDE_PROJECT_DIR", "")
    try:
        return os.path.realpath(given or os.getcwd())
    except OSError:  # it was removed under us
        return ""


def _texts(given: dict[str, Any], names: tuple[str, ...]) -> dict[str, str]:
    found = {name: given[name] for name in names if isinstance(given.get(name), str)}
    return {name: text[:TEXT_MAX_CHARS] for name, text in found.items()}


def _json_string(text: str) -> str:
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    import json

    return json.dumps(text)
