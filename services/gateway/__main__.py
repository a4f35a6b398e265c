"""`python -m services.gateway`: the gateway as a process of its own."""

from __future__ import annotations

import asyncio
import sys

from services.gateway.app import open_gateway
from services.gateway.config import GatewaySettings
from services.kit.errors import ServiceError
from services.kit.lifecycle import run_until_signalled
from services.kit.observability.logs import start_logs

if __name__ == "__main__":
    start_logs("gateway")
    try:
        asyncio.run(run_until_signalled(open_gateway(GatewaySettings())))
    except ServiceError as error:
        sys.exit(" ".join((f"segue gateway: {error.message}", *error.suggestions)))
