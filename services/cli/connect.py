"""`segue connect`: an MCP server on stdin and stdout that forwards to a gateway, by default to this machine's."""

from __future__ import annotations

import argparse
import os
import sys

from services.cli.bridge.client import watched_client
from services.cli.bridge.forwarding import Bridge


def run(options: argparse.Namespace) -> int:
    """Serve this process's stdin until it ends, or until whoever started it does."""
    with watched_client():
        Bridge(options.url or os.environ.get("SEGUE_URL")).forward(sys.stdin.buffer)
    return 0
