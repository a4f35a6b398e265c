"""What the service needs of a store of memories, whichever it is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from services.memory.domain.deletion_log import Removal, Removing
from services.memory.domain.memories import Chosen, Memory, Stats, Tally
from services.memory.domain.project_links import Link
from services.memory.domain.retention_policy import Due, Rule, Standing
from services.memory.domain.rows import Embedded, Inserted, Loaded, NewRow, Restated, Sequences


@dataclass(frozen=True, slots=True)
class Inventory:
    """All sequences, ascending, which of them have an embedding and are shared, and when they were said last."""

    sequences: Sequences
    embedded: NDArray[np.bool_]
    shared: NDArray[np.bool_]
    said_s: NDArray[np.float64]


class MemoryStore(Protocol):
    """What the service needs of a store. What `insert` returned survives a kill."""

    @property
    def troubles(self) -> Sequence[str]:
        """What could not be read when it was opened."""
        ...

    async def find_existing(self, rows: Sequence[NewRow]) -> dict[int, Inserted]:
        """Those of `rows`, by their place in it, that are stored already."""
        ...

    async def insert(self, rows: Sequence[NewRow], model: str) -> list[Inserted]:
        """Stores `rows` in one transaction; one that is there already is not stored again."""
        ...

    async def restate(self, rows: Sequence[NewRow], model: str) -> dict[int, Restated]:
        """Notes of those of `rows`, by their place, that are stored already, that they were said again."""
        ...

    async def fetch(self, sequences: Sequence[int]) -> dict[int, Memory]:
        """The memories under these sequences that exist."""
        ...

    async def visible(self, user: str, sequences: Sequence[int]) -> dict[int, Memory]:
        """Those of them that exist and that the user may read: their own, and what others share, with its author."""
        ...

    async def find(self, user: str, id: str) -> int | None:
        """The sequence of the user's own memory `id`."""
        ...

    async def find_shared(self, id: str) -> int | None:
        """The sequence of a memory `id` that is shared, whosever it is; the first where there are several."""
        ...

    async def share(self, sequence: int, shared: bool) -> None:
        """Whether every user may read a memory."""
        ...

    async def choose(self, user: str, chosen: Chosen) -> list[int]:
        """The sequences of the user's memories that are meant, ascending."""
        ...

    async def tally(self, sequences: Sequence[int]) -> list[Tally]:
        """What these memories are, by kind and project, in that order."""
        ...

    async def delete(self, sequences: Sequence[int], by: Removing) -> None:
        """Removes these memories, and logs that."""
        ...

    async def delete_due(self, due: Due, by: Removing) -> list[int]:
        """Removes those of them that were not said again since, and logs that; which they were."""
        ...

    async def removals(self, user: str, project: str, limit: int) -> list[Removal]:
        """What was removed of the user's, of one project where `project` is not empty; the latest first."""
        ...

    async def unerased_count(self) -> int:
        """Removals whose text is still in a database file."""
        ...

    async def last_removals(self) -> list[int]:
        """The number of the last removal in each database."""
        ...

    async def compact(self, erased_to: Sequence[int] | None = None) -> None:
        """Writes the files that hold the text of what was removed anew; Unavailable where that cannot be done now.

        Removals up to these numbers, one for each database, count as erased then; without them all of before it began.
        """
        ...

    def earlier_databases(self) -> list[Path]:
        """Files of before a migration, which a start removes: they hold what was removed since."""
        ...

    async def has_rules(self) -> bool:
        """Whether any project has a rule of retention by which something goes."""
        ...

    async def rules(self, user: str) -> list[Rule]:
        """Those of the user's projects, by name."""
        ...

    async def set_rule(self, user: str, rule: Rule, now: datetime) -> None:
        """Keeps the rule of a project instead of the one that was there."""
        ...

    async def reset_rule(self, user: str, project: str, now: datetime) -> None:
        """The project has no rule from now on."""
        ...

    async def due(self, default: Standing, now: datetime) -> Due:
        """Memories of anyone that the rules in force do not keep."""
        ...

    async def due_counts(self, user: str, default: Rule, now: datetime) -> dict[str, int]:
        """How many of the user's the rules do not keep, now or in a day, by project."""
        ...

    async def newest(self) -> datetime | None:
        """When the last memory was stored."""
        ...

    async def upkeep(self, name: str) -> str | None:
        """What was kept under that name."""
        ...

    async def keep_upkeep(self, name: str, value: str) -> None:
        """Keeps it, through a kill."""
        ...

    async def without_embedding(self, model: str, most: int) -> list[int]:
        """The first sequences that have no embedding of `model`."""
        ...

    async def embed(self, embedded: Sequence[Embedded], model: str) -> None:
        """Keeps these embeddings instead of what there was."""
        ...

    def load(self, model: str, sequences: Sequences, *, text: bool) -> AsyncIterator[Loaded]:
        """These memories in their order, in portions; vectors of other models are left out, texts where not `text`."""
        ...

    async def inventory(self, model: str) -> Inventory:
        """What there is; embeddings of `model` count."""
        ...

    async def stats(self, user: str, project: str, model: str, since: datetime | None = None) -> Stats:
        """Counts of what the user may read, of one project where that is named; and of what came from `since` on."""
        ...

    async def size(self) -> tuple[int, int]:
        """How many memories there are, of all users, and the bytes on disk."""
        ...

    async def usage(self, user: str) -> tuple[int, int]:
        """How many memories are the user's, and the bytes of their contents."""
        ...

    async def page(self, user: str, after: int, limit: int) -> dict[int, Memory]:
        """The user's own first `limit` memories whose sequence is over `after`, by ascending sequence."""
        ...

    async def copy_to(self, directory: Path) -> list[dict[str, int]]:
        """Writes each database, as it is at one moment, into the directory; the counts of its memories and links."""
        ...

    async def projects(self, user: str) -> list[str]:
        """The projects in which there are memories that the user may read, by name."""
        ...

    async def links(self, user: str) -> list[Link]:
        """The links between the user's projects, oldest first."""
        ...

    async def link(self, user: str, link: Link) -> None:
        """Keeps the link, instead of one that is there between the same two."""
        ...

    async def unlink(self, user: str, source: str, target: str) -> bool:
        """Removes the link; False where there is none."""
        ...
