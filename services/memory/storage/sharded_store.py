"""Several databases as one store: a project is always in the same one, and a search across projects reads all.

A memory's sequence encodes its shard: the sequence there, times the number of shards, plus the shard's number.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from services.kit.events.outbox import Outbox
from services.memory.domain.memories import Memory, Stats
from services.memory.domain.partial_changes import DoneInPart
from services.memory.domain.project_links import Link
from services.memory.domain.retention_policy import Due, Rule, Standing
from services.memory.domain.rows import Embedded, Inserted, Loaded, Moved, NewRow, ProjectMove, Restated, Sequences
from services.memory.domain.store import Inventory, MemoryStore
from services.memory.storage.duckdb.store import SPILL, StoreSettings, open_store
from services.memory.storage.shard_count import claim_shard_count
from services.memory.storage.sharded_corrections import ShardedCorrections
from services.memory.storage.sharded_deletions import ShardedDeletions
from services.memory.storage.shards import shard_of


@asynccontextmanager
async def open_shards(home: Path, count: int, settings: StoreSettings) -> AsyncIterator[MemoryStore]:
    """The store in `home`: `count` databases. NotReady if a different number of them exists."""
    await asyncio.to_thread(claim_shard_count, home, count)
    began = time.time()
    if count == 1:
        async with open_store(home / "memory.duckdb", settings) as store:
            await asyncio.to_thread(_discard_spill, home, began)
            yield store
        return
    shared = replace(settings, memory_limit_mb=max(settings.memory_limit_mb // count, 64))
    async with AsyncExitStack() as stack:
        paths = [home / f"memory-{number}.duckdb" for number in range(count)]
        shards = [await stack.enter_async_context(open_store(path, shared)) for path in paths]
        await asyncio.to_thread(_discard_spill, home, began)
        yield ShardedStore(shards)


def _discard_spill(home: Path, began: float) -> None:
    """Removes temporary files of large queries that a killed process left; we hold the databases, so it has ended."""
    for path in (home / SPILL).glob("*"):
        if path.is_file() and path.stat().st_mtime < began:
            path.unlink(missing_ok=True)


class ShardedStore(ShardedCorrections, ShardedDeletions):
    """`MemoryStore` on several others. Project links are in the first one."""

    @property
    def outboxes(self) -> Sequence[Outbox]:
        return [outbox for shard in self._shards for outbox in shard.outboxes]

    @property
    def insert_sees_all(self) -> bool:
        """No: a shard knows its own alone, and what was deleted may be said again in another's project."""
        return False

    async def find_existing(self, rows: Sequence[NewRow]) -> dict[int, Inserted]:
        """Searches all shards for an id."""
        found = await asyncio.gather(*(shard.find_existing(rows) for shard in self._shards))
        every = [
            (place, self._with_global_sequence(shard, each))
            for shard, known in enumerate(found)
            for place, each in known.items()
        ]
        return dict(sorted(every, key=lambda each: not each[1].was_deleted))  # what is stored comes last, and stays

    async def insert(self, rows: Sequence[NewRow], model: str) -> list[Inserted]:
        """One transaction per shard. DoneInPart if some of them failed."""
        places = self._places(self._shard_of(row) for row in rows)
        outcomes: dict[int, Inserted] = {}

        async def insert(shard: int, its: list[int]) -> None:
            inserted = await self._shards[shard].insert([rows[place] for place in its], model)
            outcomes.update(
                (place, self._with_global_sequence(shard, each)) for place, each in zip(its, inserted, strict=True)
            )

        error = await self._change(places, insert)
        if error:
            raise DoneInPart(sorted(outcomes), error, outcomes) if outcomes else error
        return [outcomes[place] for place in range(len(rows))]

    async def restate(self, rows: Sequence[NewRow], model: str) -> dict[int, Restated]:
        """One transaction per shard. DoneInPart if some of them failed."""
        done: dict[int, Restated] = {}

        async def restate(shard: int, its: list[int]) -> None:
            made = await self._shards[shard].restate([rows[place] for place in its], model)
            done.update((its[at], self._restatement_with_global_sequence(shard, each)) for at, each in made.items())

        error = await self._change(self._places(self._shard_of(row) for row in rows), restate)
        if error:
            raise DoneInPart(sorted(done), error, restated=done) if done else error
        return done

    async def fetch(self, sequences: Sequence[int]) -> dict[int, Memory]:
        parts = self._by_shard(sequences)
        found = await asyncio.gather(*(self._shards[shard].fetch(its) for shard, its in parts.items()))
        return self._join(parts, found)

    async def visible(self, user: str, sequences: Sequence[int]) -> dict[int, Memory]:
        parts = self._by_shard(sequences)
        return self._join(
            parts, await asyncio.gather(*(self._shards[at].visible(user, its) for at, its in parts.items()))
        )

    async def find(self, user: str, id: str) -> int | None:
        return self._first(await asyncio.gather(*(shard.find(user, id) for shard in self._shards)))

    async def find_shared(self, id: str) -> int | None:
        return self._first(await asyncio.gather(*(shard.find_shared(id) for shard in self._shards)))

    async def share(self, sequence: int, shared: bool) -> None:
        await self._shards[sequence % len(self._shards)].share(sequence // len(self._shards), shared)

    def earlier_databases(self) -> list[Path]:
        return [path for shard in self._shards for path in shard.earlier_databases()]

    async def has_rules(self) -> bool:
        return any(await asyncio.gather(*(shard.has_rules() for shard in self._shards)))

    async def rules(self, user: str) -> list[Rule]:
        found = await asyncio.gather(*(shard.rules(user) for shard in self._shards))
        return sorted((rule for rules in found for rule in rules), key=lambda rule: rule.project)

    async def set_rule(self, user: str, rule: Rule, now: datetime) -> None:
        """In the shard of the project's memories."""
        await self._shards[shard_of(user, rule.project, len(self._shards))].set_rule(user, rule, now)

    async def reset_rule(self, user: str, project: str, now: datetime) -> None:
        await self._shards[shard_of(user, project, len(self._shards))].reset_rule(user, project, now)

    async def due(self, default: Standing, now: datetime) -> Due:
        """Shard by shard."""
        found = await asyncio.gather(*(shard.due(default, now) for shard in self._shards))
        sequences = [
            self._everywhere(number, 0) + each.sequences * len(self._shards) for number, each in enumerate(found)
        ]
        return Due(np.concatenate(sequences), np.concatenate([each.said_us for each in found]))

    async def due_counts(self, user: str, default: Rule, now: datetime) -> dict[str, int]:
        found = await asyncio.gather(*(shard.due_counts(user, default, now) for shard in self._shards))
        return {project: count for counts in found for project, count in counts.items()}

    async def newest(self) -> datetime | None:
        found = await asyncio.gather(*(shard.newest() for shard in self._shards))
        return max((each for each in found if each), default=None)

    async def upkeep(self, name: str) -> str | None:
        return await self._shards[0].upkeep(name)

    async def keep_upkeep(self, name: str, value: str) -> None:
        await self._shards[0].keep_upkeep(name, value)

    async def without_embedding(self, model: str, most: int) -> list[int]:
        found = await asyncio.gather(*(shard.without_embedding(model, most) for shard in self._shards))
        return [self._everywhere(shard, each) for shard, its in enumerate(found) for each in its][:most]

    async def longer_than(self, size: int, after: int, most: int) -> list[int]:
        count = len(self._shards)
        passed = [(after - shard) // count for shard in range(count)]
        found = await asyncio.gather(
            *(each.longer_than(size, its, most) for each, its in zip(self._shards, passed, strict=True))
        )
        return sorted(self._everywhere(shard, each) for shard, its in enumerate(found) for each in its)[:most]

    async def embed(self, embedded: Sequence[Embedded], model: str) -> None:
        """DoneInPart if some shards failed."""
        done: list[int] = []

        async def embed(shard: int, its: list[int]) -> None:
            own = [
                replace(each, sequence=each.sequence // len(self._shards)) for each in map(embedded.__getitem__, its)
            ]
            await self._shards[shard].embed(own, model)
            done.extend(its)

        error = await self._change(self._places(each.sequence % len(self._shards) for each in embedded), embed)
        if error:
            raise DoneInPart(sorted(done), error) if done else error

    async def load(self, model: str, sequences: Sequences, *, text: bool) -> AsyncIterator[Loaded]:
        """Shard by shard."""
        count = len(self._shards)
        for number, shard in enumerate(self._shards):
            its = sequences[sequences % count == number] // count
            async for loaded in shard.load(model, its, text=text):
                unreadable = {each * count + number: its for each, its in loaded.unreadable.items()}
                yield replace(loaded, sequence=loaded.sequence * count + number, unreadable=unreadable)

    async def inventory(self, model: str) -> Inventory:
        count = len(self._shards)
        parts = await asyncio.gather(*(shard.inventory(model) for shard in self._shards))
        sequences = np.concatenate([its.sequences * count + number for number, its in enumerate(parts)])
        order = np.argsort(sequences)
        embedded = np.concatenate([its.embedded for its in parts])
        shared = np.concatenate([its.shared for its in parts])
        said_s = np.concatenate([its.said_s for its in parts])
        return Inventory(sequences[order], embedded[order], shared[order], said_s[order])

    async def stats(self, user: str, project: str, model: str, since: datetime | None = None) -> Stats:
        parts = await asyncio.gather(*(shard.stats(user, project, model, since) for shard in self._shards))
        names = [project] if project else await self.projects(user)  # users' projects of one name are in several
        return Stats(
            conversations=sum(each.conversations for each in parts),
            reflections=sum(each.reflections for each in parts),
            projects=min(len(names), sum(each.projects for each in parts)),
            embedded=sum(each.embedded for each in parts),
            storage_bytes=sum(each.storage_bytes for each in parts),
            oldest=min((each.oldest for each in parts if each.oldest), default=None),
            most_recent=max((each.most_recent for each in parts if each.most_recent), default=None),
            shared_by_user=sum(each.shared_by_user for each in parts),
            shared_by_others=sum(each.shared_by_others for each in parts),
            stored_since=sum(each.stored_since for each in parts),
            last_stored=max((each.last_stored for each in parts if each.last_stored), default=None),
        )

    async def size(self) -> tuple[int, int]:
        sizes = await asyncio.gather(*(shard.size() for shard in self._shards))
        return sum(memories for memories, _ in sizes), sum(size_bytes for _, size_bytes in sizes)

    async def usage(self, user: str) -> tuple[int, int]:
        parts = await asyncio.gather(*(shard.usage(user) for shard in self._shards))
        return sum(memories for memories, _ in parts), sum(content_bytes for _, content_bytes in parts)

    async def projects(self, user: str) -> list[str]:
        found = await asyncio.gather(*(shard.projects(user) for shard in self._shards))
        return sorted({name for names in found for name in names})

    async def page(self, user: str, after: int, limit: int) -> dict[int, Memory]:
        count = len(self._shards)
        pages = await asyncio.gather(
            *(shard.page(user, (after - number) // count, limit) for number, shard in enumerate(self._shards))
        )
        found = {
            self._everywhere(number, sequence): memory
            for number, its in enumerate(pages)
            for sequence, memory in its.items()
        }
        return {sequence: found[sequence] for sequence in sorted(found)[:limit]}

    async def copy_to(self, directory: Path) -> list[dict[str, int]]:
        """One shard after the other: each copy is consistent, but not at the same moment."""
        return [counts for shard in self._shards for counts in await shard.copy_to(directory)]

    async def links(self, user: str) -> list[Link]:
        return await self._shards[0].links(user)

    async def link(self, user: str, link: Link) -> None:
        await self._shards[0].link(user, link)

    async def unlink(self, user: str, source: str, target: str) -> bool:
        return await self._shards[0].unlink(user, source, target)

    async def count_move(self, move: ProjectMove) -> int:
        return await self._shards[shard_of(move.user, move.source, len(self._shards))].count_move(move)

    async def move_project(self, move: ProjectMove) -> Moved:
        """Between two databases by portions: a portion is stored in the one before it is removed from the other."""
        user, source, target = move.user, move.source, move.target
        of, to = (shard_of(user, each, len(self._shards)) for each in (source, target))
        if not move.splits:
            await self._shards[0].moves.tie(user, source, target)
        if of == to:
            moved = await self._shards[of].move_project(move)
            return Moved(*([self._everywhere(of, each) for each in its] for its in (moved.removed, moved.added)))
        removed: list[int] = []
        added: list[int] = []
        while rows := await self._shards[of].moves.read(move):
            added += [self._everywhere(to, each) for each in await self._shards[to].moves.add(rows)]
            removed += [self._everywhere(of, each) for each in await self._shards[of].moves.drop(rows)]
        if not move.splits:
            await self._move_rule(user, source, target)
        return Moved(removed, added)

    async def _move_rule(self, user: str, source: str, target: str) -> None:
        rules = {rule.project: rule for rule in await self.rules(user)}
        if source in rules:
            now = datetime.now(UTC)
            if target not in rules:
                await self.set_rule(user, replace(rules[source], project=target), now)
            await self.reset_rule(user, source, now)
