"""The data export of claude.ai: conversations.json, also inside the zip."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from services.memory.imports.formats.entries import Entry, Record
from services.memory.imports.formats.exports import conversations
from services.memory.imports.formats.file_entries import text_of, whole_file
from services.memory.imports.formats.opening import Opening

SOURCE = "claude"
ROLES = {"human": "user", "assistant": "assistant"}

Fields = dict[str, Any]


class ClaudeExport:
    """A list of conversations, each with its messages in order."""

    name = "Claude's data export"
    where = "conversations.json, or the zip that you were sent"

    def evidence(self, opening: Opening) -> str:
        """The messages of the first conversation."""
        first = opening.document.first
        is_one = isinstance(first, dict) and isinstance(first.get("chat_messages"), list)
        return "conversations with chat_messages" if is_one else ""

    def read(self, opening: Opening) -> Iterator[Entry]:
        """What the person and the model said, in its order."""
        return whole_file(opening, conversations(opening, _records))


def _records(conversation: Fields) -> Iterator[Record]:
    session, messages = text_of(conversation.get("uuid")), conversation.get("chat_messages")
    project = conversation.get("project")
    details = {"title": text_of(conversation.get("name"))[:500]}
    for place, message in enumerate(messages if isinstance(messages, list) else ()):
        if not isinstance(message, dict) or not (role := ROLES.get(text_of(message.get("sender")), "")):
            continue
        if text := _text(message):
            yield Record(
                SOURCE,
                f"{session}\0{text_of(message.get('uuid')) or place}",
                text,
                role=role,
                session_id=session,
                time=message.get("created_at") or conversation.get("created_at"),
                project=text_of(project.get("name")) if isinstance(project, dict) else "",
                details=details,
            )


def _text(message: Fields) -> str:
    """The text that was shown: the blocks of text, or what earlier exports have instead."""
    blocks = message.get("content")
    texts = [
        text_of(block.get("text"))
        for block in (blocks if isinstance(blocks, list) else ())
        if isinstance(block, dict) and block.get("type") == "text"
    ]
    return "\n\n".join(filter(str.strip, texts)) or text_of(message.get("text")).strip()
