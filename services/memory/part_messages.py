"""Stored memories as messages with a part of their content, since answers are bounded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.kit.errors import InvalidInput
from services.kit.health.parts import PartHealth
from services.memory.domain.memories import Memory
from services.memory.domain.queries import MemoryList
from services.memory.messages import memory_message, time_message
from services.memory.operations.backups import Schedule
from services.memory.operations.replacements.proposals import Proposals
from services.memory.operations.written_backups import Written
from services.memory.search.excerpts import excerpt
from services.memory.search.explanation import Explained, Explanation
from services.memory.text.chunks import Span
from services.pb import memory_pb2


def check_message(parts: Mapping[str, PartHealth]) -> memory_pb2.CheckResponse:
    """The health of a process's parts."""
    return memory_pb2.CheckResponse(
        parts={name: memory_pb2.Part(status=part.status, reason=part.reason) for name, part in parts.items()}
    )


def beginning(memory: Memory, chars_max: int) -> memory_pb2.StoredMemory:
    """A stored memory with the beginning of its content; 0 is all of it."""
    return memory_message(memory, excerpt(memory.content, chars_max) if chars_max else None)


def part(memory: Memory, begin: int, chars_max: int) -> memory_pb2.StoredMemory:
    """A stored memory with a part of its content; InvalidInput if it ends before that."""
    length = len(memory.content)
    if begin < 0 or begin >= max(length, 1):
        raise InvalidInput(f"The content has {length:,} characters.", "Let begin be less.")
    return memory_message(memory, Span(begin, min(begin + chars_max, length) if chars_max else length))


def list_message(listed: MemoryList, content_max_chars: int) -> memory_pb2.ListResponse:
    """A page of a list."""
    return memory_pb2.ListResponse(
        memories=[beginning(each, content_max_chars) for each in listed.memories],
        total=listed.total,
        next_cursor=listed.next_cursor,
    )


def proposals_message(found: Proposals, content_max_chars: int) -> memory_pb2.ListProposedReplacementsResponse:
    """What may be replaced, and by what."""
    pairs = [
        memory_pb2.ProposedReplacement(
            newer=beginning(each.newer, content_max_chars), older=beginning(each.older, content_max_chars)
        )
        for each in found.pairs
    ]
    return memory_pb2.ListProposedReplacementsResponse(
        pairs=pairs, in_force=found.in_force, compared=found.compared, more=found.more
    )


def backups_message(found: Sequence[Written], schedule: Schedule | None) -> memory_pb2.ListBackupsResponse:
    """The backups that were written, and where and when the next ones are."""
    backups = [
        memory_pb2.WrittenBackup(
            path=each.path,
            written_at=time_message(each.written_at),
            memories=each.memories,
            bytes=each.size_bytes,
            whereabouts=each.whereabouts,
        )
        for each in found
    ]
    directory, every_s = (str(schedule.directory), schedule.every.total_seconds()) if schedule else ("", 0.0)
    return memory_pb2.ListBackupsResponse(backups=backups, directory=directory, every_h=every_s / 3600)


def explanation(found: Explanation, content_max_chars: int) -> memory_pb2.ExplainResponse:
    """Why a search finds what it finds."""
    return memory_pb2.ExplainResponse(
        results=[_explained_message(each, content_max_chars) for each in found.results],
        terms=found.terms,
        by_meaning=found.by_meaning,
        named=_explained_message(found.named, content_max_chars) if found.named else None,
        whereabouts=found.whereabouts,
        middle=found.middle,
        slope=found.slope,
    )


def _explained_message(found: Explained, content_max_chars: int) -> memory_pb2.Explained:
    return memory_pb2.Explained(
        memory=beginning(found.memory, content_max_chars),
        score=found.score,
        evidence=[memory_pb2.Evidence(name=name, value=value) for name, value in found.evidence.items()],
        age=found.age,
    )
