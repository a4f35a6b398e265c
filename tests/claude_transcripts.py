"""Transcripts as Claude Code 2.1 writes them: made-up words in the lines that the real client was seen to write."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

BEGAN = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
Line = dict[str, Any]


class Transcript:
    """A session's file, written line by line; uuids and times are the same at every run."""

    def __init__(self, cwd: str = "/home/ada/orchard", session: int = 1, branch: str = "main") -> None:
        self.cwd = cwd
        self.began = BEGAN
        self.branch = branch
        self.session_id = str(UUID(int=session))
        self.lines: list[Line] = []
        self._session = session
        self._parent: str | None = None

    @property
    def text(self) -> str:
        return "".join(json.dumps(line) + "\n" for line in self.lines)

    def save(self, path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.text, encoding="utf-8")
        return path

    def user(self, content: str | list[Line], **more: Any) -> Transcript:
        message = {"role": "user", "content": content}
        return self.line(type="user", message=message, promptId=str(UUID(int=7)), **more)

    def assistant(self, *blocks: Line, message: str = "msg_01", **more: Any) -> Transcript:
        """A line for each block, all with the message's id, as the client streams them."""
        for block in blocks:
            body = {
                "id": message,
                "type": "message",
                "role": "assistant",
                "model": "claude-opus-4-8",
                "content": [block],
                "stop_reason": "tool_use",
                "stop_sequence": None,
                "usage": {"input_tokens": 1, "output_tokens": 1, "service_tier": "standard"},
            }
            self.line(type="assistant", message=body, **more)
        return self

    def tool_result(self, content: str = "exit 0", *, failed: bool = False) -> Transcript:
        block = {"tool_use_id": "toolu_01", "type": "tool_result", "content": content, "is_error": failed}
        return self.user([block], toolUseResult={"stdout": content, "stderr": "", "interrupted": False})

    def attachment(self, **attachment: Any) -> Transcript:
        return self.line(type="attachment", attachment=attachment)

    def bare(self, **fields: Any) -> Transcript:
        """A line without uuid, as the client keeps its own books."""
        self.lines.append({**fields, "sessionId": self.session_id})
        return self

    def line(self, **fields: Any) -> Transcript:
        number = len(self.lines) + 1
        uuid = str(UUID(int=self._session << 32 | number))
        self.lines.append(
            {
                "parentUuid": self._parent,
                "isSidechain": False,
                "uuid": uuid,
                "timestamp": f"{(self.began + timedelta(seconds=number)).isoformat()[:19]}.250Z",
                "userType": "external",
                "entrypoint": "cli",
                "cwd": self.cwd,
                "sessionId": self.session_id,
                "version": "2.1.197",
                "gitBranch": self.branch,
                **fields,
            }
        )
        self._parent = uuid
        return self


def said(text: str) -> Line:
    return {"type": "text", "text": text}


def thought(text: str) -> Line:
    return {"type": "thinking", "thinking": text, "signature": ""}


def called(tool: str, **parameters: Any) -> Line:
    return {"type": "tool_use", "id": "toolu_01", "name": tool, "input": parameters}


def small_session(session: int = 1) -> Transcript:
    """A prompt, a piece of work with three tools, and a closing word: three memories among nine other lines."""
    transcript = Transcript(session=session)
    transcript.bare(type="queue-operation", operation="enqueue", content="Why do the pears fall early?")
    transcript.user("Why do the pears fall early?", permissionMode="default")
    transcript.attachment(type="skill_listing", content="- deep-research: a harness")
    transcript.assistant(
        thought("The wind, perhaps."),
        said("I will look at the weather module."),
        called("Bash", command="git log --oneline"),
        called("Read", file_path="/home/ada/orchard/weather.py"),
    )
    transcript.tool_result("a1b2c3 Count the pears")
    transcript.assistant(called("Edit", file_path="/home/ada/orchard/pears.py", old_string="1", new_string="2"))
    transcript.tool_result("The file has been updated.")
    transcript.assistant(said("The frost threshold was off by one."), message="msg_02")
    return transcript.bare(type="last-prompt", lastPrompt="Why do the pears fall early?")
