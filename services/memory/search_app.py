"""A search replica, wired top to bottom: it answers from PostgreSQL and owns nothing.

There may be any number of them beside the one memory service that writes. Each keeps cells of its own, which every
search proves fresh; none holds a lease, writes a file, or has upkeep to do.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

from services.kit.background_task import Supervisor
from services.kit.encryption.keyring import parse_keyring
from services.kit.encryption.vault import Vault
from services.kit.errors import InvalidInput
from services.kit.health.grpc_health import Health
from services.kit.health.polling import HealthPoll, poll_health
from services.kit.observability import event_loop_lag
from services.kit.observability.providers import providers
from services.kit.transport import rpc
from services.memory.config import MemorySettings
from services.memory.domain.followed_store import FollowedStore
from services.memory.embedder import DIMENSIONS
from services.memory.index.cells.cells import Cells
from services.memory.opening import OpenService, open_embedder, open_shared_cache, store_choice
from services.memory.operations.health import Condition, ModelTrial
from services.memory.operations.link_projects import Linking
from services.memory.operations.store_memories import NO_MODEL
from services.memory.search.memory_list import Listing
from services.memory.search.result_cache import Generations, SearchCache
from services.memory.search.search import Searching
from services.memory.search_servicer import SearchServicer
from services.memory.serving import Derived
from services.memory.storage.chosen_store import open_for_reading
from services.pb import memory_pb2_grpc


@asynccontextmanager
async def open_search(settings: MemorySettings) -> AsyncIterator[OpenService]:
    """Answers searches on the configured address until the context exits. NotReady if the memories are in DuckDB."""
    if settings.cells_mb == 0:
        raise InvalidInput("A search replica keeps an index for each user: SEGUE_MEMORY_CELLS_MB must not be 0.")
    async with AsyncExitStack() as stack:
        stack.enter_context(providers("search"))
        store = await stack.enter_async_context(_open_store(settings))
        embedder, trouble = await open_embedder(stack, settings)
        cells = Cells(store, embedder.model if embedder else NO_MODEL, DIMENSIONS, settings.cells_mb * 1024 * 1024)
        await stack.enter_async_context(cells)
        shared = await open_shared_cache(stack, settings)
        generations = Generations(shared, store.projects)
        linking = Linking(store, generations, caches=False)
        trial = ModelTrial(embedder) if embedder else None
        condition = Condition(store, embedder, trouble, None, shared, cells, {}, Supervisor(), trial)
        searching = Searching(store, cells.nobody, embedder, linking, SearchCache(shared, generations))
        derived = Derived(searching, Listing(store, cells.nobody, linking), condition, cells)
        await stack.enter_async_context(event_loop_lag.measure_lag())
        health = Health("segue.memory.v1.Search")

        def register(server: rpc.Server) -> None:
            memory_pb2_grpc.add_SearchServicer_to_server(SearchServicer(derived), server)

        await stack.enter_async_context(rpc.open_server(settings.address, register, health, drain_s=settings.drain_s))
        poll = HealthPoll("search", "database", condition.look, condition.count_index, health)
        await stack.enter_async_context(poll_health(poll))
        yield OpenService(health)


def _open_store(settings: MemorySettings) -> AbstractAsyncContextManager[FollowedStore]:

    def open_vault(keyring: str) -> Vault | None:
        found = parse_keyring(keyring, "The database's keyring") if keyring else None
        place = replace(settings.place, home=Path("PostgreSQL"))  # as messages say it
        return place.vault_of(found, settings.encryption_key_file)

    sealed = settings.encryption_key_file is not None
    return open_for_reading(store_choice(settings, settings.home), open_vault, sealed=sealed)
