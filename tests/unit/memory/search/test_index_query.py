"""What a query asks of the index: which of its words occur nowhere, and what they are of its meaning."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from services.kit.errors import LimitExceeded
from services.memory.domain.memories import Kind, Memory
from services.memory.index.asked import Asked
from services.memory.index.entries import new_entry
from services.memory.index.memory_index import MemoryIndex
from services.memory.search.index_query import IndexQueries
from tests.unit.memory.rows import NOW

TEXTS = {"shop": "The database is PostgreSQL, deployed by Jenkins", "web": "Carts live in the browser"}


class Recorder:
    """An embedder that keeps what it was given: each text has a vector of its own, other scripts none."""

    model, dimensions = "recorder", 4

    def __init__(self) -> None:
        self.given: list[str] = []

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.given += texts
        rows = [[float(text.isascii()), len(text) % 7, len(text) % 5, 1.0] for text in texts]
        vectors = np.asarray(rows, np.float32) * np.asarray([[float(text.isascii())] for text in texts], np.float32)
        return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9), np.float32)


class Full(Recorder):
    """One without room."""

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        raise LimitExceeded(f"{len(texts)} are too many.")


@pytest.fixture
def index() -> Iterator[MemoryIndex]:
    with MemoryIndex(4) as opened:
        yield opened


async def asked(index: MemoryIndex, text: str, embedder: Recorder | None, projects: Sequence[str] = ("shop",)) -> Asked:
    memories = [Memory(content, Kind.REFLECTION, project, NOW) for project, content in TEXTS.items()]
    await index.add([new_entry(place, "ann", memory, b"", b"") for place, memory in enumerate(memories)])
    return await IndexQueries(index, embedder).of("ann", projects, text)


@pytest.mark.parametrize(
    ("text", "missing", "others"),
    [
        ("Which cloud hosts the database?", "cloud hosts", "Which the database"),
        ("Which Kubernetes version?", "Kubernetes version", None),
        ("Which browser is it?", "browser", None),  # said in another project
        ("Is the databse deployed by Jenkins?", "", None),  # a slip
        ("Where is the database in March 2026?", "", None),  # when, not what
    ],
)
async def test_the_words_that_occur_nowhere_are_parted_from_the_others(
    index: MemoryIndex, text: str, missing: str, others: str | None
) -> None:
    embedder = Recorder()
    made = await asked(index, text, embedder)
    assert embedder.given == [text, *filter(None, (missing, others))]
    assert (made.absent is not None) is bool(missing)
    if made.absent:
        assert (made.absent.others is not None) is (others is not None)
        assert -1.0 <= made.absent.cosine <= 1.0


async def test_what_is_searched_decides_what_is_absent(index: MemoryIndex) -> None:
    made = await asked(index, "Which browser has the database?", Recorder(), ("shop", "web"))
    assert made.absent is None


async def test_of_a_script_that_the_model_does_not_know_nothing_is_said(index: MemoryIndex) -> None:
    made = await asked(index, "база данных", Recorder())
    assert (made.vector, made.absent, made.is_degraded) == (None, None, False)


async def test_without_room_or_a_model_words_alone_are_asked(index: MemoryIndex) -> None:
    for embedder, is_degraded in ((None, False), (Full(), True)):
        made = await asked(index, "Which cloud?", embedder)
        assert (made.vector, made.absent, made.is_degraded) == (None, None, is_degraded)
        assert made.terms == ["cloud"]
