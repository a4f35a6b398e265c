"""claude-mem's SQLite database: what it observed, its summaries of sessions, and the prompts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import PurePath
from typing import Any, NamedTuple

from services.memory.domain.memories import Kind
from services.memory.imports.containers.sqlite_copy import Database
from services.memory.imports.formats.entries import Entry, Record
from services.memory.imports.formats.file_entries import text_of, texts_of, whole_file
from services.memory.imports.formats.opening import Opening

SOURCE = "claude-mem"
SESSIONS, SUMMARIES, PROMPTS = "sdk_sessions", "session_summaries", "user_prompts"
OBSERVATIONS = "observations"
PARTS = ("request", "investigated", "learned", "completed", "next_steps", "notes")
TIMES = ("created_at_epoch", "created_at")
sessions_max = 1_000_000

Row = dict[str, Any]


class Session(NamedTuple):
    """The session that a row belongs to: the client's own id of it, and its project."""

    id: str
    project: str


Sessions = dict[str, Session]


class ClaudeMem:
    """The database of all its versions: what a version does not have is left out."""

    name = "claude-mem's database"
    where = "~/.claude-mem/claude-mem.db"

    def evidence(self, opening: Opening) -> str:
        """Its tables of sessions and observations."""
        database = opening.database
        has_tables = database is not None and database.has(SESSIONS, ("project",))
        has_tables = has_tables and database is not None and database.has(OBSERVATIONS, ("project", "type"))
        return "tables of sessions and observations" if has_tables else ""

    def read(self, opening: Opening) -> Iterator[Entry]:
        """The rows of its three tables."""
        return whole_file(opening, _entries(opening))


def _entries(opening: Opening) -> Iterator[Entry]:
    database = opening.database
    if database is None:
        return
    sessions = _sessions(database)
    readers: dict[str, Callable[[Row, Sessions], Record]] = {
        PROMPTS: _prompt,
        OBSERVATIONS: _observation,
        SUMMARIES: _summary,
    }
    present = [table for table in readers if table in database.tables]
    size, total = opening.path.stat().st_size, max(1, sum(map(database.count, present)))
    number = 0
    for table in present:
        for row in database.rows(table, database.tables[table]):
            number += 1
            yield readers[table](row, sessions).entry(number, bytes_read=size * number // total)


def _sessions(database: Database) -> Sessions:
    """The sessions by both of their ids."""
    sessions: Sessions = {}
    for row in database.rows(SESSIONS, database.tables[SESSIONS]):
        of_client = text_of(row.get("content_session_id")) or text_of(row.get("claude_session_id"))
        own = text_of(row.get("memory_session_id")) or text_of(row.get("sdk_session_id"))
        session = Session(of_client or own, text_of(row.get("project")))
        sessions |= {name: session for name in (of_client, own) if name}
        if len(sessions) > sessions_max:
            break
    return sessions


def _record(table: str, row: Row, sessions: Sessions, text: str, **more: Any) -> Record:
    names = ("content_session_id", "claude_session_id", "memory_session_id", "sdk_session_id")
    name = next((found for each in names if (found := text_of(row.get(each)))), "")
    session = sessions.get(name, Session(name, ""))
    project = text_of(row.get("merged_into_project")) or text_of(row.get("project")) or session.project
    time = next((row[each] for each in TIMES if row.get(each)), None)
    key = "\0".join((table, name, str(time), text))
    return Record(SOURCE, key, text, session_id=session.id, time=time, project=_name(project), **more)


def _prompt(row: Row, sessions: Sessions) -> Record:
    return _record(PROMPTS, row, sessions, text_of(row.get("prompt_text")), role="user")


def _observation(row: Row, sessions: Sessions) -> Record:
    facts = [f"- {fact}" for fact in _list(row.get("facts"))]
    heads = (text_of(row.get("title")), text_of(row.get("subtitle")))
    body = text_of(row.get("narrative")) or text_of(row.get("text"))
    text = "\n\n".join(filter(None, (*heads, body, "\n".join(facts))))
    files = list(dict.fromkeys((*_list(row.get("files_modified")), *_list(row.get("files_read")))))[:50]
    details = {"type": text_of(row.get("type"))[:200], "files": files}
    tags = tuple(_list(row.get("concepts")))
    return _record(OBSERVATIONS, row, sessions, text, kind=Kind.REFLECTION, tags=tags, details=details)


def _summary(row: Row, sessions: Sessions) -> Record:
    parts = [(name, text_of(row.get(name)).strip()) for name in PARTS]
    text = "\n\n".join(f"{name.replace('_', ' ').capitalize()}: {part}" for name, part in parts if part)
    return _record(SUMMARIES, row, sessions, text, kind=Kind.REFLECTION, details={"type": "session summary"})


def _list(value: object) -> tuple[str, ...]:
    """A list that stands in a column as JSON."""
    try:
        return texts_of(json.loads(text_of(value) or "[]"))
    except (ValueError, RecursionError):
        return ()


def _name(project: str) -> str:
    """The project's name; of a path, its last part."""
    return PurePath(project).name if project.startswith("/") else project
