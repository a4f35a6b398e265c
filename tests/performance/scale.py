"""`python -m tests.performance.scale 100000`: the index by itself at many memories: speed, memory, snapshot.

The memories are made up from a fixed seed: words as frequent as Zipf's law has it, vectors around subjects, sessions of
25, all in one project, which is the worst case. What comparing by signs loses `nearest.py` measures, on real texts.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.memory.domain.memories import Kind, Memory
from services.memory.domain.queries import EVERYTHING, Filter
from services.memory.embedder import DIMENSIONS
from services.memory.index.asked import Asked
from services.memory.index.catalogue import Entry
from services.memory.index.entries import NewEntry, new_entry
from services.memory.index.labels import Label
from services.memory.index.parts import Parts
from services.memory.index.postings import document
from services.memory.index.snapshot import read_snapshot, write_snapshot
from services.memory.index.vectors.embeddings import compared_min, compared_share
from tests.performance.rows import Row

PROJECT = "scale"
portion = 2_000
"""Memories that are added at once."""
base = 10_000
"""Memories from which on the bytes of each are counted: before, buffers and code weigh more."""
questions = 100
_began_s = 1_700_000_000.0


class Made:
    """Memories and queries, the same for the same seed."""

    def __init__(self, seed: int = 1) -> None:
        self._random = np.random.default_rng(seed)
        frequency = 1 / np.arange(1, 200_001) ** 1.07
        self._cumulated = np.cumsum(frequency / frequency.sum())
        self._words = [f"w{rank:x}" for rank in range(200_000)]
        self._subjects = self._random.standard_normal((2_000, DIMENSIONS)).astype(np.float32)

    def words(self, count: int) -> list[str]:
        """Words, the frequent ones more often."""
        return [self._words[rank] for rank in np.searchsorted(self._cumulated, self._random.random(count))]

    def vectors(self, count: int) -> NDArray[np.float16]:
        """Unit vectors; two of one subject have a cosine of 0.4, two of others one around 0."""
        of = self._subjects[self._random.integers(len(self._subjects), size=count)]
        made = of + 1.2 * self._random.standard_normal((count, DIMENSIONS)).astype(np.float32)
        return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), np.float16)

    def entries(self, first: int, count: int) -> list[NewEntry]:
        """Memories of 20 to 120 words; one in ten carries a tag."""
        content, context = self.vectors(count), self.vectors(count)
        lengths = self._random.integers(20, 120, count).tolist()
        return [
            NewEntry(
                Entry(number, "ann", PROJECT, f"session-{number // 25}", _began_s + number, wording=number),
                Label("conversation", "user", ("tenth",) if number % 10 == 0 else ()),
                document(self.words(lengths[place])),
                content[place].tobytes(),
                context[place].tobytes(),
            )
            for place, number in enumerate(range(first, first + count))
        ]

    def asked(self) -> Asked:
        """A query of five to twelve words."""
        words = self.words(int(self._random.integers(5, 13)))
        return Asked(list(dict.fromkeys(words)), frozenset(), self.vectors(1)[0].astype(np.float32))


def measure(most: int) -> list[Row]:
    """Grows one index to `most` memories and measures it on the way."""
    made, rows = Made(), list[Row]()
    index = Parts(DIMENSIONS)
    took, resident = list[float](), 0.0
    for first in range(0, most, portion):
        entries = made.entries(first, portion)
        took.append(_timed(partial(index.add, entries)))
        count = first + portion
        if count in {2_000, base, 100_000, most}:
            rows += _candidates(index, made, count)
            resident = resident or (_resident_bytes() if count >= base else 0.0)
    if most > base:
        each = (_resident_bytes() - resident) / (most - base)
        rows.append(Row("memory", each, "bytes each", f"resident, of those beyond {base:,}"))
    rows.append(Row("add", statistics.median(took) / portion * 1e3, "us each", f"{portion:,} at once"))
    rows.append(Row("add, worst", max(took), "ms", f"of {portion:,} at once, postings merged"))
    rows += _crossover(index, made) + _snapshot(index)
    return rows + _rebuild(made)


def _candidates(index: Parts, made: Made, count: int) -> list[Row]:
    return [
        *_searches(f"candidates, {count:,}", index, made, EVERYTHING),
        *_searches(f"candidates, {count:,}, filtered", index, made, Filter(tags=("tenth",))),
    ]


def _searches(name: str, index: Parts, made: Made, only: Filter) -> list[Row]:
    asked = [made.asked() for _ in range(questions)]
    took = [_timed(partial(index.candidates, "ann", [PROJECT], each, only)) for each in asked]
    return [
        Row(f"{name}, p50", statistics.median(took), "ms", "5 to 12 words, one project"),
        Row(f"{name}, p95", statistics.quantiles(took, n=20)[-1], "ms", ""),
    ]


def _crossover(index: Parts, made: Made) -> list[Row]:
    """What finding the nearest costs, all compared or those that the signs choose, in parts of the index."""
    rows: list[Row] = []
    query = made.vectors(1)[0].astype(np.float32)
    for count in (2_000, 5_000, 10_000, 50_000):
        slots = np.arange(0, len(index._embeddings._content), max(len(index._embeddings._content) // count, 1))
        signs = partial(index._embeddings._signs.nearest, query, slots, max(compared_min, len(slots) // compared_share))
        took = [_timed(partial(index._embeddings._content.scores, query, slots)) for _ in range(questions)]
        rows.append(Row(f"nearest of {len(slots):,}, all compared", statistics.median(took), "ms", "of one vector"))
        took = [_timed(lambda signs=signs: index._embeddings._content.scores(query, signs())) for _ in range(questions)]  # type: ignore[misc]
        rows.append(Row(f"nearest of {len(slots):,}, by signs", statistics.median(took), "ms", "of one vector"))
    return rows


def _snapshot(index: Parts) -> list[Row]:
    contents, empty = index.contents(), Parts(DIMENSIONS)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "index.snapshot"
        written = _timed(lambda: write_snapshot(path, contents, "scale"))
        size = path.stat().st_size
        read = _timed(lambda: empty.restore(read_snapshot(path, "scale")))
    return [
        Row("snapshot", size / 1e6, "MB", ""),
        Row("snapshot, written in", written, "ms", "beside the searches"),
        Row("snapshot, read in", read, "ms", "the whole start of the index but for what was stored since"),
    ]


def _rebuild(made: Made) -> list[Row]:
    """What a start without a snapshot costs for each memory, by its text."""
    said = datetime.fromtimestamp(_began_s, UTC)
    texts = [" ".join(made.words(70)) for _ in range(1_000)]

    def read() -> None:
        for number, text in enumerate(texts):
            new_entry(number, "ann", Memory(text, Kind.CONVERSATION, PROJECT, said))

    return [Row("a memory's text read", _timed(read), "us each", "at a start without a snapshot, beside searches")]


def _timed(work: Callable[[], Any]) -> float:
    """In milliseconds."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1e3


def _resident_bytes() -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(1024.0 * int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


def main(arguments: Sequence[str]) -> None:
    """Measures at the sizes up to the one that is given and prints the rows."""
    for name, value, unit, note in measure(int(arguments[0]) if arguments else 100_000):
        print(f"{name:34}  {value:10.2f} {unit:10} {note}")


if __name__ == "__main__":
    main(sys.argv[1:])
