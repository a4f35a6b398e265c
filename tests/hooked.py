"""Hooks run as the client runs them: a process each, JSON on stdin, in a home and a project of their own."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.claude_transcripts import Transcript
from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[1]
HOOK = (sys.executable, "-I", "-S", str(ROOT / "services" / "cli" / "hook.py"))
DELIVERY = (sys.executable, "-I", "-S", str(ROOT / "services" / "cli" / "hooks" / "delivery.py"))


class Hooked:
    """A client's conversation in `at`: its home, its project, and where hooks keep what they know."""

    def __init__(self, at: Path, name: str = "orchard", **environment: str) -> None:
        self.home, self.project = at / "home", at / name
        self.home.mkdir(exist_ok=True)
        self.project.mkdir(exist_ok=True)
        self.data = Path(environment.get("SEGUE_DATA_DIR") or self.home / ".claude" / "segue")
        self.transcript = Transcript(cwd=str(self.project), session=secrets.randbits(64))
        folder = self.home / ".claude" / "projects" / str(self.project).replace("/", "-")
        self.path = folder / f"{self.transcript.session_id}.jsonl"
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "SEGUE_DATA_DIR": str(self.data),
            "CLAUDE_PROJECT_DIR": str(self.project),
            "SEGUE_HOOK_WITHIN_MS": "30000",  # what a test asks for comes, however busy the machine is
            **environment,
        }

    def hook(self, event: str, **fields: Any) -> subprocess.CompletedProcess[bytes]:
        """Runs the hook with what the client tells it."""
        told = {
            "session_id": self.transcript.session_id,
            "transcript_path": str(self.path),
            "cwd": str(self.project),
            "hook_event_name": event,
            **fields,
        }
        return self.raw(event, json.dumps(told).encode())

    def raw(self, event: str, stdin: bytes) -> subprocess.CompletedProcess[bytes]:
        """Runs the hook with any input. It never fails, whatever happens."""
        command = [*HOOK, event]
        done = subprocess.run(
            command,
            input=stdin,
            env=self.environment,
            cwd=self.project,
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == b""
        return done

    def said(self, event: str, **fields: Any) -> dict[str, Any]:
        """What the hook tells the client to do; empty for nothing."""
        output = self.hook(event, **fields).stdout
        specific: dict[str, Any] = json.loads(output)["hookSpecificOutput"] if output else {}
        assert not specific or specific["hookEventName"] == event
        return specific

    def context(self, event: str, **fields: Any) -> str:
        """What the hook gives the model."""
        return str(self.said(event, **fields).get("additionalContext", ""))

    @property
    def log(self) -> str:
        path = self.data / "hook.log"
        return path.read_text() if path.exists() else ""

    @property
    def waiting(self) -> list[Path]:
        """What hooks left that nobody has heard yet."""
        return sorted((self.data / "hooks" / "spool").glob("*/*.json"))

    def settle(self) -> None:
        """Sees everything delivered that hooks have left so far."""
        while self.waiting:
            done = subprocess.run(DELIVERY, env=self.environment, capture_output=True, timeout=120, check=False)
            assert done.returncode == 0, (self.log, done.stderr)
            for lock in (self.data / "hooks" / "spool").glob("*/delivery.lock"):
                with lock.open("a") as file:
                    fcntl.flock(file, fcntl.LOCK_EX)  # another delivery may be under way

    def say(self, prompt: str, *answers: str) -> None:
        """A turn, as the client writes it."""
        self.transcript.user(prompt)
        for answer in answers:
            self.transcript.assistant({"type": "text", "text": answer})
        self.transcript.save(self.path)

    def begin(self) -> None:
        """A conversation begins, and so does its session."""
        self.hook("SessionStart", source="startup")
        self.settle()

    def converse(self, prompt: str, *answers: str) -> str:
        """A whole conversation of one turn, from its first hook to its last; what the model was given at the start."""
        given = self.context("SessionStart", source="startup")
        self.settle()
        self.say(prompt, *answers)
        self.hook("Stop", stop_hook_active=False)
        self.hook("SessionEnd", reason="other")
        self.settle()
        return given
