"""ChatGPT's data export: conversations.json, also in the zip; of each the branch that was shown last."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from services.memory.imports.formats.entries import Entry, Record
from services.memory.imports.formats.exports import conversations
from services.memory.imports.formats.file_entries import text_of, texts_of, whole_file
from services.memory.imports.formats.opening import Opening

SOURCE = "chatgpt"
ROLES = ("user", "assistant")
TEXTS = ("text", "multimodal_text")
messages_max = 100_000

Fields = dict[str, Any]


class ChatGpt:
    """A list of conversations, each a tree of messages."""

    name = "ChatGPT's data export"
    where = "conversations.json, or the zip that you were sent"

    def evidence(self, opening: Opening) -> str:
        """The tree of messages in the first conversation."""
        first = opening.document.first
        return (
            "conversations with a mapping" if isinstance(first, dict) and isinstance(first.get("mapping"), dict) else ""
        )

    def read(self, opening: Opening) -> Iterator[Entry]:
        """What the person and the model said, in its order."""
        return whole_file(opening, conversations(opening, _records))


def _records(conversation: Fields) -> Iterator[Record]:
    mapping = conversation.get("mapping")
    nodes: Fields = mapping if isinstance(mapping, dict) else {}
    session = text_of(conversation.get("conversation_id")) or text_of(conversation.get("id"))
    details = {"title": text_of(conversation.get("title"))[:500]}
    for name in _branch(nodes, text_of(conversation.get("current_node"))):
        node = nodes[name]
        message = node.get("message") if isinstance(node, dict) else None
        if isinstance(message, dict) and (text := _text(message)):
            role = _role(message)
            time = message.get("create_time") or conversation.get("create_time")
            yield Record(SOURCE, f"{session}\0{name}", text, role=role, session_id=session, time=time, details=details)


def _branch(nodes: Fields, last: str) -> list[str]:
    """The messages from the first to the last, by their parents; all of them if the last is not named."""
    if last not in nodes:
        return list(nodes)[:messages_max]
    found: dict[str, None] = {}
    while last in nodes and last not in found and len(found) < messages_max:
        found[last] = None
        node = nodes[last]
        last = text_of(node.get("parent")) if isinstance(node, dict) else ""
    return list(found)[::-1]


def _role(message: Fields) -> str:
    author = message.get("author")
    return text_of(author.get("role")) if isinstance(author, dict) else ""


def _text(message: Fields) -> str:
    """What was said; nothing of tools, of the system, or what the person was not shown."""
    content, metadata = message.get("content"), message.get("metadata")
    is_hidden = isinstance(metadata, dict) and metadata.get("is_visually_hidden_from_conversation") is True
    to_all = text_of(message.get("recipient")) in ("", "all")
    if _role(message) not in ROLES or is_hidden or not to_all or not isinstance(content, dict):
        return ""
    if content.get("content_type") not in TEXTS:
        return ""
    return "\n\n".join(filter(str.strip, texts_of(content.get("parts"))))
