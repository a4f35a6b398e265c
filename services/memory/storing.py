"""Storing: accepted, embedded, committed, indexed, and only then acknowledged."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from services.kit.errors import Conflict, Denied, InvalidInput, NotFound, OverQuota
from services.kit.redaction import PRIVATE_MARK, redact, redact_json, without_private
from services.memory.cache import Generations
from services.memory.changes import Inserted, NewRow
from services.memory.embedder import Embedder
from services.memory.index.entries import NewEntry, new_entry
from services.memory.index.memory_index import MemoryIndex
from services.memory.memories import Chosen, Deletion, Memory, Outcome, accepted, at_most, content_max_bytes
from services.memory.memory_store import MemoryStore
from services.memory.removals import Removal, Removing, checked_page

NO_MODEL = "none"
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Storing:
    """What storing needs; `embedder` is None while there is no usable model."""

    store: MemoryStore
    index: MemoryIndex
    embedder: Embedder | None
    generations: Generations
    _under_way: set[asyncio.Task[Any]] = field(default_factory=set)

    async def remember(self, user: str, memories: Sequence[Memory], *, only_known: bool = False) -> list[Outcome]:
        """Stores the user's memories in order; raises what is wrong with the first that cannot be stored.

        `only_known`: there is no room, OverQuota unless all of them are stored already.
        """
        now = datetime.now(UTC)
        cleaned = [_without_secrets(memory) for memory in memories]
        rows = [NewRow(accepted(memory, now), user) for memory, _ in cleaned]
        known = await self.store.find_existing(rows)
        if known and self._under_way:
            await asyncio.wait(set(self._under_way))  # what is committed is about to be found
        fresh = [place for place in range(len(rows)) if place not in known]
        if fresh and only_known:
            raise OverQuota(f"There is no room for {len(fresh)} of these memories.")
        inserted = await self._insert(user, [rows[place] for place in fresh])
        outcomes = known | dict(zip(fresh, inserted, strict=True))
        return [_outcome(outcomes[place], cleaned[place][1]) for place in range(len(rows))]

    async def _insert(self, user: str, rows: Sequence[NewRow]) -> list[Inserted]:
        if not rows:
            return []
        rows = await self._embedded(user, rows)
        return await self._whole(self._commit(user, rows))

    async def _commit(self, user: str, rows: Sequence[NewRow]) -> list[Inserted]:
        inserted = await self.store.insert(rows, self.embedder.model if self.embedder else NO_MODEL)
        await self.index.add(
            [_entry(row, each) for row, each in zip(rows, inserted, strict=True) if each.sequence >= 0]
        )
        if any(row.memory.shared for row in rows):
            await self.generations.move_all()  # others find it, too
        else:
            await self.generations.move(user, [row.memory.project for row in rows])
        return inserted

    async def _whole(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Ends `work` even when its caller has gone: what is committed but not indexed would not be found."""
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._settled)
        return await asyncio.shield(task)

    def _settled(self, task: asyncio.Task[Any]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # heard, so that it is not printed with its text where the caller has gone

    async def _embedded(self, user: str, rows: Sequence[NewRow]) -> Sequence[NewRow]:
        """The rows with their two vectors: of the content, and of the content after what was said before it."""
        if self.embedder is None:
            return rows
        contents = [row.memory.content for row in rows]
        contexts = [
            f"{before}\n{content}" if before else content
            for before, content in zip(await self._befores(user, rows), contents, strict=True)
        ]
        texts = list(dict.fromkeys([*contents, *contexts]))  # what nothing was said before is its own context
        vectors = dict(zip(texts, _half(await self.embedder.embed(texts)), strict=True))
        return [
            replace(row, content_vector=vectors[content], context_vector=vectors[context])
            for row, content, context in zip(rows, contents, contexts, strict=True)
        ]

    async def _befores(self, user: str, rows: Sequence[NewRow]) -> list[str]:
        """What was said before each row in its session, here or in what is stored; empty where nothing was."""
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
        """Removes what is meant, for good, if `confirmation` is the token that an earlier call gave for the same."""
        if not (chosen.ids or chosen.project or chosen.before):
            raise InvalidInput("Say which memories: ids, project or before.")
        sequences = await self.store.choose(user, chosen)
        expected = _token(user, sequences)
        if not confirmation:
            return Deletion(would_delete=len(sequences), confirmation=expected)
        if confirmation != expected:
            raise Conflict("Other memories are meant by now than were confirmed.", "Ask again with confirm=false.")
        await self.remove(sequences, Removing(user))
        return Deletion(deleted=len(sequences))

    async def removals(self, user: str, project: str, limit: int) -> Sequence[Removal]:
        """What was removed of the user's memories, the latest first."""
        return await self.store.removals(user, project, checked_page(limit))

    async def share(self, user: str, id: str, shared: bool) -> None:
        """Lets every user read one of the user's own memories, or no longer; Denied where it is another's."""
        sequence = await self.store.find(user, id)
        if sequence is not None:
            await self._whole(self._share(sequence, shared))
        elif await self.store.find_shared(id) is not None:
            raise Denied("That memory is another user's: only its author shares it, or stops to.")
        else:
            raise NotFound("There is no memory of yours with that id.", "Search for it with reflect_on_past.")

    async def _share(self, sequence: int, shared: bool) -> None:
        await self.store.share(sequence, shared)
        await self.index.share(sequence, shared)
        await self.generations.move_all()

    async def remove(self, sequences: Sequence[int], by: Removing) -> None:
        """Takes them out of the store, the index and what is cached."""
        await self._whole(self._remove(sequences, by))

    async def _remove(self, sequences: Sequence[int], by: Removing) -> None:
        await self.store.delete(sequences, by)
        await self.index.remove(sequences)
        await self.generations.move_all()  # they may be of any project


def _token(user: str, sequences: Sequence[int]) -> str:
    """Names a set of memories: whoever has it has been told how many there are."""
    return hashlib.sha256(repr((user, sequences)).encode()).hexdigest()[:32]


def _half(vectors: NDArray[np.float32]) -> NDArray[np.float16]:
    return vectors.astype(np.float16)


def _without_secrets(memory: Memory) -> tuple[Memory, int]:
    """The memory without what is private or a secret, and how many secrets there were."""
    at_most(len(memory.content.encode("utf-8", "replace")), content_max_bytes, "content", "bytes")
    public, hidden = without_private(memory.content)
    if hidden and not public.replace(PRIVATE_MARK, "").strip():
        raise InvalidInput("All of it is private: there is nothing to store.")
    content, tags, metadata = redact(public), redact("\n".join(memory.tags)), redact_json(dict(memory.metadata))
    cleaned = replace(memory, content=content.text, tags=tuple(tags.text.split("\n")), metadata=metadata.value)
    return cleaned, content.count + tags.count + metadata.count


def _outcome(inserted: Inserted, redactions: int) -> Outcome:
    return Outcome(inserted.id, inserted.stored_at, inserted.duplicate, inserted.embedded, redactions)


def _entry(row: NewRow, inserted: Inserted) -> NewEntry:
    content = b"" if row.content_vector is None else row.content_vector.tobytes()
    context = b"" if row.context_vector is None else row.context_vector.tobytes()
    return new_entry(inserted.sequence, row.user, row.memory, content, context)
