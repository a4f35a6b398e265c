"""`make torture`: `python -m tests.torture --kills 100 --seed 1`; prints its counts, exits 1 if anything was lost."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from pathlib import Path

from services.kit.encryption.key_file import generate_key
from services.memory.config import KEY_FILE_SETTING
from services.memory.embedder.build import build_model
from tests.torture.run import Torture


def main() -> int:
    """Runs it."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000, help="repeats a run")
    parser.add_argument("--encrypted", action="store_true", help="with encryption at rest")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        data = Path(name) / "data"
        (data / "memory").mkdir(mode=0o700, parents=True)
        build_model(data / "memory" / "model")
        settings = {}
        if options.encrypted:
            generate_key(Path(name) / "key")
            settings[KEY_FILE_SETTING] = str(Path(name) / "key")
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # clients whose server was killed, as it should be
        torture = Torture(data, options.seed, settings)
        print(f"seed {options.seed}", flush=True)
        for kill in range(1, options.kills + 1):
            asyncio.run(torture.round())
            print(f"\r{kill} kills, {torture.counts}", end="", flush=True)
    print("", *torture.losses, f"{options.kills} kills: {torture.counts}", sep="\n")
    return 0 if torture.counts.clean else 1


if __name__ == "__main__":
    sys.exit(main())
