"""`segue undelete`: brings back memories that were deleted, until they are erased."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from services.cli.gateway.mcp_call import CallFailed, Gateway, gateway_url


def run(options: argparse.Namespace) -> int:
    """Prints what came back and what did not; 1 if nothing did."""
    if bool(options.ids) == options.last:
        print("segue undelete: name ids, or say --last for all that was deleted last.", file=sys.stderr)
        return 2
    try:
        gateway = Gateway(gateway_url())
        gateway.open()
        done = gateway.call("undelete", **({"ids": options.ids} if options.ids else {"last": True}))
    except CallFailed as problem:
        print(f"segue undelete: {problem}", file=sys.stderr)
        return 1
    for line in _remainders(done):
        print(f"segue undelete: {line}", file=sys.stderr)
    print(f"Brought back {done['restored']:,}.")
    return 0 if done["restored"] else 1


def _remainders(done: dict[str, Any]) -> list[str]:
    """What was not brought back, and why."""
    said = (
        ("too_late", "too late for {:,}: deleted text is erased from the files within minutes, and theirs is"),
        ("there_already", "{:,} need not be brought back: the same is stored"),
        ("unknown", "{:,} of the ids name nothing of yours that was deleted"),
    )
    lines = [words.format(done[name]) for name, words in said if done[name]]
    return lines if lines or done["restored"] else ["nothing of yours was deleted"]
