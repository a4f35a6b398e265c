"""The real client on a machine where nothing of Segue runs yet, with Segue installed each way: what its model may call
in its first request, and what the next conversation knows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from services.gateway.access.scopes import TOOLS
from services.gateway.tools.tool_sets import CORE
from tests.integration.claude_code.test_conversation import CLIENT, pytestmark  # noqa: F401  # the same marks
from tests.integration.stack import ROOT
from tests.patience import PATIENCE_S

FACT = "The harbour crane is called Brunhilde, and it lifts nine tonnes."
QUESTION = "what is the crane's name"
LISTED_AT_LEAST, LISTED_AT_MOST = 4, 8


class Conversation(NamedTuple):
    """What the model was sent, a request at a time, and when after the client's start each came, in seconds."""

    requests: list[dict[str, Any]]
    at_s: list[float]

    @property
    def ours(self) -> dict[str, str]:
        """Segue's tools in the first request: the name that the client gave each, by Segue's own."""
        names = (name for name in self.requests[0]["tools"] if name.startswith("mcp__"))
        return {name.rpartition("__")[2]: name for name in names}

    @property
    def told(self) -> str:
        """The last tool's result, as the model saw it."""
        return json.dumps(self.requests[-1]["messages"][-1]["content"])


class ColdMachine:
    """A home without anything in it but the model's files, and a project; `segue` is in PATH."""

    def __init__(self, at: Path, model: Path) -> None:
        self.home, self.project, self._at = at / "home", at / "harbour", at
        self.project.mkdir()
        memory = self.home / ".claude" / "segue" / "memory"
        memory.mkdir(mode=0o700, parents=True)
        (memory / "model").symlink_to(model)
        (at / "bin").mkdir()
        (at / "bin" / "segue").symlink_to(Path(sys.executable).with_name("segue"))
        path = f"{at / 'bin'}:{os.environ['PATH']}"
        self.environment = {"HOME": str(self.home), "PATH": path, "IS_SANDBOX": "1"}

    def run(self, *command: str | Path) -> str:
        done = subprocess.run(
            list(map(str, command)),
            env=self.environment,
            cwd=self.project,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def segue(self, *arguments: str | Path) -> str:
        return self.run(Path(sys.executable).with_name("segue"), *arguments)

    def claude(self, *arguments: str | Path) -> str:
        return self.run(self.run(CLIENT / "install").strip(), *arguments)

    def set(self, **settings: object) -> None:
        """What the user has in the client's settings besides."""
        path = self.home / ".claude" / "settings.json"
        there = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps(there | settings))

    def converse(self, steps: Sequence[dict[str, Any]], prompt: str = "go") -> Conversation:
        script, log = self._at / "script.json", self._at / "log.jsonl"
        script.write_text(json.dumps(steps))
        log.write_text("")
        allowed = ",".join(step["tool"] for step in steps if "tool" in step)
        where: list[str | Path] = [
            "--project",
            self.project,
            "--home",
            self.home,
            "--script",
            script,
            "--log",
            log,
            "--prompt",
            prompt,
        ]
        command: list[str | Path] = [CLIENT / "run", *where, "--", *(["--allowedTools", allowed] if allowed else [])]
        at_s: list[float] = []
        began, over = time.monotonic(), threading.Event()
        watch = threading.Thread(target=note_times, args=(log, began, over, at_s))
        watch.start()
        try:
            self.run(*command)
        finally:
            over.set()
            watch.join()
        requests = [json.loads(line) for line in log.read_text().splitlines()]
        return Conversation([each for each in requests if each["tools"]], at_s)


def note_times(log: Path, began: float, over: threading.Event, at_s: list[float]) -> None:
    """Adds when each line with tools came to the model's log; looks every few milliseconds."""
    seen = 0
    while not over.wait(0.005):
        lines = log.read_bytes().splitlines(keepends=True)
        whole = [line for line in lines if line.endswith(b"\n")]
        at_s += [time.monotonic() - began for line in whole[seen:] if json.loads(line)["tools"]]
        seen = len(whole)


def by_the_plugin(machine: ColdMachine) -> None:
    machine.claude("plugin", "marketplace", "add", ROOT)
    machine.claude("plugin", "install", "segue@segue")


def for_the_user(machine: ColdMachine) -> None:
    machine.segue("install", "claude-code", "--user", "--yes")


def for_the_project(machine: ColdMachine) -> None:
    machine.segue("install", "claude-code", "--project", "--yes")
    machine.set(enabledMcpjsonServers=["segue"])  # as the client writes it when its user says yes


@pytest.fixture
def machine(tmp_path: Path, model_directory: Path) -> Iterator[ColdMachine]:
    made = ColdMachine(tmp_path, model_directory)
    yield made
    made.segue("stop")


@pytest.mark.slow
@pytest.mark.parametrize("install", [by_the_plugin, for_the_user, for_the_project])
def test_what_one_conversation_stored_the_next_recalls_by_tools_that_were_listed_on_a_cold_machine(
    machine: ColdMachine, install: Callable[[ColdMachine], None], report: Callable[[str], None]
) -> None:
    install(machine)
    names = machine.converse([{"text": "Hello."}]).ours
    machine.segue("stop")
    stored = machine.converse(
        [{"tool": names["store_reflection"], "input": {"content": FACT}}, {"text": "Remembered."}], "Keep that in mind."
    )
    machine.segue("stop")
    recalled = machine.converse([{"tool": names["reflect_on_past"], "input": {"query": QUESTION}}, {"text": "So."}])

    for conversation in (stored, recalled):
        is_deferring = "ToolSearch" in conversation.requests[0]["tools"]
        assert conversation.ours.keys() == (CORE if is_deferring else TOOLS.keys())
        assert not is_deferring or LISTED_AT_LEAST <= len(conversation.ours) <= LISTED_AT_MOST
    assert '\\"success\\":true' in stored.told.replace(" ", "")
    assert FACT in recalled.told
    for what, conversation in (("stored", stored), ("recalled", recalled)):
        first, answered = conversation.at_s[:2]
        report(f"{install.__name__}: first request after {first:.1f} s, {what} after {answered:.1f} s")
