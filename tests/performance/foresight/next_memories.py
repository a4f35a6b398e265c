"""Whether the memories that the next session needs can be named when it begins, by replay of recorded sessions.

`python -m tests.performance.foresight.next_memories`. The sessions are DevMemBench's (`corpora/devmembench.py`), in
the order of their days. A session needs an earlier one if a question of the set is answered by both. Three earlier
sessions are named, each by the turn that is most like the first turn of the new one, as a briefing could show it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from pathlib import Path
from statistics import mean

import numpy as np
from numpy.typing import NDArray

from services.gateway.workflows.briefing import estimated_tokens, quote
from services.memory.embedder.model import open_model
from tests.model import shared_model
from tests.performance.corpora import devmembench
from tests.performance.rows import Row

named_max = 3
recent_half = 3.0
"""Sessions after which one counts half."""
recent_weights = (0.05, 0.1, 0.2)
Ranking = Callable[[int], Sequence[int]]


@dataclass(frozen=True)
class Recorded:
    """Sessions in order: their turns, these turns' vectors, and the earlier sessions that each needs."""

    texts: Sequence[Sequence[str]]
    vectors: Sequence[NDArray[np.float32]]
    needs: Mapping[int, frozenset[int]]

    def likeness(self, earlier: int, begins: int) -> NDArray[np.float32]:
        """Of each of its turns to the first turn of the one that begins."""
        return np.asarray(self.vectors[earlier] @ self.vectors[begins][0])

    def tokens(self, earlier: Sequence[int], begins: int) -> int:
        """Of what would be shown."""
        shown = (self.texts[each][int(self.likeness(each, begins).argmax())] for each in earlier)
        return sum(estimated_tokens(quote(text)) for text in shown)


def rows() -> Iterator[Row]:
    """A row for each way to choose."""
    directory = devmembench.path()
    if directory is None:
        yield Row("memories of the next session", 0, "", "left out: DevMemBench is not there")
        return
    recorded = read(directory)

    def latest(begins: int) -> Sequence[int]:
        return range(begins - 1, -1, -1)

    def similar(begins: int, recent: float = 0.0) -> Sequence[int]:
        def score(each: int) -> float:
            age: float = 0.5 ** ((begins - 1 - each) / recent_half)
            return float(recorded.likeness(each, begins).max()) + recent * age

        return sorted(range(begins), key=lambda each: -score(each))

    yield _row("latest", recorded, latest)
    yield _row("most similar", recorded, similar)
    for weight in recent_weights:
        yield _row(f"both, {weight:g} for the latest", recorded, partial(similar, recent=weight))


def read(directory: Path) -> Recorded:
    """The sessions with the vectors of the real embedding."""
    sessions = json.loads((directory / "sessions.json").read_text(encoding="utf-8"))
    sessions.sort(key=lambda each: (each["metadata"]["date"], each["sessionId"]))
    place = {each["sessionId"]: number for number, each in enumerate(sessions)}
    needs = defaultdict[int, set[int]](set)
    for asked in devmembench.questions(directory):
        if asked.has_answer:
            for earlier, later in combinations(sorted(place[each] for each in asked.sessions), 2):
                needs[later].add(earlier)
    model = open_model(shared_model())
    texts = [[message["content"] for message in each["messages"]] for each in sessions]
    vectors = [np.stack([model.embed(text)[0] for text in each]) for each in texts]
    known = {later: frozenset(its) for later, its in needs.items() if later > named_max}  # else all would be right
    return Recorded(texts, vectors, known)


def _row(name: str, recorded: Recorded, ranking: Ranking) -> Row:
    named = {begins: list(ranking(begins))[:named_max] for begins in recorded.needs}
    right = {begins: len(recorded.needs[begins].intersection(its)) for begins, its in named.items()}
    recall = mean(count / min(named_max, len(recorded.needs[begins])) for begins, count in right.items())
    precision = sum(right.values()) / sum(map(len, named.values()))
    tokens = mean(recorded.tokens(its, begins) for begins, its in named.items())
    note = f"recall@{named_max} of {len(named)} sessions; precision {100 * precision:.1f} %, {tokens:.0f} tokens"
    return Row(f"memories of the next session, {name}", 100 * recall, "%", note)


if __name__ == "__main__":
    for row in rows():
        print(f"{row.name:66} {row.value:10.2f} {row.unit:6} {row.note}", flush=True)
