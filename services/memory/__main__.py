"""`python -m services.memory`: the memory service as a process of its own; with `--serve search`, a search replica."""

from __future__ import annotations

import argparse
import asyncio
import sys
from contextlib import AbstractAsyncContextManager
from typing import Any

from services.kit.errors import ServiceError
from services.kit.lifecycle import App, run_until_signalled
from services.kit.observability.logs import start_logs
from services.memory.config import MemorySettings


def _chosen(arguments: list[str]) -> dict[str, Any]:
    """The settings that the command line has; these alone."""
    parser = argparse.ArgumentParser("python -m services.memory")
    parser.add_argument("--serve", choices=("all", "memory", "search"), help="in the place of SEGUE_MEMORY_SERVE")
    serve = parser.parse_args(arguments).serve
    return {"serve": serve} if serve else {}


def _open(settings: MemorySettings) -> AbstractAsyncContextManager[App]:
    if settings.serve == "search":
        from services.memory.search_app import open_search

        return open_search(settings)
    from services.memory.app import open_memory

    return open_memory(settings)


if __name__ == "__main__":
    settings = MemorySettings(**_chosen(sys.argv[1:]))
    name = "search" if settings.serve == "search" else "memory"
    start_logs(name)
    try:
        asyncio.run(run_until_signalled(_open(settings)))
    except ServiceError as error:
        sys.exit(" ".join((f"segue {name}: {error.message}", *error.suggestions)))
