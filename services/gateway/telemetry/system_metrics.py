"""The numbers of `system_metrics`: those of `/metrics`, of all processes that answer, over the last minutes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.gateway.backends import Backends
from services.kit.errors import ServiceError
from services.kit.observability.metrics_snapshot import Figure, of_this_process
from services.kit.observability.providers import instance_id
from services.pb import telemetry_pb2

_calls = "mcp_server_operation_duration_seconds"
_queries = "db_client_operation_duration_seconds"
_embeddings = "segue_embedding_duration_seconds"
_lookups = "segue_cache_lookups_total"

LabelFilter = Callable[[Mapping[str, str]], bool]


@dataclass(frozen=True, slots=True)
class Measures:
    """The series of the processes that answered; `missing` are the services that did not."""

    window_s: float
    series: Sequence[Figure]
    missing: Sequence[str]

    def recent(self, name: str, which: LabelFilter = lambda _: True) -> float:
        """The recent growth of the series of that name."""
        return sum(each.recent for each in self._series_named(name) if which(each.labels))

    def present(self, name: str) -> float:
        """The current sum of the series of that name."""
        return sum(each.value for each in self._series_named(name))

    def mean_ms(self, name: str, which: LabelFilter = lambda _: True) -> float:
        """The recent mean of the histogram of that name; 0 without observations."""
        count = self.recent(f"{name}_count", which)
        return 1e3 * self.recent(f"{name}_sum", which) / count if count else 0.0

    def _series_named(self, name: str) -> Iterable[Figure]:
        return (each for each in self.series if each.name == name)

    # --- the tool's numbers -----------------------------------------------------------------------

    @property
    def requests_per_minute(self) -> float:
        """Tool calls."""
        return 60 * self._calls() / self.window_s if self.window_s else 0.0

    @property
    def error_rate(self) -> float:
        """The share of tool calls that failed."""
        failed = self.recent(f"{_calls}_count", lambda labels: _is_call(labels) and bool(labels.get("error_type")))
        return failed / self._calls() if self._calls() else 0.0

    def _calls(self) -> float:
        return self.recent(f"{_calls}_count", _is_call)

    @property
    def response_ms(self) -> float:
        """A tool call."""
        return self.mean_ms(_calls, _is_call)

    @property
    def query_ms(self) -> float:
        """The mean time of an operation on DuckDB, SQLite or Redis."""
        return self.mean_ms(_queries)

    @property
    def embedding_ms(self) -> float:
        """The mean time of embedding one store or search."""
        return self.mean_ms(_embeddings)

    @property
    def memory_mb(self) -> float:
        """Resident memory of all processes."""
        return self.present("process_memory_usage_bytes") / 1e6

    @property
    def active_sessions(self) -> int:
        """As last counted by the session service."""
        return round(self.present("segue_sessions_active"))

    @property
    def cache_hit_rates(self) -> dict[str, float]:
        """By cache; caches without lookups are left out."""
        rates = {}
        for name in sorted({each.labels["segue_cache"] for each in self._series_named(_lookups)}):
            asked = self.recent(_lookups, lambda labels, name=name: labels["segue_cache"] == name)  # type: ignore[misc]
            hits = self.recent(_lookups, lambda labels, name=name: _is_hit(labels, name))  # type: ignore[misc]
            if asked:
                rates[name] = hits / asked
        return rates


def _is_call(labels: Mapping[str, str]) -> bool:
    return labels.get("mcp_method_name") == "tools/call"


def _is_hit(labels: Mapping[str, str], cache: str) -> bool:
    return labels["segue_cache"] == cache and labels["segue_outcome"] == "hit"


async def measure(backends: Backends) -> Measures:
    """This process's metrics and those of every service that answers; of several replicas, one."""
    asked = [_figures_or_error(each.figures()) for each in backends.all]
    (window_s, own), answers = await asyncio.gather(of_this_process().now(), asyncio.gather(*asked))
    series, missing, seen = list(own), [], {instance_id()}
    for backend, answer in zip(backends.all, answers, strict=True):
        if isinstance(answer, ServiceError):
            missing.append(f"{backend.name}: {answer.message}")
        elif answer.instance not in seen:  # services in one process report the same series
            seen.add(answer.instance)
            series += map(_figure, answer.figures)
    return Measures(window_s, series, missing)


async def _figures_or_error(
    answer: Awaitable[telemetry_pb2.FiguresResponse],
) -> telemetry_pb2.FiguresResponse | ServiceError:
    try:
        return await answer
    except ServiceError as error:
        return error


def _figure(message: telemetry_pb2.Figure) -> Figure:
    return Figure(message.name, dict(message.labels), message.value, message.recent)
