"""Every format that Segue imports, and which of them a file has."""

from __future__ import annotations

from services.memory.imports.containers.unreadable import UnknownFormat
from services.memory.imports.formats.chatgpt import ChatGpt
from services.memory.imports.formats.claude_code import ClaudeCode
from services.memory.imports.formats.claude_export import ClaudeExport
from services.memory.imports.formats.claude_mem import ClaudeMem
from services.memory.imports.formats.claude_memory import ClaudeMemory
from services.memory.imports.formats.codex import Codex
from services.memory.imports.formats.gemini import GeminiChat, GeminiLog
from services.memory.imports.formats.markdown_notes import MarkdownNotes
from services.memory.imports.formats.mcp_memory_service import McpMemoryServiceDatabase, McpMemoryServiceExport
from services.memory.imports.formats.memory_lines import MemoryLines
from services.memory.imports.formats.opening import Format, Opening
from services.memory.imports.formats.server_memory import ServerMemory

FORMATS: tuple[Format, ...] = (
    Codex(),
    GeminiChat(),
    ClaudeCode(),
    ServerMemory(),
    McpMemoryServiceExport(),
    MemoryLines(),
    McpMemoryServiceDatabase(),
    ClaudeMem(),
    GeminiLog(),
    ChatGpt(),
    ClaudeExport(),
    ClaudeMemory(),
    MarkdownNotes(),
)
"""In the order in which they are asked: what has the clearest marks comes first."""


def format_of(opening: Opening) -> Format:
    """The format of a file. Raises UnknownFormat."""
    for each in FORMATS:
        if each.evidence(opening):
            return each
    hint = " in UTF-16: save it as UTF-8" if opening.is_utf_16 else ""
    raise UnknownFormat(f"{opening.path}: of no format that Segue knows{hint}")


def known_formats() -> list[str]:
    """What can be imported, a line for each format."""
    return [f"{each.name} ({each.where})" for each in FORMATS]
