"""The events that sinks refused for good: listed, sent once more, or dropped. Bounded, as the log says."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.integration.storage.event_log import EventLog, dead_letters_max
from services.kit.errors import InvalidInput
from services.kit.events.outbox import OutgoingEvent, stored_event

listed_max = 200


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that a sink refused; `number` is its place in the list, and `waits` says that it is to be sent again."""

    number: int
    sink: str
    event: OutgoingEvent
    buried_at: datetime
    reason: str
    waits: bool


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which ones are meant: these ids, or all; of one sink, or of every one."""

    ids: Sequence[str] = ()
    every: bool = False
    sink: str = ""


class DeadLetters:
    """Those of a log."""

    def __init__(self, log: EventLog) -> None:
        self._log = log

    async def list(self, after: int, most: int) -> Sequence[DeadLetter]:
        """The oldest after that number; InvalidInput for more than `listed_max`."""
        if not 0 < most <= listed_max:
            raise InvalidInput(f"most is 1 to {listed_max}.")
        sql = """SELECT rowid, sink, body, buried_at, reason, again FROM dead_letters
                 WHERE rowid > ? ORDER BY rowid LIMIT ?"""
        rows = await self._log.run(lambda connection: connection.execute(sql, (after, most)).fetchall())
        return [
            DeadLetter(number, sink, stored_event(body), datetime.fromisoformat(at), reason, bool(again))
            for number, sink, body, at, reason, again in rows
        ]

    async def retry(self, chosen: Chosen) -> int:
        """Has them sent once more each, after what was sent meanwhile; how many those are."""
        changed = await self._change("UPDATE dead_letters SET again = 1", chosen)
        self._log.announce()
        return changed

    async def drop(self, chosen: Chosen) -> int:
        """Forgets them; how many those were."""
        return await self._change("DELETE FROM dead_letters", chosen)

    async def _change(self, statement: str, chosen: Chosen) -> int:
        if bool(chosen.ids) == chosen.every:
            raise InvalidInput("Name the events, or say all.")
        if len(chosen.ids) > dead_letters_max:
            raise InvalidInput(f"At most {dead_letters_max} events are named at once.")

        def change(connection: sqlite3.Connection) -> int:
            where = f"{statement} WHERE (?1 = '' OR sink = ?1)"
            if chosen.every:
                return connection.execute(where, (chosen.sink,)).rowcount
            return sum(connection.execute(f"{where} AND id = ?2", (chosen.sink, each)).rowcount for each in chosen.ids)

        return await self._log.run(change)
