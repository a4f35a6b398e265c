"""The memory service, wired top to bottom."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

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
from services.memory.embedder import DIMENSIONS
from services.memory.index.cells.cell_files import CELLS, CellFiles
from services.memory.index.cells.cells import Cells
from services.memory.index.cells.indexes import AnyIndex, Indexes
from services.memory.index.maintenance import Indexing, open_indexing
from services.memory.index.memory_index import MemoryIndex
from services.memory.index.snapshot import SnapshotFile
from services.memory.opening import OpenService, open_embedder, open_shared_cache, store_choice
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
from services.memory.storage.chosen_store import OpenStore, open_chosen
from services.memory.storage.duckdb.store import StoreSettings
from services.pb import events_pb2_grpc, memory_pb2_grpc


@asynccontextmanager
async def open_memory(settings: MemorySettings, others: Sequence[Part] = ()) -> AsyncIterator[OpenService]:
    """Serves memory on the configured address until the context exits; backups also include the parts in `others`."""
    async with AsyncExitStack() as stack:
        stack.enter_context(providers("memory"))
        home = private_directory(settings.home)
        opened = await stack.enter_async_context(_open_store(settings, home))
        store = opened.store
        await asyncio.to_thread(discard_unfinished, home)
        embedder, trouble = await open_embedder(stack, settings)
        within_s = settings.erase_within_s
        found = await _open_index(stack, settings, opened, embedder.model if embedder else NO_MODEL)
        indexing, index = found.indexing, found.index
        shared = await open_shared_cache(stack, settings)
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
        derived = (searching, listing, condition, found.of_users)
        domain = Domain(*derived, storing, linking, exporting, backups, retaining)
        await stack.enter_async_context(event_loop_lag.measure_lag())
        health = Health("segue.memory.v1.Memory")
        register = partial(_register, settings, domain, OutboxServicer(store.outboxes))
        await stack.enter_async_context(rpc.open_server(settings.address, register, health, drain_s=settings.drain_s))
        limiting = shared.limit_lives if shared else None
        runs = {"index": partial(found.run, generations), "cache": limiting, **_runs(work)}
        await _begin(stack, supervisor, runs)
        poll = HealthPoll("memory", "database", condition.look, condition.count, health)
        await stack.enter_async_context(poll_health(poll))
        yield OpenService(health)


def _register(settings: MemorySettings, domain: Domain, outbox: OutboxServicer, server: rpc.Server) -> None:
    """Adds what this process answers; where others answer searches, it says so."""
    servicer = MemoryServicer(domain, settings.share_by_default, answers_searches=settings.serve == "all")
    memory_pb2_grpc.add_MemoryServicer_to_server(servicer, server)
    memory_pb2_grpc.add_SearchServicer_to_server(servicer, server)
    events_pb2_grpc.add_OutboxServicer_to_server(outbox, server)


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
    vault = partial(open_vault, settings)
    return open_chosen(store_choice(settings, home), vault, partial(_store_settings, settings))


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
