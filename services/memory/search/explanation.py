"""Why a search finds what it finds: the evidence of each result, and why a memory is not among them."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.memory.domain.memories import Memory
from services.memory.domain.queries import Query, check_query
from services.memory.index.asked import Candidates
from services.memory.index.parts import depth
from services.memory.search.result_list import Ranking, ranking
from services.memory.search.scoring import MIDDLE, SLOPE, age_factors, answerable, contributions, evidence, rank
from services.memory.search.search import Searching

ANSWERABLE = "answerable"
"""What speaks for there being an answer at all: the same for all results."""
BESIDE = "beside"
"""What the place of a reply beside the turn that it answers adds, or that of what replaces another beside it."""
least_share = 1e-6


@dataclass(frozen=True, slots=True)
class Explained:
    """A memory with its score and what each kind of evidence adds to the sum; `age` is the factor for its age."""

    memory: Memory
    score: float
    evidence: Mapping[str, float]
    age: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """The results, best first; `terms` are what was looked for by words. Of a memory that was named: its evidence, if
    it was considered, and in a sentence where it is, or why it is not among the results.

    A sum of `middle` is a score of one half; `slope` more multiplies the odds by e.
    """

    results: Sequence[Explained]
    terms: Sequence[str]
    by_meaning: bool
    named: Explained | None = None
    whereabouts: str = ""
    middle: float = MIDDLE
    slope: float = SLOPE


async def explain(searching: Searching, user: str, query: Query, id: str) -> Explanation:
    """Explains the query's results, and what became of the memory with this id, unless it is empty.

    Raises NotFound if the user may read no such memory.
    """
    query = check_query(query)
    named = (await searching.get(user, id, 0)).memory if id else None
    projects = await searching.linking.search_scope(user, query.project, related=query.include_related_projects)
    asked = await searching.question(user, projects, query)
    if asked is None:
        return Explanation((), (), by_meaning=False, whereabouts="The query has no subject: all of then is listed.")
    candidates, scores = await searching.candidates(user, projects, query, asked)
    made = await searching.in_form(user, query, ranking(candidates, scores, query))
    if query.asks_newest and len(made):
        made = await searching.newest_of(user, projects, query, asked, made)
    shown = made.sequences[: min(query.limit, len(made))]
    sequence = await searching.store.find(user, id) if id else None
    sequence = await searching.store.find_shared(id) if id and sequence is None else sequence
    stored = await searching.store.visible(user, shown)
    evidence_of = _Evidence(candidates, scores)
    known = evidence_of.places
    return Explanation(
        results=[evidence_of.account(each, stored[each]) for each in shown if each in stored and each in known],
        terms=asked.terms,
        by_meaning=asked.vector is not None,
        named=evidence_of.account(sequence, named) if named and sequence in known else None,
        whereabouts=_whereabouts(named, sequence, query, projects, made, evidence_of) if named else "",
    )


class _Evidence:
    """The evidence of candidates, by their sequence."""

    def __init__(self, candidates: Candidates, scores: NDArray[np.float64]) -> None:
        signals = candidates.signals
        self.places = {int(each): place for place, each in enumerate(candidates.sequence)}
        self.scores = scores
        self._of_each = contributions(signals)
        self._of_all = answerable(signals, evidence(signals))
        now_s = time.time()
        self._ages, self._alone = age_factors(signals, now_s), rank(signals, now_s)

    def account(self, sequence: int, memory: Memory) -> Explained:
        """Of a candidate; kinds of evidence that add nothing are left out."""
        place = self.places[sequence]
        parts = {name: round(float(values[place]), 2) for name, values in self._of_each.items()}
        parts[ANSWERABLE] = round(self._of_all, 2)
        parts[BESIDE] = round(SLOPE * (self._log_odds(self.scores, place) - self._log_odds(self._alone, place)), 2)
        largest = sorted(parts.items(), key=lambda each: -abs(each[1]))
        told = {name: value for name, value in largest if value}
        return Explained(memory, round(float(self.scores[place]), 4), told, round(float(self._ages[place]), 3))

    def _log_odds(self, scores: NDArray[np.float64], place: int) -> float:
        """Those of the score without its age, where that is no more than nearly sure."""
        share = min(max(float(scores[place] / self._ages[place]), least_share), 1 - least_share)
        return math.log(share / (1 - share))


def _whereabouts(
    memory: Memory, sequence: int | None, query: Query, projects: Sequence[str], made: Ranking, found: _Evidence
) -> str:
    if projects and memory.project not in projects:
        return f"It is in the project {memory.project}, which is not searched."
    if sequence not in found.places:
        return f"It is not considered: it passes no filter, or {depth} others are nearer by each kind of evidence."
    return _place(sequence, query, made)


def _place(sequence: int, query: Query, made: Ranking) -> str:
    """Where a candidate is among the results, or why it is not."""
    order = made.sequences
    if sequence in order[: len(made)]:
        number = order.index(sequence) + 1
        return f"It is number {number}" + ("." if number <= query.limit else f", and {query.limit} are shown.")
    if sequence in order:
        return "It says the same in the same words as a result, and is folded under it."
    if len(made):
        return f"It scores less than {query.least_score:g}, the least that is shown."
    if made.nearest_score < query.least_best_score:
        return f"Nothing is shown, as the best scores less than {query.least_best_score:g}."
    return "Nothing is shown: the query asks for what has a form, such as a version, and nothing found has it."
