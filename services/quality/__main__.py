"""`python -m services.quality`: the quality service as a process of its own."""

from __future__ import annotations

import asyncio
import sys

from services.kit.errors import ServiceError
from services.kit.lifecycle import run_until_signalled
from services.kit.observability.logs import start_logs
from services.quality.app import open_quality
from services.quality.config import QualitySettings

if __name__ == "__main__":
    start_logs("quality")
    try:
        asyncio.run(run_until_signalled(open_quality(QualitySettings())))
    except ServiceError as error:
        sys.exit(f"segue quality: {error.message}")
