"""Working days of somebody with a coding agent: conversations by real hooks and transcripts, when a test says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.claude_transcripts import called, said
from tests.hooked import Hooked
from tests.integration.stack import ProcessStack

SOURCE = Path(__file__).parent / "integration" / "shifted_clock.c"


@dataclass
class Turn:
    """One text, with the commands that followed it: each with whether it failed, and how."""

    role: str
    text: str
    commands: Sequence[tuple[str, str]] = ()
    edits: Sequence[str] = ()
    more: dict[str, object] = field(default_factory=dict)


def user(text: str, **more: object) -> Turn:
    return Turn("user", text, more=more)


def agent(text: str, *commands: tuple[str, str], edits: Sequence[str] = ()) -> Turn:
    """What the agent says, and then does; a command is followed by why it failed, or by nothing."""
    return Turn("assistant", text, commands, edits)


class Office:
    """The home of one user, and their terminals."""

    def __init__(self, at: Path, environment: Mapping[str, str]) -> None:
        self.at = at
        self.environment = dict(environment)
        self.now = datetime.now(UTC)

    def open(self, project: str | Path) -> Desk:
        """A terminal in a project's directory, with a new conversation, a minute after the last one."""
        self.now += timedelta(minutes=1)
        return Desk(self, Hooked(self.at, str(project), **self.environment))


class ClockedOffice(Office):
    """With a server of its own, whose clock the test sets."""

    def __init__(self, at: Path, library: Path, zone: str = "UTC", **settings: str) -> None:
        self._shift = at / "shift"
        clock = {"LD_PRELOAD": str(library), "CLOCK_SHIFT_FILE": str(self._shift), "TZ": zone}
        super().__init__(at, {**clock, "SEGUE_DATA_DIR": str(at / "data")})
        self.set_clock(self.now)
        (at / "data").mkdir()
        self.stack = ProcessStack(at / "data", **clock, **settings)

    def set_clock(self, now: datetime) -> None:
        """From now on it is then."""
        self.now = now
        self._shift.write_text(f"{round((now - datetime.now(UTC)).total_seconds())}\n")


class Desk:
    """One conversation."""

    def __init__(self, office: Office, hooked: Hooked) -> None:
        self.office, self.hooked = office, hooked
        hooked.transcript.began = office.now
        self.id = hooked.transcript.session_id

    def start(self, source: str = "startup", **fields: object) -> str:
        """The conversation begins; what the model is told."""
        given = self.hooked.context("SessionStart", source=source, **fields)
        self.hooked.settle()
        return given

    def say(self, *turns: Turn) -> Desk:
        """Turns, a minute each, and the client's Stop after them."""
        for turn in turns:
            self._write(turn)
        self.hooked.transcript.save(self.hooked.path)
        self.hooked.hook("Stop", stop_hook_active=False)
        return self

    def _write(self, turn: Turn) -> None:
        transcript = self.hooked.transcript
        transcript.began += timedelta(seconds=20)
        if turn.role == "user":
            transcript.user(turn.text, **turn.more)
            return
        transcript.assistant(said(turn.text))
        for path in turn.edits:
            transcript.assistant(
                called("Edit", file_path=str(self.hooked.project / path), old_string="1", new_string="2")
            )
            transcript.tool_result("The file has been updated.")
        for command, failure in turn.commands:
            transcript.assistant(called("Bash", command=command))
            transcript.tool_result(failure or "ok", failed=bool(failure))

    def end(self, reason: str = "other") -> str:
        """The client ends it; the handoff's file, empty if there is none."""
        self.hooked.hook("SessionEnd", reason=reason)
        self.hooked.settle()
        return self.handoff

    def kill(self) -> None:
        """The terminal is closed: no hook says anything more."""
        self.hooked.settle()

    @property
    def handoff(self) -> str:
        """The handoff of this conversation in the project."""
        found = [text for path in self.files if f"Conversation `{self.id}`" in (text := path.read_text())]
        assert len(found) <= 1
        return found[0] if found else ""

    @property
    def files(self) -> list[Path]:
        """All handoffs in the project."""
        return sorted((self.hooked.project / ".claude" / "handoffs").glob("*.md"))


def git(directory: Path, *arguments: str) -> str:
    """Runs git there."""
    settings = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "init.defaultBranch=main")
    done = subprocess.run(["git", *settings, *arguments], cwd=directory, capture_output=True, text=True, check=True)
    return done.stdout


def section(briefing: str, heading: str) -> str:
    """A part of a briefing, without its heading."""
    found = re.search(rf"^{re.escape(heading)}\n(.*?)(?=^[A-Z][^\n>]*:\n|^</|\Z)", briefing, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


def build_clock(directory: Path) -> Path:
    """The library that shifts a process's clock."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("a C compiler makes the clock")
    made = directory / f"shifted_clock-{os.getpid()}.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", made, SOURCE, "-ldl"], check=True)
    return made
