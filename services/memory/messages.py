"""Protobuf to domain and back: the shapes of memory.proto."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from services.kit.errors import InvalidInput, ServiceError, TooLarge
from services.kit.names import plain_name
from services.kit.transport.rpc import name_of
from services.memory.domain.corrections import Edit
from services.memory.domain.memories import (
    Kind,
    Memory,
    Outcome,
    Version,
    deeper_than,
    metadata_depth_max,
    metadata_max_bytes,
    normalise_project_name,
    plain_tags,
)
from services.memory.domain.project_links import Link, LinkType
from services.memory.domain.queries import (
    Author,
    Beside,
    ContentType,
    ExactQuestion,
    Filter,
    Found,
    ListQuery,
    PageBounds,
    Period,
    Query,
    Results,
    Sort,
)
from services.memory.operations.replacements.settling import Verdict
from services.memory.search.search import Answer
from services.memory.text.chunks import Span
from services.pb import memory_pb2

KIND = {memory_pb2.KIND_CONVERSATION: Kind.CONVERSATION, memory_pb2.KIND_REFLECTION: Kind.REFLECTION}
VERDICT = {
    memory_pb2.VERDICT_OPEN: Verdict.OPEN,
    memory_pb2.VERDICT_REPLACED: Verdict.REPLACED,
    memory_pb2.VERDICT_BOTH_HOLD: Verdict.BOTH_HOLD,
}
KIND_NUMBER = {kind: number for number, kind in KIND.items()}


# --- requests -----------------------------------------------------------------------------------


def new_memory(new: memory_pb2.NewMemory, shared_by_default: bool) -> Memory:
    """The memory to store; InvalidInput or LimitExceeded if it is invalid."""
    if new.kind not in KIND:
        raise InvalidInput("kind must be conversation or reflection.")
    return Memory(
        content=new.content,
        kind=KIND[new.kind],
        project=new.project,
        timestamp=new.timestamp.ToDatetime(UTC),
        session_id=new.session_id,
        role=new.role,
        tags=tuple(new.tags),
        metadata=_metadata(new.metadata),
        id=new.id,
        shared=new.shared if new.HasField("shared") else shared_by_default,
        first_said=_time(new, "first_said"),
        replaces=tuple(new.replaces),
        replaced_at=_time(new, "replaced_at"),
        withdrawn_at=_time(new, "withdrawn_at"),
        made_of=tuple(new.made_of),
        versions=tuple(_version(each) for each in new.versions),
    )


def _time(message: Any, name: str) -> datetime | None:
    """A time field that may be left out."""
    time: datetime | None = getattr(message, name).ToDatetime(UTC) if message.HasField(name) else None
    return time


def _version(given: memory_pb2.Version) -> Version:
    return Version(given.content, given.project, tuple(given.tags), given.changed_at.ToDatetime(UTC))


def _metadata(text: str) -> Mapping[str, Any]:
    if len(text.encode()) > metadata_max_bytes:
        raise TooLarge(f"metadata is over {metadata_max_bytes:,} bytes.")
    try:
        metadata = json.loads(text or "{}", parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("metadata is not JSON, or nested too deeply.") from error
    if not isinstance(metadata, dict):
        raise InvalidInput("metadata is not a JSON object.")
    if deeper_than(metadata, metadata_depth_max):
        raise InvalidInput(f"metadata is nested over {metadata_depth_max} deep.", "Keep it flat, or send it as text.")
    return metadata


def _refuse_constant(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def query(request: memory_pb2.SearchRequest) -> Query:
    """The query for a search."""
    return Query(
        text=request.query,
        limit=request.limit,
        min_score=request.min_score if request.HasField("min_score") else None,
        project=normalise_project_name(request.project),
        include_related_projects=request.include_related_projects,
        max_tokens=request.max_tokens,
        filter=_filter(request.filter),
        sort=Sort.NEWEST if request.newest_first else Sort.RELEVANCE,
        cursor=request.cursor,
        paged=request.paged,
        facets=request.facets,
        is_list=request.is_list,
        content_max_chars=request.content_max_chars,
        context_max_chars=request.context_max_chars,
        period=_period(request.period) if request.HasField("period") else None,
        exact=_exact(request.exact) if request.HasField("exact") else None,
    )


def _exact(given: memory_pb2.ExactQuestion) -> ExactQuestion:
    return ExactQuestion(given.rest, given.is_newest, given.of_decisions)


def _period(given: memory_pb2.Period) -> Period:
    return Period(given.since.ToDatetime(UTC), given.until.ToDatetime(UTC), given.rest)


def more_bounds(request: memory_pb2.MoreRequest) -> PageBounds:
    """How large the next page may be."""
    chars = request.content_max_chars, request.context_max_chars
    if min(chars) < 0:
        raise InvalidInput("content_max_chars is negative.")
    return PageBounds(request.limit, 0, *chars)


def verdict(given: memory_pb2.Verdict.ValueType) -> Verdict:
    """What is said of two memories; InvalidInput if nothing is."""
    if given not in VERDICT:
        raise InvalidInput("The verdict is missing.")
    return VERDICT[given]


def list_query(request: memory_pb2.ListRequest) -> ListQuery:
    """A list."""
    if request.author not in {"", *Author}:
        raise InvalidInput(f"author takes {', '.join(Author)}.")
    return ListQuery(
        project=normalise_project_name(request.project),
        include_related_projects=request.include_related_projects,
        filter=_filter(request.filter),
        author=Author(request.author or Author.ALL),
        oldest_first=request.oldest_first,
        limit=request.limit,
        cursor=request.cursor,
    )


def _filter(given: memory_pb2.Filter) -> Filter:
    if given.content_type not in {"", *ContentType}:
        raise InvalidInput(f"content_type takes {', '.join(ContentType)}.")
    return Filter(
        content_type=ContentType(given.content_type) if given.content_type else None,
        tags=plain_tags(given.tags),
        session_id=plain_name(given.session_id),
        since=_time(given, "since"),
        until=_time(given, "until"),
        file_path=given.file_path,
        role=plain_name(given.role),
        turn_kind=given.turn_kind,
        in_force=given.in_force,
        out_of_force=given.out_of_force,
    )


def edit(given: memory_pb2.UpdateRequest) -> Edit:
    """What shall be different in a memory."""
    return Edit(
        content=given.content if given.HasField("content") else None,
        project=given.project if given.HasField("project") else None,
        tags=tuple(given.tags) if given.change_tags else None,
    )


def link(given: memory_pb2.Link, made_at: datetime) -> Link:
    """The project link to store."""
    if given.type not in set(LinkType):
        raise InvalidInput(f"dependency_type takes {', '.join(LinkType)}.")
    return Link(plain_name(given.source), plain_name(given.target), LinkType(given.type), given.description, made_at)


# --- responses ----------------------------------------------------------------------------------


def time_message(time: datetime | None) -> Timestamp | None:
    """The time, or None."""
    if time is None:
        return None
    since = time - _epoch  # Timestamp's own conversion takes five times as long
    return Timestamp(seconds=since.days * 86_400 + since.seconds, nanos=since.microseconds * 1_000)


_epoch = datetime(1970, 1, 1, tzinfo=UTC)


def memory_message(memory: Memory, shown: Span | None = None) -> memory_pb2.StoredMemory:
    """A stored memory; with a part of its content where that is shown alone."""
    is_part = shown is not None and shown.end - shown.begin < len(memory.content)
    return memory_pb2.StoredMemory(
        id=memory.id,
        content=memory.content[shown.begin : shown.end] if shown else memory.content,
        content_chars=len(memory.content) if is_part else 0,
        excerpt_begin=shown.begin if shown else 0,
        kind=KIND_NUMBER[memory.kind],
        project=memory.project,
        timestamp=time_message(memory.timestamp),
        session_id=memory.session_id,
        role=memory.role,
        tags=memory.tags,
        metadata=json.dumps(dict(memory.metadata)),
        shared=memory.shared,
        author=memory.author,
        first_said=time_message(memory.first_said),
        replaces=memory.replaces,
        replaced_by=memory.replaced_by,
        withdrawn_at=time_message(memory.withdrawn_at),
        out_of_force=memory.out_of_force,
        versions=[_version_message(each) for each in memory.versions],
        replaced_at=time_message(memory.replaced_at),
        made_of=memory.made_of,
    )


def _version_message(version: Version) -> memory_pb2.Version:
    return memory_pb2.Version(
        content=version.content,
        project=version.project,
        tags=version.tags,
        changed_at=time_message(version.changed_at),
    )


def outcome_message(outcome: Outcome) -> memory_pb2.StoreOutcome:
    """The outcome of storing one memory."""
    return memory_pb2.StoreOutcome(
        id=outcome.id,
        stored_at=time_message(outcome.stored_at),
        duplicate=outcome.duplicate,
        embedding_generated=outcome.embedded,
        redactions=outcome.redactions,
        tags=outcome.tags,
        was_deleted=outcome.was_deleted,
        may_replace=[memory_message(each) for each in outcome.may_replace],
        out_of_force=outcome.out_of_force,
        replaced_by=outcome.replaced_by,
    )


def refusal_messages(answers: Mapping[int, object]) -> list[memory_pb2.Refusal]:
    """The errors among the outcomes, by position in the request."""
    return [
        memory_pb2.Refusal(place=place, error=name_of(error), message=error.message)
        for place, error in sorted(answers.items())
        if isinstance(error, ServiceError)
    ]


def found_message(found: Found) -> memory_pb2.Found:
    """One result."""
    return memory_pb2.Found(
        memory=memory_message(found.memory, found.shown),
        score=found.score,
        similarity=found.similarity,
        matched=found.matched,
        before=_beside_message(found.before) if found.before else None,
        after=_beside_message(found.after) if found.after else None,
        folded=found.folded,
        folded_ids=found.folded_ids,
    )


def _beside_message(beside: Beside) -> memory_pb2.StoredMemory:
    return memory_pb2.StoredMemory(**beside._asdict())


def results_message(results: Results) -> memory_pb2.SearchResponse:
    """The results of a search."""
    facets = {
        name: memory_pb2.Facet(counts=[memory_pb2.Count(value=value, count=count) for value, count in counts.items()])
        for name, counts in results.facets.items()
    }
    return memory_pb2.SearchResponse(
        results=[found_message(each) for each in results.found],
        total_found=results.total,
        search_strategy=results.strategy,
        took_ms=results.took_ms,
        truncated=results.truncated,
        suggestions=results.suggestions,
        next_cursor=results.next_cursor,
        facets=facets,
        at_least=not results.exact,
        nearest=found_message(results.nearest) if results.nearest else None,
        in_period=results.in_period,
        total_matching=results.matching,
        newest_first=results.newest_first,
        counted_by=results.counted_by,
    )


def encoded_results(results: Results) -> bytes:
    """The results of a search, serialised for sending and caching."""
    return results_message(results).SerializeToString()


def answer_message(answer: Answer) -> memory_pb2.SearchResponse:
    """The response from serialised results, fresh or cached."""
    message = memory_pb2.SearchResponse.FromString(answer.content)
    message.took_ms = answer.took_ms
    return message


def link_message(link: Link) -> memory_pb2.Link:
    """A project link."""
    return memory_pb2.Link(
        source=link.source,
        target=link.target,
        type=link.type,
        description=link.description,
        created_at=time_message(link.created_at),
    )
