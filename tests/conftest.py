"""What many tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.memory.embedder.build import build_model


@pytest.fixture(scope="session")
def model_directory() -> Path:
    """The embedding model, built once on this machine; tests that change it work on a copy."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    directory = Path(os.environ.get("SEGUE_MODEL_DIR") or cache / "segue" / "model")
    build_model(directory)
    return directory


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A real Redis in a container."""
    from testcontainers.core.config import testcontainers_config
    from testcontainers.redis import RedisContainer

    testcontainers_config.ryuk_disabled = True  # its image is one more to fetch, and this fixture cleans up
    with RedisContainer("redis:8.0") as redis:
        yield f"redis://{redis.get_container_host_ip()}:{redis.get_exposed_port(6379)}/0"
