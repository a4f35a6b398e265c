"""How candidates are ordered: pure functions over their signals, with every weight in one table.

A signal is read as how far it stands out from the memories that were searched (a z-score), the signals are summed,
neighbours in the session lend each other a share, and a logistic function makes a score from 0 to 1 of the sum. Where
few memories were searched, their mean and spread say little, and what is usual in large sets stands in for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Usual:
    """Mean and standard deviation of a signal over all memories of a large project, for a query about it."""

    mean: float
    deviation: float


@dataclass(frozen=True, slots=True)
class Weight:
    """How much a signal counts, and what is usual for it."""

    weight: float
    usual: Usual


# Found on conversations that are not in this repository, rounded: the optimum is broad in every one of them.
WEIGHTS: Mapping[str, Weight] = {
    # The query's words in the memory: the surest sign, most of all for names, errors and identifiers.
    "words": Weight(1.0, Usual(0.05, 0.11)),
    # The meaning of the memory by itself: finds paraphrases.
    "vector": Weight(1.0, Usual(0.15, 0.12)),
    # Its meaning together with what was said just before: finds answers whose question names the subject.
    "context_vector": Weight(1.0, Usual(0.18, 0.12)),
}
# The words of the whole session: a memory counts for more where the query's subject is the talk of the session.
SESSION = Weight(1.0, Usual(0.35, 0.2))
SPEAKER = 1.0  # said by the one whom the query names
ANSWERS = 0.3  # what follows a question is often its answer, and answers are what is looked for
ASKS = -0.3  # and a question seldom is
NEIGHBOUR = (
    0.2  # share of its neighbours' sums that a memory gets: evidence is spread over turns that follow each other
)

USUAL_COUNT = 10
"""How many memories the usual mean and deviation weigh as much as."""
MIDDLE, SLOPE = 10.0, 2.5
"""The sum that scores one half, and the sum that divides the odds by e. Of turns that answer a question half have more
than 13, of the candidates that do not one in a hundred has more than 11."""

HALF_LIFE_DAYS = 90.0
FLOOR = 0.9
"""Age decides between memories that answer equally well; it never hides an old one."""
LINKED = 0.9
"""A linked project's memory comes after one of the project itself that answers as well."""

_day_s = 86_400.0


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean and standard deviation of a signal over `count` memories that were searched."""

    mean: float
    deviation: float
    count: int


@dataclass(frozen=True, slots=True)
class Signals:
    """What is known of each candidate: arrays of one length.

    `words` and `session_words` are BM25 as a share of the most the query can reach, 0 to 1; vectors are cosines, nan
    for a memory without one, None without a query vector. `spread` has each of these over all that was searched.
    `before` and `after` are the places of the neighbours in the session among the candidates, -1 for none. `linked`
    marks those of a project that is only linked to the one asked for.
    """

    words: Floats
    session_words: Floats
    vector: Floats | None
    context_vector: Floats | None
    spread: Mapping[str, Spread]
    by_named_speaker: NDArray[np.bool_]
    asks: NDArray[np.bool_]
    answers: NDArray[np.bool_]
    before: NDArray[np.int64]
    after: NDArray[np.int64]
    timestamp_s: Floats
    linked: NDArray[np.bool_]


def rank(signals: Signals, now_s: float) -> Floats:
    """The score of each candidate, 0 to 1; `now_s` in seconds since 1970."""
    sums = _own(signals)
    sums = sums + NEIGHBOUR * (_at(sums, signals.before) + _at(sums, signals.after))
    sums += SESSION.weight * _standing_out(signals.session_words, SESSION.usual, signals.spread["session_words"])
    shares = decay(now_s - signals.timestamp_s) * np.where(signals.linked, LINKED, 1.0)
    return np.asarray(shares / (1.0 + np.exp((MIDDLE - sums) / SLOPE)))


def _own(signals: Signals) -> Floats:
    """The sum of what each candidate has by itself. A missing signal is as good as the average."""
    sums = SPEAKER * signals.by_named_speaker + ANSWERS * signals.answers + ASKS * signals.asks
    for name, weight in WEIGHTS.items():
        values: Floats | None = getattr(signals, name)
        if values is not None:
            sums = sums + weight.weight * np.nan_to_num(_standing_out(values, weight.usual, signals.spread[name]))
    return np.asarray(sums, np.float64)


def _standing_out(values: Floats, usual: Usual, spread: Spread) -> Floats:
    """The values as z-scores, by a mean and a deviation between the measured and the usual ones."""
    share = spread.count / (spread.count + USUAL_COUNT)
    mean = share * spread.mean + (1 - share) * usual.mean
    deviation = np.sqrt(share * spread.deviation**2 + (1 - share) * usual.deviation**2)
    return np.asarray((values - mean) / deviation)


def _at(values: Floats, places: NDArray[np.int64]) -> Floats:
    return np.where(places >= 0, values[places], 0.0) if len(values) else values


def decay(age_s: Floats) -> Floats:
    """1 for what is new, falling by half-lives to the floor; what lies in the future is new."""
    halvings = np.maximum(age_s, 0.0) / (HALF_LIFE_DAYS * _day_s)
    return np.asarray(FLOOR + (1.0 - FLOOR) * 0.5**halvings)
