"""Stores memories: validated, embedded, committed, indexed, and only then acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

import numpy as np

from services.kit.errors import Conflict, Denied, InvalidInput, LimitExceeded, NotFound, OverQuota, ServiceError
from services.memory.domain.deletion_log import Reason, Removing, Undoing, Undone
from services.memory.domain.memories import Memory, Outcome, id_key
from services.memory.domain.partial_changes import DoneInPart, partial_removal_error, partial_store_error
from services.memory.domain.retention_policy import Due
from services.memory.domain.rows import Inserted, NewRow, ProjectMove, Restated
from services.memory.domain.store import MemoryStore
from services.memory.embedder import Embedder
from services.memory.index.entries import NewEntry, Reading, entry_of
from services.memory.index.loaded_entries import loaded_entries
from services.memory.index.memory_index import MemoryIndex
from services.memory.operations.cleaning import CleanMemory, TextWork
from services.memory.operations.replacements.inheritance import bequeath
from services.memory.operations.replacements.restatement import with_standing
from services.memory.operations.replacements.same_subject import SameSubject
from services.memory.operations.row_embedding import RowEmbedding, without_kind
from services.memory.search.result_cache import Generations
from services.memory.search.voids import read_voids

NO_MODEL = "none"
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Storing:
    """The dependencies of storing; `embedder` is None if there is no usable model."""

    store: MemoryStore
    index: MemoryIndex
    embedder: Embedder | None
    generations: Generations
    texts: TextWork = field(default_factory=TextWork)
    tells_kinds: bool = False
    """Whether a turn's metadata says what it is, where the model is sure of it."""
    _under_way: set[asyncio.Task[Any]] = field(default_factory=set)
    _committing: set[asyncio.Task[Any]] = field(default_factory=set)
    _restating: asyncio.Lock = field(default_factory=asyncio.Lock)
    _judging: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def remember(
        self, user: str, memories: Sequence[Memory], *, only_known: bool = False, deleted_too: bool = False
    ) -> list[Outcome]:
        """Stores the user's memories in order; raises the error of the first one that is invalid.

        Acknowledged memories can be found: texts are read before the commit, and repeating a call indexes what an
        earlier call committed but did not index. `only_known`: there is no room, so OverQuota unless all of them are
        already stored. What was deleted is left out, but with `deleted_too`. What a memory replaces must be there.
        """
        now = datetime.now(UTC)
        ready = [await self.clean(memory, now) for memory in memories]
        ready = [replace(each, memory=await self._replacing(user, each.memory)) for each in ready]
        outcomes = await self._store(user, ready, only_known=only_known, deleted_too=deleted_too)
        if len(ready) != 1 or outcomes[0].was_deleted:
            return outcomes
        looking = SameSubject(self.store, self.index, self.embedder)
        return [await with_standing(looking, user, ready[0].memory, outcomes[0])]

    async def clean(self, memory: Memory, now: datetime) -> CleanMemory:
        """The memory in its stored form; InvalidInput or LimitExceeded if it cannot be stored."""
        return await self.texts.clean(memory, now)

    async def _replacing(self, user: str, memory: Memory) -> Memory:
        """The memory with the time since when it replaces others: not before they were said, by whatever clock."""
        if not memory.replaces:
            return memory
        sequences = await self.store.sequences_of([str(id_key(user, each)) for each in memory.replaces])
        for each in memory.replaces:
            if str(id_key(user, each)) not in sequences or each == memory.id:
                raise NotFound(f"There is no memory of yours with the id {each}, which is to be replaced.")
        replaced = (await self.store.visible(user, list(sequences.values()))).values()
        return replace(memory, replaced_at=max(memory.timestamp, *(each.timestamp for each in replaced)))

    async def remember_each(
        self, user: str, memories: Sequence[Memory], *, only_known: bool = False, deleted_too: bool = False
    ) -> list[Outcome | ServiceError]:
        """Stores the valid ones of the memories, in order; returns the error of each other one.

        Errors that concern all of them (a full queue, a full disk, no room with `only_known`) are raised.
        """
        now = datetime.now(UTC)
        answers: list[Outcome | ServiceError | None] = [None] * len(memories)
        ready: dict[int, CleanMemory] = {}
        for place, memory in enumerate(memories):
            try:
                ready[place] = await self.clean(memory, now)
            except (InvalidInput, LimitExceeded) as refused:
                answers[place] = refused
        given = list(ready.values())
        outcomes = await self._store_each(user, given, only_known=only_known, deleted_too=deleted_too)
        stored = dict(zip(ready, outcomes, strict=True))
        return [answer or stored[place] for place, answer in enumerate(answers)]

    async def _store_each(
        self, user: str, ready: Sequence[CleanMemory], **how: bool
    ) -> Sequence[Outcome | ServiceError]:
        """Splits the call in halves on a conflict of ids, down to the conflicting memory; conflicts are rare."""
        try:
            return await self._store(user, ready, **how)
        except Conflict as taken:
            if len(ready) == 1:
                return [taken]
        half = len(ready) // 2
        parts = [await self._store_each(user, part, **how) for part in (ready[:half], ready[half:])]
        return [*parts[0], *parts[1]]

    async def _store(
        self, user: str, ready: Sequence[CleanMemory], *, only_known: bool, deleted_too: bool
    ) -> list[Outcome]:
        if not ready:
            return []
        rows = [NewRow(each.memory, user, deleted_too=deleted_too) for each in ready]
        may_be_new = len(rows) == 1 and not only_known and self.store.insert_sees_all
        if may_be_new and (outcome := await self._store_new(user, rows[0])):
            return [_outcome(rows[0], outcome, ready[0].redactions)]
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

    async def _store_new(self, user: str, row: NewRow) -> Inserted | None:
        """The outcome of one memory, which is new as a rule, so that nobody looks for it first; None, if it is not."""
        (inserted,) = await self._insert(user, [row])
        return None if inserted.duplicate or inserted.was_deleted else inserted

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
        entries = [_entry(row, sequence, await self.texts.read(row.memory)) for sequence, row in written]
        await self.index.add(entries)
        await self.index.retime({each.sequence: each.memory.timestamp.timestamp() for each in changed})
        await self._judge([each.memory for each in changed])
        await self._move(user, [each.memory for each in changed])

    async def settle(self) -> None:
        """Waits until everything committed so far is in the index, and everything removed is not."""
        if self._under_way:
            await asyncio.wait(set(self._under_way))

    async def _insert(self, user: str, rows: Sequence[NewRow]) -> list[Inserted]:
        if not rows:
            return []
        readings = [await self.texts.read(row.memory) for row in rows]
        rows = await self._embedding.embed_rows(user, rows)
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
        fresh = [(row, read, each.sequence) for (row, read), each in pairs if each.sequence >= 0 and not each.duplicate]
        await self.index.add([_entry(row, sequence, read) for row, read, sequence in fresh])
        await self._judge([row.memory for row, _, _ in fresh])
        await self._move(user, [row.memory for row, _ in committed])

    async def _judge(self, memories: Sequence[Memory]) -> None:
        """Looks what is in force, after these memories were stored or changed."""
        if not self.index.voids.is_empty or any(each.replaces or each.withdrawn_at for each in memories):
            await self._judge_anew()

    async def _judge_anew(self) -> None:
        async with self._judging:  # so that the last look comes after the last change
            if await self.index.judge(partial(read_voids, self.store)):
                await self.generations.move_all()  # what is marked may be of any project

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
            await self.remove(sorted(broken), Removing(user, Reason.UNREADABLE))
        return {place: each for place, each in known.items() if each.sequence not in broken}

    async def _index_missing(self, sequences: Sequence[int]) -> None:
        """Indexes stored memories that are not indexed, as after a cancelled call."""
        missing = await self.index.missing([each for each in sequences if each >= 0]) if sequences else []
        if missing:
            await self._whole(self._index_stored(missing))

    async def _index_stored(self, sequences: Sequence[int]) -> None:
        wanted = np.array(sorted(set(sequences)), np.int64)
        async for loaded in self.store.load(self._model, wanted, text=True):
            made = await self.texts.beside(loaded_entries, loaded, text=True)
            await self.index.add(made.entries)
            await self.index.pass_over(made.unreadable)
        await self.generations.move_all()

    @property
    def _embedding(self) -> RowEmbedding:
        return RowEmbedding(self.store, self.index, self.embedder, tells_kinds=self.tells_kinds)

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

    async def change(self, user: str, earlier: int, row: NewRow, before: Memory, *, embed: bool) -> None:
        """Replaces a stored memory by `row`; Conflict if it changed meanwhile. Without `embed` its vectors stay."""
        if embed:
            (row,) = await self._embedding.embed_rows(user, [without_kind(row)])
        await self.settle()
        await self._whole(self._change(user, earlier, row, before))

    async def _change(self, user: str, earlier: int, row: NewRow, before: Memory) -> None:
        async with self._restating:
            done = await self.store.update(earlier, row, datetime.now(UTC), self._model)
            await self._index_restated(user, [done])
            await self._move(user, [before])

    async def change_force(self, user: str, memory: Memory, change: Awaitable[None]) -> None:
        """Makes a change to what the memory says of force, its own or others', and looks what is in force then."""
        await self._whole(self._change_force(user, memory, change))

    async def _change_force(self, user: str, memory: Memory, change: Awaitable[None]) -> None:
        await change
        await self._judge_anew()
        await self._move(user, [memory])

    async def restore(self, undoing: Undoing) -> Undone:
        """Brings back what was deleted and is not erased."""
        return await self._whole(self._restore(undoing))

    async def _restore(self, undoing: Undoing) -> Undone:
        if self._committing:
            await asyncio.wait(set(self._committing))
        done = await self.store.undelete(undoing)
        if done.sequences:
            await self._index_stored(done.sequences)
            await self._judge_anew()
        return done

    async def remove(self, sequences: Sequence[int], by: Removing) -> None:
        """Removes memories from the store, the index and the cache."""
        await self._whole(self._remove(sequences, by))

    async def remove_due(self, due: Due, by: Removing) -> int:
        """Removes the due memories that were not said again meanwhile; returns their number."""
        return await self._whole(self._remove_due(due, by))

    async def derivatives(self, sequences: Sequence[int]) -> set[int]:
        """What was made of these memories, and of that; without those that are meant anyway."""
        found, left = set[int](), list(sequences)
        while left:
            made = set(await self.store.derivatives(left)) - found - set(sequences)
            found |= made
            left = sorted(made)
        return found

    async def _remove_due(self, due: Due, by: Removing) -> int:
        derived = await self.derivatives(due.sequences.tolist())
        await bequeath(self.store, {*due.sequences.tolist(), *derived})
        removed = await self.store.delete_due(due, by)
        if left := sorted(derived) if removed else []:
            await self.store.delete(left, by)
            removed = [*removed, *left]
        await self.index.remove(removed)
        await self._judge(())
        await self.generations.move_all()
        return len(removed)

    async def _remove(self, sequences: Sequence[int], by: Removing) -> None:
        await bequeath(self.store, sequences)
        try:
            await self.store.delete(sequences, by)
        except DoneInPart as part:
            await self._unindex([sequences[place] for place in part.done])
            raise partial_removal_error(part.error, len(part.done), len(sequences)) from part
        await self._unindex(sequences)

    async def move_project(self, move: ProjectMove) -> int:
        """Files the user's memories of one project under another; returns how many."""
        await self.settle()
        return await self._whole(self._move_project(move))

    async def _move_project(self, move: ProjectMove) -> int:
        async with self._restating:
            moved = await self.store.move_project(move)
            await self._unindex(moved.removed)
            if moved.added:
                await self._index_stored(moved.added)
        return len(moved.removed)

    async def _unindex(self, sequences: Sequence[int]) -> None:
        if self._committing:
            await asyncio.wait(set(self._committing))  # one of them may be about to be indexed
        await self.index.remove(sequences)
        await self._judge(())
        await self.generations.move_all()  # they may belong to any project


def _outcome(row: NewRow, inserted: Inserted, redactions: int) -> Outcome:
    tags = tuple(tag for tag in row.memory.tags if tag in inserted.tags)
    stored = (inserted.id, inserted.stored_at, inserted.duplicate, inserted.embedded)
    restated = inserted.duplicate and inserted.has_news
    return Outcome(*stored, redactions, tags, inserted.was_deleted, restated=restated)


def _entry(row: NewRow, sequence: int, read: Reading) -> NewEntry:
    content = b"" if row.content_vector is None else row.content_vector.tobytes()
    context = b"" if row.context_vector is None else row.context_vector.tobytes()
    return entry_of(sequence, row.user, row.memory, read, content, context)
