"""Logs in JSON with trace ids, spans that cross gRPC, and metrics. No content of memories in any of them."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from opentelemetry import metrics, propagate, trace
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

_trace_keys = ("traceparent", "tracestate")


# --- spans --------------------------------------------------------------------------------------


def outgoing_trace() -> tuple[tuple[str, str], ...]:
    """The current trace context as gRPC metadata."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return tuple((key, carrier[key]) for key in _trace_keys if key in carrier)


def trace_id() -> str:
    """The current trace's id in hexadecimal; zeros outside a trace."""
    return trace.format_trace_id(trace.get_current_span().get_span_context().trace_id)


@dataclass
class ServerCall:
    """One call being served; what it ended with is told to its span and its metric."""

    span: Span
    status: str = "OK"

    def failed(self, status: str) -> None:
        """Marks the call as failed; `status` is the error's class, never its text."""
        self.status = status
        self.span.set_status(Status(StatusCode.ERROR, status))


@contextmanager
def server_span(service: str, method: str, metadata: Mapping[str, Any]) -> Iterator[ServerCall]:
    """The span and duration of one served call, a child of the caller's span in `metadata`."""
    parent = propagate.extract({key: str(metadata[key]) for key in _trace_keys if key in metadata})
    tracer = trace.get_tracer(f"segue.{service}")
    name = method.lstrip("/")
    attributes = {"rpc.system": "grpc", "rpc.method": name}
    began = time.perf_counter()
    with tracer.start_as_current_span(name, parent, SpanKind.SERVER, attributes) as span:
        served = ServerCall(span)
        try:
            yield served
        finally:
            duration_s = time.perf_counter() - began
            _duration().record(duration_s, {**attributes, "segue.status": served.status})


@cache
def _duration() -> metrics.Histogram:
    meter = metrics.get_meter("segue.rpc")
    return meter.create_histogram("rpc.server.call.duration", "s", "Duration of served calls")


# --- logs ---------------------------------------------------------------------------------------


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and the trace it belongs to."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
        }
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            line["trace_id"] = trace.format_trace_id(context.trace_id)
            line["span_id"] = trace.format_span_id(context.span_id)
        if record.exc_info and record.exc_info[0]:
            line["error"] = record.exc_info[0].__name__
            line["at"] = _places(record.exc_info[2])
        return json.dumps(line)


def _places(traceback: Any) -> str:
    """Where it happened, innermost last, without the error's text or any source line: both may hold content."""
    places = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        places.append(f"{os.path.relpath(code.co_filename)}:{traceback.tb_lineno} {code.co_name}")
        traceback = traceback.tb_next
    return " > ".join(places[-8:])


def start_logs(service: str, level: str = "INFO") -> None:
    """Sends this process's logs to standard error, as JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(service))
    # What logs to the root itself is no part of Segue: onnxruntime's quantisation tells every node.
    handler.addFilter(lambda record: record.name != "root" or record.levelno >= logging.WARNING)
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name, least in _quiet.items():
        logging.getLogger(name).setLevel(least)


_quiet = {
    "mcp": logging.WARNING,
    "uvicorn": logging.WARNING,
}


# --- the process's providers --------------------------------------------------------------------


@contextmanager
def providers(service: str, *, scraped: bool = False) -> Iterator[None]:
    """This process's tracer and meter; spans leave it only when `OTEL_EXPORTER_OTLP_ENDPOINT` says where to, and
    Prometheus can read the metrics where they are `scraped`.

    A process has one of each: where a provider is set already (a test's, an embedder's), it is kept.
    """
    resource = Resource.create({"service.name": f"segue-{service}"})
    with ExitStack() as stack:
        if not isinstance(trace.get_tracer_provider(), TracerProvider):
            tracer = _tracer(resource)
            stack.callback(tracer.shutdown)
            trace.set_tracer_provider(tracer)
        if not isinstance(metrics.get_meter_provider(), MeterProvider):
            meter = MeterProvider(resource=resource, metric_readers=[PrometheusMetricReader()] if scraped else [])
            stack.callback(meter.shutdown)
            metrics.set_meter_provider(meter)
        yield


def _tracer(resource: Resource) -> TracerProvider:
    if not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return TracerProvider(ALWAYS_OFF, resource)  # there are trace ids all the same
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    tracer = TracerProvider(resource=resource)
    tracer.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return tracer
