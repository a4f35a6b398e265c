"""The columns of every memory for filtering, neighbours and scoring, in memory, by slot.

A slot is a memory's row number in every part of the index: 0, 1, 2, … in the order of insertion.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.memory.domain.queries import Filter
from services.memory.index.sessions import Sessions
from services.memory.index.slots.growable_arrays import Codes, Column, Names, SlotMap, Slots

same_s = 1e-4
"""Times that differ by less are equal: the database stores microseconds, and a float cannot hold all of them."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A memory's values in the catalogue."""

    sequence: int
    user: str
    project: str
    session_id: str
    timestamp_s: float
    speaker: str = ""
    asks: bool = False
    wording: int = 0
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Timeline:
    """Memories in the order of time: their sequences, times, and neighbours in the session (-1 for none)."""

    sequence: NDArray[np.int64]
    timestamp_s: NDArray[np.float64]
    before: NDArray[np.int64]
    after: NDArray[np.int64]


class Catalogue:
    """Grows by `add`; a removed memory keeps its slot and is marked as not alive."""

    def __init__(self) -> None:
        self._users, self._projects, self._sessions, self._speakers = Codes(), Codes(), Codes(), Codes()
        self._columns = {
            "sequence": Column(np.int64),
            "user": Column(np.int32),
            "project": Column(np.int32),
            "session": Column(np.int32),
            "timestamp_s": Column(np.float64),
            "speaker": Column(np.int32),
            "asks": Column(np.bool_),
            "wording": Column(np.uint64),
            "before": Column(np.int32),
            "after": Column(np.int32),
            "alive": Column(np.bool_),
            "shared": Column(np.bool_),
        }
        self._in_sessions = Sessions()
        self._slots = SlotMap()

    def __len__(self) -> int:
        return len(self._columns["sequence"].rows)

    def column(self, name: str) -> NDArray[Any]:
        """One value a slot: sequence, user, project, session (-1 for none), timestamp_s, speaker, asks, wording,
        before and after (the neighbours' slots in the session, -1 for none), alive or shared."""
        return self._columns[name].rows

    def add(self, entries: Sequence[Entry]) -> Slots:
        """Adds the entries; returns their slots."""
        first = len(self)
        slots = np.arange(first, first + len(entries))
        sessions = [self._session(entry) for entry in entries]
        values: dict[str, Sequence[float]] = {
            "sequence": [entry.sequence for entry in entries],
            "user": [self._users.of(entry.user) for entry in entries],
            "project": [self._projects.of(entry.project) for entry in entries],
            "session": sessions,
            "timestamp_s": [entry.timestamp_s for entry in entries],
            "speaker": [self._speakers.of(entry.speaker) for entry in entries],
            "asks": [entry.asks for entry in entries],
            "wording": [entry.wording for entry in entries],
            "before": [-1] * len(entries),
            "after": [-1] * len(entries),
            "alive": [True] * len(entries),
            "shared": [entry.shared for entry in entries],
        }
        for name, column in self._columns.items():
            column.append(np.asarray(values[name], column.rows.dtype))
        self._slots.add(self.column("sequence")[first:], slots)
        for slot, session in zip(slots.tolist(), sessions, strict=True):
            if session >= 0:
                self._join_session(session, slot)
        return slots

    def _join_session(self, session: int, slot: int) -> None:
        before, after = self._in_sessions.add(session, slot, self.column("timestamp_s"))
        self._link(before, slot)
        self._link(slot, after)

    def _link(self, before: int, after: int) -> None:
        """Links two slots as neighbours in a session; -1 for none."""
        if before >= 0:
            self.column("after")[before] = after
        if after >= 0:
            self.column("before")[after] = before

    def _session(self, entry: Entry) -> int:
        return self._sessions.of(entry.user, entry.project, entry.session_id) if entry.session_id else -1

    def read(self, slots: Slots, entries: Sequence[Entry]) -> None:
        """Completes memories that were added without their text."""
        self.column("speaker")[slots] = [self._speakers.of(entry.speaker) for entry in entries]
        self.column("asks")[slots] = [entry.asks for entry in entries]
        self.column("wording")[slots] = [entry.wording for entry in entries]

    def remove(self, sequences: Iterable[int]) -> Slots:
        """Marks memories as removed; returns their slots."""
        slots = [slot for each in sequences if (slot := self._slots.remove(each)) is not None]
        self.column("alive")[slots] = False
        for slot in slots:
            self._leave_session(slot)
        return np.asarray(slots, np.int64)

    def _leave_session(self, slot: int) -> None:
        session = int(self.column("session")[slot])
        if session >= 0:
            self._link(int(self.column("before")[slot]), int(self.column("after")[slot]))
            self._in_sessions.remove(session, slot, self.column("timestamp_s"))

    def retime(self, sequence: int, said_s: float) -> None:
        """Sets when a memory was last said."""
        slot = self._slots.get(sequence)
        if slot is None:
            return
        self._leave_session(slot)
        self.column("timestamp_s")[slot] = said_s
        session = int(self.column("session")[slot])
        if session >= 0:
            self._join_session(session, slot)

    def stale_times(self, sequences: NDArray[np.int64], said_s: NDArray[np.float64]) -> Mapping[int, float]:
        """The living memories whose time differs from `said_s`, with the time given there."""
        alive = np.flatnonzero(self.column("alive"))
        known, known_s = self.column("sequence")[alive], self.column("timestamp_s")[alive]
        _, held, told = np.intersect1d(known, sequences, assume_unique=True, return_indices=True)
        other = np.abs(said_s[told] - known_s[held]) > same_s
        return dict(zip(known[held[other]].tolist(), said_s[told[other]].tolist(), strict=True))

    def slot(self, sequence: int) -> int | None:
        """A memory's slot, None if it is not alive."""
        return self._slots.get(sequence)

    @property
    def sessions(self) -> int:
        """The number of sessions; they are numbered from 0."""
        return len(self._sessions)

    def select(self, user: str, projects: Sequence[str] = (), first: int = 0) -> Slots:
        """The living slots that the user may read, their own and shared ones; only those in these projects if any are
        given, and only those from `first` on."""
        mine = self.column("user")[first:] == self._users.find(user)
        visible = self.column("alive")[first:] & (mine | self.column("shared")[first:])
        if projects:
            visible &= np.isin(self.column("project")[first:], [self._projects.find(project) for project in projects])
        return np.flatnonzero(visible) + first

    def of_projects(self, projects: Sequence[str], slots: Slots) -> NDArray[np.bool_]:
        """Which of `slots` belong to a project of one of these names."""
        codes = [code for project in projects if (code := self._projects.find(project)) >= 0]
        return np.isin(self.column("project")[slots], codes) if codes else np.zeros(len(slots), np.bool_)

    def project_names(self, slots: Slots) -> Mapping[str, int]:
        """How many of `slots` each project has."""
        counts = np.bincount(self.column("project")[slots], minlength=len(self._projects)).tolist()
        return {name: count for (name,), count in zip(self._projects.names(), counts, strict=True) if count}

    def by_time(self, slots: Slots) -> Slots:
        """`slots` in the order of time; those of one moment in the order of storing."""
        return slots[np.lexsort((self.column("sequence")[slots], self.column("timestamp_s")[slots]))]

    def timeline(self, slots: Slots) -> Timeline:
        """`slots` in the order of time."""
        ordered, sequence_of = self.by_time(slots), self.column("sequence")
        beside = [self.column(direction)[ordered] for direction in ("before", "after")]
        before, after = (np.where(each >= 0, sequence_of[each], -1) if len(each) else each for each in beside)
        return Timeline(sequence_of[ordered], self.column("timestamp_s")[ordered], before, after)

    def of_user(self, user: str, slots: Slots) -> NDArray[np.bool_]:
        """Which of `slots` belong to the user."""
        return np.asarray(self.column("user")[slots] == self._users.find(user))

    def share(self, sequence: int, shared: bool) -> None:
        """Sets whether others may read a living memory."""
        if (slot := self._slots.get(sequence)) is not None:
            self.column("shared")[slot] = shared

    def share_exactly(self, sequences: NDArray[np.int64]) -> int:
        """Shares exactly these; returns how many living memories were not shared before."""
        alive = np.flatnonzero(self.column("alive"))
        shared = np.isin(self.column("sequence")[alive], sequences)
        changed = int(np.count_nonzero(self.column("shared")[alive] != shared))
        self.column("shared")[alive] = shared
        return changed

    def matching(self, asked: Filter, slots: Slots) -> Slots:
        """Those of `slots` that meet every given condition on session and time."""
        if asked.session_id:
            named = enumerate(self._sessions.names())
            codes = [code for code, name in named if name[2] == asked.session_id]
            slots = slots[np.isin(self.column("session")[slots], codes)]
        said = self.column("timestamp_s")
        if asked.since:
            slots = slots[said[slots] >= asked.since.timestamp()]
        if asked.until:
            slots = slots[said[slots] < asked.until.timestamp()]
        return slots

    def around(self, slot: int, reach: int) -> tuple[list[int], list[int]]:
        """The slots of up to `reach` memories before and after, in the same session, both in the order of time."""
        return self._walk("before", slot, reach)[::-1], self._walk("after", slot, reach)

    def _walk(self, direction: str, slot: int, reach: int) -> list[int]:
        links, walked = self.column(direction), [slot]
        while len(walked) <= reach and (following := int(links[walked[-1]])) >= 0:
            walked.append(following)
        return walked[1:]

    def speakers(self, names: Iterable[str]) -> NDArray[np.int64]:
        """The codes of those of `names` that are speakers of any memory."""
        return np.asarray([code for name in names if (code := self._speakers.find(name)) >= 0], np.int64)

    def latest(self, user: str, project: str, session_id: str, before_s: float) -> int | None:
        """The slot of the session's last memory that is not later than `before_s`, or None."""
        session = self._sessions.find(user, project, session_id)
        return self._in_sessions.latest(session, before_s, self.column("timestamp_s")) if session >= 0 else None

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """All columns, for a snapshot; those that change in place are copied."""
        return {name: column.rows.copy() for name, column in self._columns.items()}

    def names(self) -> Mapping[str, Names]:
        """The names behind the codes, for a snapshot."""
        return {name: codes.names() for name, codes in self._codes().items()}

    def restore(self, arrays: Mapping[str, NDArray[Any]], names: Mapping[str, Names]) -> None:
        """Restores an empty catalogue from a snapshot."""
        for name, codes in self._codes().items():
            codes.restore(names[name])
        for name, column in self._columns.items():
            column.append(arrays[name])
        alive = np.flatnonzero(self.column("alive"))
        self._slots.add(self.column("sequence")[alive], alive)
        self._in_sessions.restore(alive, self.column("session"), self.column("timestamp_s"))

    def _codes(self) -> Mapping[str, Codes]:
        return {
            "users": self._users,
            "projects": self._projects,
            "sessions": self._sessions,
            "speakers": self._speakers,
        }
