"""Transcripts of Claude Code: the lines that are conversation, and turns that were taken back since the last import."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import BinaryIO

from services.memory.imports.branches import branches_of
from services.memory.imports.formats.entries import Entry, timely_entry
from services.memory.imports.formats.opening import Opening
from services.memory.imports.json_lines import UNFINISHED, Line, Position, read_lines, track_position
from services.memory.imports.spoken_words import is_prompt
from services.memory.imports.tool_calls import Outcome
from services.memory.imports.transcripts import Projects, Reading, Said, conversation, first_cwd, is_transcript_line

# How far before the resume position earlier lines are read.
earlier_max_bytes = 512 * 1024


class ClaudeCode:
    """The client's own transcripts, one line for each block of content."""

    name = "Claude Code's transcripts"
    where = "~/.claude/projects"

    def evidence(self, opening: Opening) -> str:
        """The keys of the client's lines, before any line of memories."""
        for fields in opening.objects:
            if is_transcript_line(fields):
                return "lines with a type and a session"
            if "content" in fields:
                return ""
        return ""

    def read(self, opening: Opening) -> Iterator[Entry]:
        """The entries; turns of a transcript that were taken back since `opening.start` come again, marked as such."""
        projects = Projects(opening.path, first_cwd(opening.head))
        with opening.path.open("rb") as file:
            yield from _transcript_entries(file, projects, opening.start, opening.outcomes)


def _transcript_entries(
    file: BinaryIO, projects: Projects, start: Position, outcomes: Mapping[str, Outcome]
) -> Iterator[Entry]:
    """The entries of a transcript. What is written to it meanwhile comes the next time: its branches are not known."""
    reached = [start]
    earlier = _earlier_position(file, start)
    branches = branches_of(track_position(read_lines(file, earlier), reached), is_prompt)
    if start.offset and branches.lacks_parents(start):
        branches = branches_of(track_position(read_lines(file), reached), is_prompt)
    abandoned = branches.abandoned_turns()
    fresh = abandoned - branches.abandoned_turns(start) if start.offset else set()
    begin = min(start, branches.first_line(fresh) or start)
    reading = Reading(projects, lambda fields: branches.turn(str(fields.get("uuid"))) in abandoned, outcomes)
    before = list(_before(file, begin))
    yield from _conversation_entries(conversation(_up_to(file, begin, reached[0]), reading, before))
    yield Entry(reached[0].lines, reached[0])


def _up_to(file: BinaryIO, begin: Position, end: Position) -> Iterator[Line]:
    for line in read_lines(file, begin):
        if line.start.offset >= end.offset and line.problem != UNFINISHED:
            return
        yield line


def _earlier_position(file: BinaryIO, start: Position) -> Position:
    """A position between two lines before `start`: as far back as a failure may be that a later call fixed."""
    begin = max(0, start.offset - earlier_max_bytes)
    file.seek(begin)
    passed = len(file.readline()) if begin else 0  # it may start in the middle of a line
    between = file.read(max(0, start.offset - begin - passed)).count(b"\n")
    return Position(min(start.offset, begin + passed), max(0, start.lines - between))


def _before(file: BinaryIO, start: Position) -> Iterator[Line]:
    """The lines before `start`."""
    for line in read_lines(file, _earlier_position(file, start)) if start.offset else ():
        if line.end.offset > start.offset or line.problem == UNFINISHED:
            return
        yield line


def _conversation_entries(items: Iterable[Said | Line]) -> Iterator[Entry]:
    for item in items:
        if isinstance(item, Line):
            yield Entry(item.number, item.end, problem=item.problem)
        else:
            yield timely_entry(item.line, item.resume, item.memory)
