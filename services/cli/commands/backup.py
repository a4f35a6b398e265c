"""`segue backup`: makes the running server write a consistent copy of everything."""

from __future__ import annotations

import argparse
import sys
import time

from services.cli.gateway.http_call import Endpoint
from services.cli.gateway.mcp_call import CallFailed

backup_timeout_s = 7200.0


def run(options: argparse.Namespace) -> int:
    """Makes a backup below `options.directory`, and prints its path."""
    directory = options.directory.expanduser().absolute()
    began = time.monotonic()
    try:
        made = Endpoint().answer("/v1/backup", backup_timeout_s, {"directory": str(directory)})
    except CallFailed as problem:
        print(f"segue backup: {problem}", file=sys.stderr)
        return 1
    print(f"{made['memories']:,} memories, {made['bytes'] / 1e6:,.1f} MB, in {time.monotonic() - began:.1f} s:")
    print(made["path"])
    return 0
