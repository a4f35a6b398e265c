"""Files as other programs write them: samples made by the programs themselves, and small ones of our own making.

The samples were made by the version that their names tell, of contents of our own: Codex CLI and Gemini CLI with a
scripted model, mcp-memory-service and server-memory by storing, basic-memory by its `tool write-note`. The instructions
that Codex gives its model are left out of its sample.
"""

from __future__ import annotations

import gzip
import json
import sqlite3
import zipfile
from pathlib import Path
from typing import Any

from services.memory.imports.formats.entries import Entry
from services.memory.imports.json_lines import ImportedMemory
from services.memory.imports.sources import open_source

SAMPLES = Path(__file__).parent / "samples"
CODEX = SAMPLES / "codex-0.171.0.jsonl"
GEMINI = SAMPLES / "gemini-0.61.0.jsonl"
GRAPH = SAMPLES / "server-memory-2026.8.31.jsonl"
BASIC_MEMORY = SAMPLES / "basic-memory-0.24.1"
SERVICE_EXPORT = SAMPLES / "mcp-memory-service-12.4.0.json"


def entries(path: Path, root: Path | None = None) -> tuple[str, list[Entry]]:
    """The name of the file's format, and everything in it."""
    with open_source(path, root=root) as source:
        return source.format.name, list(source.entries())


def memories(path: Path, root: Path | None = None) -> list[ImportedMemory]:
    return [entry.memory for entry in entries(path, root)[1] if entry.memory]


def service_database(folder: Path) -> Path:
    """The database that mcp-memory-service made, unpacked."""
    path = folder / "sqlite_vec.db"
    path.write_bytes(gzip.decompress((SAMPLES / "mcp-memory-service-12.4.0.db.gz").read_bytes()))
    return path


def claude_mem_database(path: Path) -> Path:
    """A database with the tables of claude-mem 13, as far as they are read."""
    with sqlite3.connect(path) as made:
        made.executescript(
            """
            CREATE TABLE sdk_sessions (id INTEGER PRIMARY KEY, content_session_id TEXT, memory_session_id TEXT,
                project TEXT, started_at TEXT, started_at_epoch INTEGER);
            CREATE TABLE observations (id INTEGER PRIMARY KEY, memory_session_id TEXT, project TEXT, text TEXT,
                type TEXT, title TEXT, subtitle TEXT, facts TEXT, narrative TEXT, concepts TEXT, files_read TEXT,
                files_modified TEXT, created_at TEXT, created_at_epoch INTEGER);
            CREATE TABLE session_summaries (id INTEGER PRIMARY KEY, memory_session_id TEXT, project TEXT, request TEXT,
                learned TEXT, next_steps TEXT, created_at TEXT, created_at_epoch INTEGER);
            CREATE TABLE user_prompts (id INTEGER PRIMARY KEY, content_session_id TEXT, prompt_number INTEGER,
                prompt_text TEXT, created_at TEXT, created_at_epoch INTEGER);
            INSERT INTO sdk_sessions VALUES (1, 'client-1', 'own-1', 'orchard', '2026-03-01T09:00:00Z', 1772355600000);
            INSERT INTO observations VALUES (1, 'own-1', 'orchard', NULL, 'bugfix', 'Frost threshold off by one', '',
                '["It compared with <="]', 'Blossom was lost to frost.', '["frost","pears"]', '[]',
                '["/home/ada/orchard/weather.py"]', '2026-03-01T09:30:00Z', 1772357400000);
            INSERT INTO session_summaries VALUES (1, 'own-1', 'orchard', 'Find the frost bug', 'Compare with <', '',
                '2026-03-01T10:00:00Z', 1772359200000);
            INSERT INTO user_prompts VALUES (1, 'client-1', 1, 'Why do the pears fall early?', '2026-03-01T09:01:00Z',
                1772355660000);
            """
        )
    made.close()
    return path


def _node(name: str, parent: str | None, role: str, text: str, **more: Any) -> dict[str, Any]:
    content = {"content_type": "text", "parts": [text]}
    message = {"id": name, "author": {"role": role}, "create_time": 1772355600.25, "content": content, **more}
    return {name: {"id": name, "message": message, "parent": parent, "children": []}}


def chatgpt_conversation() -> dict[str, Any]:
    """A conversation in which the person went back and asked anew."""
    mapping = {
        "root": {"id": "root", "message": None, "parent": None, "children": ["s"]},
        **_node("s", "root", "system", "You are ChatGPT"),
        **_node("u1", "s", "user", "How deep is a well?"),
        **_node("a1", "u1", "assistant", "It depends."),
        **_node("u2", "s", "user", "How deep is our well?"),
        **_node("t", "u2", "assistant", "search('well')", recipient="browser"),
        **_node("a2", "t", "assistant", "Nine metres."),
    }
    return {"title": "The well", "conversation_id": "c-1", "current_node": "a2", "mapping": mapping, "create_time": 1.0}


def claude_conversation() -> dict[str, Any]:
    """A conversation of claude.ai, with a block that is not text."""
    blocks = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Nine metres."}]
    at = "2026-03-01T09:00:00.000000Z"
    messages = [
        {"uuid": "m1", "sender": "human", "text": "How deep is our well?", "content": [], "created_at": at},
        {"uuid": "m2", "sender": "assistant", "text": "", "content": blocks, "created_at": at},
    ]
    return {"uuid": "c-2", "name": "The well", "created_at": at, "chat_messages": messages}


def written(path: Path, value: object) -> Path:
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def zipped(path: Path, value: object, name: str = "conversations.json") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("chat.html", "<html>")
        archive.writestr(name, json.dumps(value))
    return path
