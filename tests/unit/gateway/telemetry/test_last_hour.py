"""The minutes of the last hour are differences of sums."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from services.gateway.telemetry.last_hour import LastHour, Sums, minutes_max

NOW = datetime(2026, 5, 1, tzinfo=UTC)
CALLS = "mcp_server_operation_duration_seconds"


def test_sums_are_of_tool_calls_alone() -> None:
    call, other = ("mcp_method_name", "tools/call"), ("mcp_method_name", "tools/list")
    series = {
        (f"{CALLS}_count", (call,)): 7.0,
        (f"{CALLS}_count", (("error_type", "NOT_FOUND"), call)): 2.0,
        (f"{CALLS}_sum", (call,)): 0.9,
        (f"{CALLS}_count", (other,)): 50.0,
        ("something_else_count", (call,)): 50.0,
    }
    assert Sums.of(series) == Sums(9.0, 0.9, 2.0)


def test_a_minute_is_what_came_since_the_look_before() -> None:
    hour = LastHour()
    hour.add(Sums(100, 5, 1), NOW)
    assert len(hour.minutes) == 0
    hour.add(Sums(110, 6, 2), NOW + timedelta(minutes=1))
    hour.add(Sums(110, 6, 2), NOW + timedelta(minutes=2))
    first, second = hour.minutes
    assert (first.calls, first.mean_ms, first.failures) == (10, 100, 1)
    assert (second.calls, second.mean_ms, second.failures) == (0, 0, 0)


def test_an_hour_is_kept() -> None:
    hour = LastHour()
    for number in range(200):
        hour.add(Sums(number, 0, 0), NOW)
    assert len(hour.minutes) == minutes_max
