"""Notes in Markdown with front matter, as basic-memory, Obsidian and others keep them: each note is a memory."""

from __future__ import annotations

from collections.abc import Iterator

from services.memory.domain.memories import Kind
from services.memory.imports.containers.front_matter import Note, note_of
from services.memory.imports.formats.entries import Entry, Record
from services.memory.imports.formats.file_entries import whole_file
from services.memory.imports.formats.opening import Opening

SOURCE = "markdown"
CREATED = ("created", "created_at", "date", "created at")
CHANGED = ("updated", "updated_at", "modified", "last_modified")


class MarkdownNotes:
    """A file for each note; the folder that was named is the project, unless a note names another."""

    name = "Markdown notes with front matter"
    where = "a folder of basic-memory, or any other"

    def evidence(self, opening: Opening) -> str:
        """Front matter at the beginning."""
        return "front matter" if opening.note_text and note_of(opening.note_text) else ""

    def read(self, opening: Opening) -> Iterator[Entry]:
        """The note."""
        note = note_of(opening.note_text)
        return whole_file(opening, [_record(opening, note).entry(1)] if note else [])


def _record(opening: Opening, note: Note) -> Record:
    title, folder = note.text("title"), opening.root.resolve() if opening.root else None
    place = opening.path.resolve().relative_to(folder).as_posix() if folder else opening.path.name
    permalink = note.text("permalink")
    text = note.body if not title or _begins_with(note.body, title) else f"# {title}\n\n{note.body}".rstrip()
    return Record(
        source=SOURCE,
        key="\0".join((permalink or place, text)),
        text=text,
        kind=Kind.REFLECTION,
        time=note.text(*CREATED) or note.text(*CHANGED) or opening.path.stat().st_mtime,
        project=note.text("project") or (folder.name if folder else ""),
        tags=tuple(tag.lstrip("#") for tag in note.list("tags", "tag")),
        details={"note": place[:1000], "permalink": permalink[:1000], "type": note.text("type")[:200]},
    )


def _begins_with(body: str, title: str) -> bool:
    return body.split("\n", 1)[0].lstrip("# ").strip().casefold() == title.strip().casefold()
