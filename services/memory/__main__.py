"""`python -m services.memory`: the memory service as a process of its own."""

from __future__ import annotations

import asyncio
import sys

from services.kit.errors import ServiceError
from services.kit.lifecycle import run_until_signalled
from services.kit.observability.logs import start_logs
from services.memory.app import open_memory
from services.memory.config import MemorySettings

if __name__ == "__main__":
    start_logs("memory")
    try:
        asyncio.run(run_until_signalled(open_memory(MemorySettings())))
    except ServiceError as error:
        sys.exit(f"segue memory: {error.message}")
