"""`python -m services.integration`: the integration service as a process of its own."""

from __future__ import annotations

import asyncio
import sys

from services.integration.app import open_integration
from services.integration.config import IntegrationSettings
from services.kit.errors import ServiceError
from services.kit.lifecycle import run_until_signalled
from services.kit.observability.logs import start_logs

if __name__ == "__main__":
    start_logs("integration")
    try:
        asyncio.run(run_until_signalled(open_integration(IntegrationSettings())))
    except ServiceError as error:
        sys.exit(f"segue integration: {error.message}")
