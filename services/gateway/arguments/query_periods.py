"""The time that a search names in words, as memory is asked for it."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from services.gateway.arguments.query_times import QueryTime, query_time
from services.gateway.arguments.time_expressions import timestamp
from services.pb import memory_pb2


def name_period(request: memory_pb2.SearchRequest, zone: ZoneInfo) -> QueryTime | None:
    """Adds to the request the time that its query names in words, which is returned; None where it names none."""
    named = query_time(request.query, datetime.now(UTC), zone)
    if named:
        since, until = timestamp(named.span.begin, "since"), timestamp(named.span.end, "until")
        request.period.CopyFrom(memory_pb2.Period(since=since, until=until, rest=named.rest))
    return named
