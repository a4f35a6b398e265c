"""Notes in other languages, each with a query that has other forms of its words; and queries about something else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from services.memory.domain.memories import Kind, Memory
from services.memory.domain.queries import EVERYTHING, Query
from services.memory.embedder import DIMENSIONS
from services.memory.embedder.onnx import OnnxEmbedder
from services.memory.index.entries import new_entry
from services.memory.index.memory_index import MemoryIndex
from services.memory.operations.memory_embeddings import Said, memory_vectors
from services.memory.search.index_query import IndexQueries
from services.memory.search.result_list import ranking
from services.memory.search.scoring import rank
from tests.performance.rows import Row

HERE = Path(__file__).parent
NOW = datetime(2026, 7, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Found:
    """Of the notes of one language, in percent: found first, among five, and shown at all; and of the queries about
    something else those that find nothing."""

    first: float
    among_five: float
    shown: float
    silent: float


def languages() -> list[str]:
    """Those that there are notes in."""
    return sorted(path.stem for path in HERE.glob("*.txt"))


def pairs(language: str) -> tuple[list[tuple[str, str]], list[str]]:
    """The notes with their queries, and the queries about something else."""
    lines = (HERE / f"{language}.txt").read_text(encoding="utf-8").splitlines()
    noted = [tuple(line.split(" = ")) for line in lines if not line.startswith("? ")]
    return [(note, query) for note, query in noted], [line[2:] for line in lines if line.startswith("? ")]


async def measure(embedder: OnnxEmbedder, language: str) -> Found:
    """What is found of the notes of a language, in a project of them alone."""
    noted, others = pairs(language)
    vectors = await memory_vectors(embedder, [Said("", note) for note, _ in noted])
    with MemoryIndex(DIMENSIONS) as index:
        await index.add(
            [
                new_entry(
                    place,
                    "ann",
                    Memory(note, Kind.CONVERSATION, "p", NOW),
                    vectors[place].content.tobytes(),
                    vectors[place].context.tobytes(),
                )
                for place, (note, _) in enumerate(noted)
            ]
        )
        orders = [await _order(embedder, index, query) for _, query in noted]
        ranks = [order.index(place) if place in order else 99 for place, order in enumerate(orders)]
        silent = [not await _order(embedder, index, query) for query in others]
    count = len(noted)
    return Found(
        first=100 * sum(rank == 0 for rank in ranks) / count,
        among_five=100 * sum(rank < 5 for rank in ranks) / count,
        shown=100 * sum(map(bool, orders)) / count,
        silent=100 * sum(silent) / len(silent),
    )


async def _order(embedder: OnnxEmbedder, index: MemoryIndex, query: str) -> list[int]:
    """What is shown, best first."""
    wanted = await IndexQueries(index, embedder).of("ann", ["p"], query)
    candidates = await index.candidates("ann", ["p"], wanted, EVERYTHING)
    made = ranking(candidates, rank(candidates.signals, NOW.timestamp()), Query(query, min_score=None))
    return made.sequences[: made.shown]


async def rows(model: Path) -> list[Row]:
    """A line for each language."""
    async with OnnxEmbedder(model) as embedder:
        return [
            Row(
                f"{language.capitalize()}: the right note first",
                found.first,
                "%",
                f"among five {found.among_five:.0f}, shown {found.shown:.0f}; something else silent {found.silent:.0f}",
            )
            for language in languages()
            for found in [await measure(embedder, language)]
        ]
