"""What filters ask of a memory, by slot: its kind, role, tags and files, and whether there is code in it."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.memory.index.columns import Codes, Column, Names, Slots
from services.memory.mentions import names_same_file, plain_path
from services.memory.queries import ContentType, Filter

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Label:
    """The labels of one memory; `files` are plain paths."""

    kind: str = ""
    role: str = ""
    tags: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    has_code: bool = False


class Labels:
    """Grows by `append`, slot by slot."""

    def __init__(self) -> None:
        self._kinds, self._roles = Codes(), Codes()
        self._kind, self._role, self._has_code = Column(np.int8), Column(np.int32), Column(np.bool_)
        self._tagged: defaultdict[str, array[int]] = defaultdict(lambda: array("I"))
        self._naming: defaultdict[str, array[int]] = defaultdict(lambda: array("I"))
        self._files: defaultdict[str, list[str]] = defaultdict(list)  # whole paths by the file's own name

    def append(self, labels: Sequence[Label]) -> None:
        """Adds the labels of each new slot."""
        first = len(self._kind.rows)
        self._kind.append(np.asarray([self._kinds.of(each.kind) for each in labels], np.int8))
        self._role.append(np.asarray([self._roles.of(each.role.casefold()) for each in labels], np.int32))
        self._has_code.append(np.asarray([each.has_code for each in labels], np.bool_))
        for slot, label in enumerate(labels, start=first):
            for tag in dict.fromkeys(tag.casefold() for tag in label.tags):
                self._tagged[tag].append(slot)
            for path in label.files:
                self._name(path, slot)

    def read(self, slots: Slots, labels: Sequence[Label]) -> None:
        """Sets what only the text says of memories that were added without it."""
        self._has_code.rows[slots] = [each.has_code for each in labels]
        for slot, label in zip(slots.tolist(), labels, strict=True):
            for path in label.files:
                self._name(path, slot)

    def _name(self, path: str, slot: int) -> None:
        if path not in self._naming:
            self._files[path.rsplit("/", 1)[-1]].append(path)
        self._naming[path].append(slot)

    def matching(self, asked: Filter, slots: Slots) -> Slots:
        """Those of `slots` that every condition on kind, role, tags, code and files holds for."""
        kept = np.ones(len(slots), np.bool_)
        if asked.content_type is ContentType.CODE:
            kept &= self._has_code.rows[slots]
        elif asked.content_type:
            kept &= self._kind.rows[slots] == self._kinds.known(asked.content_type)
        if asked.role:
            kept &= self._role.rows[slots] == self._roles.known(asked.role.casefold())
        for tag in asked.tags:
            kept &= self._among(slots, [self._tagged.get(tag.casefold())])
        if asked.file_path:
            kept &= self._among(slots, [self._naming[path] for path in self._same_file(plain_path(asked.file_path))])
        return slots[kept]

    def _same_file(self, path: str) -> list[str]:
        """The paths known here that mean the file, or that lie in the directory, `path`."""
        if not path:
            return []
        same = [each for each in self._files.get(path.rsplit("/", 1)[-1], []) if names_same_file(each, path)]
        return same or [each for each in self._naming if f"/{path}/" in f"/{each}"]

    def _among(self, slots: Slots, held: Iterable[array[int] | None]) -> Mask:
        """Which of `slots` are in any of `held`."""
        members = np.zeros(len(self._kind.rows), np.bool_)
        for each in held:
            if each:
                members[np.array(each, np.int64)] = True
        return np.asarray(members[slots], np.bool_)

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """All columns, for a snapshot; what is held by name as one array with the lengths beside it."""
        return {
            **{name: column.rows.copy() for name, column in self._columns().items()},
            **{f"{name}_{part}": array for name, held in self._held().items() for part, array in _packed(held).items()},
        }

    def names(self) -> Mapping[str, Names]:
        """The names behind the numbers, for a snapshot."""
        return {
            "kinds": self._kinds.names(),
            "roles": self._roles.names(),
            **{name: [list(held)] for name, held in self._held().items()},
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]], names: Mapping[str, Names]) -> None:
        """Empty labels become those of a snapshot."""
        self._kinds.restore(names["kinds"])
        self._roles.restore(names["roles"])
        for name, column in self._columns().items():
            column.append(arrays[name])
        for name, held in self._held().items():
            ends = np.cumsum(arrays[f"{name}_lengths"])
            for value, slots in zip(names[name][0], np.split(arrays[f"{name}_slots"], ends[:-1]), strict=False):
                held[value] = array("I", slots.astype(np.uint32).tobytes())
        for path in self._naming:
            self._files[path.rsplit("/", 1)[-1]].append(path)

    def _columns(self) -> Mapping[str, Column]:
        return {"kind": self._kind, "role": self._role, "has_code": self._has_code}

    def _held(self) -> Mapping[str, defaultdict[str, array[int]]]:
        return {"tagged": self._tagged, "naming": self._naming}


def _packed(held: Mapping[str, array[int]]) -> Mapping[str, NDArray[Any]]:
    together = np.concatenate([np.array(each, np.uint32) for each in held.values()] or [np.zeros(0, np.uint32)])
    return {"slots": together, "lengths": np.array([len(each) for each in held.values()], np.int64)}
