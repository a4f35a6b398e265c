"""Thirty notes of coding work, the same in nine languages, and a question about each: half of the questions share words
with their note, half share none.

A line is the note and its question: with ` = ` between them they share words, with ` ~ ` they do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from services.memory.domain.memories import Kind, Memory
from services.memory.domain.queries import EVERYTHING, Query
from services.memory.embedder import DIMENSIONS, Embedder
from services.memory.embedder.onnx import OnnxEmbedder
from services.memory.index.entries import new_entry
from services.memory.index.memory_index import MemoryIndex
from services.memory.operations.memory_embeddings import Said, memory_vectors
from services.memory.search.index_query import IndexQueries
from services.memory.search.relevance import relevance
from services.memory.search.result_list import ranking
from tests.performance.rows import Row

HERE = Path(__file__).parent
NOW = datetime(2026, 7, 1, tzinfo=UTC)
SHARED, APART = " = ", " ~ "


@dataclass(frozen=True, slots=True)
class Note:
    """A memory, and a question that it answers, with words of it or without."""

    text: str
    question: str
    shares_words: bool


@dataclass(frozen=True, slots=True)
class Found:
    """Of the questions of one language, the place of the note that answers each, from 1; 0 for none."""

    with_words: Sequence[int]
    without: Sequence[int]


def languages() -> list[str]:
    """Those that there are notes in."""
    return sorted(path.stem for path in HERE.glob("*.txt"))


def notes(language: str) -> list[Note]:
    """The notes of a language with their questions."""
    lines = (HERE / f"{language}.txt").read_text(encoding="utf-8").splitlines()
    return [_note(line) for line in lines]


def _note(line: str) -> Note:
    text, parting, question = line.partition(SHARED if SHARED in line else APART)
    return Note(text, question, parting == SHARED)


async def measure(embedder: Embedder, language: str) -> Found:
    """What is found in a project of the notes of one language alone, whatever it scores."""
    known = notes(language)
    vectors = await memory_vectors(embedder, [Said("", note.text) for note in known])
    with MemoryIndex(DIMENSIONS) as index:
        memories = [Memory(note.text, Kind.CONVERSATION, "p", NOW) for note in known]
        packed = [(each.content.tobytes(), each.context.tobytes()) for each in vectors]
        pairs = enumerate(zip(memories, packed, strict=True))
        await index.add([new_entry(place, "ann", memory, *its) for place, (memory, its) in pairs])
        found = [await _place(embedder, index, note.question, number) for number, note in enumerate(known)]
    return Found(
        [place for place, note in zip(found, known, strict=True) if note.shares_words],
        [place for place, note in zip(found, known, strict=True) if not note.shares_words],
    )


async def _place(embedder: Embedder, index: MemoryIndex, question: str, wanted: int) -> int:
    asked = await IndexQueries(index, embedder).of("ann", ["p"], question)
    candidates = await index.candidates("ann", ["p"], asked, EVERYTHING)
    made = ranking(candidates, relevance(candidates, NOW.timestamp(), index.voids), Query(question))
    shown = made.sequences[: made.shown]
    return shown.index(wanted) + 1 if wanted in shown else 0


def among(places: Sequence[int], count: int) -> float:
    """How many are among the first so many, in percent."""
    return 100 * sum(0 < place <= count for place in places) / len(places)


async def rows(model: Path) -> list[Row]:
    """A line for each language."""
    async with OnnxEmbedder(model) as embedder:
        return [
            Row(
                f"{language.capitalize()} notes any@5, shared words",
                among(found.with_words, 5),
                "%",
                f"without a shared word {among(found.without, 5):.0f}; first {among(found.with_words, 1):.0f} and "
                f"{among(found.without, 1):.0f}",
            )
            for language in languages()
            for found in [await measure(embedder, language)]
        ]
