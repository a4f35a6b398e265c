"""Stored memories as they are compared with those that are sent again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from services.kit.encryption.vault import SealBroken
from services.kit.errors import Conflict
from services.memory.domain.memories import Kind, Memory, id_key, joint_memory
from services.memory.domain.rows import Inserted, NewRow
from services.memory.storage.memory_rows import PLAIN, memory_of
from services.memory.storage.row_codec import Rows


@dataclass(frozen=True, slots=True)
class Known:
    """A stored memory; `memory` is without its content. `is_earlier`: what was sent is what it was before a change."""

    sequence: int
    fingerprint: str
    stored_at: datetime
    user: str
    memory: Memory
    is_readable: bool = True
    is_earlier: bool = False


def known_columns(is_sealed: bool) -> str:
    """The columns that `known_memory` reads; the content only where it holds all text."""
    content = "content" if is_sealed else "''"
    return f"""
        fingerprint::TEXT, stored_at, sequence, id, user_id, {content}, project, session_id, role, tags, metadata,
        {PLAIN}, ''
    """


def known_memory(written: Rows, row: tuple[Any, ...]) -> Known:
    """The memory of such a row."""
    fingerprint, stored_at, sequence, name, user, *_ = row
    try:
        memory = memory_of(row[2:], written)
    except (SealBroken, ValueError, TypeError):
        memory = Memory("", Kind.CONVERSATION, "", stored_at.astimezone(UTC), id=name)
        return Known(sequence, fingerprint, stored_at.astimezone(UTC), user, memory, is_readable=False)
    return Known(sequence, fingerprint, stored_at.astimezone(UTC), user, replace(memory, content=""))


def known_outcome(known: Known, row: NewRow, embedded: set[int]) -> Inserted:
    """The outcome of storing `row`, which is stored already; `embedded` are the sequences with embeddings."""
    return Inserted(
        known.sequence,
        known.memory.id,
        known.stored_at,
        duplicate=True,
        embedded=known.sequence in embedded,
        tags=known.memory.tags,
        has_news=_has_news(known, row.memory),
    )


def _has_news(known: Known, again: Memory) -> bool:
    return known.is_readable and not known.is_earlier and joint_memory(known.memory, again) != known.memory


def deleted_outcome(row: NewRow) -> Inserted:
    """The outcome of storing `row`, which was deleted."""
    now = datetime.now(UTC)
    return Inserted(-1, row.memory.id, now, duplicate=False, embedded=False, was_deleted=True)


def twin_outcome(first: NewRow, row: NewRow, stored_at: datetime) -> Inserted:
    """The outcome of a row repeated in one call; Conflict if only the id is the same."""
    there = replace(row.memory, session_id=first.memory.session_id)
    if there.fingerprint(row.user) != first.memory.fingerprint(first.user):
        raise other_content()
    has_news = joint_memory(first.memory, row.memory) != first.memory
    name, tags = first.memory.id, first.memory.tags
    return Inserted(-1, name, stored_at, duplicate=True, embedded=False, tags=tags, has_news=has_news)


def fresh_places(rows: Sequence[NewRow], outcomes: dict[int, Inserted], stored_at: datetime) -> list[int]:
    """The positions of what is to be stored; what is repeated in one call is so once, and added to `outcomes`."""
    first: dict[tuple[str, object], int] = {}
    fresh: list[int] = []
    for place, row in enumerate(rows):
        if place in outcomes:
            continue
        names = [("key", id_key(row.user, row.memory.id)), ("fingerprint", row.memory.fingerprint(row.user))]
        twin = next((first[name] for name in names if name in first), None)
        if twin is None:
            fresh.append(place)
            first.update(dict.fromkeys(names, place))  # two entries
        else:
            outcomes[place] = twin_outcome(rows[twin], row, stored_at)
    return fresh


def says_the_same(written: Rows, known: Known, row: NewRow) -> bool:
    """Whether they differ only in the session: a forked session copies memories under the same ids."""
    there = replace(row.memory, session_id=known.memory.session_id)
    return str(written.fingerprint(there, row.user)) == known.fingerprint


def earlier_memory(written: Rows, known: Known, row: NewRow, prints: Set[str]) -> Known:
    """The memory, which said what `row` says before it was changed; `prints` are the fingerprints of what it said. Else
    Conflict."""
    sessions = (row.memory, replace(row.memory, session_id=known.memory.session_id))
    if not prints & {str(written.fingerprint(each, row.user)) for each in sessions}:
        raise other_content()
    return replace(known, is_earlier=True)


def earlier_texts(
    rows: Sequence[NewRow],
    prints: Mapping[int, str],
    changed: Mapping[str, tuple[str, datetime]],
    stored: Iterable[Known],
) -> dict[int, Known]:
    """By place those of `stored` that said what `rows` say until they were changed; but not where that was said later
    again. `prints` are the rows' fingerprints; `changed` has the key, and when it was changed, by fingerprint."""
    by_key = {str(id_key(each.user, each.memory.id)): each for each in stored}
    return {
        place: replace(by_key[key], is_earlier=True)
        for place, printed in prints.items()
        if printed in changed
        for key, at in (changed[printed],)
        if key in by_key and rows[place].memory.timestamp <= at
    }


def other_content() -> Conflict:
    """What is raised where an id is another memory's."""
    return Conflict("That id is another memory's.", "Leave the id out, or send what was stored under it.")
