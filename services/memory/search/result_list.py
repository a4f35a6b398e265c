"""The ordered result of a search before its rows are read, as cached and used by cursors. It holds no content."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.memory.domain.queries import Query, Sort
from services.memory.index.parts import Candidates
from services.memory.text.simhash import shown_once

similar_from = 0.3
"""Cosine from which a result counts as matched by meaning: unrelated texts lie around 0.1 with this model."""


_row = np.dtype(
    [
        ("sequence", "<i8"),
        ("before", "<i8"),
        ("after", "<i8"),
        ("score", "<f4"),
        ("similarity", "<f4"),
        ("has_words", "?"),
    ]
)


@dataclass(frozen=True, slots=True)
class Ranking:
    """One row a result, in order: its sequence and those of its neighbours in the session (-1 for none), score,
    similarity (nan where there is none), has_words."""

    rows: NDArray[np.void]
    hybrid: bool

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def strategy(self) -> str:
        """`hybrid`, or `text_fallback` where there was no embedding of the query."""
        return "hybrid" if self.hybrid else "text_fallback"

    @property
    def sequences(self) -> list[int]:
        """The memories, best first."""
        found: list[int] = self.rows["sequence"].tolist()
        return found

    def sequence(self, place: int) -> int:
        """The memory at a place."""
        return int(self.rows["sequence"][place])

    def match_kind(self, place: int) -> str:
        """`semantic`, `text` or `both`."""
        if not self.rows["has_words"][place]:
            return "semantic"
        return "both" if self.rows["similarity"][place] >= similar_from else "text"

    def pack(self) -> bytes:
        """All of it as bytes."""
        return bytes([self.hybrid]) + self.rows.tobytes()


def unpack(content: bytes) -> Ranking:
    """What `packed` made; ValueError for other bytes."""
    return Ranking(np.frombuffer(content, _row, offset=1), hybrid=bool(content[0]))


def ranking(candidates: Candidates, scores: NDArray[np.float64], query: Query) -> Ranking:
    """The candidates that pass the query's `min_score`, in its order; of near duplicates the first one alone.

    What was said several times stands where the best of these does, and what is shown is the latest.
    """
    signals = candidates.signals
    similarity = np.full(len(scores), np.nan) if signals.vector is None else signals.vector
    has_words = signals.words > 0
    best = np.lexsort((candidates.sequence, -scores))
    order, reached = _latest_of_each(candidates, best), scores[best]
    kept = reached >= query.min_score
    order, reached = order[kept], reached[kept]
    kept = shown_once(candidates.likeness[order])
    if query.sort is Sort.NEWEST:
        kept &= (has_words | (similarity >= similar_from))[order]
    order, reached = order[kept], reached[kept]
    if query.sort is Sort.NEWEST:
        newest = np.lexsort((candidates.sequence[order], -signals.timestamp_s[order]))
        order, reached = order[newest], reached[newest]
    rows = np.zeros(len(order), _row)
    rows["sequence"], rows["score"] = candidates.sequence[order], reached
    for name, places in (("before", signals.before[order]), ("after", signals.after[order])):
        rows[name] = np.where(places >= 0, candidates.sequence[places], -1) if len(places) else places
    rows["similarity"], rows["has_words"] = similarity[order], has_words[order]
    return Ranking(rows, hybrid=signals.vector is not None)


def _latest_of_each(candidates: Candidates, order: NDArray[np.int64]) -> NDArray[np.int64]:
    """`order`, in which the candidates of one text have changed places: the latest is the first of them."""
    likeness = candidates.likeness[order]
    values, counts = np.unique(likeness, return_counts=True)
    several = np.flatnonzero(np.isin(likeness, values[(counts > 1) & (values != 0)]))
    texts: defaultdict[tuple[float, ...], list[int]] = defaultdict(list)
    for place in several.tolist():
        texts[_text(candidates, int(order[place]))].append(place)
    changed = order.copy()
    for places in texts.values():
        said_s = candidates.signals.timestamp_s[order[places]]
        changed[places] = order[places][np.argsort(-said_s, kind="stable")]
    return changed


def _text(candidates: Candidates, at: int) -> tuple[float, ...]:
    """Equal for equal texts; the rankings know no texts, but what is the same of them."""
    signals = candidates.signals
    cosine = 0.0 if signals.vector is None else float(np.nan_to_num(signals.vector[at]))
    own = (float(signals.words[at]), float(signals.length[at]), float(signals.linked[at]))
    return (float(candidates.likeness[at]), round(cosine, 5), *own)
