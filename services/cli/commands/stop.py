"""`segue stop`: stops this machine's server, which may have been started in the background."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from services.cli import local_server

DRAIN_S = 20.0
"""How long a server may take to finish running calls."""
KILLED_S = 5.0
LOOK_S = 0.05


def run(options: argparse.Namespace) -> int:
    """Returns 0 once no server runs."""
    del options
    data_dir = local_server.default_data_dir()
    pid = local_server.serving_pid(data_dir)
    if pid is None:
        print("No server runs here.")
        return 0
    for number, timeout_s in ((signal.SIGTERM, DRAIN_S), (signal.SIGKILL, KILLED_S)):
        with suppress(ProcessLookupError):
            os.kill(pid, number)
            os.kill(pid, signal.SIGCONT)  # a suspended process could not exit
        if _stop_process(data_dir, pid, timeout_s):
            word = "ended" if number == signal.SIGTERM else "had to be killed; what it acknowledged is kept"
            print(f"The server (process {pid}) {word}. It is started again when a client needs it.")
            return 0
    print(f"segue: process {pid} does not end.", file=sys.stderr)
    return 1


def _stop_process(data_dir: Path, pid: int, timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while local_server.serving_pid(data_dir) == pid:
        if time.monotonic() >= deadline:
            return False
        time.sleep(LOOK_S)
    return True
