"""`segue dashboard`: opens the web page in a browser, by a link that works once."""

from __future__ import annotations

import argparse
import json
import os
import sys
import webbrowser
from urllib.error import HTTPError

from services.cli.gateway.http_call import Endpoint
from services.cli.gateway.mcp_call import CallFailed

call_timeout_s = 30.0
no_token, is_off = 401, frozenset({403, 404})
"""The status of who has no token yet; and those of a server without a page."""


def run(options: argparse.Namespace) -> int:
    """Prints the link, and opens it where there is a screen; 1 if there is no page."""
    try:
        gateway = Endpoint()
        address = f"{gateway.address}{_path(gateway)}"
    except CallFailed as problem:
        print(f"segue dashboard: {problem}", file=sys.stderr)
        return 1
    print(address)
    if not options.print and _has_screen() and not webbrowser.open(address):
        print("segue dashboard: no browser could be opened: open the link yourself", file=sys.stderr)
    return 0


def _path(gateway: Endpoint) -> str:
    """Of the page: with a code where this machine's user is meant, else where tokens are asked for."""
    try:
        body, _ = gateway.call("/v1/page/links", b"{}", call_timeout_s)
    except CallFailed as problem:
        status = problem.__cause__.code if isinstance(problem.__cause__, HTTPError) else 0
        if status == no_token:
            return "/page/sign-in"
        if status in is_off:
            raise CallFailed(
                "the page is off (SEGUE_GATEWAY_PAGE), or the server is of an earlier version"
            ) from problem
        raise
    return str(json.loads(body)["path"])


def _has_screen() -> bool:
    """Whether a browser would be seen; one that runs in a terminal would take it over."""
    return sys.platform in {"darwin", "win32"} or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
