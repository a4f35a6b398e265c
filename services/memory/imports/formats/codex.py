"""Transcripts of Codex CLI (rollouts): what the person and the agent said, with the tools that the agent used then.

A line has a time, a type and a payload; the earliest versions wrote the payload alone. Messages in a person's role are
also written by the client: its wrappers, and what the content's kinds name otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from services.memory.imports.formats.entries import Entry, Record
from services.memory.imports.formats.file_entries import line_entries, text_of
from services.memory.imports.formats.opening import Opening
from services.memory.imports.json_lines import Fields, Line
from services.memory.imports.transcripts import last_part

SOURCE = "codex"
SESSION = "session_meta"
LINE_TYPES = frozenset((SESSION, "response_item", "event_msg", "turn_context"))
TEXTS = ("input_text", "output_text", "text")
CALLS = frozenset(("function_call", "custom_tool_call", "local_shell_call"))
KINDS = "internal_chat_message_metadata_passthrough"
tools_max = files_max = 50

# What the client puts into a message of the user's role: elements, and the instructions of the directory.
_wrapper = re.compile(r"\s*<(?P<name>[a-z][a-z_ -]{2,60})>.*</(?P=name)>\s*", re.DOTALL)
_instructions = re.compile(r"\s*# AGENTS\.md instructions for ")
_patched = re.compile(r"^\*\*\* (?:Update|Add|Delete) File: (?P<file>.{1,4096})$", re.MULTILINE)


class Session(NamedTuple):
    """The session of a transcript; the words of a subagent's user are the agent's."""

    id: str = ""
    directory: str = ""
    branch: str = ""
    is_subagent: bool = False


@dataclass(slots=True)
class Draft:
    """A message that waits for the tools that are called after it."""

    line: Line
    payload: Fields
    text: str
    tools: dict[str, None] = field(default_factory=dict)
    files: dict[str, None] = field(default_factory=dict)

    def entry(self, session: Session) -> Entry:
        """The message as a memory. Its id is that of the message, which a forked session copies."""
        fields = self.line.fields or {}
        time, role = text_of(fields.get("timestamp")), text_of(self.payload.get("role"))
        key = text_of(self.payload.get("id")) or "\0".join((session.id, time, role, self.text))
        details = {
            "branch": session.branch,
            "tools": list(self.tools),
            "files": list(self.files),
            "sidechain": session.is_subagent,
        }
        record = Record(
            SOURCE,
            key,
            self.text,
            role=role,
            session_id=session.id,
            time=time or None,
            project=last_part(session.directory),
            directory=session.directory,
            details=details,
        )
        return record.entry(self.line.number, resume=self.line.end)


class Codex:
    """The client's rollouts, a file for each session."""

    name = "Codex CLI's transcripts"
    where = "~/.codex/sessions"

    def evidence(self, opening: Opening) -> str:
        """A line with a payload of a type that the client writes."""
        if any(isinstance(each.get("payload"), dict) and each.get("type") in LINE_TYPES for each in opening.objects):
            return "lines with a payload"
        first = next(opening.objects, {})
        is_earliest = {"id", "timestamp", "instructions"} <= set(first) and "content" not in first
        return "a session with instructions" if is_earliest else ""

    def read(self, opening: Opening) -> Iterator[Entry]:
        """The messages from `opening.start` on."""
        session = _session(opening.objects)
        return line_entries(opening, lambda lines: _entries(lines, session))


def _session(head: Iterable[Fields]) -> Session:
    for fields in head:
        payload = _payload(fields)
        if fields.get("type") == SESSION or ("payload" not in fields and "instructions" in fields):
            git = payload.get("git")
            is_subagent = isinstance(payload.get("source"), dict) or payload.get("thread_source") == "subagent"
            branch = text_of(git.get("branch")) if isinstance(git, dict) else ""
            return Session(text_of(payload.get("id")), text_of(payload.get("cwd"))[:4096], branch[:200], is_subagent)
    return Session()


def _payload(fields: Fields) -> Fields:
    payload = fields.get("payload")
    return payload if isinstance(payload, dict) else fields


def _entries(lines: Iterable[Line], session: Session) -> Iterator[Entry]:
    draft: Draft | None = None
    for line in lines:
        if line.fields is None:
            # Reading must not resume after a draft that waits.
            yield Entry(line.number, draft.line.start if draft else line.end, problem=line.problem)
            continue
        payload = _payload(line.fields)
        if text := _words(payload, session):
            if draft:
                yield draft.entry(session)
            draft = Draft(line, payload, text)
        elif draft and payload.get("type") in CALLS:
            _note_call(payload, draft)
    if draft:
        yield draft.entry(session)


def _words(payload: Fields, session: Session) -> str:
    """The words of a message; nothing of one that the client wrote."""
    role, blocks = payload.get("role"), payload.get("content")
    if payload.get("type") != "message" or role not in ("user", "assistant") or not isinstance(blocks, list):
        return ""
    if role == "user" and (session.is_subagent or not _is_persons(payload)):
        return ""
    texts = [
        text
        for block in blocks
        if isinstance(block, dict) and block.get("type") in TEXTS and (text := text_of(block.get("text"))).strip()
    ]
    if role == "user":
        texts = [text for text in texts if not _wrapper.fullmatch(text) and not _instructions.match(text)]
    return "\n\n".join(texts)


def _is_persons(payload: Fields) -> bool:
    described = payload.get(KINDS)
    kinds = described.get("content_item_kinds") if isinstance(described, dict) else None
    return not isinstance(kinds, list) or any(str(kind).startswith("user.") for kind in kinds)


def _note_call(payload: Fields, draft: Draft) -> None:
    name = text_of(payload.get("name")) or text_of(payload.get("type"))
    if len(name) <= 200 and len(draft.tools) < tools_max:
        draft.tools[name] = None
    given = text_of(payload.get("input")) or text_of(payload.get("arguments")).replace("\\n", "\n")
    for found in _patched.finditer(given):
        if len(draft.files) < files_max:
            draft.files[found["file"].strip()] = None
