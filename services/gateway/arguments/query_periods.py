"""What a search's query says besides its subject, as memory is asked for it: a time, the newest, how many."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from services.gateway.arguments.exact_questions import ExactQuestion, exact_question
from services.gateway.arguments.query_times import QueryTime, query_time
from services.gateway.arguments.time_expressions import timestamp
from services.pb import memory_pb2


@dataclass(frozen=True, slots=True)
class Reading:
    """What was understood of a query; None for what it does not say."""

    period: QueryTime | None = None
    exact: ExactQuestion | None = None


def read_query(request: memory_pb2.SearchRequest, zone: ZoneInfo) -> Reading:
    """Adds to the request the time that its query names in words, and what it asks for exactly, which are returned."""
    named = query_time(request.query, datetime.now(UTC), zone)
    if named:
        since, until = timestamp(named.span.begin, "since"), timestamp(named.span.end, "until")
        request.period.CopyFrom(memory_pb2.Period(since=since, until=until, rest=named.rest))
    exact = exact_question(named.rest if named else request.query)
    if exact:
        request.exact.CopyFrom(
            memory_pb2.ExactQuestion(rest=exact.rest, is_newest=exact.is_newest, of_decisions=exact.of_decisions)
        )
    return Reading(named, exact)
