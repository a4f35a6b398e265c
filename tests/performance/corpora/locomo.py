"""LoCoMo (Maharana et al., ACL 2024): its conversations as memories, and what is measured on its questions.

The data set is not part of this repository (CC BY-NC 4.0); `SEGUE_LOCOMO` names the file, or it lies beside the
repository.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

BESIDE = Path(__file__).parents[4] / "shared" / "locomo" / "dev.json"
results_max = 50


@dataclass(frozen=True, slots=True)
class Question:
    """A question, and the turns that answer it."""

    project: str
    text: str
    category: int
    evidence: frozenset[str]


def path() -> Path | None:
    """Where the data set is, or None."""
    found = Path(os.environ.get("SEGUE_LOCOMO", BESIDE))
    return found if found.exists() else None


def load(file: Path) -> list[dict[str, Any]]:
    """The conversations."""
    conversations: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
    return conversations


def memories(sample: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Each turn as a memory, as JSON Lines take it."""
    for session, turns in _sessions(sample["conversation"]):
        when = sample["conversation"][f"{session}_date_time"]
        said = datetime.strptime(when, "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC)
        for turn in turns:
            caption = f" [image: {turn['blip_caption']}]" if turn.get("blip_caption") else ""
            yield {
                "content": f"{turn['speaker']}: {turn['text']}{caption}",
                "project": sample["sample_id"],
                "session_id": session,
                "timestamp": said.isoformat(),
                "metadata": {"dia_id": turn["dia_id"]},
            }


def _sessions(conversation: Mapping[str, Any]) -> Iterator[tuple[str, Sequence[Mapping[str, Any]]]]:
    names = [name for name in conversation if re.fullmatch(r"session_\d+", name)]
    for name in sorted(names, key=lambda name: int(name.removeprefix("session_"))):
        yield name, conversation[name]


def questions(sample: Mapping[str, Any]) -> Iterator[Question]:
    """Those that name turns which exist as their evidence."""
    turns = {memory["metadata"]["dia_id"] for memory in memories(sample)}
    for asked in sample["qa"]:
        named = {name for entry in asked["evidence"] for name in re.split(r"[;,\s]+", entry)}
        if evidence := frozenset(named & turns):
            yield Question(sample["sample_id"], asked["question"], asked["category"], evidence)


def measures(found: Sequence[tuple[str, str]], question: Question, session_of: Mapping[str, str]) -> dict[str, float]:
    """Of one question: `found` has (dia_id, session_id) of the results, best first."""
    turns = [turn for turn, _ in found]
    sessions = list(dict.fromkeys(session for _, session in found[:results_max]))
    wanted = {session_of[turn] for turn in question.evidence}
    ranks = [rank for rank, session in enumerate(sessions, start=1) if session in wanted]
    return {
        "turn any@5": float(any(turn in question.evidence for turn in turns[:5])),
        "turn any@10": float(any(turn in question.evidence for turn in turns[:10])),
        "turn frac@10": len(question.evidence & set(turns[:10])) / len(question.evidence),
        "session any@10": float(bool(wanted & set(sessions[:10]))),
        "session frac@10": len(wanted & set(sessions[:10])) / len(wanted),
        "session MRR": 1 / ranks[0] if ranks else 0.0,
    }


def mean(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Each measure's mean, in percent."""
    return {name: 100 * sum(row[name] for row in rows) / len(rows) for name in rows[0]}
