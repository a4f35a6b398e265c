"""An agent's tool calls, one line each, by rules: which file, which command, whether it failed, and what fixed it.

Stores only the call and one line of a failure: what a tool read or wrote belongs to the project, not in a memory.
Secrets are removed before a line is cut or taken out of its text.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from services.memory.imports.clipping import clip_line, public_text

Fields = dict[str, Any]

actions_max = 20
failures_max = 5
open_max = 30
line_max_chars = 160
telling_duration_ms = 5_000

# The parameter to show for each tool. Tools that only read are left out.
SHOWN = {
    "Bash": "command",
    "Edit": "file_path",
    "MultiEdit": "file_path",
    "Write": "file_path",
    "NotebookEdit": "notebook_path",
    "WebFetch": "url",
    "Task": "description",
    "Agent": "description",
}
# Commands whose failure only means that nothing was found, or that the answer is no.
ASKING = frozenset({"grep", "rg", "ls", "find", "test", "[", "which", "diff", "cmp", "cat", "head", "pgrep"})
_runners = re.compile(
    r"^(?:cd \S+ ?(?:&&|;) ?|\w+=\S* |(?:sudo|time|env|nice|exec|uv run|poetry run|pipenv run|npx|bunx|bundle exec"
    r"|python3? -m|(?:\S+/)?bin/python3? -m) )+"
)
_failure = re.compile(
    r"error|exception|fail|fatal|not found|denied|cannot|no such|refused|panic|undefined", re.IGNORECASE
)
_named_failure = re.compile(r"\b\w*(?:Error|Exception)\b|\berror(?:\[\w+\])?:|\bfatal:|\bpanic:")
_refusals = ("The user doesn't want to proceed", "Permission to use", "[Request interrupted", "This command requires")


class Outcome(NamedTuple):
    """What a hook noted of a failed call: how long it took, and whether the user interrupted it."""

    duration_ms: int = 0
    is_interrupt: bool = False


@dataclass(slots=True)
class Call:
    """A tool call that waits for its result."""

    key: str
    line: str
    place: int


@dataclass(slots=True)
class Doings:
    """The tool calls that followed one text."""

    actions: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    fixes: dict[str, None] = field(default_factory=dict)
    calls: dict[str, Call] = field(default_factory=dict)

    def record_call(self, tool: Fields) -> None:
        """Records a tool call of the agent."""
        name, given = _text(tool, "name"), tool.get("input")
        subject = _text(given, SHOWN.get(name, "")) if isinstance(given, dict) else ""
        if not subject or len(self.actions) >= actions_max:
            return
        line = clip_line(subject, line_max_chars)
        self.calls[_text(tool, "id")] = Call(_key(name, subject), line, len(self.actions))
        self.actions.append(f"{name}: {line}")

    def metadata(self) -> Fields:
        """The metadata to store; empty if nothing was done."""
        kept = {"actions": self.actions, "failures": self.failures, "fixes": list(self.fixes)}
        return {name: value for name, value in kept.items() if value}

    @property
    def tags(self) -> list[str]:
        """`error` if a call failed, `fix` if a call that had failed before succeeded."""
        return [*(["error"] if self.failures else []), *(["fix"] if self.fixes else [])]


class Failures:
    """Failed calls of a conversation that have not succeeded since, each with the id of the memory that reports it."""

    def __init__(self, outcomes: Mapping[str, Outcome] | None = None) -> None:
        self._open: OrderedDict[str, str] = OrderedDict()
        self._outcomes = outcomes or {}

    def take(self, result: Fields, doings: Doings, memory_id: str) -> None:
        """Records a tool's result: a failure, or the fix of an earlier one."""
        call = doings.calls.pop(_text(result, "tool_use_id"), None)
        if call is None:
            return
        text = result_text(result.get("content"))
        if result.get("is_error") is not True:
            if failed_in := self._open.pop(call.key, None):
                doings.fixes[failed_in] = None
        elif text.startswith(_refusals):
            doings.actions[call.place] += " (refused)"
        elif call.key.split(" ", 1)[0] not in ASKING:
            outcome = self._outcomes.get(_text(result, "tool_use_id"), Outcome())
            self._record_failure(call, doings, memory_id, telling_line(text), outcome)

    def _record_failure(self, call: Call, doings: Doings, memory_id: str, why: str, outcome: Outcome) -> None:
        after = f" after {_duration(outcome.duration_ms)}" if outcome.duration_ms >= telling_duration_ms else ""
        after = f" (interrupted{after})" if outcome.is_interrupt else after
        doings.actions[call.place] += " (failed)"
        if len(doings.failures) < failures_max:
            doings.failures.append(f"{call.line}{after}: {why}" if why else f"{call.line}{after}")
        self._open[call.key] = memory_id
        self._open.move_to_end(call.key)
        while len(self._open) > open_max:
            self._open.popitem(last=False)


def _duration(milliseconds: int) -> str:
    seconds = round(milliseconds / 1000)
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min {seconds % 60} s"


def _key(name: str, subject: str) -> str:
    """The same key for retries of a call: by its file, or by a command's program and subcommand."""
    if name != "Bash":
        return f"{name} {subject}"
    words = _runners.sub("", " ".join(subject.split())[:1000]).split(" ")
    second = next((word for word in words[1:] if not word.startswith("-")), "")
    return f"{words[0]} {second}".strip()


def telling_line(text: str) -> str:
    """The most informative line of a failure: the last that names an error or mentions one, else the first."""
    lines = [line for line in _lines(public_text(text)) if not re.fullmatch(r"Exit code \d+", line)]
    told = [line for pattern in (_named_failure, _failure) for line in reversed(lines) if pattern.search(line)]
    return clip_line([*told, *lines, ""][0], line_max_chars)


def _lines(text: str) -> Iterator[str]:
    yield from (line.strip() for line in text[-8000:].splitlines() if line.strip())


def result_text(content: Any) -> str:
    """The text of a tool's result, which is text or blocks of it."""
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else []
    return "\n".join(_text(block, "text") for block in blocks if isinstance(block, dict))


def _text(fields: Fields, key: str) -> str:
    value = fields.get(key)
    return value if isinstance(value, str) else ""
