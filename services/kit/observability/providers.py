"""Exports this process's traces, metrics and logs: OpenTelemetry's providers, set by the standard `OTEL_*` variables.

Nothing leaves the process unless they name a target: OTLP over gRPC if `OTEL_EXPORTER_OTLP_ENDPOINT` (or a signal's
own) is set, and a port for Prometheus if `OTEL_EXPORTER_PROMETHEUS_PORT` is. Spans follow the caller's sampling;
otherwise one trace in ten is sampled, unless `OTEL_TRACES_SAMPLER` says otherwise.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import cache
from uuid import uuid4

from opentelemetry import metrics, trace
from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, ExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBasedTraceIdRatio, Sampler
from prometheus_client import CollectorRegistry, generate_latest, start_http_server

from services import __version__
from services.kit.errors import InvalidInput
from services.kit.observability import logs, telemetry
from services.kit.systems import resident_bytes

sending_max_s = 2.0
"""The time limit of one export: an unreachable collector delays the exit no longer than that."""
sampled_share = 0.1
"""The share of traces that begin here and are sampled. For others, the caller's decision is followed."""
_signals = {"TRACES": "otlp", "METRICS": "otlp,prometheus", "LOGS": "otlp"}
_severities = {10: SeverityNumber.DEBUG, 20: SeverityNumber.INFO, 30: SeverityNumber.WARN, 40: SeverityNumber.ERROR}


@contextmanager
def providers(service: str) -> Iterator[None]:
    """This process's tracer, meter and log exporter; pending data is exported before it exits.

    A process has one of each: a provider that is already set (by a test or an embedding program) is kept.

    """
    _refuse_other_protocols()
    with ExitStack() as stack, _ended_together() as endings:
        if not isinstance(trace.get_tracer_provider(), TracerProvider):
            tracer = _tracer(_resource(service))
            endings.append(tracer.shutdown)
            trace.set_tracer_provider(tracer)
        if not isinstance(metrics.get_meter_provider(), MeterProvider):
            meter = MeterProvider(_readers(), _resource(service), _exemplars())
            endings.append(meter.shutdown)
            metrics.set_meter_provider(meter)
            _observe_process()
            stack.enter_context(_serve_metrics())
            stack.enter_context(_send_logs(_resource(service), endings))
        yield


@contextmanager
def _ended_together() -> Iterator[list[Callable[[], object]]]:
    """Runs the added callbacks concurrently on exit: with an unreachable collector, each takes its whole time limit."""
    endings: list[Callable[[], object]] = []
    try:
        yield endings
    finally:
        with ThreadPoolExecutor(len(endings) or 1) as threads:
            for ending in endings:
                threads.submit(ending)


def exposition() -> bytes:
    """All metrics of this process in Prometheus's text format."""
    return generate_latest(registry())


@cache
def registry() -> CollectorRegistry:
    """The Prometheus registry of this process."""
    return CollectorRegistry()


@cache
def instance_id() -> str:
    """Identifies this process among all others."""
    return str(uuid4())


def _resource(service: str) -> Resource:
    name = os.environ.get("OTEL_SERVICE_NAME") or f"segue-{service}"
    ours = {"service.name": name, "service.namespace": "segue", "service.version": __version__}
    return Resource.create({**ours, "service.instance.id": instance_id()})


def _is_sent(signal: str) -> bool:
    """Whether the signal is exported by OTLP."""
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    chosen = os.environ.get(f"OTEL_{signal}_EXPORTER") or _signals[signal]
    named = ("OTEL_EXPORTER_OTLP_ENDPOINT", f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")
    return "otlp" in chosen.split(",") and any(os.environ.get(each) for each in named)


def _refuse_other_protocols() -> None:
    for name in ("OTEL_EXPORTER_OTLP_PROTOCOL", *(f"OTEL_EXPORTER_OTLP_{each}_PROTOCOL" for each in _signals)):
        if os.environ.get(name, "grpc") not in {"grpc", ""}:
            raise InvalidInput(
                f"{name} is {os.environ[name]}; Segue sends by grpc.", "Most collectors take it at 4317."
            )


def _tracer(described: Resource) -> TracerProvider:
    if not _is_sent("TRACES"):
        return TracerProvider(ALWAYS_OFF, described)  # trace ids exist all the same
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    tracer = TracerProvider(_sampler(), described)
    tracer.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(timeout=_timeout_s())))
    return tracer


def _timeout_s() -> float | None:
    """The time limit of one export; None if the environment sets it."""
    return None if os.environ.get("OTEL_EXPORTER_OTLP_TIMEOUT") else sending_max_s


def _sampler() -> Sampler | None:
    """Our sampler; None if the environment names one, which the SDK reads itself."""
    return None if os.environ.get("OTEL_TRACES_SAMPLER") else ParentBasedTraceIdRatio(sampled_share)


def _exemplars() -> ExemplarFilter | None:
    """A filter that keeps no exemplars, which halves the cost of a count; None if the environment names one."""
    return None if os.environ.get("OTEL_METRICS_EXEMPLAR_FILTER") else AlwaysOffExemplarFilter()


def _readers() -> list[MetricReader]:
    readers: list[MetricReader] = [PrometheusMetricReader(scope_info_enabled=False, registry=registry())]
    if _is_sent("METRICS"):
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter

        readers.append(PeriodicExportingMetricReader(OTLPMetricExporter(timeout=_timeout_s())))
    return readers


@contextmanager
def _serve_metrics() -> Iterator[None]:
    """Serves the metrics to Prometheus at the environment's port during the block."""
    port = os.environ.get("OTEL_EXPORTER_PROMETHEUS_PORT")
    if not port:
        yield
        return
    host = os.environ.get("OTEL_EXPORTER_PROMETHEUS_HOST", "localhost")
    try:
        server, thread = start_http_server(int(port), host, registry())
    except (OSError, ValueError) as error:
        raise InvalidInput(
            f"Metrics cannot be served at {host}:{port}.", "Set OTEL_EXPORTER_PROMETHEUS_PORT."
        ) from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


# --- logs ---------------------------------------------------------------------------------------


@contextmanager
def _send_logs(described: Resource, endings: list[Callable[[], object]]) -> Iterator[None]:
    if not _is_sent("LOGS"):
        yield
        return
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter

    provider = LoggerProvider(described)
    provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(timeout=_timeout_s())))
    handler = _Sender(provider)
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        endings.append(provider.shutdown)


class _Sender(logging.Handler):
    """Exports the lines that `logs.py` writes: without error texts, and without values of other packages' messages."""

    def __init__(self, provider: LoggerProvider) -> None:
        super().__init__(logging.INFO)
        self._logger = provider.get_logger("segue")
        self.addFilter(lambda record: not record.name.startswith("opentelemetry"))  # errors of the exporter stay local

    def emit(self, record: logging.LogRecord) -> None:
        """Exports one record, with the current trace."""
        self._logger.emit(
            timestamp=int(record.created * 1e9),
            severity_number=_severities.get(record.levelno, SeverityNumber.FATAL),
            severity_text=record.levelname,
            body=logs.message(record),
            attributes={"log.logger": record.name, **logs.trouble(record)},
        )


# --- the process itself -------------------------------------------------------------------------


def _observe_process() -> None:
    meter = telemetry.meter()
    memory = "Resident memory; on macOS its peak"
    meter.create_observable_up_down_counter("process.memory.usage", [_resident_memory], "By", memory)
    meter.create_observable_counter("process.cpu.time", [_processor_time], "s", "Processor time used")
    meter.create_observable_up_down_counter("process.thread.count", [_threads], "{thread}", "Threads")
    began = time.monotonic()

    def uptime(_: CallbackOptions) -> Iterable[Observation]:
        yield Observation(time.monotonic() - began)

    meter.create_observable_gauge("process.uptime", [uptime], "s", "How long the process has been serving")


def _resident_memory(_: CallbackOptions) -> Iterable[Observation]:
    yield Observation(resident_bytes())


def _processor_time(_: CallbackOptions) -> Iterable[Observation]:
    used = os.times()
    yield Observation(used.user, {"cpu.mode": "user"})
    yield Observation(used.system, {"cpu.mode": "system"})


def _threads(_: CallbackOptions) -> Iterable[Observation]:
    yield Observation(threading.active_count())
