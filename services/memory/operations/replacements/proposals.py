"""Lists decisions that newer ones may replace: both are in force, the user's own, and on the same subject.

The same measure as where a decision is stored (`same_subject.py`), by the vectors in the index, so that nothing is
embedded. It is bounded: in each project the newest are compared, and as many texts are read as a list needs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from services.memory.domain.memories import Memory
from services.memory.domain.queries import Filter
from services.memory.domain.store import MemoryStore
from services.memory.imports.decisions import DECISION
from services.memory.index.memory_index import MemoryIndex
from services.memory.index.newest_vectors import AtMost, NewestVectors
from services.memory.operations.replacements.kept_pairs import KeptPairs
from services.memory.operations.replacements.same_subject import (
    Words,
    alike_cosine,
    alike_max,
    is_alike,
    is_decision,
    likely_cosine,
    named_max,
    subject_terms,
)
from services.memory.search.force import mark

compared_max = AtMost(in_project=300, in_all=1_000)
likely_max = 25
"""Of a decision with more that are likely to be alike, none is proposed: these are a series, too."""
read_max = 400
"""Texts that are read for one list."""
piece_max = 10
"""Decisions whose texts are read at a time, with those that are likely to be alike."""
proposed_max = 10
Pairs = frozenset[tuple[int, int]]
Known = Mapping[int, Memory]


@dataclass(frozen=True, slots=True)
class Proposal:
    """The newer decision may replace the older one."""

    newer: Memory
    older: Memory


@dataclass(frozen=True, slots=True)
class Proposals:
    """The newest first; of how many decisions in force so many were compared; and whether there may be more pairs."""

    pairs: Sequence[Proposal]
    in_force: int
    compared: int
    more: bool


@dataclass(frozen=True, slots=True)
class Likely:
    """Older decisions that one is likely to be alike, with their cosines, the most likely first; by sequence."""

    newer: int
    older: Sequence[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class Proposing:
    """Looks among the user's own decisions that are in force."""

    store: MemoryStore
    index: MemoryIndex
    kept: KeptPairs

    async def proposals(self, user: str, project: str, limit: int = proposed_max) -> Proposals:
        """Of one project, or of all if it is empty."""
        only = Filter(tags=(DECISION,), in_force=True)
        newest = await self.index.newest_vectors(user, [project] if project else [], only, compared_max)
        settled = with_same_words(newest, await self.kept.sequences(user))
        likely = await asyncio.to_thread(lambda: list(likely_pairs(newest, settled)))
        most = min(limit, proposed_max)
        pairs, is_all = await self._alike(user, likely, settled, most)
        more = not is_all or len(pairs) > most
        return Proposals(pairs[:most], newest.total, len(newest.sequence), more)

    async def _alike(
        self, user: str, likely: Sequence[Likely], settled: Pairs, limit: int
    ) -> tuple[Sequence[Proposal], bool]:
        """The first pairs of which the texts say so, too, at least `limit`; and whether these are all."""
        known: dict[int, Memory] = {}
        read, found, words = set[int](), list[Proposal](), cache(subject_terms)
        for first in range(0, len(likely), piece_max):
            piece = likely[first : first + piece_max]
            wanted = {each for one in piece for each in (one.newer, *(older for older, _ in one.older))} - read
            if len(found) >= limit or len(read | wanted) > read_max:
                return _without_chains(found), False
            read |= wanted
            stored = await self.store.visible(user, sorted(wanted))
            known |= await mark(self.store, self.index.voids, user, stored)
            found += await asyncio.to_thread(_proposals_of, piece, known, settled, words)
        return _without_chains(found), True


def with_same_words(newest: NewestVectors, settled: Pairs) -> Pairs:
    """The pairs, and those of what says the same word for word later: it is settled by what was said of the earlier."""
    numbers = zip(newest.project.tolist(), newest.wording.tolist(), newest.sequence.tolist(), strict=True)
    said = {sequence: (project, wording) for project, wording, sequence in numbers if wording}
    last = {words: sequence for sequence, words in said.items()}
    latest = {sequence: last[words] for sequence, words in said.items()}
    return settled | {(latest.get(newer, newer), latest.get(older, older)) for newer, older in settled}


def likely_pairs(newest: NewestVectors, settled: Pairs) -> Iterator[Likely]:
    """What the vectors say, the newest first. What says the same word for word is one decision, said last."""
    last = _last_of_each_wording(newest)
    for place, older in sorted(_likely_places(newest, last), reverse=True):
        its = [(int(newest.sequence[each]), cosine) for each, cosine in older]
        newer = int(newest.sequence[place])
        is_series = len(its) > likely_max or sum(cosine >= alike_cosine for _, cosine in its) > alike_max
        if not is_series and any((newer, each) not in settled for each, _ in its):
            yield Likely(newer, its)


def _last_of_each_wording(newest: NewestVectors) -> NDArray[np.bool_]:
    seen, last = set[tuple[int, int]](), np.ones(len(newest.sequence), np.bool_)
    for place in range(len(last) - 1, -1, -1):
        said = (int(newest.project[place]), int(newest.wording[place]))
        last[place] = not said[1] or said not in seen
        seen.add(said)
    return last


def _likely_places(
    newest: NewestVectors, among: NDArray[np.bool_]
) -> Iterator[tuple[int, Sequence[tuple[int, float]]]]:
    """The place of each decision that has likely older ones of its project, and theirs with their cosines."""
    for project in np.unique(newest.project).tolist():
        places = np.flatnonzero(among & (newest.project == project))
        vectors = newest.vectors[places].astype(np.float32)
        cosines = np.tril(vectors @ vectors.T, -1)
        rows, older = np.nonzero(cosines >= likely_cosine)
        order = np.lexsort((-cosines[rows, older], rows))
        rows, older = rows[order], older[order]
        numbers = zip(places[older].tolist(), cosines[rows, older].tolist(), strict=True)
        for row, its in groupby(zip(places[rows].tolist(), numbers, strict=True), key=itemgetter(0)):
            yield row, [each for _, each in its]


def _proposals_of(piece: Sequence[Likely], known: Known, settled: Pairs, words: Words) -> list[Proposal]:
    found = []
    for each in piece:
        newer = known.get(each.newer)
        if newer is None or not _counts(newer):
            continue
        pairs = [(older, cosine, known[older]) for older, cosine in each.older if older in known]
        alike = [
            (older, memory)
            for older, cosine, memory in pairs
            if _counts(memory) and is_alike(cosine, memory.content, newer.content, words)
        ]
        named = alike[:named_max] if len(alike) <= alike_max else []
        found += [Proposal(newer, memory) for older, memory in named if (each.newer, older) not in settled]
    return found


def _counts(memory: Memory) -> bool:
    return not memory.author and not memory.out_of_force and is_decision(memory)


def _without_chains(proposals: Sequence[Proposal]) -> list[Proposal]:
    """Without what is proposed for a decision that may itself be replaced: that is asked first."""
    shown: list[Proposal] = []
    for each in proposals:
        if all(each.newer.id != other.older.id for other in shown):
            shown.append(each)
    return shown
