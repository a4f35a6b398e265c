"""What users say to coding agents and what it does, labelled by hand; and how well the rules find it.

The first rules were made with `marked_words.txt`. `marked_turns.txt` is divided by a hash of each text: one half was
looked at while the rules were tuned, the other never.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from services.memory.imports.decisions import CORRECTION, DECISION, marks
from tests.performance.rows import Row

MEANT = {"decision": {DECISION}, "correction": {CORRECTION}, "both": {DECISION, CORRECTION}, "-": set[str]()}


class Labelled(NamedTuple):
    """A text, its marks, and whether it was looked at while the rules were tuned."""

    meant: set[str]
    text: str
    is_seen: bool


class Measured(NamedTuple):
    """Of one mark: shares, and what was marked too much and missed."""

    precision: float
    recall: float
    too_much: list[str]
    missed: list[str]


def labelled() -> list[Labelled]:
    """Every text."""
    return [*_read("marked_words.txt", all_seen=True), *_read("marked_turns.txt", all_seen=False)]


def seen() -> list[Labelled]:
    """The texts that the rules were tuned with."""
    return [each for each in labelled() if each.is_seen]


def unseen() -> list[Labelled]:
    """The texts that nobody looked at while the rules were tuned."""
    return [each for each in labelled() if not each.is_seen]


def _read(name: str, *, all_seen: bool) -> list[Labelled]:
    lines = Path(__file__).with_name(name).read_text(encoding="utf-8").splitlines()
    pairs = [line.partition(" | ") for line in lines if not line.startswith("#")]
    return [
        Labelled(MEANT[label.strip()], text.replace("\\n", "\n"), all_seen or _is_in_seen_half(text))
        for label, _, text in pairs
    ]


def _is_in_seen_half(text: str) -> bool:
    return hashlib.sha256(text.encode()).digest()[0] % 2 == 0


def measured(mark: str, texts: Sequence[Labelled]) -> Measured:
    """How well the mark is found in the texts."""
    meant = {each.text for each in texts if mark in each.meant}
    found = {each.text for each in texts if mark in marks(each.text)}
    right = len(meant & found)
    return Measured(right / len(found), right / len(meant), sorted(found - meant), sorted(meant - found))


def rows() -> list[Row]:
    """The measures, for the table."""
    made = []
    for mark in (DECISION, CORRECTION):
        how = measured(mark, unseen())
        made += [
            Row(f"{mark}s marked in {len(unseen())} unseen prompts, precision", 100 * how.precision, "%", "by rules"),
            Row(f"{mark}s marked in {len(unseen())} unseen prompts, recall", 100 * how.recall, "%", "by rules"),
        ]
    return made
