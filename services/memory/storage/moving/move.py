"""Moves everything from one database to another, chunk by chunk: what is there already is left, and all is compared.

A chunk that differs is written anew, so an interrupted move goes on where it was, whatever happened meanwhile.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from uuid import uuid4

from services.kit.errors import Conflict
from services.memory.storage.moving.tables import MEMORIES, TABLES, Side, Span, Table, chunk, digest_of
from services.memory.storage.postgres.deletion.digests import UNKNOWN

_done = "done"
_running = "running"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is: memories that are in place, of how many."""

    memories: int
    memories_total: int
    user: int
    users_total: int


@dataclass(frozen=True, slots=True)
class UserMoved:
    """What a user has on both sides: the number of memories, and the digest of all rows."""

    user: str
    memories: int
    digest: str


Show = Callable[[Progress], None]


async def move_all(source: Side, target: Side, show: Show) -> list[UserMoved]:
    """Moves all of `source` into `target`, and returns what was compared on both sides, by user.

    Conflict if the target has memories that an unfinished move did not bring, or if the two differ in the end.
    """
    await _claim(source, target)
    users = sorted({*await source.users(), *await target.users(), UNKNOWN})
    total = sum([len(await source.keys(MEMORIES, user)) for user in users])
    memories = 0
    for at, user in enumerate(users):
        for table in TABLES:
            async for span in _spans(source, table, user):
                rows = await source.rows(table, span)
                if digest_of(rows) != digest_of(await target.rows(table, span)):
                    await target.replace(table, span, rows)
                memories += len(rows) if table == MEMORIES else 0
                show(Progress(memories, total, at + 1, len(users)))
    await target.put_general_rows(await source.general_rows())
    moved = [await _compare(source, target, user) for user in users]
    await target.put_mark(f"{_done} {uuid4()}")
    return [each for each in moved if each.user != UNKNOWN or each.memories]


async def _claim(source: Side, target: Side) -> None:
    mark, from_source = await target.mark(), await source.mark()
    if not from_source.startswith("from "):
        from_source = f"from {uuid4()}"
        await source.put_mark(from_source)
    claimed = f"{_running} {from_source}"
    if mark == claimed:
        return
    if await target.users():
        raise Conflict(
            "There are memories already where they are to be moved to.",
            "Name an empty database, or move the earlier file aside.",
        )
    await target.put_mark(claimed)


async def _spans(source: Side, table: Table, user: str) -> AsyncIterator[Span]:
    """All of a user's rows, a chunk at a time; the last one is open, and so has what only the target has."""
    keys: Sequence[int] = await source.keys(table, user) if table.key else ()
    after = -1
    for end in keys[chunk - 1 : -1 : chunk]:
        yield Span(user, after, end)
        after = end
    yield Span(user, after)


async def _compare(source: Side, target: Side, user: str) -> UserMoved:
    """The same on both sides, or Conflict."""
    memories, digest = 0, hashlib.sha256()
    for table in TABLES:
        async for span in _spans(source, table, user):
            rows, others = await source.rows(table, span), await target.rows(table, span)
            its = digest_of(rows)
            if len(rows) != len(others) or its != digest_of(others):
                raise Conflict(
                    f"After the move a part of {table.name} differs: one of the databases was changed meanwhile.",
                    "End what uses them, and move again: it goes on from here.",
                )
            digest.update(its.encode())
            memories += len(rows) if table == MEMORIES else 0
    return UserMoved(user, memories, digest.hexdigest())
