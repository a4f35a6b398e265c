"""Scoring of candidates: pure functions over their signals, with all weights in one table.

The evidence for a memory is a sum, as in a linear model of the log-odds that it answers; a logistic function turns the
sum into a score from 0 to 1. Every signal is a share, a cosine or a flag, independent of the query and of the size of
a project, so scores of different searches are comparable.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.memory.text.named_dates import DateSpan

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
Mask = NDArray[np.bool_]

# Found by logistic regression on conversations that are not in this repository, rounded: the optimum is broad in every
# one of them.
WEIGHTS: Mapping[str, float] = {
    # The query's words in the memory: the surest sign, most of all for names, errors and identifiers.
    "words": 6.0,
    # The query's words in the memory and the ones around it: what is being spoken of is not named in every sentence.
    "passage": 6.0,
    # The share of the query's words that any passage of this length would have: a long one has some of everything.
    "chance": -6.0,
    # The words of the whole session: a memory counts for more where the query's subject is the talk of the session.
    "session_words": 5.0,
    # What the session is about as a whole, whatever its words.
    "session_vector": 7.0,
    # The meaning of the memory by itself: finds paraphrases.
    "vector": 4.0,
    # Its meaning together with what was said just before: finds answers whose question names the subject.
    "context_vector": 9.0,
    # What answers a question gets this share of what speaks for the question: an answer seldom repeats it.
    "answers": 0.2,
    # A question itself is seldom what is looked for.
    "asks": -1.0,
    # Said by the one whom the query names.
    "speaker": 1.5,
    # "Thanks!" holds nothing; grows to this with the number of words.
    "substance": 4.0,
    # The memory is from a date that the query names.
    "date": 6.0,
    # The memory is not from the period that the query names in words, such as last week; grows with the distance.
    "outside": -6.0,
    # It belongs to a project that the query names: others speak of it, too, and more often by its name.
    "project": 6.0,
    # How near the nearest memory is: whether there is anything on the subject at all. The same for all results.
    "nearest": 10.0,
    # What a question asks for by words that occur nowhere: the subject may be known, and this of it is not. The same
    # for all results.
    "unmet": -50.0,
    # The same of what is no question: it need not have the words of what it looks for.
    "unmet_by_words": -20.0,
}

PASSAGE_REACH = 2
"""How many memories before and after form a passage with a memory; the index adds neighbours of candidates."""
TIE = 1e-9
"""Sums that differ by less are equal, in whatever order they were added up."""
OFTEN_MAX = 0.999
"""How often a term counts as occurring at most: of one that is everywhere the share by chance is 1 for any length."""
SUBSTANCE_TERMS = 20
"""The number of terms at which a memory has half of its substance."""
DATE_REACH_DAYS = 30
"""Events are discussed before and after their date: beyond this distance the date says nothing about a memory."""
PERIOD_REACH_S = 2 * 86_400.0
"""Who says last week may mean a day or two before it."""
YEARS_MAX = 100
"""How many years a date without a year is looked for in, from the latest candidate's backwards."""
USUAL_COSINE = 0.15
"""The cosine of a query with a memory taken at random; what a memory without a vector is thought to have."""

NEAR_COSINE = 0.4
"""About the cosine of the nearest memory to a question that has no answer; an answered one has a nearer one as a
rule."""

NEAR_BY_WORDS = 0.43
"""What stands for the cosine of the nearest where nothing is known of meanings: words have to say it all then."""

UNMET_USUAL = 0.2
"""What is unmet of questions that are answered, too: an answer has other words than its question."""
NEARER_UNMET = 5.0
"""Words that occur nowhere and yet bring the nearest memory nearer are met by others that mean the same: so many times
the cosine that they add. Found with the weight, on questions with an answer and without."""
FEW_MEMORIES = 10
"""Of so many, half as much is told by how often a word occurs, or that it occurs nowhere, as of very many."""

MIDDLE, SLOPE = 11.5, 2.5
"""The sum with a score of one half, and the sum that multiplies the odds by e. Of memories that answer a question nine
in ten have more than 16; of the best results for a question about something else, half have less than 11."""

HALF_LIFE_DAYS = 90.0
FLOOR = 0.9
"""Age decides between memories that answer equally well; it never hides an old one."""
LINKED = 0.9
"""A factor: a linked project's memory comes after an equally good one of the project itself."""

MATCHING_SHARE = 0.5
"""A memory matches a query by its words where those that stand in it have more than this share of their summed idf: all
words of a short question, or the rare ones of a long one."""
MATCHING_COSINE = 0.3
"""Cosine from which a memory matches by meaning: unrelated texts lie around 0.1 with this model."""

_day_s = 86_400.0
_day_0 = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Signals:
    """What is known of each candidate: arrays of one length; and of the query.

    `words` and `session_words` are BM25 as a share of the most the query can reach, 0 to 1. The vectors are cosines of
    the query with the memory, with it and the one before it, and with its session: nan for one without, None without a
    query vector. `holds` has a row for each of the query's terms, `term_shares` what each is of their summed idf.
    `length` counts the memory's terms. `replies` marks what an assistant said right after a user. `before` and `after`
    are the places of the neighbours in the session among the candidates, -1 for none. `linked` marks those of a project
    that is only linked to the one asked for. `dates` are those that the query names, `period` is the one that it means
    by words (seconds since 1970), `in_named_project` marks the memories of projects that it names. `unmet` is how much
    of the query is asked for in words that occur nowhere (see `unmet`); it `is_question` where an answer is sought.
    """

    words: Floats
    session_words: Floats
    vector: Floats | None
    context_vector: Floats | None
    session_vector: Floats | None
    in_session: Mask
    holds: Mask
    term_shares: Floats
    length: NDArray[np.int64]
    by_named_speaker: Mask
    asks: Mask
    answers: Mask
    replies: Mask
    before: Places
    after: Places
    timestamp_s: Floats
    linked: Mask
    in_named_project: Mask
    dates: Sequence[DateSpan]
    period: tuple[float, float] | None = None
    unmet: float = 0.0
    is_question: bool = True


def rank(signals: Signals, now_s: float) -> Floats:
    """The score of each candidate, 0 to 1; `now_s` in seconds since 1970."""
    shares = age_factors(signals, now_s) * np.where(signals.linked, LINKED, 1.0)
    passages = _passages(signals)
    found = np.asarray(sum(_contributions(signals, passages).values()))
    return np.asarray(shares / (1.0 + np.exp((MIDDLE - found - _answerable(signals, found, passages)) / SLOPE)))


def answerable(signals: Signals, found: Floats) -> float:
    """What speaks for there being an answer, the same for all candidates: it changes no order.

    How near the nearest is, and how much of the query is unmet; and that the best has much to say speaks for it alone,
    and how long it is against it alone, so these are taken off again.
    """
    return _answerable(signals, found, _passages(signals))


def _answerable(signals: Signals, found: Floats, passages: _Passages) -> float:
    if not len(found):
        return 0.0
    known = signals.context_vector is not None
    near = float(_cosines(signals.context_vector, signals).max()) if known else NEAR_BY_WORDS
    lacking = WEIGHTS["unmet" if signals.is_question else "unmet_by_words"] * max(signals.unmet - UNMET_USUAL, 0.0)
    best = np.flatnonzero(found >= found.max() - TIE)
    its_own = float((_substance(signals)[best] + WEIGHTS["chance"] * passages.chance(best)).max())
    return WEIGHTS["nearest"] * (near - NEAR_COSINE) + lacking - its_own


def unmet(cosine: float, share: float, cosines: Floats, without: Floats | None) -> float:
    """How much of a query is asked for in words that occur nowhere, 0 to 1.

    `cosine` is that of their meaning with the whole query's, `share` theirs of the summed idf; together they tell
    "cloud" from "exactly". `cosines` are those of the candidates with the query, `without` those with its other words,
    None if there are none that say anything.
    """
    others = USUAL_COSINE if without is None else float(_or_usual(without).max(initial=0.0))
    nearer = float(_or_usual(cosines).max(initial=0.0)) - others
    asked_for = max(cosine, 0.0) * math.sqrt(max(share, 0.0))
    return max(asked_for - NEARER_UNMET * max(nearer, 0.0), 0.0)


def telling_share(memories: int) -> float:
    """How much it tells among so many memories how often a word occurs, 0 to 1: of a few, most words are absent."""
    return memories**2 / (memories**2 + FEW_MEMORIES**2)


def evidence(signals: Signals) -> Floats:
    """The sum of all evidence for each candidate."""
    return np.asarray(sum(contributions(signals).values()))


def contributions(signals: Signals) -> Mapping[str, Floats]:
    """What each kind of evidence adds to the sum, for each candidate."""
    return _contributions(signals, _passages(signals))


def _contributions(signals: Signals, passages: _Passages) -> Mapping[str, Floats]:
    vector, context_vector = _cosines(signals.vector, signals), _cosines(signals.context_vector, signals)
    own = WEIGHTS["words"] * signals.words + WEIGHTS["vector"] * vector + WEIGHTS["context_vector"] * context_vector
    # A memory of no session is a session by itself.
    measured: Mapping[str, Floats] = {
        "words": signals.words,
        "vector": vector,
        "context_vector": context_vector,
        "answers": signals.answers * _with_none(own).take(signals.before),
        "passage": signals.term_shares @ passages.holds,
        "chance": passages.chance(),
        "session_words": np.where(signals.in_session, signals.session_words, signals.words),
        "session_vector": np.where(signals.in_session, _cosines(signals.session_vector, signals), vector),
        "asks": signals.asks.astype(np.float64),
        "speaker": signals.by_named_speaker.astype(np.float64),
        "substance": signals.length / (signals.length + SUBSTANCE_TERMS),
        "date": _nearness(signals),
        "outside": _distance(signals),
        "project": signals.in_named_project.astype(np.float64),
    }
    return {name: np.asarray(WEIGHTS[name] * value) for name, value in measured.items()}


def _substance(signals: Signals) -> Floats:
    return np.asarray(WEIGHTS["substance"] * signals.length / (signals.length + SUBSTANCE_TERMS))


def _cosines(known: Floats | None, signals: Signals) -> Floats:
    """The known cosines, and the usual one where none is known."""
    return np.full(len(signals.words), USUAL_COSINE) if known is None else _or_usual(known)


def _or_usual(cosines: Floats) -> Floats:
    """The usual cosine in place of what is not known."""
    return np.where(np.isnan(cosines), USUAL_COSINE, cosines)


@dataclass(frozen=True, slots=True)
class _Passages:
    """What each candidate forms with its neighbours: which terms it `holds`, one row a term, and how long it is, as a
    multiple of a usual candidate. `lacking` has for each term the logarithm of how often a candidate is without it."""

    holds: Mask
    length: Floats
    lacking: Floats
    term_shares: Floats

    def chance(self, places: Places | slice = slice(None)) -> Floats:
        """The share of the terms, by idf, that each would have by chance: that a passage of so many words would have
        if the terms were spread evenly over all candidates; less where these are too few to tell."""
        if not self.holds.size:
            return np.zeros(len(self.length))[places]
        by_chance = self.term_shares @ -np.expm1(np.outer(self.lacking, self.length[places]))
        return np.asarray(telling_share(len(self.length)) * by_chance)


def _passages(signals: Signals) -> _Passages:
    holds, length = signals.holds, signals.length
    its_holds, its_length = _with_none(holds), _with_none(length)
    for places in _around(signals):
        holds = holds | its_holds.take(places, axis=1)
        length = length + its_length.take(places)
    usual = max(float(signals.length.mean()), 1.0) if len(length) else 1.0
    often = np.minimum(signals.holds.mean(axis=1), OFTEN_MAX) if signals.holds.size else np.zeros(len(holds))
    return _Passages(holds, length / usual, np.log1p(-often), signals.term_shares)


def _around(signals: Signals) -> Iterator[Places]:
    """The places of each of the neighbours that form a passage with a candidate; -1 where there is none."""
    for beside in (signals.before, signals.after):
        reached, further = beside, np.append(beside, -1)
        for _ in range(PASSAGE_REACH):
            yield reached
            reached = further[reached]


def _nearness(signals: Signals) -> Floats:
    """1 for memories from a date in the query, a day before or after, falling to 0 with distance."""
    nearness = np.zeros(len(signals.timestamp_s))
    if not signals.dates or not len(nearness):
        return nearness
    days = signals.timestamp_s / _day_s + _day_0
    latest = date.fromordinal(int(days.max())).year
    years = range(max(date.fromordinal(max(int(days.min()), 1)).year, latest - YEARS_MAX), latest + 1)
    for span in signals.dates:
        for first, last in span.occurrences(years):
            away = np.maximum(first.toordinal() - days, days - last.toordinal() - 1) - 1
            nearness = np.maximum(nearness, 1 - np.maximum(away, 0) / DATE_REACH_DAYS)
    return nearness


def _distance(signals: Signals) -> Floats:
    """0 for memories from the query's period, rising to 1 with the distance in time."""
    if signals.period is None:
        return np.zeros(len(signals.timestamp_s))
    since_s, until_s = signals.period
    away_s = np.maximum(np.maximum(since_s - signals.timestamp_s, signals.timestamp_s - until_s), 0.0)
    return np.asarray(np.where(away_s > 0, np.clip(0.5 + away_s / PERIOD_REACH_S / 2, 0.5, 1.0), 0.0))


def _with_none(values: NDArray[Any]) -> NDArray[Any]:
    """The values with a 0 after the last along the last axis, which is what `take` finds at place -1."""
    padded = np.zeros((*values.shape[:-1], values.shape[-1] + 1), values.dtype)
    padded[..., :-1] = values
    return padded


def age_factors(signals: Signals, now_s: float) -> Floats:
    """What each score is multiplied by for its age: by 1, where the query says of when."""
    if signals.period is not None:
        return np.ones(len(signals.timestamp_s))
    return decay(now_s - signals.timestamp_s)


def decay(age_s: Floats) -> Floats:
    """1 for new memories, falling by half-lives to the floor; future ones count as new."""
    halvings = np.maximum(age_s, 0.0) / (HALF_LIFE_DAYS * _day_s)
    return np.asarray(FLOOR + (1.0 - FLOOR) * 0.5**halvings)
