"""Spans across the services, and duration metrics beside them, following OpenTelemetry's semantic conventions.

Their values are our own names, numbers or error classes: never a text, nor a path or name that a user chose. So
exceptions are not recorded in spans: their messages may hold content.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import Any

from opentelemetry import metrics, propagate, trace
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode

SCOPE = "segue"
DURATION_BOUNDARIES_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300)
_trace_keys = ("traceparent", "tracestate")
SERVER_FAULTS = frozenset({"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"})
"""The statuses that are the service's own fault, not its caller's."""

Attributes = dict[str, str | int | float | bool]


# --- traces between processes -------------------------------------------------------------------


def outgoing_trace() -> tuple[tuple[str, str], ...]:
    """The current trace context as gRPC metadata."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return tuple((key, carrier[key]) for key in _trace_keys if key in carrier)


def incoming_trace(carrier: Mapping[str, Any]) -> Span | None:
    """The caller's span in `carrier` (metadata, headers, `_meta`); None if it has none."""
    trace_fields = {key: str(carrier[key]) for key in _trace_keys if key in carrier}
    if "traceparent" not in trace_fields:
        return None
    span = trace.get_current_span(propagate.extract(trace_fields))
    return span if span.get_span_context().is_valid else None


def traceparent() -> str:
    """The current trace context in one line, as W3C writes it; empty outside a trace."""
    return dict(outgoing_trace()).get("traceparent", "")


def trace_id() -> str:
    """The current trace's id in hexadecimal; zeros outside a trace."""
    return trace.format_trace_id(trace.get_current_span().get_span_context().trace_id)


# --- spans --------------------------------------------------------------------------------------


@contextmanager
def span(
    name: str,
    attributes: Attributes | None = None,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    parent: Span | None = None,
    links: Sequence[Span] = (),
) -> Iterator[Span]:
    """A span around the block, current within it; an exception is recorded by its class only.

    Only served calls begin a trace: the process's own work gets no span, nor does work within a trace that is not
    sampled; there, not creating the span saves most of the cost of tracing.

    """
    if kind is not SpanKind.SERVER and not trace.get_current_span().is_recording():
        yield trace.INVALID_SPAN
        return
    with _tracer().start_as_current_span(
        name,
        trace.set_span_in_context(parent) if parent else None,
        kind,
        attributes,
        [Link(each.get_span_context()) for each in links],
        record_exception=False,
        set_status_on_exception=False,
    ) as made:
        try:
            yield made
        except BaseException as error:
            mark_failed(made, type(error).__name__)
            raise


def mark_failed(span: Span, error_type: str) -> None:
    """Marks the span as failed; `error_type` must have few distinct values."""
    span.set_attribute("error.type", error_type)
    span.set_status(Status(StatusCode.ERROR))


@cache
def _tracer() -> trace.Tracer:
    return trace.get_tracer(SCOPE)


# --- operations: a span, and its duration as a metric -------------------------------------------


@dataclass(frozen=True, slots=True)
class Operation:
    """A running operation. `labels` go to its span and its metric: each must have few distinct values."""

    span: Span
    labels: Attributes

    def label(self, name: str, value: str) -> None:
        """Adds a label."""
        self.labels[name] = value
        self.span.set_attribute(name, value)

    def mark_failed(self, error_type: str) -> None:
        """Marks the operation as failed without an exception."""
        self.labels["error.type"] = error_type
        mark_failed(self.span, error_type)


@contextmanager
def operation(
    name: str,
    duration: metrics.Histogram,
    labels: Attributes,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    parent: Span | None = None,
    links: Sequence[Span] = (),
) -> Iterator[Operation]:
    """A span of that name around the block, with its duration in the histogram."""
    began = time.perf_counter()
    labels = dict(labels)
    try:
        with span(name, labels, kind=kind, parent=parent, links=links) as made:
            yield Operation(made, labels)
    except BaseException as error:
        labels["error.type"] = type(error).__name__
        raise
    finally:
        duration.record(time.perf_counter() - began, labels)


@cache
def duration(name: str, description: str) -> metrics.Histogram:
    """The histogram of that name, in seconds."""
    return meter().create_histogram(name, "s", description, explicit_bucket_boundaries_advisory=DURATION_BOUNDARIES_S)


@cache
def meter() -> metrics.Meter:
    """Creates this process's instruments."""
    return metrics.get_meter(SCOPE)


@contextmanager
def served_call(method: str, metadata: Mapping[str, Any]) -> Iterator[Operation]:
    """One gRPC call that is served, a child of the caller's span in `metadata`."""
    took = duration("rpc.server.call.duration", "Duration of served calls")
    labels, parent = _rpc_labels(method), incoming_trace(metadata)
    with operation(_method(method), took, labels, kind=SpanKind.SERVER, parent=parent) as served:
        yield served


@contextmanager
def made_call(method: str) -> Iterator[Operation]:
    """One gRPC call made by this process."""
    took = duration("rpc.client.call.duration", "Duration of calls to a service")
    with operation(_method(method), took, _rpc_labels(method), kind=SpanKind.CLIENT) as made:
        yield made


def record_status(call: Operation, status: str, *, faults: Container[str]) -> None:
    """Records the status of a gRPC call; one of `faults` marks it as failed."""
    call.label("rpc.response.status_code", status)
    if status in faults:
        call.mark_failed(status)


def _method(method: str) -> str:
    return method.lstrip("/")


def _rpc_labels(method: str) -> Attributes:
    return {"rpc.system.name": "grpc", "rpc.method": _method(method)}


@contextmanager
def query(system: str, name: str, collection: str = "") -> Iterator[Operation]:
    """One database operation; all three arguments are constants of ours."""
    took = duration("db.client.operation.duration", "Duration of database operations")
    labels: Attributes = {"db.system.name": system, "db.operation.name": name}
    if collection:
        labels["db.collection.name"] = collection
    with operation(f"{name} {collection}".rstrip(), took, labels, kind=SpanKind.CLIENT) as made:
        yield made


@contextmanager
def child_process(executable: str, command: str) -> Iterator[Span]:
    """The run of a child process; `command` is a constant of ours, such as git's subcommand."""
    attributes: Attributes = {"process.executable.name": executable}
    with span(f"{executable} {command}".rstrip(), attributes, kind=SpanKind.CLIENT) as made:
        yield made


# --- counts -------------------------------------------------------------------------------------


class Tally:
    """Counts by labels, from any thread; they are read when metrics are collected, so counting is cheap."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._values: Counter[tuple[tuple[str, str], ...]] = Counter()

    def add(self, more: int, **labels: str) -> None:
        """Adds to one count."""
        with self._lock:
            self._values[tuple(labels.items())] += more

    def observe(self, _: metrics.CallbackOptions) -> Iterable[metrics.Observation]:
        """All counts, as observations."""
        with self._lock:
            values = list(self._values.items())
        return [metrics.Observation(value, {f"segue.{name}": label for name, label in key}) for key, value in values]


def looked_up(name: str, *, hit: bool) -> None:
    """Counts one lookup in the cache of that name."""
    _lookups().add(1, cache=name, outcome="hit" if hit else "miss")


@cache
def _lookups() -> Tally:
    tally = Tally()
    meter().create_observable_counter("segue.cache.lookups", [tally.observe], "{lookup}", "Lookups in caches")
    return tally


@cache
def waiting(queue: str) -> Tally:
    """Gauge of the queue's length; the caller adds and subtracts."""
    tally = Tally()
    meter().create_observable_up_down_counter(
        f"segue.{queue}.waiting", [tally.observe], "{entry}", f"Entries waiting in the {queue}"
    )
    return tally
