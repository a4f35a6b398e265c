"""Claude Code transcripts: selects the lines that are conversation, and turns them into memories.

The client writes one line per content block, so a line with text is one memory, and its id comes from the line's uuid:
a forked session copies its lines under a new session id, and must not be stored twice. Tool calls that follow a text
belong to that text. Reports of subagents are stored and marked (`sidechain`), since the main conversation has them only
as tool results; their prompts were written by the agent, and are not stored. Metadata says who spoke (`speaker`) where
that is neither the person nor the main agent. Only what a person said is marked as a decision or a correction, and not
if it was taken back (`rewound`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from services.kit.errors import InvalidInput
from services.memory.domain.memories import content_max_bytes
from services.memory.imports.answers import Dialogs
from services.memory.imports.clipping import clip_middle
from services.memory.imports.json_lines import Fields, ImportedMemory, Line, Position, aware, stable_id, whole
from services.memory.imports.narration import is_narration
from services.memory.imports.speakers import AGENT, PERSON, SYSTEM, answer_speaker
from services.memory.imports.spoken_words import Words, content, spoken_words
from services.memory.imports.tool_calls import Doings, Failures, Outcome

SOURCE = "claude-code"
tools_max = 50
files_max = 50
name_max_chars = 300
path_max_chars = 4096

TOLD_BY = {"tool_use": "assistant", "tool_result": "user"}
FILE_PARAMETERS = ("file_path", "notebook_path")
# How much of the beginning and of the end of a text over the limit is kept.
end_max_bytes = 64 * 1024
# Keys that identify an object as a transcript line, whatever its type.
LINE_KEYS = frozenset(("sessionId", "uuid", "leafUuid", "messageId"))


class Said(NamedTuple):
    """A text of a conversation as a memory, its line, and where reading can resume."""

    memory: ImportedMemory
    line: int
    resume: Position


@dataclass(slots=True)
class Draft:
    """A text that waits for the tool calls after it."""

    line: Line
    resume: Position
    words: Words
    tools: dict[str, None] = field(default_factory=dict)
    files: dict[str, None] = field(default_factory=dict)
    doings: Doings = field(default_factory=Doings)

    @property
    def id(self) -> str:
        """The memory's id: the same every time its line is read."""
        fields = self.line.fields or {}
        words = self.words
        parts = _string(fields, "sessionId"), _time(fields), words.role, words.text
        origin = _string(fields, "uuid") or stable_id(*parts)
        return stable_id(SOURCE, origin, str(words.place))

    def takes_tools_of(self, fields: Fields) -> bool:
        """Whether both belong to the same conversation: the main agent's, or the same subagent's."""
        own = self.line.fields or {}
        return all(own.get(key) == fields.get(key) for key in ("isSidechain", "agentId"))


class Projects:
    """Determines the project of a working directory in one transcript.

    Tools change directory during a session, so `cwd` is not always the project. The client stores the transcript in a
    folder named after the directory where the session began; without it, the first `cwd` decides.
    """

    def __init__(self, path: Path, first_cwd: str) -> None:
        self._folders = {parent.name for parent in path.absolute().parents}
        self._fallback = first_cwd[:path_max_chars]
        self._known: dict[str, str] = {}

    def name(self, cwd: str) -> str:
        """The name of the directory where the session began."""
        return last_part(self.directory(cwd))

    def directory(self, cwd: str) -> str:
        """The directory where the session began."""
        cwd = cwd[:path_max_chars]
        if cwd not in self._known:
            self._known[cwd] = self._beginning(cwd) or self._fallback or cwd
        return self._known[cwd]

    def _beginning(self, cwd: str) -> str:
        folder, end = re.sub(r"[^A-Za-z0-9]", "-", cwd), len(cwd)
        while end > 0:
            if folder[:end] in self._folders:
                return cwd[:end]
            end = max(cwd.rfind("/", 0, end), cwd.rfind("\\", 0, end))
        return ""


def last_part(path: str) -> str:
    """The last part of a POSIX or Windows path."""
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1]


class Reading(NamedTuple):
    """What reading a transcript goes by: its projects, the turns taken back, and what hooks noted of tool calls."""

    projects: Projects
    is_abandoned: Callable[[Fields], bool] = lambda _: False
    outcomes: Mapping[str, Outcome] = {}


def is_transcript_line(fields: Fields) -> bool:
    """Whether the client wrote this object."""
    return isinstance(fields.get("type"), str) and not LINE_KEYS.isdisjoint(fields)


def first_cwd(lines: Iterable[Line]) -> str:
    """The working directory where the session began, if these lines have one."""
    found = (line.fields["cwd"] for line in lines if line.fields and isinstance(line.fields.get("cwd"), str))
    return next(found, "")


def conversation(lines: Iterable[Line], reading: Reading, earlier: Iterable[Line] = ()) -> Iterator[Said | Line]:
    """The texts in order, and each line that could not be read.

    `earlier` are the preceding, already imported lines: calls that failed there may be fixed here.
    """
    failures, dialogs = Failures(reading.outcomes), Dialogs()
    for _ in _conversation(earlier, reading, failures, dialogs):
        pass
    return _conversation(lines, reading, failures, dialogs)


def _conversation(
    lines: Iterable[Line], reading: Reading, failures: Failures, dialogs: Dialogs
) -> Iterator[Said | Line]:
    draft: Draft | None = None
    turn_files: dict[str, None] = {}
    for line in lines:
        if line.fields is None:
            yield line._replace(end=draft.line.start) if draft else line  # do not resume after a pending draft
            continue
        for next_draft in drafts(line):
            if draft:
                yield finish_draft(draft, turn_files, reading)
            draft = next_draft
            if draft.words.role == "user":
                turn_files = {}
        if draft and draft.takes_tools_of(line.fields):
            _note_tools(line.fields, draft, turn_files, failures)
        yield from _answers(line, draft, reading, dialogs)
    if draft:
        yield finish_draft(draft, turn_files, reading)


def _answers(line: Line, draft: Draft | None, reading: Reading, dialogs: Dialogs) -> Iterator[Said]:
    """What a person said in dialogs. No tools belong to it, so it waits for none; but reading resumes at the draft."""
    for answer in answers(line, dialogs):
        said = finish_draft(answer, {}, reading)
        yield said._replace(resume=draft.line.start) if draft else said


def _note_tools(fields: Fields, draft: Draft, turn_files: dict[str, None], failures: Failures) -> None:
    for _, tool in _blocks(fields, "tool_use"):
        _note_tool(tool, draft, turn_files)
    for _, result in _blocks(fields, "tool_result"):
        failures.take(result, draft.doings, draft.id)


def drafts(line: Line) -> list[Draft]:
    """The texts of a line. Only the last one ends at the end of the line: reading must not resume between them."""
    said = spoken_words(line.fields or {})
    return [Draft(line, line.end if words is said[-1] else line.start, words) for words in said]


def answers(line: Line, dialogs: Dialogs) -> list[Draft]:
    """What a person said in dialogs of the client; notes the calls of the line whose results may hold it."""
    fields = line.fields or {}
    for _, tool in _blocks(fields, "tool_use"):
        dialogs.note_call(tool)
    results = list(_blocks(fields, "tool_result"))
    if not results or fields.get("isSidechain") is True or (speaker := answer_speaker(fields)) == SYSTEM:
        return []
    said = [
        Words(each.place, "user", whole(each.text), speaker, each.marks if speaker == PERSON else (), each.dialog)
        for each in dialogs.answers(fields, results)
    ]
    return [Draft(line, line.end if words is said[-1] else line.start, words) for words in said]


def finish_draft(draft: Draft, turn_files: dict[str, None], reading: Reading) -> Said:
    """The draft as a memory. A text without tool calls concludes a piece of work: it gets the turn's files so far."""
    fields, words = draft.line.fields or {}, draft.words
    files = draft.files or (turn_files if words.role == "assistant" and not draft.tools else {})
    text, left_out = clip_middle(words.text, content_max_bytes, end_max_bytes)
    is_rewound = reading.is_abandoned(fields)
    metadata: Fields = {
        "source": SOURCE,
        "branch": "" if fields.get("gitBranch") == "HEAD" else _string(fields, "gitBranch"),  # HEAD: there is none
        "speaker": "" if words.speaker in (PERSON, AGENT) else words.speaker,
        "dialog": words.dialog,
        "narration": words.role == "assistant" and bool(draft.tools) and is_narration(words.text),
        "rewound": is_rewound,
        "cut": left_out,
        "tools": list(draft.tools),
        "files": list(files),
        "sidechain": fields.get("isSidechain") is True,
        "agent": _string(fields, "agentId"),
        **draft.doings.metadata(),
    }
    memory = ImportedMemory(
        content=text,
        id=draft.id,
        project=reading.projects.name(_string(fields, "cwd")),
        directory=reading.projects.directory(_string(fields, "cwd")),
        timestamp=_time(fields),
        session_id=_string(fields, "sessionId"),
        role=words.role,
        tags=(*(() if is_rewound else words.marks), *draft.doings.tags),
        metadata={key: value for key, value in metadata.items() if value},
    )
    return Said(memory, draft.line.number, draft.resume)


def _blocks(fields: Fields, kind: str) -> Iterator[tuple[int, Fields]]:
    blocks = content(fields) if fields.get("type") == TOLD_BY[kind] else None
    for place, block in enumerate(blocks if isinstance(blocks, list) else []):
        if isinstance(block, dict) and block.get("type") == kind:
            yield place, block


def _note_tool(tool: Fields, draft: Draft, turn_files: dict[str, None]) -> None:
    _note(_string(tool, "name"), draft.tools, tools_max)
    draft.doings.record_call(tool)
    given = tool.get("input")
    parameters: Fields = given if isinstance(given, dict) else {}
    for key in FILE_PARAMETERS:
        for files in (draft.files, turn_files):
            _note(_string(parameters, key), files, files_max)


def _note(name: str, names: dict[str, None], most: int) -> None:
    if name and len(name) <= name_max_chars and len(names) < most:
        names[whole(name)] = None


def _string(fields: Fields, key: str) -> str:
    value = fields.get(key)
    return value if isinstance(value, str) else ""


def _time(fields: Fields) -> str:
    try:
        return aware(_string(fields, "timestamp"))
    except InvalidInput:
        return ""
