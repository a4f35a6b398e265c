"""The columns of every memory that filtering, neighbourhood and ranking need, in memory, by slot.

A slot is a memory's row number in every part of the index: 0, 1, 2, … in the order in which they came.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.memory.queries import Filter

Slots = NDArray[np.int64]


@dataclass(slots=True)
class Codes:
    """Small numbers for names that repeat."""

    _code: dict[tuple[str, ...], int] = field(default_factory=dict)

    def of(self, *name: str) -> int:
        """The number of `name`; a new one for a new name."""
        return self._code.setdefault(name, len(self._code))

    def known(self, *name: str) -> int:
        """The number of `name`, or -1."""
        return self._code.get(name, -1)

    def items(self) -> Iterable[tuple[tuple[str, ...], int]]:
        """Every name with its number."""
        return self._code.items()


class Column:
    """A numpy array that grows at its end."""

    def __init__(self, dtype: type[np.generic], width: int = 0) -> None:
        self._rows = np.zeros((0, width) if width else 0, dtype)
        self._length = 0

    def append(self, rows: NDArray[np.generic]) -> None:
        """Adds `rows` at the end."""
        needed = self._length + len(rows)
        if needed > len(self._rows):
            shape = (max(needed, len(self._rows) * 5 // 4, 1024), *self._rows.shape[1:])
            grown = np.zeros(shape, self._rows.dtype)
            grown[: self._length] = self._rows[: self._length]
            self._rows = grown
        self._rows[self._length : needed] = rows
        self._length = needed

    @property
    def rows(self) -> NDArray[Any]:
        """All rows; a view that later growth leaves behind."""
        return self._rows[: self._length]


@dataclass(frozen=True, slots=True)
class Entry:
    """What the catalogue keeps of a memory."""

    sequence: int
    user: str
    project: str
    session_id: str
    timestamp_s: float
    speaker: str = ""
    asks: bool = False
    likeness: int = 0


class Catalogue:
    """Grows by `add`; a removed memory keeps its slot and is alive no more."""

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
            "likeness": Column(np.uint64),
            "before": Column(np.int32),
            "after": Column(np.int32),
            "alive": Column(np.bool_),
        }
        self._slot: dict[int, int] = {}
        self._members: dict[int, list[tuple[float, int]]] = {}

    def __len__(self) -> int:
        return len(self._columns["sequence"].rows)

    def column(self, name: str) -> NDArray[Any]:
        """One value a slot: sequence, user, project, session (-1 for none), timestamp_s, speaker, asks, likeness,
        before and after (the neighbours' slots in the session, -1 for none) or alive."""
        return self._columns[name].rows

    def add(self, entries: Sequence[Entry]) -> Slots:
        """The slots of the new entries."""
        first = len(self)
        slots = np.arange(first, first + len(entries))
        sessions = [self._session(entry) for entry in entries]
        values: dict[str, Sequence[float]] = {
            "sequence": [entry.sequence for entry in entries],
            "user": [self._users.of(entry.user) for entry in entries],
            "project": [self._projects.of(entry.user, entry.project) for entry in entries],
            "session": sessions,
            "timestamp_s": [entry.timestamp_s for entry in entries],
            "speaker": [self._speakers.of(entry.speaker) for entry in entries],
            "asks": [entry.asks for entry in entries],
            "likeness": [entry.likeness for entry in entries],
            "before": [-1] * len(entries),
            "after": [-1] * len(entries),
            "alive": [True] * len(entries),
        }
        for name, column in self._columns.items():
            column.append(np.asarray(values[name], column.rows.dtype))
        for slot, session, entry in zip(slots.tolist(), sessions, entries, strict=True):
            self._slot[entry.sequence] = slot
            if session >= 0:
                self._join_session(self._members.setdefault(session, []), entry.timestamp_s, slot)
        return slots

    def _join_session(self, members: list[tuple[float, int]], timestamp_s: float, slot: int) -> None:
        place = bisect_left(members, (timestamp_s, slot))
        members.insert(place, (timestamp_s, slot))
        self._link(members[place - 1][1] if place else -1, slot)
        self._link(slot, members[place + 1][1] if place + 1 < len(members) else -1)

    def _link(self, before: int, after: int) -> None:
        """Makes two slots neighbours; -1 for nobody."""
        if before >= 0:
            self.column("after")[before] = after
        if after >= 0:
            self.column("before")[after] = before

    def _session(self, entry: Entry) -> int:
        return self._sessions.of(entry.user, entry.project, entry.session_id) if entry.session_id else -1

    def remove(self, sequences: Iterable[int]) -> Slots:
        """The slots that were alive until now."""
        slots = np.asarray([slot for each in sequences if (slot := self._slot.pop(each, None)) is not None], np.int64)
        self.column("alive")[slots] = False
        for slot in slots.tolist():
            self._leave_session(slot)
        return slots

    def _leave_session(self, slot: int) -> None:
        members = self._members.get(int(self.column("session")[slot]))
        if members is not None:
            members.remove((float(self.column("timestamp_s")[slot]), slot))
            self._link(int(self.column("before")[slot]), int(self.column("after")[slot]))

    def slot(self, sequence: int) -> int | None:
        """Where a memory is."""
        return self._slot.get(sequence)

    def select(self, user: str, projects: Sequence[str] = ()) -> Slots:
        """The slots of the user's memories that are alive; of these projects alone if any are given."""
        alive = self.column("alive")
        if not projects:
            return np.flatnonzero((self.column("user") == self._users.known(user)) & alive)
        codes = [self._projects.known(user, project) for project in projects]
        return np.flatnonzero(np.isin(self.column("project"), codes) & alive)

    def of_project(self, user: str, project: str, slots: Slots) -> NDArray[np.bool_]:
        """Which of `slots` belong to the project."""
        return np.asarray(self.column("project")[slots] == self._projects.known(user, project))

    def matching(self, asked: Filter, user: str, slots: Slots) -> Slots:
        """Those of `slots` that every condition on session and time holds for."""
        if asked.session_id:
            codes = [code for name, code in self._sessions.items() if (name[0], name[2]) == (user, asked.session_id)]
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
        """The codes of those of `names` that speak anywhere."""
        return np.asarray([code for name in names if (code := self._speakers.known(name)) >= 0], np.int64)

    def latest(self, user: str, project: str, session_id: str, before_s: float) -> int | None:
        """The slot of the session's last memory that is not later than `before_s`, or None."""
        members = self._members.get(self._sessions.known(user, project, session_id), [])
        place = bisect_left(members, (before_s, len(self)))
        return members[place - 1][1] if place else None
