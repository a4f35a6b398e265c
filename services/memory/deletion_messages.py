"""Messages about deletions and retention."""

from __future__ import annotations

from collections.abc import Sequence

from services.memory.domain.deletion_log import Removal, Undone
from services.memory.domain.memories import (
    Deletion,
    Memory,
    Tally,
    normalise_project_name,
)
from services.memory.domain.retention_policy import Rule
from services.memory.messages import KIND_NUMBER, time_message
from services.memory.operations.retention_job import Retained
from services.pb import memory_pb2

begins_max_chars = 100


def rule(given: memory_pb2.Retention) -> Rule:
    """The retention rule to set."""
    return Rule(
        project=normalise_project_name(given.project),
        days=given.days if given.HasField("days") else None,
        size_mb=given.size_mb if given.HasField("size_mb") else None,
        reflections=given.reflections,
    )


def deletion_message(deletion: Deletion) -> memory_pb2.DeleteResponse:
    """The memories deleted, or those that would be."""
    return memory_pb2.DeleteResponse(
        deleted=deletion.deleted,
        would_delete=deletion.would_delete,
        confirmation=deletion.confirmation,
        tallies=[_tally_message(each) for each in deletion.tallies],
        examples=[_example_message(each) for each in deletion.examples],
        other_kinds=deletion.other_kinds,
        derived=deletion.derived,
    )


def undone_message(ids: Sequence[str], undone: Undone) -> memory_pb2.UndeleteResponse:
    """What was brought back of these ids or, without any, of the last deletion."""
    known = undone.restored | undone.there | undone.late
    return memory_pb2.UndeleteResponse(
        restored=len(undone.sequences),
        there_already=len(undone.there),
        too_late=len(undone.late) if ids else undone.late_count,
        unknown=len(set(ids) - known),
    )


def _tally_message(tally: Tally) -> memory_pb2.Tally:
    return memory_pb2.Tally(
        kind=KIND_NUMBER[tally.kind],
        project=tally.project,
        count=tally.count,
        oldest=time_message(tally.oldest),
        newest=time_message(tally.newest),
    )


def _example_message(memory: Memory) -> memory_pb2.Example:
    return memory_pb2.Example(
        id=memory.id,
        kind=KIND_NUMBER[memory.kind],
        project=memory.project,
        timestamp=time_message(memory.timestamp),
        begins=" ".join(memory.content[: 10 * begins_max_chars].split())[:begins_max_chars],
    )


def removal_message(removal: Removal) -> memory_pb2.Removal:
    """An entry of the deletion log."""
    return memory_pb2.Removal(
        removed_at=time_message(removal.removed_at),
        actor=removal.actor,
        reason=removal.reason,
        project=removal.project,
        ids=removal.ids,
        count=removal.count,
        erased=removal.erased,
        restored=removal.restored,
    )


def retention_message(retained: Retained) -> memory_pb2.Retention:
    """A retention rule, and how many memories it would remove."""
    rule = retained.rule
    return memory_pb2.Retention(
        project=rule.project,
        days=rule.days,
        size_mb=rule.size_mb,
        reflections=rule.reflections,
        is_default=rule.is_default,
        would_remove=retained.would_remove,
    )
