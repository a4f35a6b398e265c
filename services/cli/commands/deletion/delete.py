"""`segue delete`: removes memories by their ids; also unreadable ones."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from services.cli.confirmation import confirm
from services.cli.gateway.mcp_call import CallFailed, Gateway, gateway_url


def run(options: argparse.Namespace) -> int:
    """Confirms first, except with `--yes`; 1 if nothing was deleted."""
    try:
        gateway = Gateway(gateway_url())
        gateway.open()
        return _delete(gateway, options.ids, is_sure=options.yes)
    except CallFailed as problem:
        print(f"segue delete: {problem}", file=sys.stderr)
        return 1


def _delete(gateway: Gateway, ids: Sequence[str], *, is_sure: bool) -> int:
    asked = gateway.call("delete_conversations", ids=ids)
    if not asked["would_delete"]:
        print("segue delete: none of your memories has such an id.", file=sys.stderr)
        return 1
    if not is_sure and not _agrees(asked["would_delete"]):
        return 1
    token = asked["confirmation_token"]
    done = gateway.call("delete_conversations", ids=ids, confirm=True, confirmation_token=token)
    print(f"Deleted {done['deleted']:,}; segue undelete --last brings them back, until they are erased.")
    return 0


def _agrees(count: int) -> bool:
    if not sys.stdin.isatty():
        print("segue delete: nothing was deleted; add --yes to delete without being asked.", file=sys.stderr)
        return False
    return confirm(f"Delete {count:,}?")
