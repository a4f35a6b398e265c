"""The Protocol of a store of memories."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from services.kit.events.outbox import Outbox
from services.memory.domain.corrections import Corrections
from services.memory.domain.deletion_log import Removal, Removing, Undoing, Undone
from services.memory.domain.memories import Chosen, Memory, Stats, Tally, Version
from services.memory.domain.project_links import Link
from services.memory.domain.retention_policy import Due, Rule, Standing
from services.memory.domain.rows import Embedded, Inserted, Loaded, Moved, NewRow, ProjectMove, Restated, Sequences


@dataclass(frozen=True, slots=True)
class Inventory:
    """All sequences, ascending, with flags for embeddings and sharing, and when each memory was last said."""

    sequences: Sequences
    embedded: NDArray[np.bool_]
    shared: NDArray[np.bool_]
    said_s: NDArray[np.float64]


class MemoryStore(Protocol):
    """A store of memories. Rows that `insert` returned survive a kill."""

    @property
    def troubles(self) -> Sequence[str]:
        """Problems found while opening: data that could not be read."""
        ...

    @property
    def outboxes(self) -> Sequence[Outbox]:
        """The events for other programs, one outbox for each database."""
        ...

    @property
    def insert_sees_all(self) -> bool:
        """Whether `insert` looks at all that is stored or was deleted, so that nobody has to `find_existing` first."""
        ...

    async def find_existing(self, rows: Sequence[NewRow]) -> dict[int, Inserted]:
        """The rows that are already stored, or were deleted, by position in `rows`."""
        ...

    async def insert(self, rows: Sequence[NewRow], model: str) -> list[Inserted]:
        """Stores `rows` in one transaction; not rows already stored, nor those that were deleted."""
        ...

    async def restate(self, rows: Sequence[NewRow], model: str) -> dict[int, Restated]:
        """Records that stored memories were said again; returns them by position in `rows`."""
        ...

    async def fetch(self, sequences: Sequence[int]) -> dict[int, Memory]:
        """The memories with these sequences that exist."""
        ...

    async def visible(self, user: str, sequences: Sequence[int]) -> dict[int, Memory]:
        """The existing ones the user may read: their own, and those others share, with the author."""
        ...

    async def find(self, user: str, id: str) -> int | None:
        """The sequence of the user's own memory `id`."""
        ...

    async def find_shared(self, id: str) -> int | None:
        """The sequence of a shared memory `id` of any author; the first if there are several."""
        ...

    async def share(self, sequence: int, shared: bool) -> None:
        """Sets whether every user may read a memory."""
        ...

    async def choose(self, user: str, chosen: Chosen) -> list[int]:
        """The sequences of the user's memories that `chosen` selects, ascending."""
        ...

    async def derivatives(self, sequences: Sequence[int]) -> list[int]:
        """The sequences of the memories that were made of one of these, of the same user."""
        ...

    async def tally(self, sequences: Sequence[int]) -> list[Tally]:
        """Counts of these memories by kind and project, in that order."""
        ...

    async def delete(self, sequences: Sequence[int], by: Removing) -> None:
        """Deletes these memories and records it in the deletion log; until they are erased `undelete` brings them back,
        and `insert` leaves out what repeats or copies them."""
        ...

    async def delete_due(self, due: Due, by: Removing) -> list[int]:
        """Deletes those not said again since, and records it in the deletion log; returns their sequences."""
        ...

    async def last_deletion(self, user: str) -> datetime | None:
        """When the user deleted last what is not brought back; doctor's probes do not count."""
        ...

    async def undelete(self, undoing: Undoing) -> Undone:
        """Brings back what is meant and not erased."""
        ...

    async def deleted_ids(self, user: str, ids: Sequence[str]) -> set[str]:
        """Those of the ids that memories of the user had which were deleted."""
        ...

    async def update(self, earlier: int, row: NewRow, at: datetime, model: str) -> Restated:
        """Replaces the row of sequence `earlier` by `row`, of the same id; what it was becomes a version.

        Conflict if it is gone, or if another memory says the same.
        """
        ...

    async def withdraw(self, sequence: int, at: datetime | None) -> None:
        """Sets since when a memory is withdrawn; None if it is not."""
        ...

    async def set_replaced(self, sequence: int, id: str, at: datetime | None) -> None:
        """Lets a memory replace that of the same user with this id, of what was said until `at`; None: no longer."""
        ...

    async def corrections(self) -> Corrections:
        """What replaces what, and what is withdrawn, of all users."""
        ...

    async def sequences_of(self, keys: Sequence[str]) -> dict[str, int]:
        """The sequences of the memories that exist, by the key of user and id."""
        ...

    async def versions(self, user: str, ids: Sequence[str]) -> dict[str, tuple[Version, ...]]:
        """What the user's memories of these ids were before, the latest first."""
        ...

    async def removals(self, user: str, project: str, limit: int) -> list[Removal]:
        """The user's deletions in `project`, the latest first; in all but doctor's (`PROBE_PROJECT`) if it is empty."""
        ...

    async def unerased_count(self) -> int:
        """The number of deletions whose text is still in a database file."""
        ...

    async def oldest_unerased(self) -> datetime | None:
        """When the first of the deletions was made whose text is still in a database file."""
        ...

    async def last_removals(self) -> list[int]:
        """The number of the last deletion in each database."""
        ...

    async def compact(self, erased_to: Sequence[int] | None = None) -> None:
        """Rewrites the files that hold deleted text; Unavailable if that is not possible now.

        Deletions up to these numbers, one per database, then count as erased; by default, all made before it began.
        """
        ...

    def earlier_databases(self) -> list[Path]:
        """Database files from before a migration, removed at a later start: they still hold text deleted since."""
        ...

    async def has_rules(self) -> bool:
        """Whether any project has a retention rule that removes memories."""
        ...

    async def rules(self, user: str) -> list[Rule]:
        """The retention rules of the user's projects, by name."""
        ...

    async def set_rule(self, user: str, rule: Rule, now: datetime) -> None:
        """Sets the project's rule, replacing an earlier one."""
        ...

    async def reset_rule(self, user: str, project: str, now: datetime) -> None:
        """Removes the project's rule."""
        ...

    async def due(self, default: Standing, now: datetime) -> Due:
        """Memories of all users that the rules in force no longer keep."""
        ...

    async def due_counts(self, user: str, default: Rule, now: datetime) -> dict[str, int]:
        """The number of the user's memories that the rules no longer keep, now or within a day, by project."""
        ...

    async def newest(self) -> datetime | None:
        """When the last memory was stored."""
        ...

    async def upkeep(self, name: str) -> str | None:
        """The value stored under that name."""
        ...

    async def keep_upkeep(self, name: str, value: str) -> None:
        """Stores the value durably."""
        ...

    async def without_embedding(self, model: str, most: int) -> list[int]:
        """The first sequences without an embedding by `model`."""
        ...

    async def longer_than(self, size: int, after: int, most: int) -> list[int]:
        """The first `most` sequences above `after` of memories with a text of more than `size` bytes."""
        ...

    async def embed(self, embedded: Sequence[Embedded], model: str) -> None:
        """Stores these embeddings, replacing earlier ones."""
        ...

    def load(self, model: str, sequences: Sequences, *, text: bool) -> AsyncIterator[Loaded]:
        """These memories in order, in portions; vectors of other models are left out, and texts unless `text`."""
        ...

    async def inventory(self, model: str) -> Inventory:
        """Everything stored; only embeddings by `model` count."""
        ...

    async def stats(self, user: str, project: str, model: str, since: datetime | None = None) -> Stats:
        """Counts of memories the user may read, in `project` unless it is empty; and of those stored since `since`."""
        ...

    async def size(self) -> tuple[int, int]:
        """The number of memories of all users, and the bytes on disk."""
        ...

    async def usage(self, user: str) -> tuple[int, int]:
        """The number of the user's memories, and the bytes of their text."""
        ...

    async def page(self, user: str, after: int, limit: int) -> dict[int, Memory]:
        """The user's first `limit` memories with a sequence above `after`, ascending."""
        ...

    async def copy_to(self, directory: Path) -> list[dict[str, int]]:
        """Writes a consistent copy of each database into the directory; returns its counts of memories and links."""
        ...

    async def projects(self, user: str) -> list[str]:
        """The names of projects that have memories the user may read, sorted."""
        ...

    async def links(self, user: str) -> list[Link]:
        """The user's project links, oldest first."""
        ...

    async def link(self, user: str, link: Link) -> None:
        """Stores the link, replacing one between the same two projects."""
        ...

    async def unlink(self, user: str, source: str, target: str) -> bool:
        """Removes the link; False if it does not exist."""
        ...

    async def count_move(self, move: ProjectMove) -> int:
        """How many memories it would move."""
        ...

    async def move_project(self, move: ProjectMove) -> Moved:
        """Files the user's memories, retention rule and links of one project under another, in one transaction where
        both are in one database; one that splits moves memories alone. May be repeated."""
        ...
