"""Claude Code's own memory files: one fact in each, which the client's model wrote for itself or for an agent.

They are in a folder beside the transcripts of a project, `projects/PROJECT/memory`, or below `agent-memory`. An index
(`MEMORY.md`) says nothing that the files do not. Segue only reads them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from services.memory.domain.memories import Kind
from services.memory.imports.containers.front_matter import Note, note_of
from services.memory.imports.formats.entries import Entry, Record
from services.memory.imports.formats.file_entries import whole_file
from services.memory.imports.formats.opening import Opening
from services.memory.imports.json_lines import read_lines
from services.memory.imports.transcripts import Projects, first_cwd

SOURCE = "claude-memory"
FOLDER, INDEX, NOTE = "memory", "MEMORY.md", ".md"
AGENTS = frozenset({"agent-memory", "agent-memory-local"})
depth_max = 4
transcripts_max = 5
head_max_lines = 50
entries_max = 5_000

_type = re.compile(r"^\s+type:\s*[\"']?(user|feedback|project|reference)[\"']?\s*$", re.MULTILINE)


class MemoryPlace(NamedTuple):
    """Where such a file is: the folder that holds them, its path there, and for which agent it was written."""

    folder: Path
    path: str
    agent: str = ""

    @property
    def key(self) -> str:
        """What tells the file, in whatever home it is."""
        owner = self.folder.parent.name if not self.agent else self.agent
        scope = str(self.directory) if self.agent and self.directory else ""
        return "\0".join((scope, owner, self.path))

    @property
    def directory(self) -> Path | None:
        """The directory that an agent's memory belongs to; None where it is the user's, or no agent's."""
        settings = self.folder.parent.parent
        if not self.agent or settings.name != ".claude" or settings.parent == Path.home():
            return None
        return settings.parent


def memory_place(path: Path) -> MemoryPlace | None:
    """The place of a memory file of the client's; None for any other file. Looks at the path alone."""
    path = Path(os.path.abspath(path))  # noqa: PTH100  # links are left as they are
    if path.suffix.lower() != NOTE or path.name == INDEX:
        return None
    for folder in list(path.parents)[:depth_max]:
        inside = path.relative_to(folder).as_posix()
        if folder.name == FOLDER and folder.parent.parent.name == "projects" and "-" in folder.parent.name:
            return MemoryPlace(folder, inside)
        if folder.parent.name in AGENTS:
            return MemoryPlace(folder, inside, folder.name)
    return None


class ClaudeMemory:
    """A file for each fact."""

    name = "Claude Code's own memory files"
    where = "~/.claude/projects, ~/.claude/agent-memory"

    def evidence(self, opening: Opening) -> str:
        """The file's place, since it need not have front matter."""
        return "the client's folder of memories" if opening.note_text and memory_place(opening.path) else ""

    def read(self, opening: Opening) -> Iterator[Entry]:
        """The fact."""
        place = memory_place(opening.path)
        return whole_file(opening, [_record(opening, place).entry(1)] if place else [])


def _record(opening: Opening, place: MemoryPlace) -> Record:
    note = note_of(opening.note_text) or Note({}, opening.note_text.strip())
    described = note.text("description")
    kind = note.text("type") or "".join(_type.findall(opening.note_text.partition("\n---")[0])[:1])
    directory = str(place.directory or "") if place.agent else project_directory(place.folder.parent)
    return Record(
        source=SOURCE,
        key=place.key,
        text=f"{described}\n\n{note.body}" if described and described not in note.body else note.body,
        kind=Kind.REFLECTION,
        role="assistant",
        time=opening.path.stat().st_mtime,
        project=Path(directory).name,
        directory=directory,
        tags=tuple(each for each in (SOURCE, kind) if each),
        details={"note": place.path[:1000], "name": note.text("name")[:200], "agent": place.agent[:200]},
    )


def project_directory(folder: Path) -> str:
    """The directory that a folder of the client's projects is named for; empty where nothing tells.

    The name lacks what tells `/a/b` from `/a-b`: its transcripts know, and else what is there on the disk.
    """
    transcripts = sorted(folder.glob("*.jsonl"), key=_last_change, reverse=True)
    for path in transcripts[:transcripts_max]:
        try:
            with path.open("rb") as file:
                cwd = first_cwd(islice(read_lines(file), head_max_lines))
        except OSError:
            continue
        if cwd:
            return Projects(path, cwd).directory(cwd)
    return _directory_named(Path("/"), folder.name) if folder.name.startswith("-") else ""


def _directory_named(below: Path, name: str) -> str:
    """The directory whose path the client writes so; the first one that is there."""
    try:
        entries = sorted(islice(os.scandir(below), entries_max), key=lambda each: each.name)
    except OSError:
        return ""
    for entry in entries:
        part = f"-{re.sub(r'[^A-Za-z0-9]', '-', entry.name)}"
        try:
            if not name.startswith(part) or not entry.is_dir(follow_symlinks=False):
                continue
        except OSError:
            continue
        if name == part:
            return entry.path
        if name[len(part)] == "-" and (found := _directory_named(Path(entry.path), name[len(part) :])):
            return found
    return ""


def _last_change(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except OSError:
        return 0.0
