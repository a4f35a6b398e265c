"""The labels that filters use, by slot: kind, role, tags, files, kind of turn, and whether the text has code."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.memory.domain.queries import ContentType, Filter
from services.memory.index.contents import part, under
from services.memory.index.slots.growable_arrays import Codes, Column, Names, Slots
from services.memory.index.slots.named_slots import NamedSlots
from services.memory.text.file_mentions import names_same_file, paths_max, plain_path

Mask = NDArray[np.bool_]
ByWords: TypeAlias = Callable[[str, Slots], Slots]


@dataclass(frozen=True, slots=True)
class Label:
    """The labels of one memory; `files` are plain paths."""

    kind: str = ""
    role: str = ""
    tags: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    has_code: bool = False
    turn_kind: str = ""

    @property
    def has_more_files(self) -> bool:
        """Whether its text may mention files that are not in `files`."""
        return len(self.files) >= paths_max


class Labels:
    """Grows by `append`, slot by slot."""

    def __init__(self) -> None:
        self._kinds, self._roles, self._turn_kinds = Codes(), Codes(), Codes()
        self._kind, self._role, self._has_code = Column(np.int8), Column(np.int32), Column(np.bool_)
        self._has_more_files, self._turn_kind = Column(np.bool_), Column(np.int8)
        self._tagged, self._naming = NamedSlots(), NamedSlots()
        self._files: defaultdict[str, list[str]] = defaultdict(list)  # whole paths by the file's own name

    def append(self, labels: Sequence[Label]) -> None:
        """Adds the labels of each new slot."""
        first = len(self._kind.rows)
        self._kind.append(np.asarray([self._kinds.of(each.kind) for each in labels], np.int8))
        self._role.append(np.asarray([self._roles.of(each.role.casefold()) for each in labels], np.int32))
        self._has_code.append(np.asarray([each.has_code for each in labels], np.bool_))
        self._has_more_files.append(np.asarray([each.has_more_files for each in labels], np.bool_))
        self._turn_kind.append(self._turn_codes(labels))
        slots = range(first, first + len(labels))
        tags = [dict.fromkeys(tag.casefold() for tag in label.tags) for label in labels]
        self._tagged.add([(tag, slot) for slot, its in zip(slots, tags, strict=True) for tag in its])
        self._add_files(slots, labels)

    def read(self, slots: Slots, labels: Sequence[Label]) -> None:
        """Completes memories that were added without their text."""
        self._has_code.rows[slots] = [each.has_code for each in labels]
        self._has_more_files.rows[slots] = [each.has_more_files for each in labels]
        self._turn_kind.rows[slots] = self._turn_codes(labels)
        self._add_files(slots.tolist(), labels)

    def _turn_codes(self, labels: Sequence[Label]) -> NDArray[np.int8]:
        return np.asarray([self._turn_kinds.of(each.turn_kind) for each in labels], np.int8)

    def _add_files(self, slots: Sequence[int], labels: Sequence[Label]) -> None:
        named = [(path, slot) for slot, label in zip(slots, labels, strict=True) for path in label.files]
        for path in self._naming.add(named):
            self._files[_own_name(path)].append(path)

    def matching(self, asked: Filter, slots: Slots, by_words: ByWords) -> Slots:
        """Those of `slots` that meet every given condition on kind, role, what a turn is, tags, code and files.

        `by_words` returns the slots whose text has all words of a path, for memories with too many files to store.
        """
        kept = np.ones(len(slots), np.bool_)
        if asked.content_type is ContentType.CODE:
            kept &= self._has_code.rows[slots]
        elif asked.content_type:
            kept &= self._kind.rows[slots] == self._kinds.find(asked.content_type)
        if asked.role:
            kept &= self.have_role(asked.role, slots)
        if asked.turn_kind:
            kept &= self._turn_kind.rows[slots] == self._turn_kinds.find(asked.turn_kind)
        for tag in asked.tags:
            kept &= self._among(slots, self._tagged.of([tag.casefold()]))
        if asked.file_path:
            path = plain_path(asked.file_path)
            more = slots[self._has_more_files.rows[slots]]
            kept &= self._of_file(slots, path) | np.isin(slots, by_words(path, more) if len(more) else more)
        return slots[kept]

    def have_role(self, role: str, slots: Slots) -> Mask:
        """Which of `slots` were said in that role."""
        return np.asarray(self._role.rows[slots] == self._roles.find(role.casefold()))

    def replies(self, slots: Slots, before: Slots) -> Mask:
        """Which of `slots` an assistant said right after a user; `before` is what stands before each, or -1."""
        by_user = (before >= 0) & self.have_role("user", before) if len(slots) else before >= 0
        return np.asarray(by_user & self.have_role("assistant", slots))

    def content_types(self, slots: Slots) -> Mapping[str, int]:
        """How many of `slots` are of each kind, and how many have code in their text."""
        counts = np.bincount(self._kind.rows[slots], minlength=len(self._kinds)).tolist()
        kinds = {name: count for (name,), count in zip(self._kinds.names(), counts, strict=True)}
        return {**kinds, ContentType.CODE.value: int(np.count_nonzero(self._has_code.rows[slots]))}

    def frequent_tags(self, slots: Slots, most: int) -> Mapping[str, tuple[int, int]]:
        """The most frequent tags of `slots`, casefolded: how many have each, and the last one of these slots."""
        members = np.zeros(len(self._kind.rows), np.bool_)
        members[slots] = True
        counts, names = self._tagged.counts(members), list(self._tagged)
        frequent = [code for code in np.argsort(-counts, kind="stable")[:most].tolist() if counts[code]]
        latest = {code: next(self._tagged.of([names[code]])) for code in frequent}
        return {names[code]: (int(counts[code]), int(held[members[held]].max())) for code, held in latest.items()}

    def _of_file(self, slots: Slots, path: str) -> Mask:
        """Which of `slots` mention the file `path` or, if none of them does, a file in the directory `path`.

        Files mentioned by other memories, also other users', make no difference.
        """
        if not path:
            return np.zeros(len(slots), np.bool_)
        same = [each for each in self._files.get(_own_name(path), []) if names_same_file(each, path)]
        named = self._among(slots, self._naming.of(same))
        if named.any():
            return named
        return self._among(slots, self._naming.of(each for each in self._naming if f"/{path}/" in f"/{each}"))

    def _among(self, slots: Slots, held: Iterable[Slots]) -> Mask:
        """Which of `slots` are in any of `held`."""
        members = np.zeros(len(self._kind.rows), np.bool_)
        for each in held:
            members[each] = True
        return np.asarray(members[slots], np.bool_)

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """All columns, for a snapshot; copied."""
        arrays = {name: column.rows.copy() for name, column in self._columns().items()}
        for name, held in self._slot_lists().items():
            arrays |= under(f"{name}_", held.arrays())
        return arrays

    def names(self) -> Mapping[str, Names]:
        """The names behind the codes, for a snapshot."""
        named = {name: held.names() for name, held in self._slot_lists().items()}
        kinds = {"kinds": self._kinds.names(), "turn_kinds": self._turn_kinds.names()}
        return {**kinds, "roles": self._roles.names(), **named}

    def restore(self, arrays: Mapping[str, NDArray[Any]], names: Mapping[str, Names]) -> None:
        """Restores empty labels from a snapshot."""
        self._kinds.restore(names["kinds"])
        self._roles.restore(names["roles"])
        self._turn_kinds.restore(names["turn_kinds"])
        for name, column in self._columns().items():
            column.append(arrays[name])
        for name, held in self._slot_lists().items():
            held.restore(part(f"{name}_", arrays), names[name])
        for path in self._naming:
            self._files[_own_name(path)].append(path)

    def _columns(self) -> Mapping[str, Column]:
        columns = {"kind": self._kind, "role": self._role, "has_code": self._has_code}
        return {**columns, "has_more_files": self._has_more_files, "turn_kind": self._turn_kind}

    def _slot_lists(self) -> Mapping[str, NamedSlots]:
        return {"tagged": self._tagged, "naming": self._naming}


def _own_name(path: str) -> str:
    return path.rsplit("/", 1)[-1]
