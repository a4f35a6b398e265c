"""Gemini CLI: its chats, which it records for each session, and its log of prompts.

A chat is JSON Lines: messages, of which a later one with the same id replaces the earlier, changes of all of them, and
going back to an earlier message. Earlier versions wrote one JSON object.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from services.memory.imports.containers.unreadable import Unreadable
from services.memory.imports.formats.entries import Entry, Record
from services.memory.imports.formats.file_entries import text_of, whole_file
from services.memory.imports.formats.opening import Opening
from services.memory.imports.json_lines import UNFINISHED, read_lines
from services.memory.imports.transcripts import last_part

SOURCE = "gemini"
SPEAKERS = {"user": "user", "gemini": "assistant"}
ROOT_FILE = ".project_root"
root_max_bytes = 4096
chat_max_bytes = 512 * 1024 * 1024
messages_max = 200_000
tools_max = files_max = 50

Fields = dict[str, Any]
Messages = dict[str, tuple[int, Fields]]
"""By their ids: the line where each was last written, and what it is."""

# What hooks added to a prompt, and what the client says of itself at the beginning.
_added = re.compile(r"\s*<(?P<name>hook_context|session_context)>.*?</(?P=name)>\s*", re.DOTALL)
# Commands to the client.
_command = re.compile(r"\s*[/?]\w*\s*")


class GeminiChat:
    """The client's record of a session."""

    name = "Gemini CLI's transcripts"
    where = "~/.gemini/tmp"

    def evidence(self, opening: Opening) -> str:
        """A session and the hash of its project, at the beginning."""
        first = next(opening.objects, None) or opening.document.keys
        is_one = isinstance(first.get("sessionId"), str) and isinstance(first.get("projectHash"), str)
        return "a session with the hash of its project" if is_one else ""

    def read(self, opening: Opening) -> Iterator[Entry]:
        """What was said in the session, without what the person went back from."""
        return whole_file(opening, _chat_entries(opening))


class GeminiLog:
    """The client's log of prompts, logs.json."""

    name = "Gemini CLI's log of prompts"
    where = "logs.json in ~/.gemini/tmp"

    def evidence(self, opening: Opening) -> str:
        """A list of messages with the numbers that they have in their sessions."""
        first = opening.document.first
        keys = {"sessionId", "messageId", "type", "message"}
        return "messages with a session and a number" if isinstance(first, dict) and keys <= set(first) else ""

    def read(self, opening: Opening) -> Iterator[Entry]:
        """The prompts; those of recorded sessions are known already."""
        return whole_file(opening, _log_entries(opening))


def _chat_entries(opening: Opening) -> Iterator[Entry]:
    if opening.path.stat().st_size > chat_max_bytes:
        raise Unreadable(f"{opening.path}: over {chat_max_bytes:,} bytes")
    session: Fields = {}
    messages: Messages = {}
    if next(opening.objects, None) is None:
        _apply_whole(opening, session, messages)
    else:
        yield from _apply_lines(opening, session, messages)
    directory = _directory(opening)
    for number, message in messages.values():
        if record := _record(message, session, directory):
            yield record.entry(number)


def _apply_whole(opening: Opening, session: Fields, messages: Messages) -> None:
    with opening.read_document() as document:
        found = document.value()
    _apply(1, found if isinstance(found, dict) else {}, session, messages)
    for place, (key, (_, message)) in enumerate(list(messages.items()), 1):
        messages[key] = place, message


def _apply_lines(opening: Opening, session: Fields, messages: Messages) -> Iterator[Entry]:
    with opening.path.open("rb") as file:
        for line in read_lines(file):
            if line.fields is not None:
                _apply(line.number, line.fields, session, messages)
            elif line.problem != UNFINISHED:
                yield Entry(line.number, opening.start, problem=line.problem)


def _apply(number: int, fields: Fields, session: Fields, messages: Messages) -> None:
    """Applies a line to what is known of the session."""
    changes = fields.get("$set")
    if isinstance(back_to := fields.get("$rewindTo"), str):
        ids = list(messages)
        for key in ids[ids.index(back_to) :] if back_to in messages else ids:
            del messages[key]
    elif isinstance(changes, dict):
        _replace_all(number, changes, messages)
    elif isinstance(fields.get("sessionId"), str):
        session.update({name: fields[name] for name in ("sessionId", "kind") if isinstance(fields.get(name), str)})
        _replace_all(number, fields, messages)
    elif isinstance(fields.get("id"), str) and len(messages) < messages_max:
        messages[fields["id"]] = number, fields


def _replace_all(number: int, fields: Fields, messages: Messages) -> None:
    given = fields.get("messages")
    if not isinstance(given, list):
        return
    messages.clear()
    for each in given[:messages_max]:
        if isinstance(each, dict) and isinstance(each.get("id"), str):
            messages[each["id"]] = number, each


def _record(message: Fields, session: Fields, directory: str) -> Record | None:
    role, is_subagent = SPEAKERS.get(text_of(message.get("type")), ""), session.get("kind") == "subagent"
    shown = message.get("displayContent") if role == "user" else None
    text = _without_additions(_text(shown or message.get("content")))
    if not role or not text or (role == "user" and (is_subagent or _command.fullmatch(text))):
        return None
    session_id = text_of(session.get("sessionId"))
    return Record(
        SOURCE,
        f"{session_id}\0{text_of(message.get('id'))}",
        text,
        role=role,
        session_id=session_id,
        time=message.get("timestamp"),
        project=last_part(directory),
        directory=directory,
        details={**_calls(message), "sidechain": is_subagent},
    )


def _text(content: object) -> str:
    """The text of a content: itself, or its parts that are text."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [content]
    return "\n".join(text_of(part.get("text")) for part in parts if isinstance(part, dict)).strip()


def _without_additions(text: str) -> str:
    return _added.sub("", text).strip() if "_context>" in text else text.strip()


def _calls(message: Fields) -> Mapping[str, list[str]]:
    """The tools that the agent called with this message, and the files that they were about."""
    calls = message.get("toolCalls")
    tools: dict[str, None] = {}
    files: dict[str, None] = {}
    for call in calls[:tools_max] if isinstance(calls, list) else ():
        if isinstance(call, dict):
            tools[text_of(call.get("name"))[:200]] = None
            given = call.get("args")
            path = text_of(given.get("file_path")) if isinstance(given, dict) else ""
            if path and len(path) <= root_max_bytes:
                files[path] = None
    return {"tools": list(tools), "files": list(files)[:files_max]}


def _directory(opening: Opening) -> str:
    """The directory of the project, which the client notes beside its chats; a name where it does not."""
    for folder in list(opening.path.absolute().parents)[:4]:
        try:
            with (folder / ROOT_FILE).open("rb") as file:
                found = file.read(root_max_bytes + 1).decode("utf-8", "replace").strip()
        except OSError:
            continue
        return found if len(found) <= root_max_bytes and found.startswith("/") and "\0" not in found else ""
    return ""


def _log_entries(opening: Opening) -> Iterator[Entry]:
    directory = _directory(opening)
    with opening.read_document() as document:
        for number, fields in enumerate(document.elements(), 1):
            text = text_of(fields.get("message")) if isinstance(fields, dict) else ""
            if not text or fields.get("type") != "user" or _command.fullmatch(text):
                continue
            session = text_of(fields.get("sessionId"))
            record = Record(
                SOURCE,
                "\0".join((session, "log", str(fields.get("messageId")))),
                _without_additions(text),
                role="user",
                session_id=session,
                time=fields.get("timestamp"),
                project=last_part(directory),
                directory=directory,
            )
            yield record.entry(number, bytes_read=document.bytes_read)
