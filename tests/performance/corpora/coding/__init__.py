"""What coding agents remember: made-up sessions of twenty projects in different hands, and questions about them.

A line is a turn; what is long, dull, repeated, misspelt or out of date in it is so on purpose.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from services.memory.domain.memories import Kind, Memory

HERE = Path(__file__).parent
PROJECTS = (
    *("shop", "web", "pipeline", "firmware", "infra", "cli"),
    *("mobile", "game", "ml", "billing", "docsite", "robot", "clinic"),
    *("compiler", "oncall", "notify", "bot", "legacy", "analytics", "homelab"),
)
SMALL = PROJECTS[:4]
"""Where there is little time."""
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
"""When the questions are asked: a Wednesday."""
_heading = re.compile(r"== (\d{4}-\d{2}-\d{2}) (\S+)")
_turn = re.compile(r"([a-z]\d+) (user|assistant)(?: replaces ([a-z]\d+))?: (.+)")
_question = re.compile(r"(\w+) (\w+): (.+) = ((?:[a-z]\d+ ?)+)")


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked in a project, of which kind it is, and the memories that answer it."""

    category: str
    project: str
    text: str
    evidence: frozenset[str]


@dataclass(frozen=True, slots=True)
class Turn:
    """A memory, and the id of the one that it replaces, empty for none."""

    memory: Memory
    replaces: str = ""


def turns(projects: Sequence[str] = PROJECTS) -> Iterator[Turn]:
    """All turns, in the order of their files; a turn a minute."""
    for project in projects:
        session, said = "", NOW
        for line in (HERE / f"{project}.txt").read_text(encoding="utf-8").splitlines():
            if heading := _heading.fullmatch(line):
                session, said = heading[2], datetime.fromisoformat(heading[1]).replace(hour=9, tzinfo=UTC)
                continue
            turn = _turn.fullmatch(line)
            assert turn, line
            said += timedelta(minutes=1)
            text = turn[4].replace("\\n", "\n")
            memory = Memory(text, Kind.CONVERSATION, project, said, f"{project}-{session}", turn[2], id=turn[1])
            yield Turn(memory, turn[3] or "")


def memories(projects: Sequence[str] = PROJECTS) -> Iterator[Memory]:
    """The memories of the turns."""
    return (turn.memory for turn in turns(projects))


def questions(projects: Sequence[str] = PROJECTS) -> Iterator[Question]:
    """All questions that have an answer."""
    for line in (HERE / "questions.txt").read_text(encoding="utf-8").splitlines():
        asked = _question.fullmatch(line)
        assert asked, line
        if asked[2] in projects:
            yield Question(asked[1], asked[2], asked[3], frozenset(asked[4].split()))


def unanswered(projects: Sequence[str] = PROJECTS) -> Iterator[Question]:
    """Questions about something that is not told of a project, in its own field."""
    for line in (HERE / "unanswered.txt").read_text(encoding="utf-8").splitlines():
        project, _, text = line.partition(": ")
        if project in projects:
            yield Question("unanswered", project, text, frozenset())
