"""The outboxes in PostgreSQL: events in the transaction of the change that they tell, in a few parts by user.

A part has dense numbers, in the order of commits: whoever writes to it waits for the one before, from here to the end
of the transaction, so this is the last that a transaction does. All of a user's are in one part, and so in order.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterable

from services.kit.events.outbox import OutgoingEvent, Taken, stored_event, trimmed_every
from services.memory.storage.postgres.server.transaction import Statements, Transaction

PARTS = 4
"""As many as the rows of `outgoing_numbers`."""


def part_of(user: str) -> int:
    """The part of the user's events; it is the same for ever."""
    return zlib.crc32(user.encode("utf-8", "replace")) % PARTS


async def write_events(statements: Statements, events: Iterable[OutgoingEvent], most: int) -> None:
    """Adds the events; keeps about `most` in each part."""
    parts = defaultdict[int, list[OutgoingEvent]](list)
    for event in events:
        parts[part_of(event.user)].append(event)
    raised = "UPDATE outgoing_numbers SET last = last + %s WHERE part = %s RETURNING last"
    for part, its in sorted(parts.items()):
        ((last,),) = await statements.rows(raised, len(its), part)
        first = last - len(its) + 1
        rows = [(part, number, event.text()) for number, event in enumerate(its, start=first)]
        await statements.run_each("INSERT INTO outgoing VALUES (%s, %s, %s)", rows)
        if last // trimmed_every > (first - 1) // trimmed_every:
            await statements.run("DELETE FROM outgoing WHERE part = %s AND number <= %s", part, last - most)


async def take_events(statements: Statements, part: int, most: int) -> Taken:
    """See Outbox."""
    sql = """
        SELECT n.settled, o.number, o.body FROM outgoing_numbers n
        JOIN outgoing o ON o.part = n.part AND o.number > n.settled
        WHERE n.part = %s ORDER BY o.number LIMIT %s
    """  # one statement: of one moment
    rows = await statements.rows(sql, part, most)
    dropped = rows[0][1] - rows[0][0] - 1 if rows else 0
    return Taken([(number, stored_event(body)) for _, number, body in rows], dropped)


async def settle_events(transaction: Transaction, part: int, number: int) -> None:
    """See Outbox."""
    sql = """
        UPDATE outgoing_numbers SET settled = greatest(settled, least(%s::BIGINT, last)) WHERE part = %s
        RETURNING settled
    """
    for (settled,) in await transaction.rows(sql, number, part):
        await transaction.run("DELETE FROM outgoing WHERE part = %s AND number <= %s", part, settled)
