"""The parts of the index by slot: catalogue, words, labels and vectors. One thread changes and searches them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from operator import itemgetter
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.memory.domain.queries import EVERYTHING, Author, Filter
from services.memory.domain.rows import Embedded
from services.memory.index.asked import Asked, Candidates
from services.memory.index.catalogue import Catalogue, Timeline
from services.memory.index.contents import Contents, part, under
from services.memory.index.entries import NewEntry
from services.memory.index.facet_counts import FacetCounts, facet_counts, holding
from services.memory.index.inverted_index import Matches, Words
from services.memory.index.labels import Labels
from services.memory.index.newest_vectors import AtMost, NewestVectors, newest_vectors
from services.memory.index.postings import meant_keys, term_key
from services.memory.index.slots.growable_arrays import Slots
from services.memory.index.slots.places import Places, distinct
from services.memory.index.slots.selection import Measures, Selection, Selections
from services.memory.index.vectors.embeddings import Embeddings
from services.memory.index.vectors.session_vectors import SessionVectors
from services.memory.search.scoring import MATCHING_COSINE, MATCHING_SHARE, Signals, telling_share, unmet
from services.memory.search.voids import NO_VOIDS, Voids, with_same_words
from services.memory.text.terms import terms

depth = 100
"""Candidates taken by each signal; an answer ranked lower by all of them is not found."""
reach = 1
"""Neighbours on each side in the session that become candidates, too."""
misspelt_max = 4
"""Words that are looked for under other spellings: half a millisecond each."""
compared_at_once = 65_536
"""Memories whose words and vectors are compared in one go, where all are."""

Around: TypeAlias = tuple[list[int], list[int]]
Known: TypeAlias = tuple[Signals, NDArray[np.int16]]
Counts: TypeAlias = tuple[int, int]
"""How many there are of what was looked for, and how many have all terms."""


class Parts:
    """Empty at first. A removed memory keeps its slot and is marked as not alive; `dead` counts those."""

    def __init__(self, dimensions: int) -> None:
        self._catalogue = Catalogue()
        self._words = Words()
        self._labels = Labels()
        self._embeddings = Embeddings(dimensions)
        self._session_vectors = SessionVectors(dimensions)
        self._selections = Selections(self._catalogue.select, self._measures)
        self.dead = 0
        self.voids = NO_VOIDS

    def __len__(self) -> int:
        return len(self._catalogue) - self.dead

    # --- changes: each returns how many memories it changed -----------------------------------------

    def add(self, entries: Sequence[NewEntry]) -> int:
        """Adds those not indexed yet, in new slots."""
        new = {each.entry.sequence: each for each in entries}
        fresh = [each for sequence, each in new.items() if self._catalogue.slot(sequence) is None]
        slots = self._catalogue.add([each.entry for each in fresh])
        self._words.append([each.document for each in fresh])
        self._labels.append([each.label for each in fresh])
        self._embeddings.append(slots, fresh)
        self._session_vectors.add(self._numbers("session", slots), self._embeddings.contents(slots))
        return len(fresh)

    def read(self, entries: Sequence[NewEntry]) -> int:
        """Completes memories that were added without their text, in the order of their addition."""
        known = [(slot, each) for each in entries if (slot := self._catalogue.slot(each.entry.sequence)) is not None]
        slots = np.asarray([slot for slot, _ in known], np.int64)
        self._catalogue.read(slots, [each.entry for _, each in known])
        self._labels.read(slots, [each.label for _, each in known])
        self._words.fill(slots, [each.document for _, each in known])
        return self._invalidate(len(known))

    def embed(self, embedded: Sequence[Embedded]) -> int:
        """Sets the vectors of indexed memories."""
        latest = {slot: each for each in embedded if (slot := self._catalogue.slot(each.sequence)) is not None}
        known = sorted(latest.items(), key=itemgetter(0))
        slots = np.asarray([slot for slot, _ in known], np.int64)
        self._session_vectors.remove(self._numbers("session", slots), self._embeddings.contents(slots))
        self._embeddings.put(slots, [each for _, each in known])
        self._session_vectors.add(self._numbers("session", slots), self._embeddings.contents(slots))
        return self._invalidate(len(known))

    def remove(self, sequences: Iterable[int]) -> int:
        """Marks indexed memories as removed."""
        slots = np.sort(self._catalogue.remove(sequences))
        self._session_vectors.remove(self._numbers("session", slots), self._embeddings.contents(slots))
        self._embeddings.drop_chunks(slots)
        self.dead += len(slots)
        return self._invalidate(len(slots))

    def retime(self, said_s: Mapping[int, float]) -> int:
        """Sets when indexed memories were last said (seconds since 1970), by sequence."""
        for sequence, at_s in said_s.items():
            self._catalogue.retime(sequence, at_s)
        return self._invalidate(len(said_s))

    def share(self, sequence: int, shared: bool) -> int:
        """Sets whether others can find a memory."""
        self._catalogue.share(sequence, shared)
        return self._invalidate(1)

    def share_exactly(self, sequences: NDArray[np.int64]) -> int:
        """Makes exactly these memories visible to others."""
        return self._invalidate(self._catalogue.share_exactly(sequences))

    def set_voids(self, voids: Voids) -> int:
        """Sets what is not in force."""
        self.voids = with_same_words(voids, self._catalogue)
        return self._invalidate(0)

    def _invalidate(self, count: int) -> int:
        self._selections.clear()
        return count

    # --- contents -----------------------------------------------------------------------------------

    def stale_times(self, sequences: NDArray[np.int64], said_s: NDArray[np.float64]) -> Mapping[int, float]:
        """The indexed memories whose time differs from `said_s`, with the time given there."""
        return self._catalogue.stale_times(sequences, said_s)

    def missing(self, sequences: Sequence[int]) -> list[int]:
        """Those of `sequences` that are not indexed."""
        return [each for each in sequences if self._catalogue.slot(each) is None]

    def held_sequences(self) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The indexed sequences, and which of them have vectors."""
        alive = np.flatnonzero(self._catalogue.column("alive"))
        return self._catalogue.column("sequence")[alive], self._embeddings.present(alive)

    def latest(self, user: str, project: str, session_id: str, before_s: float) -> int | None:
        """See MemoryIndex."""
        slot = self._catalogue.latest(user, project, session_id, before_s)
        return None if slot is None else self._sequence(slot)

    def around(self, sequence: int, count: int) -> Around:
        """See MemoryIndex."""
        slot = self._catalogue.slot(sequence)
        before, after = self._catalogue.around(slot, count) if slot is not None else ([], [])
        return [self._sequence(each) for each in before], [self._sequence(each) for each in after]

    def _sequence(self, slot: int) -> int:
        return int(self._catalogue.column("sequence")[slot])

    # --- searching --------------------------------------------------------------------------------

    def candidates(self, user: str, projects: Sequence[str], asked: Asked, only: Filter) -> Candidates:
        """The candidates: the best by words and by both vectors, and their neighbours in the session."""
        searched = self._selection(user, projects, only)
        matches = self._words.ask(asked.terms, searched)
        found = [matches.best(depth), *self._nearest(user, asked.vector, searched)]
        held = matches
        if asked.within:
            then = self._selection(user, projects, asked.within)
            held = self._words.ask(asked.terms, then)
            found += [held.best(depth), *self._nearest(user, asked.vector, then)]
        chosen = self._with_neighbours(found, searched)
        chosen = self._with_replacements(chosen, searched)
        known = self._signals(user, projects, asked, searched, matches, chosen)
        counts = len(searched), holding(self._catalogue, asked, held)
        return self._candidates(chosen, known, np.ones(len(chosen), np.bool_), counts)

    def newest(self, user: str, projects: Sequence[str], asked: Asked, only: Filter, most: int) -> Candidates:
        """The newest `most` of all that matches by words or by meaning, and their neighbours in the session."""
        searched = self._selection(user, projects, only)
        matches = self._words.ask(asked.terms, searched)
        matching = self._matching(asked, searched, matches)
        newest = self._catalogue.by_time(matching)[-most:]
        chosen = self._with_neighbours([newest], searched)
        known = self._signals(user, projects, asked, searched, matches, chosen)
        counts = len(matching), holding(self._catalogue, asked, matches)
        return self._candidates(chosen, known, np.isin(chosen, newest), counts)

    def timeline(self, user: str, projects: Sequence[str], only: Filter, author: Author) -> Timeline:
        """All that the filter passes, in the order of time."""
        slots = self._selection(user, projects, only).slots
        if author is not Author.ALL:
            slots = slots[self._catalogue.of_user(user, slots) == (author is Author.MINE)]
        return self._catalogue.timeline(slots)

    def newest_vectors(self, user: str, projects: Sequence[str], only: Filter, most: AtMost) -> NewestVectors:
        """Those of the user's own newest memories that the filter passes."""
        slots = self._selection(user, projects, only).slots
        return newest_vectors(self._catalogue, self._embeddings, slots[self._catalogue.of_user(user, slots)], most)

    def holds_any(self, user: str, projects: Sequence[str], only: Filter) -> bool:
        """Whether the filter passes anything."""
        return len(self._selection(user, projects, only)) > 0

    def projects_named(self, user: str, projects: Sequence[str], names: Sequence[str]) -> list[str]:
        """Those of `names` that are projects with memories among what is searched."""
        slots = self._selection(user, projects, EVERYTHING).slots
        return [name for name in names if self._catalogue.of_projects([name], slots).any()]

    def absent(self, user: str, projects: Sequence[str], terms: Sequence[str]) -> frozenset[str]:
        """Those of `terms` that occur nowhere in what is searched."""
        searched = self._selection(user, projects, EVERYTHING)
        keys = np.fromiter(map(term_key, terms), np.uint64)
        occurring = self._words.occurring(keys, searched)
        return frozenset(term for number, term in enumerate(terms) if number not in occurring)

    def misspellings(self, user: str, projects: Sequence[str], words: Sequence[str]) -> list[str]:
        """Those of `words` that are probably meant to be others, which occur in what is searched."""
        searched = self._selection(user, projects, EVERYTHING)
        return [word for word in words[:misspelt_max] if self._words.occurs(meant_keys(word), searched)]

    def matching(self, user: str, projects: Sequence[str], asked: Asked, only: Filter) -> NDArray[np.int64]:
        """The sequences of all that matches by words or by meaning."""
        searched = self._selection(user, projects, only)
        slots = self._matching(asked, searched, self._words.ask(asked.terms, searched))
        return np.asarray(self._catalogue.column("sequence")[slots], np.int64)

    def count(self, sequences: NDArray[np.int64]) -> FacetCounts:
        """What those are that are known."""
        column = self._catalogue.column
        known = np.flatnonzero(column("alive") & np.isin(column("sequence"), sequences))
        return facet_counts(self._catalogue, self._labels, known)

    def _matching(self, asked: Asked, searched: Selection, matches: Matches) -> Slots:
        """All that is searched in which most of what the query's words say stands, or that means alike; ascending."""
        firsts = range(0, len(searched), compared_at_once)
        parts = [searched.slots[first : first + compared_at_once] for first in firsts]
        return np.concatenate([searched.slots[:0], *(part[self._matches(asked, part, matches)] for part in parts)])

    def _matches(self, asked: Asked, slots: Slots, matches: Matches) -> NDArray[np.bool_]:
        holds = matches.shares(slots) > MATCHING_SHARE + 1e-6
        if asked.vector is None:
            return holds
        return holds | (self._embeddings.content_cosines(asked.vector, slots) >= MATCHING_COSINE)

    def _candidates(self, chosen: Slots, known: Known, answers: NDArray[np.bool_], counts: Counts) -> Candidates:
        column, (signals, chunk) = self._catalogue.column, known
        return Candidates(column("sequence")[chosen], column("wording")[chosen], signals, answers, *counts, chunk)

    def _signals(  # all that a search goes by
        self, user: str, projects: Sequence[str], asked: Asked, searched: Selection, matches: Matches, chosen: Slots
    ) -> Known:
        """What is known of the chosen, and the number of each one's nearest chunk, -1 for the beginning."""
        vector, context_vector, chunk = self._cosines(user, asked.vector, chosen)
        counts, sessions = matches.counts(chosen), self._numbers("session", chosen)
        sessions[~self._catalogue.of_user(user, chosen)] = -1  # the rest of another user's session may be private
        known, places = distinct(sessions, self._catalogue.sessions)
        before, after, column = self._numbers("before", chosen), self._numbers("after", chosen), self._catalogue.column
        chosen_places = Places(chosen, len(self._catalogue))
        return Signals(
            words=matches.scores(chosen, counts).astype(np.float64),
            session_words=matches.session_scores(known, column("session")).astype(np.float64)[places],
            vector=vector,
            context_vector=context_vector,
            session_vector=None if asked.vector is None else self._session_vectors.scores(asked.vector, known)[places],
            in_session=sessions >= 0,
            holds=counts > 0,
            term_shares=matches.term_shares,
            length=self._words.lengths[chosen].astype(np.int64),
            by_named_speaker=self._by_named_speaker(chosen, asked.words),
            asks=column("asks")[chosen],
            answers=self._answers(before, searched),
            replies=self._labels.replies(chosen, before),
            before=chosen_places.of(before),
            after=chosen_places.of(after),
            timestamp_s=column("timestamp_s")[chosen],
            linked=self._linked_mask(projects, chosen),
            in_named_project=self._catalogue.of_projects(asked.projects, chosen),
            dates=asked.dates,
            period=asked.within.period_s if asked.within else None,
            unmet=self._unmet(user, asked, matches, chosen, context_vector) * telling_share(len(searched)),
            is_question=asked.is_question,
        ), chunk

    def _unmet(
        self, user: str, asked: Asked, matches: Matches, chosen: Slots, cosines: NDArray[np.float64] | None
    ) -> float:
        """How much of what is asked for occurs nowhere; 0 where that is not known."""
        absent = asked.absent
        if absent is None or cosines is None:
            return 0.0
        share = sum(its for term, its in zip(asked.terms, matches.term_shares, strict=True) if term in absent.terms)
        without = None if absent.others is None else self._cosines(user, absent.others, chosen)[1]
        return unmet(absent.cosine, float(share), cosines, without)

    def knows(self, user: str, projects: Sequence[str]) -> bool:
        """Whether what the user has in the projects was searched since anything but an addition changed it."""
        return self._selections.hold(user, projects)

    def _selection(self, user: str, projects: Sequence[str], only: Filter) -> Selection:
        """The searched memories; without a filter they are kept until anything but an addition changes them."""
        if only == EVERYTHING:
            return self._selections.of(user, projects)
        slots = self._catalogue.select(user, projects)
        slots = self._labels.matching(only, self._catalogue.matching(only, slots), self._with_words_of)
        if only.in_force or only.out_of_force:
            holds = self.voids.hold(self._catalogue, slots)
            slots = slots[holds if not only.out_of_force else ~holds & (not only.in_force)]
        return self._selection_of(slots)

    def _selection_of(self, slots: Slots) -> Selection:
        return Selection(slots, *self._measures())

    def _measures(self) -> Measures:
        return self._words.lengths, self._catalogue.column("session"), self._catalogue.sessions

    def _with_words_of(self, path: str, slots: Slots) -> Slots:
        """Those of `slots` whose text contains all words of a path."""
        words = [word for name in path.split("/") for word in terms(name)]
        return (
            slots[self._words.ask(words, self._selection_of(slots)).counts(slots).all(axis=0)] if words else slots[:0]
        )

    def _nearest(self, user: str, query: NDArray[np.float32] | None, searched: Selection) -> list[Slots]:
        """The slots nearest to the query by either vector; other users' memories by content only."""
        if query is None:
            return []
        return self._embeddings.nearest(query, searched, partial(self._catalogue.of_user, user), depth)

    def _cosines(
        self, user: str, query: NDArray[np.float32] | None, chosen: Slots
    ) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None, NDArray[np.int16]]:
        """The cosines with the contents and with the contexts: of a long memory those of its nearest part."""
        if query is None:
            return None, None, np.full(len(chosen), -1, np.int16)
        return self._embeddings.cosines(query, chosen, partial(self._catalogue.of_user, user))

    def _with_neighbours(self, found: Sequence[Slots], searched: Selection) -> Slots:
        """The found slots and their searched neighbours; ascending."""
        chosen = np.concatenate(found)
        marked = np.zeros(len(self._catalogue), np.bool_)
        marked[chosen] = True
        for direction in ("before", "after"):
            neighbours = chosen
            for _ in range(reach):
                neighbours = self._numbers(direction, neighbours)
                neighbours = neighbours[neighbours >= 0]
                neighbours = neighbours[searched.holds(neighbours)]
                marked[neighbours] = True
        return np.flatnonzero(marked)

    def _with_replacements(self, chosen: Slots, searched: Selection) -> Slots:
        """The chosen slots, and what replaces them, if that is searched; ascending."""
        if not self.voids.of:
            return chosen
        by = self.voids.replacing(self._catalogue.column("sequence")[chosen])
        slots = np.asarray([slot for each in by if (slot := self._catalogue.slot(each)) is not None], np.int64)
        return np.union1d(chosen, slots[searched.holds(slots)]) if len(slots) else chosen

    def _linked_mask(self, projects: Sequence[str], chosen: Slots) -> NDArray[np.bool_]:
        """Which are of another project than the first of `projects`."""
        if len(projects) < 2:
            return np.zeros(len(chosen), np.bool_)
        return ~self._catalogue.of_projects(projects[:1], chosen)

    def _numbers(self, name: str, slots: Slots) -> NDArray[np.int64]:
        """The session of each of `slots`, or the slot directly before or after in it; -1 for none."""
        return self._catalogue.column(name)[slots].astype(np.int64)

    def _by_named_speaker(self, chosen: Slots, words: frozenset[str]) -> NDArray[np.bool_]:
        """Which were said by the speaker that the query names; none if it names several."""
        if not len(named := self._catalogue.speakers(words)):
            return np.zeros(len(chosen), np.bool_)
        speakers = self._catalogue.column("speaker")[chosen]
        present = [code for code in named if (speakers == code).any()]
        return np.asarray(speakers == present[0] if len(present) == 1 else np.zeros(len(chosen), np.bool_))

    def _answers(self, before: Slots, searched: Selection) -> NDArray[np.bool_]:
        """Which of `before`, each a slot or -1, are searched questions: what comes after one answers it."""
        if not len(before):
            return before >= 0
        return np.asarray((before >= 0) & self._catalogue.column("asks")[before] & searched.holds(before))

    def contents(self) -> Contents:
        """A copy of all parts; later changes do not show in it."""
        arrays = {**self._embeddings.arrays(), "sessions": self._session_vectors.sums.copy()}
        arrays |= under("catalogue.", self._catalogue.arrays()) | under("labels.", self._labels.arrays())
        arrays |= under("words.", self._words.arrays())
        names = under("catalogue.", self._catalogue.names()) | under("labels.", self._labels.names())
        return Contents(arrays, names)

    def restore(self, contents: Contents) -> None:
        """Restores empty parts from a snapshot."""
        arrays, names = contents.arrays, contents.names
        self._catalogue.restore(part("catalogue.", arrays), part("catalogue.", names))
        self._labels.restore(part("labels.", arrays), part("labels.", names))
        self._words.restore(part("words.", arrays))
        self._embeddings.restore(arrays)
        self._session_vectors.restore(arrays["sessions"])
        self.dead = len(self._catalogue) - int(np.count_nonzero(self._catalogue.column("alive")))
