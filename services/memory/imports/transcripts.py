"""Claude Code transcripts: selects the lines that are conversation, and turns them into memories.

The client writes one line per content block, so a line with text is one memory, and its id comes from the line's uuid:
a forked session copies its lines under a new session id, and must not be stored twice. Tool calls that follow a text
belong to that text. Reports of subagents are stored and marked (`sidechain`), since the main conversation has them only
as tool results; their prompts were written by the agent, and are not stored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from services.kit.errors import InvalidInput
from services.memory.imports.decisions import marks
from services.memory.imports.json_lines import Fields, ImportedMemory, Line, Position, aware, stable_id, whole
from services.memory.imports.tool_calls import Doings, Failures

SOURCE = "claude-code"
tools_max = 50
files_max = 50
name_max_chars = 300
path_max_chars = 4096

# Any of these flags means that the client wrote the line, not a person or the model.
CLIENT_FLAGS = ("isMeta", "isCompactSummary", "isVisibleInTranscriptOnly", "isApiErrorMessage")
SYNTHETIC_MODEL = "<synthetic>"
INTERRUPTED = "[Request interrupted by user"
TOLD_BY = {"tool_use": "assistant", "tool_result": "user"}
FILE_PARAMETERS = ("file_path", "notebook_path")
# Tags that the client adds around or inside a user's text.
WRAPPERS = (
    "system-reminder",
    "local-command-stdout",
    "local-command-stderr",
    "local-command-caveat",
    "command-message",
    "command-name",
    "command-args",
    "bash-input",
    "bash-stdout",
    "bash-stderr",
    "task-notification",
    "user-prompt-submit-hook",
    "ide_opened_file",
    "ide_selection",
)
COMMAND = re.compile(r"<command-name>\s*(/[^\s<]+)\s*</command-name>")
ARGUMENTS = re.compile(r"<command-args>([^<]*)</command-args>")
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
    index: int
    role: str
    text: str
    tools: dict[str, None] = field(default_factory=dict)
    files: dict[str, None] = field(default_factory=dict)
    doings: Doings = field(default_factory=Doings)

    @property
    def id(self) -> str:
        """The memory's id: the same every time its line is read."""
        fields = self.line.fields or {}
        origin = _string(fields, "uuid") or stable_id(_string(fields, "sessionId"), _time(fields), self.role, self.text)
        return stable_id(SOURCE, origin, str(self.index))

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


def is_transcript_line(fields: Fields) -> bool:
    """Whether the client wrote this object."""
    return isinstance(fields.get("type"), str) and not LINE_KEYS.isdisjoint(fields)


def first_cwd(lines: Iterable[Line]) -> str:
    """The working directory where the session began, if these lines have one."""
    found = (line.fields["cwd"] for line in lines if line.fields and isinstance(line.fields.get("cwd"), str))
    return next(found, "")


def conversation(lines: Iterable[Line], projects: Projects, earlier: Iterable[Line] = ()) -> Iterator[Said | Line]:
    """The texts in order, and each line that could not be read.

    `earlier` are the preceding, already imported lines: calls that failed there may be fixed here.
    """
    failures = Failures()
    for _ in _conversation(earlier, projects, failures):
        pass
    return _conversation(lines, projects, failures)


def _conversation(lines: Iterable[Line], projects: Projects, failures: Failures) -> Iterator[Said | Line]:
    draft: Draft | None = None
    turn_files: dict[str, None] = {}
    for line in lines:
        if line.fields is None:
            yield line._replace(end=draft.line.start) if draft else line  # do not resume after a pending draft
            continue
        for next_draft in drafts(line):
            if draft:
                yield finish_draft(draft, turn_files, projects)
            draft = next_draft
            if draft.role == "user":
                turn_files = {}
        if draft and draft.takes_tools_of(line.fields):
            for tool in _blocks(line.fields, "tool_use"):
                _note_tool(tool, draft, turn_files)
            for result in _blocks(line.fields, "tool_result"):
                failures.take(result, draft.doings, draft.id)
    if draft:
        yield finish_draft(draft, turn_files, projects)


def drafts(line: Line) -> list[Draft]:
    """The texts of a line. Only the last one ends at the end of the line: reading must not resume between them."""
    role, texts = _speaker_and_texts(line.fields or {})
    return [Draft(line, line.end if index == texts[-1][0] else line.start, index, role, text) for index, text in texts]


def finish_draft(draft: Draft, turn_files: dict[str, None], projects: Projects) -> Said:
    """The draft as a memory. A text without tool calls concludes a piece of work: it gets the turn's files so far."""
    fields = draft.line.fields or {}
    files = draft.files or (turn_files if draft.role == "assistant" and not draft.tools else {})
    metadata: Fields = {
        "source": SOURCE,
        "branch": "" if fields.get("gitBranch") == "HEAD" else _string(fields, "gitBranch"),  # HEAD: there is none
        "tools": list(draft.tools),
        "files": list(files),
        "sidechain": fields.get("isSidechain") is True,
        "agent": _string(fields, "agentId"),
        **draft.doings.metadata(),
    }
    tags = marks(draft.text) if draft.role == "user" else ()
    memory = ImportedMemory(
        content=draft.text,
        id=draft.id,
        project=projects.name(_string(fields, "cwd")),
        directory=projects.directory(_string(fields, "cwd")),
        timestamp=_time(fields),
        session_id=_string(fields, "sessionId"),
        role=draft.role,
        tags=(*tags, *draft.doings.tags),
        metadata={key: value for key, value in metadata.items() if value},
    )
    return Said(memory, draft.line.number, draft.resume)


def _speaker_and_texts(fields: Fields) -> tuple[str, list[tuple[int, str]]]:
    """The speaker of a line, and each text with its position in the message."""
    if any(fields.get(flag) for flag in CLIENT_FLAGS):
        return "", []
    if fields.get("type") == "assistant":
        return "assistant", [] if _is_synthetic(fields) else _texts(_content(fields))
    if fields.get("isSidechain") is True:
        return "", []
    prompt = _content(fields) if fields.get("type") == "user" else _queued_prompt(fields)
    return "user", [(index, words) for index, text in _texts(prompt) if (words := typed_text(text))]


def typed_text(text: str) -> str:
    """The user's own text, without the client's additions; a slash command keeps its arguments."""
    name, arguments = COMMAND.search(text), ARGUMENTS.search(text)
    if name and arguments:
        return f"{name[1]} {arguments[1].strip()}" if arguments[1].strip() else ""
    for wrapper in WRAPPERS:
        text = _without(text, f"<{wrapper}>", f"</{wrapper}>")
    text = text.strip()
    return "" if text.startswith(INTERRUPTED) else text


def _without(text: str, opening: str, closing: str) -> str:
    """The text without everything between the tags. Linear even if tags are never closed."""
    kept, at = [], 0
    while (begin := text.find(opening, at)) >= 0 and (end := text.find(closing, begin + len(opening))) >= 0:
        kept.append(text[at:begin])
        at = end + len(closing)
    return "".join([*kept, text[at:]])


def _queued_prompt(fields: Fields) -> Any:
    """The prompt that a user queued while the agent was working, which the client stores only as an attachment."""
    queued = fields.get("attachment")
    if not isinstance(queued, dict) or queued.get("type") != "queued_command" or queued.get("isMeta"):
        return None
    return queued.get("prompt") if queued.get("commandMode") == "prompt" else None


def _texts(content: Any) -> list[tuple[int, str]]:
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    texts = [
        (index, whole(block["text"]).strip())
        for index, block in enumerate(content if isinstance(content, list) else [])
        if isinstance(block, dict) and block.get("type") == "text" and isinstance(block.get("text"), str)
    ]
    return [(index, text) for index, text in texts if text]


def _blocks(fields: Fields, kind: str) -> Iterator[Fields]:
    content = _content(fields) if fields.get("type") == TOLD_BY[kind] else None
    for block in content if isinstance(content, list) else []:
        if isinstance(block, dict) and block.get("type") == kind:
            yield block


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


def _content(fields: Fields) -> Any:
    message = fields.get("message")
    return message.get("content") if isinstance(message, dict) else None


def _is_synthetic(fields: Fields) -> bool:
    message = fields.get("message")
    return isinstance(message, dict) and message.get("model") == SYNTHETIC_MODEL


def _string(fields: Fields, key: str) -> str:
    value = fields.get(key)
    return value if isinstance(value, str) else ""


def _time(fields: Fields) -> str:
    try:
        return aware(_string(fields, "timestamp"))
    except InvalidInput:
        return ""
