"""This machine's store of sessions and tokens, for commands that work on it while it may be in use."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, TypeVar

from services.cli.gateway.mcp_call import CallFailed

if TYPE_CHECKING:
    from services.session.config import SessionSettings
    from services.session.store import SessionStore

Result = TypeVar("Result")


def with_store(work: Callable[[SessionStore, SessionSettings], Awaitable[Result]]) -> Result:
    """Runs `work` on SQLite or the configured Redis; returns its result. Raises CallFailed."""
    from services.cli.local_server import default_data_dir
    from services.kit.errors import ServiceError
    from services.session.app import open_store
    from services.session.config import SessionSettings

    async def run_all() -> Result:
        settings = SessionSettings()
        if "directory" not in settings.model_fields_set:
            settings = settings.model_copy(update={"directory": default_data_dir() / "session"})
        async with AsyncExitStack() as stack:
            store, _ = await open_store(stack, settings)
            return await work(store, settings)

    try:
        return asyncio.run(run_all())
    except ServiceError as error:
        raise CallFailed(" ".join((error.message, *error.suggestions))) from error
