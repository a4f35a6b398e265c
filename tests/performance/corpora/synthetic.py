"""As many made-up memories as one likes: words as frequent as in a language, vectors in clusters."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from services.memory.domain.memories import Kind, Memory
from services.memory.domain.rows import NewRow
from services.memory.embedder import DIMENSIONS, MODEL
from services.memory.storage.duckdb.store import StoreSettings
from services.memory.storage.sharded_store import open_shards

PROJECT = "synthetic"
_vocabulary = 100_000
_subjects = 2_000
_session = 25
_batch = 2_000


class Synthetic:
    """The same memories for the same seed."""

    def __init__(self, seed: int = 1) -> None:
        self._random = np.random.default_rng(seed)
        frequency = 1 / np.arange(1, _vocabulary + 1) ** 1.07  # Zipf's law
        self._cumulated = np.cumsum(frequency / frequency.sum())
        self._subjects = self._random.standard_normal((_subjects, DIMENSIONS)).astype(np.float32)

    def words(self, count: int) -> list[str]:
        """Words of a made-up language."""
        return [_word(rank) for rank in np.searchsorted(self._cumulated, self._random.random(count))]

    def rows(self, first: int, count: int, user: str = "local") -> list[NewRow]:
        """Memories of a user, in sessions of 25."""
        return [self._row(number, user) for number in range(first, first + count)]

    def _row(self, number: int, user: str) -> NewRow:
        said = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=30 * number)
        content = f"{' '.join(self.words(int(self._random.integers(20, 90))))} no {number}."
        memory = Memory(
            content=content,
            kind=Kind.CONVERSATION,
            project=PROJECT,
            timestamp=min(said, datetime.now(UTC)),
            session_id=f"session-{number // _session}",
            id=f"synthetic-{number}",
        )
        return NewRow(memory, user, *self._vectors())

    def _vectors(self) -> tuple[np.ndarray, np.ndarray]:
        subject = self._subjects[self._random.integers(_subjects)]
        made = subject + 1.2 * self._random.standard_normal((2, DIMENSIONS)).astype(np.float32)
        content, context = (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float16)
        return content, context


def question(seed: str) -> str:
    """Four words of the language that occur in many of its memories, the same for the same seed."""
    by = random.Random(seed)  # no secret
    return " ".join(_word(round(20 * 10 ** by.random())) for _ in range(4))


def _word(rank: int) -> str:
    """Letters that spell the number, so that each word is one term."""
    consonants, vowels = "bdfgklmnprstvz", "aeiou"
    spelt = ""
    rank += 70
    while rank:
        rank, syllable = divmod(rank, len(consonants) * len(vowels))
        spelt += consonants[syllable // len(vowels)] + vowels[syllable % len(vowels)]
    return spelt


async def fill(directory: Path, count: int, users: Sequence[str] = ("local",)) -> None:
    """Stores `count` memories of each user with made-up vectors in the data directory of a memory service."""
    made = Synthetic()
    async with open_shards(directory, 1, StoreSettings(memory_limit_mb=1024)) as store:
        for user in users:
            for first in range(0, count, _batch):
                await store.insert(made.rows(first, min(_batch, count - first), user), MODEL)
