"""The ordered result of a search before its rows are read, as cached and used by cursors. It holds no content."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from services.memory.domain.queries import Query, Sort
from services.memory.index.asked import Candidates
from services.memory.index.catalogue import Timeline
from services.memory.search.scoring import MATCHING_COSINE

rows_max = 20_000
"""The newest that are kept of an answer in the order of time: its pages go so far."""
_row = np.dtype(
    [
        ("sequence", "<i8"),
        ("before", "<i8"),
        ("after", "<i8"),
        ("score", "<f4"),
        ("similarity", "<f4"),
        ("has_words", "?"),
        ("under", "<i4"),
        ("chunk", "<i2"),
    ]
)
_header = struct.Struct("<????qqqdqq")
UNCOUNTED = -1
WORDS_SHARE, NEAR_SHARE = 2 / 3, 0.8
"""What truly matches where the newest is asked for: what has so much of the words, by their idf, as the one that has
most of them; where none has any, what scores so much of the best score."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """One row a result, in order: its sequence and those of its neighbours in the session (-1 for none), score,
    similarity (nan where there is none), has_words. The first `shown` are results; each of the others is folded `under`
    one of these. All that was found are `total`, exactly or at least; without a query it `is_list`. Where nothing is
    found, `nearest` is what scored best (-1 for nothing at all), with its score. One that `is_degraded` lacks the
    meaning of the query, which the embedder had no room for; it is cached nowhere. `in_period`: the time that the query
    names counted. The first `newest` are in the order of time, as the query asks for that. `matching` is how many
    memories have all of its words; UNCOUNTED without a query.
    """

    rows: NDArray[np.void]
    hybrid: bool
    shown: int
    total: int
    exact: bool = True
    is_list: bool = False
    nearest: int = -1
    nearest_score: float = 0.0
    is_degraded: bool = False
    in_period: bool = False
    newest: int = 0
    matching: int = UNCOUNTED

    def __len__(self) -> int:
        return self.shown

    @property
    def strategy(self) -> str:
        """`hybrid`, `text_fallback` where words alone decided, `list` where there was no query."""
        return "list" if self.is_list else "hybrid" if self.hybrid else "text_fallback"

    @property
    def sequences(self) -> list[int]:
        """The memories, best first, then what is folded."""
        found: list[int] = self.rows["sequence"].tolist()
        return found

    def sequence(self, place: int) -> int:
        """The memory at a place."""
        return int(self.rows["sequence"][place])

    def match_kind(self, place: int) -> str:
        """`semantic`, `text` or `both`; `filter` where there was no query."""
        if self.is_list:
            return "filter"
        if not self.rows["has_words"][place]:
            return "semantic"
        return "both" if self.rows["similarity"][place] >= MATCHING_COSINE else "text"

    def folded_sequences(self, place: int) -> list[int]:
        """What is folded under the result at a place."""
        rest = self.rows[self.shown :]
        sequences: list[int] = rest["sequence"][rest["under"] == place].tolist()
        return sequences

    def pack(self) -> bytes:
        """All of it as bytes."""
        numbers = (self.shown, self.total, self.nearest, self.nearest_score, self.newest, self.matching)
        return _header.pack(self.hybrid, self.exact, self.is_list, self.in_period, *numbers) + self.rows.tobytes()


def unpack(content: bytes) -> Ranking:
    """What `pack` made; ValueError for other bytes."""
    hybrid, exact, is_list, in_period, shown, total, *numbers = _header.unpack_from(content)
    nearest, score, newest, matching = numbers
    rows = np.frombuffer(content, _row, offset=_header.size)
    made = Ranking(rows, hybrid, shown, total, exact, is_list, nearest, score, in_period=in_period)
    return replace(made, newest=newest, matching=matching)


def hide(found: Ranking) -> Ranking:
    """The ranking of which nothing is shown, as nothing of it answers; the best is named as what is nearest."""
    best = found.rows[0]
    nearest, score = int(best["sequence"]), float(best["score"])
    return replace(found, rows=found.rows[:0], shown=0, total=0, exact=True, nearest=nearest, nearest_score=score)


def ranking(candidates: Candidates, scores: NDArray[np.float64], query: Query) -> Ranking:
    """What was found that reaches the query's least score, in its order.

    By relevance what says the same in the same words is one result, that stands where the best of these does, and is
    the latest of them; but not where a session or a span of time is asked for, nor in the order of time.
    """
    if query.sort is Sort.NEWEST:
        return _newest_first(candidates, scores, query)
    best = _best_first(candidates, scores)
    folding = _no_folding(best) if query.filter.is_a_stretch else _fold(candidates, best)
    reached = scores[best]
    shown = folding.first_of == np.arange(len(best))
    shown &= (reached >= query.least_score) & (reached.max(initial=0.0) >= query.least_best_score)
    rest = ~shown & shown[folding.first_of]
    order = np.concatenate((folding.order[shown], folding.order[rest]))
    rows = _rows(candidates, order)
    rows["score"] = np.concatenate((reached[shown], reached[rest]))
    rows["under"][np.count_nonzero(shown) :] = (np.cumsum(shown) - 1)[folding.first_of[rest]]
    hidden = bool(len(best)) and not shown.any()
    return Ranking(
        rows,
        hybrid=candidates.signals.vector is not None,
        shown=int(np.count_nonzero(shown)),
        total=len(rows),
        exact=hidden or len(candidates.sequence) == candidates.total,
        nearest=int(candidates.sequence[best[0]]) if hidden else -1,
        nearest_score=float(reached[0]) if hidden else 0.0,
        matching=candidates.matching,
    )


def newest_first(
    made: Ranking, found: Candidates, scores: NDArray[np.float64], query: Query, decisions: NDArray[np.int64]
) -> Ranking:
    """The ranking, in which what truly matches comes first, the newest first; the rest stays as it is.

    `found` is all that matches, with its scores; `decisions` are the sequences of what is marked as one: these come
    first where decisions are asked for, and questions last.
    """
    matching = np.flatnonzero(found.answers & (scores >= query.least_score) & _truly_matching(found, scores))
    order = matching[np.lexsort((found.sequence[matching], found.signals.timestamp_s[matching]))[::-1]]
    if query.exact is not None and query.exact.of_decisions:
        group = np.where(np.isin(found.sequence[order], decisions), 0, 1 + found.signals.asks[order])
        order = order[np.argsort(group, kind="stable")]
    folding = _no_folding(order) if query.filter.is_a_stretch else _first_of_each_wording(found, order)
    first = _rows(found, folding.order)
    first["score"] = scores[folding.order]
    is_first = folding.first_of == np.arange(len(order))
    first["under"] = np.where(is_first, -1, (np.cumsum(is_first) - 1)[folding.first_of])
    return _before_the_rest(made, first[is_first], first[~is_first])


def _truly_matching(found: Candidates, scores: NDArray[np.float64]) -> NDArray[np.bool_]:
    share = found.signals.term_shares @ found.signals.holds
    most, best = (float(each[found.answers].max(initial=0.0)) for each in (share, scores))
    return np.asarray(share >= WORDS_SHARE * most if most else scores >= NEAR_SHARE * best)


def _first_of_each_wording(found: Candidates, order: NDArray[np.int64]) -> _Folding:
    wording = found.wording[order]
    _, firsts, group = np.unique(wording, return_index=True, return_inverse=True)
    return _Folding(order, np.where(wording != 0, firsts[group], np.arange(len(order))))


def _before_the_rest(made: Ranking, first: NDArray[np.void], folded: NDArray[np.void]) -> Ranking:
    """These rows before the rest of the ranking, each with what is folded under it."""
    shown, under = made.rows[: made.shown], made.rows[made.shown :]
    known = np.concatenate((first["sequence"], folded["sequence"]))
    stays = ~np.isin(shown["sequence"], known)
    places = np.where(stays, len(first) + np.cumsum(stays) - 1, -1)
    left = under[~np.isin(under["sequence"], known) & stays[under["under"]]].copy()
    left["under"] = places[left["under"]]
    rows = np.concatenate((first, shown[stays], folded, left))
    count = len(first) + int(np.count_nonzero(stays))
    return replace(made, rows=rows, shown=count, total=len(rows), newest=len(first))


def _best_first(candidates: Candidates, scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """The places of all candidates; those of one score in the order of storing."""
    order = np.argsort(-scores)
    ranked = scores[order]
    if (ranked[1:] == ranked[:-1]).any():
        order = np.lexsort((candidates.sequence, -scores))
    return order


def _newest_first(candidates: Candidates, scores: NDArray[np.float64], query: Query) -> Ranking:
    is_answered = bool(scores[candidates.answers].max(initial=0.0) >= query.least_best_score)
    asked_for = np.flatnonzero(candidates.answers & (scores >= query.least_score) & is_answered)
    order = asked_for[np.lexsort((candidates.sequence[asked_for], candidates.signals.timestamp_s[asked_for]))[::-1]]
    rows = _rows(candidates, order)
    rows["score"] = scores[order]
    hidden = np.count_nonzero(candidates.answers) - len(rows)
    is_whole = np.count_nonzero(candidates.answers) == candidates.total
    nearest = int(np.argmax(scores)) if len(scores) and not len(rows) else -1
    return Ranking(
        rows,
        hybrid=candidates.signals.vector is not None,
        shown=len(rows),
        total=candidates.total if not hidden else len(rows),
        exact=bool(is_whole or not hidden),
        nearest=int(candidates.sequence[nearest]) if nearest >= 0 else -1,
        nearest_score=float(scores[nearest]) if nearest >= 0 else 0.0,
        matching=candidates.matching,
    )


def list_ranking(timeline: Timeline) -> Ranking:
    """All that there is, newest first; what passes a filter passes it wholly, and scores 1."""
    newest = slice(None, -rows_max - 1, -1)
    rows = np.zeros(len(timeline.sequence[newest]), _row)
    for name in ("sequence", "before", "after"):
        rows[name] = getattr(timeline, name)[newest]
    rows["score"], rows["similarity"], rows["chunk"] = 1.0, np.nan, -1
    return Ranking(rows, hybrid=False, shown=len(rows), total=len(timeline.sequence), is_list=True)


def _rows(candidates: Candidates, order: NDArray[np.int64]) -> NDArray[np.void]:
    """A row for each of the candidates in `order`; without score."""
    signals = candidates.signals
    rows = np.zeros(len(order), _row)
    rows["sequence"], rows["under"], rows["chunk"] = candidates.sequence[order], -1, candidates.chunk[order]
    for name, places in (("before", signals.before[order]), ("after", signals.after[order])):
        rows[name] = np.where(places >= 0, candidates.sequence[places], -1) if len(places) else places
    rows["similarity"] = np.nan if signals.vector is None else signals.vector[order]
    rows["has_words"] = signals.words[order] > 0
    return rows


@dataclass(frozen=True, slots=True)
class _Folding:
    """Candidates in an order; and for each place the first place of what says the same."""

    order: NDArray[np.int64]
    first_of: NDArray[np.int64]


def _no_folding(order: NDArray[np.int64]) -> _Folding:
    return _Folding(order, np.arange(len(order)))


def _fold(candidates: Candidates, order: NDArray[np.int64]) -> _Folding:
    """`order`, in which the candidates of one wording have changed places: the latest is the first of them."""
    wording = np.sort(candidates.wording)
    if not ((wording[1:] == wording[:-1]) & (wording[1:] != 0)).any():
        return _no_folding(order)
    wording = candidates.wording[order]
    _, firsts, group = np.unique(wording, return_index=True, return_inverse=True)
    first_of = np.where(wording != 0, firsts[group], np.arange(len(order)))
    by_time = np.lexsort((-candidates.signals.timestamp_s[order], first_of))
    places = np.lexsort((np.arange(len(order)), first_of))
    changed = order.copy()
    changed[places] = order[by_time]
    return _Folding(changed, first_of)
