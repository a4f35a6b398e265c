"""Which changes of memories are told to other programs, whatever database they are in: ids and counts, no content."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime

from services.kit.events.outbox import OutgoingEvent, outgoing
from services.memory.domain.deletion_log import Reason, Undone
from services.memory.domain.memories import Kind, Memory
from services.memory.domain.rows import Inserted, NewRow

_reasons_told = (str(Reason.USER), str(Reason.RETENTION))
"""Deletions for other reasons take nothing from a user: the same is stored elsewhere, or again."""


def stored_events(rows: Sequence[NewRow], outcomes: Sequence[Inserted]) -> list[OutgoingEvent]:
    """One for each user with new memories."""
    fresh = defaultdict[str, list[Memory]](list)
    for row, outcome in zip(rows, outcomes, strict=True):
        if not outcome.duplicate and not outcome.was_deleted:
            fresh[row.user].append(row.memory)
    now = datetime.now(UTC)
    return [_stored_event(user, memories, now) for user, memories in fresh.items()]


def _stored_event(user: str, memories: Sequence[Memory], now: datetime) -> OutgoingEvent:
    reflections = sum(memory.kind is Kind.REFLECTION for memory in memories)
    counts = {"count": len(memories), "conversations": len(memories) - reflections, "reflections": reflections}
    return outgoing("memory.stored", user, now, {"ids": [memory.id for memory in memories], **counts})


def deleted_events(user: str, at: datetime, ids: Sequence[str], count: int, reason: str) -> list[OutgoingEvent]:
    """That of a deletion, by its entry in the log; none where nothing was taken from the user."""
    if reason not in _reasons_told:
        return []
    return [outgoing("memory.deleted", user, at.astimezone(UTC), {"ids": ids, "count": count, "reason": reason})]


def undeleted_events(user: str, done: Undone) -> list[OutgoingEvent]:
    """That of what was brought back; none where nothing was."""
    ids = sorted(done.restored)
    data = {"ids": ids, "count": len(ids)}
    return [outgoing("memory.undeleted", user, datetime.now(UTC), data)] if ids else []
