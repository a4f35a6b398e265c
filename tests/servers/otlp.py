"""A real receiver of OTLP: a gRPC server that keeps what it is sent, within a test or, in a container, on its output.

`python otlp.py` serves port 4317 and prints each request as a line of JSON; it needs grpcio and opentelemetry-proto.
"""

from __future__ import annotations

import base64
import json
import sys
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Self

import grpc
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc


@dataclass(frozen=True)
class SentSpan:
    """A span as it was sent; ids in hexadecimal."""

    service: str
    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, Any]
    links: list[str] = field(default_factory=list)


def spans_in(request: dict[str, Any]) -> Iterable[SentSpan]:
    """The spans of a request that was sent as `MessageToDict` gives it."""
    for resource in request.get("resourceSpans", ()):
        service = _attributes(resource["resource"])["service.name"]
        for scope in resource.get("scopeSpans", ()):
            for span in scope.get("spans", ()):
                yield SentSpan(
                    service=service,
                    name=span["name"],
                    kind=span["kind"].removeprefix("SPAN_KIND_"),
                    trace_id=_hex(span["traceId"]),
                    span_id=_hex(span["spanId"]),
                    parent_id=_hex(span.get("parentSpanId", "")),
                    attributes=_attributes(span),
                    links=[_hex(link["spanId"]) for link in span.get("links", ())],
                )


def _attributes(of: dict[str, Any]) -> dict[str, Any]:
    return {each["key"]: next(iter(each["value"].values()), None) for each in of.get("attributes", ())}


def _hex(encoded: str) -> str:
    return base64.b64decode(encoded).hex()


def edges(spans: Iterable[SentSpan], trace_id: str) -> set[tuple[str, str]]:
    """Who is whose child in the trace: `NAME`, of calls between services `NAME CLIENT` and `NAME SERVER`, of what is
    asked of a database its system.
    """
    mine = {span.span_id: span for span in spans if span.trace_id == trace_id}
    return {(_named(mine[span.parent_id]), _named(span)) for span in mine.values() if span.parent_id in mine}


def _named(span: SentSpan) -> str:
    if system := span.attributes.get("db.system.name"):
        return str(system)
    return f"{span.name} {span.kind}" if span.name.startswith("segue.") else span.name


class Receiver(
    trace_service_pb2_grpc.TraceServiceServicer,
    metrics_service_pb2_grpc.MetricsServiceServicer,
    logs_service_pb2_grpc.LogsServiceServicer,
):
    """Keeps every request, or hands it to `tell`. A context; `endpoint` is what OTEL_EXPORTER_OTLP_ENDPOINT takes."""

    def __init__(self, address: str = "127.0.0.1:0", tell: Callable[[dict[str, Any]], None] | None = None) -> None:
        self.requests: list[dict[str, Any]] = []
        self._tell = tell or self.requests.append
        self._news = threading.Condition()
        self._server = grpc.server(ThreadPoolExecutor(4))
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(self, self._server)  # type: ignore[no-untyped-call]
        metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(self, self._server)  # type: ignore[no-untyped-call]
        logs_service_pb2_grpc.add_LogsServiceServicer_to_server(self, self._server)  # type: ignore[no-untyped-call]
        self.endpoint = f"http://127.0.0.1:{self._server.add_insecure_port(address)}"

    def Export(self, request: Any, _: Any) -> Any:  # noqa: N802  # all three services call it so
        with self._news:
            self._tell(MessageToDict(request))
            self._news.notify_all()
        return {
            trace_service_pb2.ExportTraceServiceRequest: trace_service_pb2.ExportTraceServiceResponse,
            metrics_service_pb2.ExportMetricsServiceRequest: metrics_service_pb2.ExportMetricsServiceResponse,
            logs_service_pb2.ExportLogsServiceRequest: logs_service_pb2.ExportLogsServiceResponse,
        }[type(request)]()

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(0).wait()

    @property
    def spans(self) -> list[SentSpan]:
        """All that came so far."""
        return [span for request in list(self.requests) for span in spans_in(request)]

    def wait_for(self, wanted: Callable[[], bool], timeout_s: float = 60) -> None:
        """Until `wanted` is true, looked at whenever something comes."""
        deadline = time.monotonic() + timeout_s
        with self._news:
            while not wanted():
                assert self._news.wait(deadline - time.monotonic()), "it was not sent in time"


def main() -> None:
    """Serves until the process is ended."""

    def tell(request: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(request) + "\n")
        sys.stdout.flush()

    with Receiver("0.0.0.0:4317", tell):
        threading.Event().wait()


if __name__ == "__main__":
    main()
