"""The knowledge graph of MCP's reference server, @modelcontextprotocol/server-memory: each observation is a memory."""

from __future__ import annotations

from collections.abc import Iterator

from services.memory.domain.memories import Kind
from services.memory.imports.formats.entries import Entry, Record
from services.memory.imports.formats.file_entries import line_entries, text_of, texts_of
from services.memory.imports.formats.opening import Opening
from services.memory.imports.json_lines import Fields, Line, Position

SOURCE = "server-memory"
ENTITY, RELATION = "entity", "relation"


class ServerMemory:
    """Its file: a line for each entity and each relation. It keeps no dates; the file's own says when it was known."""

    name = "MCP server-memory's graph"
    where = "memory.jsonl, which MEMORY_FILE_PATH names"

    def evidence(self, opening: Opening) -> str:
        """An entity with observations, or a relation."""
        return next((f"lines of {fields['type']} objects" for fields in opening.objects if _is_of_graph(fields)), "")

    def read(self, opening: Opening) -> Iterator[Entry]:
        """A memory for each observation and each relation."""
        time = opening.path.stat().st_mtime
        return line_entries(opening, lambda lines: (entry for line in lines for entry in _entries(line, time)))


def _is_of_graph(fields: Fields) -> bool:
    if fields.get("type") == ENTITY:
        return isinstance(fields.get("name"), str) and isinstance(fields.get("observations"), list)
    return fields.get("type") == RELATION and isinstance(fields.get("relationType"), str)


def _entries(line: Line, time: float) -> Iterator[Entry]:
    if line.fields is None:
        yield Entry(line.number, line.end, problem=line.problem)
        return
    texts = _texts(line.fields)
    if not texts:
        yield Entry(line.number, line.end, problem="an entity without observations, or no part of a graph")
    entity = text_of(line.fields.get("name")) or text_of(line.fields.get("from"))
    kind = text_of(line.fields.get("entityType"))
    for place, text in enumerate(texts):
        record = Record(
            SOURCE,
            text,
            text,
            Kind.REFLECTION,
            time=time,
            tags=(kind,),
            details={"entity": entity[:200], "type": text_of(line.fields.get("type"))},
        )
        # Reading must not resume between the observations of a line.
        yield record.entry(line.number, resume=_after(line, is_last=place == len(texts) - 1))


def _after(line: Line, *, is_last: bool) -> Position:
    return line.end if is_last else line.start


def _texts(fields: Fields) -> list[str]:
    if fields.get("type") == RELATION:
        parts = [text_of(fields.get(name)).strip() for name in ("from", "relationType", "to")]
        return [" ".join(parts)] if all(parts) else []
    name, kind = text_of(fields.get("name")).strip(), text_of(fields.get("entityType")).strip()
    subject = f"{name} ({kind})" if kind else name
    return [f"{subject}: {each}" for each in texts_of(fields.get("observations")) if each.strip() and name]
