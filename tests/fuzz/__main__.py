"""`make fuzz`: round after round with seeds of their own until the time is over; exits 1 after a round that failed.

`SEGUE_FUZZ_S` says for how many seconds, `SEGUE_FUZZ_SEED` with which seed to begin, which repeats a round.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.fuzz.budget import SCALE_SETTING

ROUND_SCALE = 30
"""How many times the examples of `make test-all` a round tries: some minutes."""
HANGS_AFTER_S = 7_200
"""One test of a round takes many times what it may in `make test`."""
EXAMPLES = ".hypothesis"


def main() -> int:
    """Runs it; further words are pytest's, such as `-k transcripts`."""
    until = time.monotonic() + float(os.environ.get("SEGUE_FUZZ_S", "3600"))
    seed = int(os.environ.get("SEGUE_FUZZ_SEED") or time.time_ns() % 1_000_000)
    scale = os.environ.get(SCALE_SETTING, str(ROUND_SCALE))
    print(f"seed {seed}", flush=True)
    while True:
        began = time.monotonic()
        if _round(seed, scale):
            print(f"Seed {seed} failed. Again: make fuzz SEGUE_FUZZ_SEED={seed}; {EXAMPLES}/ has the failing example.")
            return 1
        print(f"seed {seed}: nothing in {time.monotonic() - began:.0f} s", flush=True)
        if time.monotonic() >= until:
            return 0
        seed += 1


def _round(seed: int, scale: str) -> int:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--hypothesis-seed={seed}"]
    command += ["-o", f"faulthandler_timeout={HANGS_AFTER_S}"]
    environment = {**os.environ, SCALE_SETTING: scale}
    return subprocess.run(
        [*command, str(Path(__file__).parent), *sys.argv[1:]], env=environment, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
