"""What a day came to: percentiles by kind of request before and after the kills, and how long each kill was felt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

from tests.simulate.caller import OK, Call
from tests.simulate.day import Day
from tests.simulate.promises import VERIFYING

STORES, SEARCHES = "store", "search"
"""What fails while memory is away; hooks are answered without it."""
settle_s = 5.0
"""For so long after what was killed is up, calls may still fail of it."""


def percentile(took_ms: Sequence[float], share: float) -> float:
    """Of sorted ones."""
    return took_ms[min(len(took_ms) - 1, int(share * len(took_ms)))]


def latencies(day: Day) -> Iterator[str]:
    """A line for each kind of request: how many, p50 and p99 in milliseconds; before the first kill, and after all."""
    began, ended = _kills_span(day)
    yield f"{'':34}{'before the kills':>28}{'after':>28}"
    yield f"{'':34}{'count':>10}{'p50 ms':>9}{'p99 ms':>9}{'count':>10}{'p50 ms':>9}{'p99 ms':>9}"
    answered = [call for call in day.log.calls if call.outcome == OK and call.kind != VERIFYING]
    for kind in sorted({call.kind for call in answered}):
        its = [call for call in answered if call.kind == kind]
        parts = ([call for call in its if call.ended < began], [call for call in its if call.began > ended])
        yield f"{kind:34}" + "".join(_spread(part) for part in parts)
    first = [call for call in answered if call.ended < began]
    span_s = max(call.ended for call in first) - min(call.began for call in first) if first else 1.0
    yield f"before the kills: {len(first) / span_s:.1f} requests a second"
    each = ", ".join(f"{name} {used / max(len(first), 1) * 1e3:.1f}" for name, used in day.used_s.items())
    yield f"before the kills: processor time of a request in ms: {each}"


def _spread(calls: Sequence[Call]) -> str:
    if not calls:
        return f"{0:>10}{'-':>9}{'-':>9}"
    took = sorted(call.took_ms for call in calls)
    return f"{len(took):>10,}{percentile(took, 0.5):>9.0f}{percentile(took, 0.99):>9.0f}"


def _kills_span(day: Day) -> tuple[float, float]:
    if not day.strikes:
        return float("inf"), float("inf")
    return min(began for _, began, _ in day.strikes), max(ended for _, _, ended in day.strikes)


def recoveries(day: Day) -> Iterator[str]:
    """For how long no store and no search was answered around each kill."""
    for name, began, ended in day.strikes:
        felt = [
            f"no {what} answered for {_gap_s(day.log.calls, began, ended, kind):.1f} s"
            for what, kind in (("store", STORES), ("search", SEARCHES))
        ]
        failed = Counter(call.outcome for call in day.log.calls if began <= call.began <= ended and call.outcome != OK)
        yield f"{name}: {', '.join(felt)}; up after {ended - began:.1f} s; failed until then: {dict(failed)}"
    rest = Counter(f"{call.kind}: {call.outcome}" for call in day.log.calls if _is_unexplained(day, call))
    yield f"failed at other times: {dict(rest)}"


def _is_unexplained(day: Day, call: Call) -> bool:
    is_near = any(call.ended >= began and call.began <= ended + settle_s for _, began, ended in day.strikes)
    return call.outcome != OK and call.kind != VERIFYING and not is_near


def _gap_s(calls: Sequence[Call], began: float, ended: float, kind: str) -> float:
    """The longest time between two answers that lies in the kill's or touches it."""
    answered = sorted(call.ended for call in calls if call.outcome == OK and call.kind.startswith(kind))
    gaps = [later - earlier for earlier, later in pairwise(answered) if later > began and earlier < ended + settle_s]
    return max(gaps, default=float("inf"))
