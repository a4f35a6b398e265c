"""The memory service, wired top to bottom."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from services.kit.background_task import Run, Supervisor
from services.kit.backup import Part, server_id
from services.kit.encryption.reencryption import discard_unfinished, require_settled
from services.kit.encryption.vault import Vault
from services.kit.errors import Unavailable
from services.kit.events.outbox_servicer import OutboxServicer
from services.kit.health.grpc_health import Health
from services.kit.health.polling import HealthPoll, poll_health
from services.kit.observability import event_loop_lag
from services.kit.observability.providers import providers
from services.kit.private_directory import private_directory
from services.kit.transport import rpc
from services.memory.config import MemorySettings
from services.memory.domain.retention_policy import Rule
from services.memory.embedder import DIMENSIONS, Embedder, ModelUnusable
from services.memory.embedder.onnx import OnnxEmbedder
from services.memory.index.cells.cell_files import CELLS, CellFiles
from services.memory.index.cells.cells import Cells
from services.memory.index.cells.indexes import AnyIndex, Indexes
from services.memory.index.maintenance import Indexing, open_indexing
from services.memory.index.memory_index import MemoryIndex
from services.memory.index.snapshot import SnapshotFile
from services.memory.operations.backups import Backups, MemoryPart, Schedule
from services.memory.operations.embedding_backfill import Backfill
from services.memory.operations.erasure_job import Erasing
from services.memory.operations.export import Exporting
from services.memory.operations.health import Condition, ModelTrial, Regular
from services.memory.operations.link_projects import Linking
from services.memory.operations.retention_job import Retaining
from services.memory.operations.store_memories import NO_MODEL, Storing
from services.memory.operations.written_backups import WrittenBackups
from services.memory.search.memory_list import Listing
from services.memory.search.result_cache import Generations, SearchCache
from services.memory.search.search import Searching
from services.memory.servicer import MemoryServicer
from services.memory.serving import Domain
from services.memory.storage.chosen_store import Choice, OpenStore, open_chosen
from services.memory.storage.duckdb.store import StoreSettings
from services.pb import events_pb2_grpc, memory_pb2_grpc

if TYPE_CHECKING:
    from services.memory.storage.redis_cache import RedisCache

logger = logging.getLogger(__name__)


class MemoryApp:
    """A running memory service."""

    def __init__(self, health: Health) -> None:
        self._health = health

    async def stop_accepting(self) -> None:
        """Reports the service as unhealthy from now on."""
        await self._health.stop()


@asynccontextmanager
async def open_memory(settings: MemorySettings, others: Sequence[Part] = ()) -> AsyncIterator[MemoryApp]:
    """Serves memory on the configured address until the context exits; backups also include the parts in `others`."""
    async with AsyncExitStack() as stack:
        stack.enter_context(providers("memory"))
        home = private_directory(settings.home)
        opened = await stack.enter_async_context(_open_store(settings, home))
        store = opened.store
        await asyncio.to_thread(discard_unfinished, home)
        embedder, trouble = await _open_embedder(stack, settings)
        within_s = settings.erase_within_s
        found = await _open_index(stack, settings, opened, embedder.model if embedder else NO_MODEL)
        indexing, index = found.indexing, found.index
        shared = await _open_shared_cache(stack, settings)
        generations = Generations(shared, store.projects)
        linking = Linking(store, generations)
        server = await _server_id(home)
        written, parts = WrittenBackups(store, server), [MemoryPart(store, home), *others]
        backups = Backups(parts, _schedule(settings), server, written)
        storing = Storing(store, index, embedder, generations, tells_kinds=settings.turn_kinds)
        erasing = Erasing(store, within_s, [storing.settle, indexing.erase])
        retaining = Retaining(store, storing, _default_rule(settings))
        work: dict[str, Regular] = {"backup": backups, "erasing": erasing, "retention": retaining}
        if embedder:
            work["backfill"] = Backfill(store, found.every, embedder, generations)
        supervisor = Supervisor()
        trial = ModelTrial(embedder) if embedder else None
        condition = Condition(store, embedder, trouble, home, shared, indexing, work, supervisor, trial)
        searching = Searching(store, index, embedder, linking, SearchCache(shared, generations))
        listing, exporting = Listing(store, index, linking), Exporting(store)
        domain = Domain(storing, searching, listing, linking, condition, exporting, backups, retaining, found.of_users)
        servicer = MemoryServicer(domain, settings.share_by_default)
        await stack.enter_async_context(event_loop_lag.measure_lag())
        health = Health("segue.memory.v1.Memory")

        def register(server: rpc.Server) -> None:
            memory_pb2_grpc.add_MemoryServicer_to_server(servicer, server)
            events_pb2_grpc.add_OutboxServicer_to_server(OutboxServicer(store.outboxes), server)

        await stack.enter_async_context(rpc.open_server(settings.address, register, health, drain_s=settings.drain_s))
        limiting = shared.limit_lives if shared else None
        runs = {"index": partial(found.run, generations), "cache": limiting, **_runs(work)}
        await _begin(stack, supervisor, runs)
        poll = HealthPoll("memory", "database", condition.look, condition.count, health)
        await stack.enter_async_context(poll_health(poll))
        yield MemoryApp(health)


@dataclass(frozen=True, slots=True)
class OpenIndex:
    """Where memories are found: `index` for work of no user, of_users for that of one, `every` for upkeep. `run` keeps
    it in order."""

    index: MemoryIndex
    of_users: Indexes
    every: AnyIndex
    indexing: Indexing | Cells
    run: Callable[[Generations | None], Awaitable[None]]


async def _open_index(stack: AsyncExitStack, settings: MemorySettings, opened: OpenStore, model: str) -> OpenIndex:
    """A cell for each user where the store is followed by version; else one index of all memories."""
    if opened.followed and settings.has_cells:
        earlier = SnapshotFile(opened.snapshot)  # of one index: nobody would erase from it what is deleted
        await asyncio.to_thread(earlier.discard_draft)
        await asyncio.to_thread(earlier.discard)
        files = CellFiles(opened.snapshot.parent / CELLS, opened.vault, model)
        cells = Cells(opened.followed, model, DIMENSIONS, settings.cells_mb * 1024 * 1024, files)
        await stack.enter_async_context(cells)
        return OpenIndex(cells.nobody, cells, cells, cells, lambda _: cells.run())
    await asyncio.to_thread(shutil.rmtree, opened.snapshot.parent / CELLS, ignore_errors=True)  # for the same reason
    index = stack.enter_context(MemoryIndex(DIMENSIONS))
    snapshot = SnapshotFile(opened.snapshot, opened.vault)
    within_s = settings.erase_within_s
    indexing = Indexing(opened.store, index, model, snapshot, settings.snapshot_every_changes, within_s)
    await stack.enter_async_context(open_indexing(indexing))
    return OpenIndex(index, index, index, indexing, indexing.run)


def _runs(work: Mapping[str, Regular]) -> Mapping[str, Run]:
    return {name: each.run for name, each in work.items()}


async def _begin(stack: AsyncExitStack, supervisor: Supervisor, runs: Mapping[str, Run | None]) -> None:
    """Starts the background jobs; closing the stack stops them."""
    for name, run in runs.items():
        if run:
            await stack.enter_async_context(supervisor.background_task(name, run))


def open_vault(settings: MemorySettings) -> Vault | None:
    """The vault that seals stored text, None without a key. A missing, wrong or unusable key is refused."""
    require_settled(settings.home)
    return settings.place.ready_vault(settings.encryption_key_file)


async def _server_id(home: Path) -> str:
    try:
        return await asyncio.to_thread(server_id, home)
    except OSError as error:
        raise Unavailable(f"{home} cannot be written: {error.strerror}.", "Set SEGUE_DATA_DIR.") from error


def _open_store(settings: MemorySettings, home: Path) -> AbstractAsyncContextManager[OpenStore]:
    at_most = (settings.database_connections, settings.write_queue_max)
    choice = Choice(home, settings.postgres_url, settings.shards, *at_most, settings.database_prepare)
    return open_chosen(choice, partial(open_vault, settings), partial(_store_settings, settings))


def _store_settings(settings: MemorySettings, vault: Vault | None) -> StoreSettings:
    return StoreSettings(
        memory_limit_mb=settings.database_memory_mb,
        threads=settings.database_threads,
        readers=settings.readers,
        write_queue_max=settings.write_queue_max,
        vault=vault,
        events_max=settings.events_max,
    )


def _schedule(settings: MemorySettings) -> Schedule | None:
    """When and where scheduled backups are written; None if they are off."""
    if settings.backup_directory is None:
        return None
    directory = settings.backup_directory.expanduser().absolute()
    return Schedule(directory, timedelta(hours=settings.backup_every_h), settings.backup_keep)


def _default_rule(settings: MemorySettings) -> Rule:
    """The default retention rule, for projects without a rule of their own."""
    days, size_mb = settings.retention_days, settings.retention_size_mb
    return Rule(days=days, size_mb=size_mb, reflections=settings.retention_reflections, is_default=True)


async def _open_embedder(stack: AsyncExitStack, settings: MemorySettings) -> tuple[Embedder | None, str]:
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


async def _open_shared_cache(stack: AsyncExitStack, settings: MemorySettings) -> RedisCache | None:
    """The cache shared by all replicas, if the settings name one."""
    if not settings.redis_url:
        return None
    from services.memory.storage.redis_cache import open_shared_cache  # a slow import, needed only here

    return await stack.enter_async_context(open_shared_cache(settings.redis_url))


def _build_model(directory: Path) -> None:
    from services.memory.embedder.build import build_model

    try:
        build_model(directory)
    except ImportError as error:
        raise ModelUnusable(f"There is no model in {directory}; the package to build one is missing.") from error
