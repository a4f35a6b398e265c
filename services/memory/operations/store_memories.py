"""Stores memories: validated, embedded, committed, indexed, and only then acknowledged."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, ParamSpec, TypeVar

import numpy as np

from services.kit.errors import Conflict, Denied, InvalidInput, LimitExceeded, NotFound, OverQuota, ServiceError
from services.memory.domain.deletion_log import Removal, Removing, checked_page
from services.memory.domain.memories import Chosen, Deletion, Memory, Outcome
from services.memory.domain.partial_changes import DoneInPart, partial_removal_error, partial_store_error
from services.memory.domain.retention_policy import Due
from services.memory.domain.rows import Inserted, NewRow, Restated
from services.memory.domain.store import MemoryStore
from services.memory.embedder import Embedder
from services.memory.index.entries import NewEntry, Reading, entry_of, reading
from services.memory.index.loaded_entries import loaded_entries
from services.memory.index.memory_index import MemoryIndex
from services.memory.operations.cleaning import CleanMemory, clean_memory
from services.memory.operations.memory_embeddings import Said, memory_vectors
from services.memory.search.result_cache import Generations

NO_MODEL = "none"
examples_max = 3
"""The number of memories shown in the preview of a deletion."""
Result = TypeVar("Result")
Given = ParamSpec("Given")


@dataclass(frozen=True, slots=True)
class Storing:
    """The dependencies of storing; `embedder` is None if there is no usable model."""

    store: MemoryStore
    index: MemoryIndex
    embedder: Embedder | None
    generations: Generations
    _under_way: set[asyncio.Task[Any]] = field(default_factory=set)
    _committing: set[asyncio.Task[Any]] = field(default_factory=set)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _restating: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def remember(self, user: str, memories: Sequence[Memory], *, only_known: bool = False) -> list[Outcome]:
        """Stores the user's memories in order; raises the error of the first one that is invalid.

        Acknowledged memories can be found: texts are read before the commit, and repeating a call indexes what an
        earlier call committed but did not index. `only_known`: there is no room, so OverQuota unless all of them are
        already stored.
        """
        now = datetime.now(UTC)
        ready = [await self._beside(clean_memory, memory, now) for memory in memories]
        return await self._store(user, ready, only_known=only_known)

    async def remember_each(
        self, user: str, memories: Sequence[Memory], *, only_known: bool = False
    ) -> list[Outcome | ServiceError]:
        """Stores the valid ones of the memories, in order; returns the error of each other one.

        Errors that concern all of them (a full queue, a full disk, no room with `only_known`) are raised.
        """
        now = datetime.now(UTC)
        answers: list[Outcome | ServiceError | None] = [None] * len(memories)
        ready: dict[int, CleanMemory] = {}
        for place, memory in enumerate(memories):
            try:
                ready[place] = await self._beside(clean_memory, memory, now)
            except (InvalidInput, LimitExceeded) as refused:
                answers[place] = refused
        outcomes = await self._store_each(user, list(ready.values()), only_known=only_known)
        stored = dict(zip(ready, outcomes, strict=True))
        return [answer or stored[place] for place, answer in enumerate(answers)]

    async def _store_each(
        self, user: str, ready: Sequence[CleanMemory], *, only_known: bool
    ) -> Sequence[Outcome | ServiceError]:
        """Splits the call in halves on a conflict of ids, down to the conflicting memory; conflicts are rare."""
        try:
            return await self._store(user, ready, only_known=only_known)
        except Conflict as taken:
            if len(ready) == 1:
                return [taken]
        half = len(ready) // 2
        parts = [await self._store_each(user, part, only_known=only_known) for part in (ready[:half], ready[half:])]
        return [*parts[0], *parts[1]]

    async def _store(self, user: str, ready: Sequence[CleanMemory], *, only_known: bool) -> list[Outcome]:
        if not ready:
            return []
        rows = [NewRow(each.memory, user) for each in ready]
        known = await self._drop_unreadable(user, await self.store.find_existing(rows))
        fresh = [place for place in range(len(rows)) if place not in known]
        if fresh and only_known:
            raise OverQuota(f"There is no room for {len(fresh)} of these memories.")
        try:
            inserted = await self._insert(user, [rows[place] for place in fresh])
        except DoneInPart as part:
            missing = [fresh[place] for place in part.missing(len(fresh))]
            raise partial_store_error(part.error, missing, len(rows)) from part
        outcomes = known | dict(zip(fresh, inserted, strict=True))
        await self._index_missing([each.sequence for each in inserted if each.duplicate])
        outcomes |= await self._restate_known(
            user, {at: rows[at] for at, each in outcomes.items() if each.has_news}, outcomes
        )
        return [_outcome(rows[place], outcomes[place], ready[place].redactions) for place in range(len(rows))]

    async def _restate_known(
        self, user: str, rows: dict[int, NewRow], outcomes: dict[int, Inserted]
    ) -> dict[int, Inserted]:
        """Records stored memories that were said again: later, or with more tags and metadata."""
        if not rows:
            return {}
        await self.settle()  # concurrent stores must be indexed before they are changed
        places = list(rows)
        done = await self._whole(self._restate(user, list(rows.values())))
        return {places[at]: replace(outcomes[places[at]], tags=each.memory.tags) for at, each in done.items()}

    async def _restate(self, user: str, rows: Sequence[NewRow]) -> dict[int, Restated]:
        async with self._restating:  # the index must see changes of a memory in order
            try:
                done = await self.store.restate(rows, self._model)
            except DoneInPart as part:
                await self._index_restated(user, part.restated.values())
                raise partial_store_error(part.error, part.missing(len(rows)), len(rows)) from part
            await self._index_restated(user, done.values())
        return done

    async def _index_restated(self, user: str, restated: Iterable[Restated]) -> None:
        changed = {each.sequence: each for each in restated}.values()
        await self.index.remove([each.replaced for each in changed if each.replaced is not None])
        written = [(each.sequence, each.row) for each in changed if each.row]
        entries = [_entry(row, sequence, await self._beside(reading, row.memory)) for sequence, row in written]
        await self.index.add(entries)
        await self.index.retime({each.sequence: each.memory.timestamp.timestamp() for each in changed})
        await self._move(user, [each.memory for each in changed])

    async def _beside(self, work: Callable[Given, Result], *given: Given.args, **named: Given.kwargs) -> Result:
        """Processes one text in a thread. One at a time, so that calls take turns and searches keep a processor."""
        async with self._turn:
            return await asyncio.to_thread(work, *given, **named)

    async def settle(self) -> None:
        """Waits until everything committed so far is in the index, and everything removed is not."""
        if self._under_way:
            await asyncio.wait(set(self._under_way))

    async def _insert(self, user: str, rows: Sequence[NewRow]) -> list[Inserted]:
        if not rows:
            return []
        readings = [await self._beside(reading, row.memory) for row in rows]
        rows = await self._embed_rows(user, rows)
        return await self._whole(self._commit(user, rows, readings), self._committing)

    async def _commit(self, user: str, rows: Sequence[NewRow], readings: Sequence[Reading]) -> list[Inserted]:
        committed = list(zip(rows, readings, strict=True))
        try:
            inserted = await self.store.insert(rows, self._model)
        except DoneInPart as part:
            await self._index(user, [committed[place] for place in part.done], [part.inserted[it] for it in part.done])
            raise
        await self._index(user, committed, inserted)
        return inserted

    async def _index(
        self, user: str, committed: Sequence[tuple[NewRow, Reading]], inserted: Sequence[Inserted]
    ) -> None:
        """Makes committed memories findable."""
        pairs = zip(committed, inserted, strict=True)
        await self.index.add([_entry(row, each.sequence, read) for (row, read), each in pairs if not each.duplicate])
        await self._move(user, [row.memory for row, _ in committed])

    async def _move(self, user: str, memories: Sequence[Memory]) -> None:
        """Invalidates the cached results of their projects."""
        if any(memory.shared for memory in memories):
            await self.generations.move_all()  # others find it, too
        else:
            await self.generations.move(user, [memory.project for memory in memories])

    async def _drop_unreadable(self, user: str, known: Mapping[int, Inserted]) -> dict[int, Inserted]:
        """Those of `known` that can be found; unreadable ones are removed, so that they can be stored again."""
        if known:
            await self.settle()
        await self._index_missing([each.sequence for each in known.values()])
        broken = {each.sequence for each in known.values() if each.sequence in self.index.unreadable}
        if broken:
            await self.remove(sorted(broken), Removing(user))
        return {place: each for place, each in known.items() if each.sequence not in broken}

    async def _index_missing(self, sequences: Sequence[int]) -> None:
        """Indexes stored memories that are not indexed, as after a cancelled call."""
        missing = await self.index.missing([each for each in sequences if each >= 0]) if sequences else []
        if missing:
            await self._whole(self._index_stored(missing))

    async def _index_stored(self, sequences: Sequence[int]) -> None:
        wanted = np.array(sorted(set(sequences)), np.int64)
        async for loaded in self.store.load(self._model, wanted, text=True):
            made = await self._beside(loaded_entries, loaded, text=True)
            await self.index.add(made.entries)
            await self.index.pass_over(made.unreadable)
        await self.generations.move_all()

    @property
    def _model(self) -> str:
        return self.embedder.model if self.embedder else NO_MODEL

    async def _whole(self, work: Coroutine[Any, Any, Result], kind: set[asyncio.Task[Any]] | None = None) -> Result:
        """Completes `work` even if the caller was cancelled: committed but unindexed memories would not be found."""
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._log_unawaited_error)
        if kind is not None:
            kind.add(task)
            task.add_done_callback(kind.discard)
        return await asyncio.shield(task)

    def _log_unawaited_error(self, task: asyncio.Task[Any]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # retrieved, so that asyncio does not log it with its text

    async def _embed_rows(self, user: str, rows: Sequence[NewRow]) -> Sequence[NewRow]:
        """The rows with their vectors."""
        if self.embedder is None:
            return rows
        befores = await self._befores(user, rows)
        said = [Said(before, row.memory.content) for before, row in zip(befores, rows, strict=True)]
        vectors = await memory_vectors(self.embedder, said)
        return [
            replace(row, content_vector=each.content, context_vector=each.context)
            for row, each in zip(rows, vectors, strict=True)
        ]

    async def _befores(self, user: str, rows: Sequence[NewRow]) -> list[str]:
        """The preceding content of each row in its session, from this call or the store; empty if there is none."""
        latest: dict[tuple[str, str], str] = {}
        befores = []
        for row in rows:
            session = (row.memory.project, row.memory.session_id)
            if not row.memory.session_id:
                befores.append("")
                continue
            if session not in latest:
                latest[session] = await self._stored_before(user, row.memory)
            befores.append(latest[session])
            latest[session] = row.memory.content
        return befores

    async def _stored_before(self, user: str, memory: Memory) -> str:
        sequence = await self.index.latest(user, memory.project, memory.session_id, memory.timestamp.timestamp())
        found = await self.store.fetch([sequence]) if sequence is not None else {}
        return next((each.content for each in found.values()), "")

    async def forget(self, user: str, chosen: Chosen, confirmation: str) -> Deletion:
        """Deletes the selected memories for good if `confirmation` is the token from a call that selected the same."""
        if not (chosen.ids or chosen.project or chosen.before):
            raise InvalidInput("No memories are selected.", "Give ids, project or before.")
        sequences = await self.store.choose(user, chosen)
        expected = _token(user, sequences)
        if not confirmation:
            return await self._preview(user, chosen, sequences, expected)
        if confirmation != expected:
            raise Conflict("The selected memories are not those that were confirmed.", "Ask again with confirm=false.")
        await self.remove(sequences, Removing(user))
        return Deletion(deleted=len(sequences))

    async def _preview(self, user: str, chosen: Chosen, sequences: Sequence[int], token: str) -> Deletion:
        every = await self.store.choose(user, replace(chosen, kinds=()))
        latest = await self.store.visible(user, sequences[-examples_max:])
        return Deletion(
            would_delete=len(sequences),
            confirmation=token,
            tallies=await self.store.tally(sequences),
            examples=[latest[each] for each in reversed(sequences) if each in latest],
            other_kinds=len(every) - len(sequences),
        )

    async def removals(self, user: str, project: str, limit: int) -> Sequence[Removal]:
        """The user's entries in the deletion log, the latest first."""
        return await self.store.removals(user, project, checked_page(limit))

    async def share(self, user: str, id: str, shared: bool) -> None:
        """Sets whether every user may read one of the user's own memories; Denied if it belongs to another user."""
        sequence = await self.store.find(user, id)
        if sequence is not None:
            await self._whole(self._share(sequence, shared))
        elif await self.store.find_shared(id) is not None:
            raise Denied("That memory belongs to another user: only its author can share it or stop sharing it.")
        else:
            raise NotFound("There is no memory of yours with that id.", "Search for it with reflect_on_past.")

    async def _share(self, sequence: int, shared: bool) -> None:
        await self.store.share(sequence, shared)
        await self.index.share(sequence, shared)
        await self.generations.move_all()

    async def remove(self, sequences: Sequence[int], by: Removing) -> None:
        """Removes memories from the store, the index and the cache."""
        await self._whole(self._remove(sequences, by))

    async def remove_due(self, due: Due, by: Removing) -> int:
        """Removes the due memories that were not said again meanwhile; returns their number."""
        return await self._whole(self._remove_due(due, by))

    async def _remove_due(self, due: Due, by: Removing) -> int:
        removed = await self.store.delete_due(due, by)
        await self.index.remove(removed)
        await self.generations.move_all()
        return len(removed)

    async def _remove(self, sequences: Sequence[int], by: Removing) -> None:
        try:
            await self.store.delete(sequences, by)
        except DoneInPart as part:
            await self._unindex([sequences[place] for place in part.done])
            raise partial_removal_error(part.error, len(part.done), len(sequences)) from part
        await self._unindex(sequences)

    async def _unindex(self, sequences: Sequence[int]) -> None:
        if self._committing:
            await asyncio.wait(set(self._committing))  # one of them may be about to be indexed
        await self.index.remove(sequences)
        await self.generations.move_all()  # they may belong to any project


def _token(user: str, sequences: Sequence[int]) -> str:
    """Identifies a set of memories: a caller that has it has seen their number."""
    return hashlib.sha256(repr((user, sequences)).encode()).hexdigest()[:32]


def _outcome(row: NewRow, inserted: Inserted, redactions: int) -> Outcome:
    tags = tuple(tag for tag in row.memory.tags if tag in inserted.tags)
    return Outcome(inserted.id, inserted.stored_at, inserted.duplicate, inserted.embedded, redactions, tags)


def _entry(row: NewRow, sequence: int, read: Reading) -> NewEntry:
    content = b"" if row.content_vector is None else row.content_vector.tobytes()
    context = b"" if row.context_vector is None else row.context_vector.tobytes()
    return entry_of(sequence, row.user, row.memory, read, content, context)
