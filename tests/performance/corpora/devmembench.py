"""DevMemBench (prosperitypirate/opencode-memory, MIT): coding sessions as memories, and what its questions measure.

The data set is not part of this repository; `SEGUE_DEVMEMBENCH` names its directory, or it lies beside it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

BESIDE = Path(__file__).parents[4] / "shared" / "devmembench"
UNANSWERABLE = "abstention"
RANKS = (1, 3, 5)


@dataclass(frozen=True, slots=True)
class Question:
    """A question, its kind, and the sessions that hold the answer: none where there is no answer."""

    text: str
    kind: str
    sessions: frozenset[str]

    @property
    def has_answer(self) -> bool:
        """Whether any session answers it."""
        return self.kind != UNANSWERABLE


def path() -> Path | None:
    """Where the data set is, or None."""
    found = Path(os.environ.get("SEGUE_DEVMEMBENCH", BESIDE))
    return found if (found / "questions.json").exists() else None


def memories(directory: Path) -> Iterator[dict[str, Any]]:
    """Each message as a memory, as JSON Lines take it; one minute apart."""
    for session in json.loads((directory / "sessions.json").read_text(encoding="utf-8")):
        about = session["metadata"]
        began = datetime.fromisoformat(about["date"]).replace(tzinfo=UTC)
        for number, message in enumerate(session["messages"]):
            yield {
                "content": message["content"],
                "project": about["project"],
                "session_id": session["sessionId"],
                "role": message["role"],
                "timestamp": (began + timedelta(minutes=number)).isoformat(),
            }


def questions(directory: Path) -> Iterator[Question]:
    """All questions, those without an answer included."""
    for asked in json.loads((directory / "questions.json").read_text(encoding="utf-8")):
        yield Question(asked["question"], asked["questionType"], frozenset(asked["haystackSessionIds"]))


def measures(found: Sequence[str], question: Question) -> dict[str, float]:
    """Of one question: `found` has the session of each result, best first."""
    sessions = list(dict.fromkeys(found))
    ranks = [rank for rank, session in enumerate(sessions, start=1) if session in question.sessions]
    first = min(ranks, default=0)
    shares = {f"any@{rank}": float(0 < first <= rank) for rank in RANKS}
    return {
        **shares,
        "frac@5": len(question.sessions & set(sessions[:5])) / len(question.sessions),
        "MRR": 1 / first if first else 0.0,
    }
