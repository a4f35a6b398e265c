"""Opens what the memory service and its search replicas have both: the model, the shared cache."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from services.kit.health.grpc_health import Health
from services.memory.config import MemorySettings
from services.memory.embedder import Embedder, ModelUnusable
from services.memory.embedder.onnx import OnnxEmbedder
from services.memory.storage.chosen_store import Choice

if TYPE_CHECKING:
    from services.memory.storage.redis_cache import RedisCache

logger = logging.getLogger(__name__)


class OpenService:
    """A running memory service, or search replica."""

    def __init__(self, health: Health) -> None:
        self._health = health

    async def stop_accepting(self) -> None:
        """Reports the service as unhealthy from now on."""
        await self._health.stop()


def store_choice(settings: MemorySettings, home: Path) -> Choice:
    """Where the settings say that the memories are."""
    at_most = (settings.database_connections, settings.write_queue_max)
    return Choice(home, settings.postgres_url, settings.shards, *at_most, settings.database_prepare)


async def open_embedder(stack: AsyncExitStack, settings: MemorySettings) -> tuple[Embedder | None, str]:
    """The embedder, or None and the reason; search then matches by words alone, and the service reports it."""
    directory = settings.model_directory or settings.home / "model"
    try:
        if settings.model_build and not directory.exists():
            logger.info("building the embedding model; this is done once")
            await asyncio.to_thread(_build_model, directory)
        embedder = OnnxEmbedder(directory, workers=settings.embed_workers)
        return await stack.enter_async_context(embedder), ""
    except ModelUnusable as error:
        logger.error("no embedding model: %s", error)  # noqa: TRY400  # its message says all
        return None, str(error)


async def open_shared_cache(stack: AsyncExitStack, settings: MemorySettings) -> RedisCache | None:
    """The cache shared by all replicas, if the settings name one."""
    if not settings.redis_url:
        return None
    from services.memory.storage.redis_cache import open_shared_cache as open_redis  # a slow import, needed only here

    return await stack.enter_async_context(open_redis(settings.redis_url))


def _build_model(directory: Path) -> None:
    from services.memory.embedder.build import build_model

    try:
        build_model(directory)
    except ImportError as error:
        raise ModelUnusable(f"There is no model in {directory}; the package to build one is missing.") from error
