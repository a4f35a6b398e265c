"""What many tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.fuzz.budget import EXAMPLES_SETTING
from tests.model import shared_model
from tests.servers.redis import cluster, run, sentinels

# A property is tried by some examples in `make test` and by more in `make test-all`. No example has a time to keep,
# which another process may take away.
settings.register_profile("some", max_examples=20, deadline=None)
settings.register_profile("all", max_examples=100, deadline=None)
settings.load_profile(os.environ.get(EXAMPLES_SETTING, "some"))


@pytest.fixture(scope="session")
def model_directory() -> Path:
    """The embedding model, built once on this machine; tests that change it work on a copy."""
    return shared_model()


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A real Redis that keeps what it acknowledged; each test takes a database of its own or empties it."""
    from testcontainers.core.config import testcontainers_config
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy

    testcontainers_config.ryuk_disabled = True  # its image is one more to fetch, and this fixture cleans up
    command = "redis-server --appendonly yes --appendfsync always --maxmemory-policy noeviction"
    container = DockerContainer("redis:8.0").with_command(command).with_exposed_ports(6379)
    container.waiting_for(LogMessageWaitStrategy("Ready to accept connections"))
    with container:
        yield f"redis://{container.get_container_host_ip()}:{container.get_exposed_port(6379)}/0"


@pytest.fixture
def emptied_redis(redis_url: str) -> str:
    """The same with nothing in it."""
    from redis import Redis

    with Redis.from_url(redis_url) as client:
        client.flushall()
    return redis_url


@pytest.fixture(scope="session")
def redis_cluster() -> Iterator[tuple[str, Any, list[int]]]:
    """Six real nodes: the URL, the container and the ports."""
    with cluster() as made:
        yield made


@pytest.fixture
def emptied_redis_cluster(redis_cluster: tuple[str, Any, list[int]]) -> str:
    """Their URL, with nothing in them."""
    url, made, ports = redis_cluster
    for port in ports:
        run(made, f"redis-cli -p {port} flushall")
    return url


@pytest.fixture(scope="session")
def redis_sentinels() -> Iterator[tuple[str, Any, list[int]]]:
    """A real master, its replica and three Sentinels: the URL, the container and the ports."""
    with sentinels() as made:
        yield made


@pytest.fixture
def emptied_redis_sentinel(redis_sentinels: tuple[str, Any, list[int]]) -> str:
    """Their URL, with nothing in the two."""
    url, made, ports = redis_sentinels
    for port in ports[:2]:
        run(made, f"redis-cli -p {port} flushall")
    return url


class KeptSpans(InMemorySpanExporter):
    """Keeps spans while a test asks for them."""

    is_keeping = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return super().export(spans) if self.is_keeping else SpanExportResult.SUCCESS


@pytest.fixture(scope="session", autouse=True)
def every_span() -> KeptSpans:
    """What this process's spans come to; set before any service sets its own provider, which a process has one of."""
    exporter, provider = KeptSpans(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return exporter


@pytest.fixture
def spans(every_span: KeptSpans) -> Iterator[InMemorySpanExporter]:
    """The spans of a test that runs a service within this process."""
    every_span.clear()
    every_span.is_keeping = True
    yield every_span
    every_span.is_keeping = False
