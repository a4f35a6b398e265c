"""mcp-memory-service: its SQLite database, and the JSON file that its export writes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from services.memory.domain.memories import Kind
from services.memory.imports.formats.entries import Entry, Record, small_details
from services.memory.imports.formats.file_entries import text_of, texts_of, whole_file
from services.memory.imports.formats.opening import Opening

SOURCE = "mcp-memory-service"
TABLE, KEY_COLUMNS = "memories", ("content_hash", "content", "memory_type", "created_at")
COLUMNS = (*KEY_COLUMNS, "tags", "metadata", "deleted_at")
DELETED = "deleted there"


class McpMemoryServiceDatabase:
    """The database of its default storage."""

    name = "mcp-memory-service's database"
    where = "~/.local/share/mcp-memory, sqlite_vec.db"

    def evidence(self, opening: Opening) -> str:
        """Its table of memories."""
        has_table = opening.database is not None and opening.database.has(TABLE, KEY_COLUMNS)
        return "a table of memories with content hashes" if has_table else ""

    def read(self, opening: Opening) -> Iterator[Entry]:
        """Every memory that was not deleted."""
        return whole_file(opening, _row_entries(opening))


class McpMemoryServiceExport:
    """What its exporter writes."""

    name = "mcp-memory-service's JSON export"
    where = "what its export wrote"

    def evidence(self, opening: Opening) -> str:
        """The exporter's own description, before the list of memories."""
        document = opening.document
        return (
            "export_metadata and memories"
            if "export_metadata" in document.keys and "memories" in document.lists
            else ""
        )

    def read(self, opening: Opening) -> Iterator[Entry]:
        """Every memory of the export."""
        return whole_file(opening, _export_entries(opening))


def _row_entries(opening: Opening) -> Iterator[Entry]:
    database = opening.database
    if database is None:
        return
    size, count = opening.path.stat().st_size, max(1, database.count(TABLE))
    for number, row in enumerate(database.rows(TABLE, COLUMNS), 1):
        if row.get("deleted_at") is not None:
            yield Entry(number, opening.start, problem=DELETED)
            continue
        tags = tuple(text_of(row.get("tags")).split(","))
        yield _record(row, tags, _object(row.get("metadata"))).entry(number, bytes_read=size * number // count)


def _export_entries(opening: Opening) -> Iterator[Entry]:
    with opening.read_document(opening.names[0]) as document:
        for key in document.members():
            if key != "memories" or not document.begins_list():
                document.value()
                continue
            for number, fields in enumerate(document.elements(), 1):
                read = document.bytes_read
                if isinstance(fields, dict):
                    found = _record(fields, texts_of(fields.get("tags")), fields.get("metadata"))
                    yield found.entry(number, bytes_read=read)
                else:
                    yield Entry(number, opening.start, problem="not an object", bytes_read=read)


def _record(fields: dict[str, Any], tags: tuple[str, ...], metadata: object) -> Record:
    text, details = text_of(fields.get("content")), small_details(metadata)
    return Record(
        source=SOURCE,
        key=text_of(fields.get("content_hash")) or text,
        text=text,
        kind=Kind.REFLECTION,
        time=fields.get("created_at"),
        project=text_of(details.get("project")),
        tags=tags,
        details={"type": text_of(fields.get("memory_type"))[:200], "details": details},
    )


def _object(text: object) -> object:
    try:
        return json.loads(text_of(text) or "{}")
    except (ValueError, RecursionError):
        return {}
