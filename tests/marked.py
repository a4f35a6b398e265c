"""What users say to coding agents and what it does, labelled by hand; and how well the rules find it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from services.memory.imports.decisions import CORRECTION, DECISION, marks
from tests.performance.rows import Row

MEANT = {"decision": {DECISION}, "correction": {CORRECTION}, "both": {DECISION, CORRECTION}, "-": set[str]()}


class Measured(NamedTuple):
    """Of one mark: shares, and what was marked too much and missed."""

    precision: float
    recall: float
    too_much: list[str]
    missed: list[str]


def labelled() -> list[tuple[set[str], str]]:
    """Each text with its marks."""
    lines = Path(__file__).with_name("marked_words.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.partition(" | ") for line in lines if not line.startswith("#")]
    return [(MEANT[label.strip()], text) for label, _, text in pairs]


def measured(mark: str) -> Measured:
    """How well it is found."""
    meant = {text for wanted, text in labelled() if mark in wanted}
    found = {text for _, text in labelled() if mark in marks(text)}
    right = len(meant & found)
    return Measured(right / len(found), right / len(meant), sorted(found - meant), sorted(meant - found))


def rows() -> list[Row]:
    """The measures, for the table."""
    made = []
    for mark in (DECISION, CORRECTION):
        how = measured(mark)
        made += [
            Row(f"{mark}s marked in {len(labelled())} prompts, precision", 100 * how.precision, "%", "by rules"),
            Row(f"{mark}s marked in {len(labelled())} prompts, recall", 100 * how.recall, "%", "by rules"),
        ]
    return made
