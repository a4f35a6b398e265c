"""`python -m services.session`: the session service as a process of its own."""

from __future__ import annotations

import asyncio
import sys

from services.kit.errors import ServiceError
from services.kit.lifecycle import run_until_signalled
from services.kit.observability.logs import start_logs
from services.session.app import open_session
from services.session.config import SessionSettings

if __name__ == "__main__":
    start_logs("session")
    try:
        asyncio.run(run_until_signalled(open_session(SessionSettings())))
    except ServiceError as error:
        sys.exit(f"segue session: {error.message}")
