"""Prunes removed memories from the index: living slots move together, and unused names are dropped.

Works on a copy of the contents, so searches continue meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.memory.index.contents import Contents
from services.memory.index.slots.growable_arrays import Names

Array = NDArray[Any]
_coded = {
    "catalogue.user": "catalogue.users",
    "catalogue.project": "catalogue.projects",
    "catalogue.session": "catalogue.sessions",
    "catalogue.speaker": "catalogue.speakers",
    "labels.kind": "labels.kinds",
    "labels.role": "labels.roles",
    "labels.turn_kind": "labels.turn_kinds",
}
"""Columns of codes, and the names behind them."""
_neighbours = ("catalogue.before", "catalogue.after")
_held = ("labels.tagged", "labels.naming")
_vectors = ("content.", "context.")


def without_removed(contents: Contents) -> Contents:
    """The contents with living memories only."""
    return contents if contents.arrays["catalogue.alive"].all() else _Shrinking(contents).result()


class _Shrinking:
    def __init__(self, contents: Contents) -> None:
        self._arrays, self._names = contents.arrays, contents.names
        self._alive: NDArray[np.bool_] = self._arrays["catalogue.alive"]
        self._kept = np.flatnonzero(self._alive)
        self._moved = np.full(len(self._alive), -1, np.int64)
        self._moved[self._kept] = np.arange(len(self._kept))

    def result(self) -> Contents:
        coded, names = self._recode()
        arrays: dict[str, Array] = {**self._columns(), **coded, **self._sessions()}
        for prefix in _vectors:
            arrays |= self._blocks(prefix)
        for name in _held:
            names[name], arrays[f"{name}_codes"], arrays[f"{name}_slots"] = self._remaining_names(name)
        return Contents({**arrays, **self._chunks(), **self._postings()}, names)

    def _columns(self) -> Mapping[str, Array]:
        """The columns of one value per slot; neighbours are themselves slots, so they are renumbered."""
        kept = (
            "catalogue.",
            "signs.",
            "labels.kind",
            "labels.role",
            "labels.has_code",
            "labels.has_more_files",
            "labels.turn_kind",
            "words.lengths",
        )
        arrays = {name: array[self._kept] for name, array in self._arrays.items() if name.startswith(kept)}
        for name in _neighbours:
            arrays[name] = self._at(arrays[name]).astype(arrays[name].dtype)
        return arrays

    def _chunks(self) -> Mapping[str, Array]:
        """The chunks of living memories; a removed one's are dropped with it, so there are no others."""
        arrays = {name: self._arrays[name] for name in ("chunks.slots", "chunks.numbers", "chunks.vectors")}
        kept = self._alive[arrays["chunks.slots"]]
        rows = {name: array[kept] for name, array in arrays.items()}
        return {**rows, "chunks.slots": self._moved[rows["chunks.slots"]].astype(arrays["chunks.slots"].dtype)}

    def _at(self, slots: Array) -> NDArray[np.int64]:
        """The new numbers of the slots; -1 stays."""
        return np.where(slots >= 0, self._moved[slots], -1)

    def _recode(self) -> tuple[dict[str, Array], dict[str, Names]]:
        arrays: dict[str, Array] = {}
        names: dict[str, Names] = {}
        for column, named in _coded.items():
            used, codes = self._used_numbers(column)
            names[named] = [self._names[named][code] for code in used.tolist()]
            arrays[column] = codes.astype(self._arrays[column].dtype)
        return arrays, names

    def _used_numbers(self, column: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The codes in use, ascending, and each slot's position among them; -1 stays."""
        values = self._arrays[column][self._kept].astype(np.int64)
        used = np.unique(values[values >= 0])
        return used, np.where(values >= 0, np.searchsorted(used, values), -1)

    def _sessions(self) -> Mapping[str, Array]:
        used, _ = self._used_numbers("catalogue.session")
        sums = self._arrays["sessions"]
        shrunk = np.zeros((len(used), sums.shape[1]), sums.dtype)
        summed = used < len(sums)
        shrunk[summed] = sums[used[summed]]
        return {"sessions": shrunk}

    def _blocks(self, prefix: str) -> Mapping[str, Array]:
        arrays: dict[str, Array] = {}
        begin = 0
        for number in count():
            block = self._arrays.get(f"{prefix}{number}")
            if block is None:
                return arrays
            arrays[f"{prefix}{number}"] = block[self._alive[begin : begin + len(block)]]
            begin += len(block)
        raise AssertionError("unreachable")

    def _remaining_names(self, name: str) -> tuple[Names, Array, Array]:
        """The remaining names, and the new code and slot of every pair."""
        codes, slots = self._arrays[f"{name}_codes"], self._arrays[f"{name}_slots"]
        alive = self._alive[slots]
        used, places = np.unique(codes[alive], return_inverse=True)
        names = [self._names[name][code] for code in used.tolist()]
        return names, places.astype(codes.dtype), self._moved[slots[alive]].astype(slots.dtype)

    def _postings(self) -> Mapping[str, Array]:
        arrays: dict[str, Array] = {}
        pieces = (f"words.{number}_" for number in count())
        kept = (f"words.{number}_" for number in count())
        for piece in pieces:
            if f"{piece}keys" not in self._arrays:
                return arrays
            shrunk = self._piece(piece)
            if len(shrunk["slots"]):
                place = next(kept)
                arrays |= {place + name: array for name, array in shrunk.items()}
        raise AssertionError("unreachable")

    def _piece(self, piece: str) -> Mapping[str, Array]:
        keys, begins, slots, counts = (self._arrays[piece + name] for name in ("keys", "begins", "slots", "counts"))
        alive = self._alive[slots]
        left = np.bincount(np.repeat(np.arange(len(keys)), np.diff(begins))[alive], minlength=len(keys))
        return {
            "keys": keys[left > 0],
            "begins": np.append(0, np.cumsum(left[left > 0])),
            "slots": self._moved[slots[alive]].astype(slots.dtype),
            "counts": counts[alive],
        }
