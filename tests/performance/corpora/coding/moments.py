"""A hundred moments of work on the coding projects: a prompt, and what the conversation is at.

A line has the project, the branch, the files touched, the error of the last turn (`-` for none), the prompt, and the
memories that help there. Four in five go on with the work; in the last twenty the prompt is about something else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from services.gateway.workflows.recall import prompt_queries, prompt_score_min, prompt_similarity_min
from services.memory.domain.queries import EVERYTHING
from services.memory.embedder import DIMENSIONS, Embedder
from services.memory.embedder.onnx import OnnxEmbedder
from services.memory.index.memory_index import MemoryIndex
from services.memory.search.index_query import IndexQueries
from services.memory.search.relevance import relevance
from tests.performance.corpora.coding import HERE, NOW, PROJECTS, memories
from tests.performance.corpora.coding.answers import fill
from tests.performance.rows import Row

OTHER_SUBJECT = 20
"""So many of the last prompts are about something else than the work."""
TOLD_MAX = 5


@dataclass(frozen=True, slots=True)
class Moment:
    """What is known when a prompt is typed, and the ids of the memories that help."""

    project: str
    branch: str
    files: Sequence[str]
    error: str
    prompt: str
    evidence: frozenset[str]

    @property
    def queries(self) -> list[str]:
        """As the prompt hook searches."""
        return prompt_queries(self.prompt, self.error, self.files)


def moments() -> list[Moment]:
    """All hundred."""
    return [_moment(line) for line in (HERE / "moments.txt").read_text(encoding="utf-8").splitlines()]


def _moment(line: str) -> Moment:
    project, branch, files, rest = line.split(" | ", 3)
    error, _, asked = rest.rpartition(" | ")
    prompt, _, evidence = asked.rpartition(" = ")
    given = [] if files == "-" else files.split(", ")
    return Moment(project, branch, given, "" if error == "-" else error, prompt, frozenset(evidence.split()))


class Telling:
    """What the prompt hook tells, from an index of the coding projects."""

    def __init__(self, index: MemoryIndex, embedder: Embedder) -> None:
        self._index, self._queries = index, IndexQueries(index, embedder)
        self._ids = [memory.id for memory in memories(PROJECTS)]

    async def told(self, project: str, queries: Sequence[str]) -> list[str]:
        """The ids, best first, of what any of the queries finds."""
        best: dict[str, float] = {}
        for query in queries:
            for name, score in await self._likely(project, query):
                best[name] = max(best.get(name, 0.0), score)
        return sorted(best, key=lambda name: -best[name])[:TOLD_MAX]

    async def _likely(self, project: str, query: str) -> list[tuple[str, float]]:
        asked = await self._queries.of("ann", [project], query)
        found = await self._index.candidates("ann", [project], asked, EVERYTHING)
        vector = found.signals.vector
        scores = relevance(found, NOW.timestamp(), self._index.voids)
        near = np.full(len(scores), np.inf) if vector is None else vector
        likely = (scores >= prompt_score_min) & (near >= prompt_similarity_min)
        return [(self._ids[found.sequence[place]], float(scores[place])) for place in np.flatnonzero(likely)]


async def measure(embedder: Embedder) -> dict[str, list[list[str]]]:
    """What is told at each moment: by the prompt alone, by the work alone, and as the hook does it."""
    with MemoryIndex(DIMENSIONS) as index:
        await fill(index, embedder, PROJECTS)
        telling = Telling(index, embedder)
        return {
            "the prompt alone": [await telling.told(each.project, [each.prompt]) for each in moments()],
            "the work alone": [
                await telling.told(
                    each.project, [work] if (work := " ".join([each.error, *each.files]).strip()) else []
                )
                for each in moments()
            ],
            "both": [await telling.told(each.project, each.queries) for each in moments()],
        }


def helped(told: Sequence[Sequence[str]], among: int = TOLD_MAX) -> list[bool]:
    """At which moments something that helps is among the first so many."""
    return [bool(each.evidence & set(its[:among])) for each, its in zip(moments(), told, strict=True)]


async def _measured(model: Path) -> dict[str, list[list[str]]]:
    async with OnnxEmbedder(model) as embedder:
        return await measure(embedder)


async def rows(model: Path) -> list[Row]:
    """A line for each way to search."""
    return [_row(name, told) for name, told in (await _measured(model)).items()]


def _row(name: str, told: Sequence[Sequence[str]]) -> Row:
    found = helped(told)
    working, other = found[:-OTHER_SUBJECT], found[-OTHER_SUBJECT:]
    count = sum(map(len, told)) / len(told)
    note = f"first {sum(helped(told, 1))}; going on {sum(working)} of {len(working)}, "
    note += f"something else {sum(other)} of {len(other)}; {count:.1f} memories told"
    return Row(f"moments: helped by {name}", 100 * sum(found) / len(found), "%", note)


if __name__ == "__main__":
    from tests.model import shared_model

    for row in asyncio.run(rows(shared_model())):
        print(f"{row.name:62} {row.value:10.2f} {row.unit:6} {row.note}", flush=True)
