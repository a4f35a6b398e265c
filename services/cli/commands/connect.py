"""`segue connect`: an MCP server on stdin and stdout that forwards to a gateway, by default to this machine's."""

from __future__ import annotations

import argparse
import os
import sys

from services.cli.bridge.client import note, while_client_lives
from services.cli.bridge.forwarding import Bridge


def run(options: argparse.Namespace) -> int:
    """Serves this process's stdin until it ends, or until the parent process exits."""
    if sys.stdin.isatty():
        note("this is for an MCP client to start; `segue install claude-code` sets it up. Ctrl-D ends it")
    bridge = Bridge(options.url or os.environ.get("SEGUE_URL"))
    while_client_lives(lambda: bridge.forward(sys.stdin.buffer))
    return 0
