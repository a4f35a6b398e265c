"""`segue removals`: the deletion log: what was removed, when, by whom and why; without content."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import datetime
from urllib.parse import urlencode

from services.cli.gateway.failures import plain
from services.cli.gateway.http_call import Endpoint
from services.cli.gateway.mcp_call import CallFailed

call_timeout_s = 30.0


def run(options: argparse.Namespace) -> int:
    """Prints the log, newest first."""
    asked = {"limit": options.limit, **({"project": options.project} if options.project else {})}
    try:
        answer = Endpoint().answer(f"/v1/removals?{urlencode(asked)}", call_timeout_s)
    except CallFailed as problem:
        print(f"segue removals: {problem}", file=sys.stderr)
        return 1
    removals = answer["removals"]
    if options.json:
        print("\n".join(json.dumps(each) for each in removals))
        return 0
    if not removals:
        print("Nothing was removed.", file=sys.stderr)
        return 0
    print(f"{'REMOVED':<18}{'COUNT':>8}  {'BY':<16}{'ERASED':<8}PROJECT")
    for each in removals:
        at = datetime.fromisoformat(each["removed_at"]).astimezone().strftime("%Y-%m-%d %H:%M")
        by = plain(each["actor"] or each["reason"])
        restored = f", {each['restored']:,} brought back" if each.get("restored") else ""
        erased = "yes" if each["erased"] else "soon"
        print(f"{at:<18}{each['count']:>8,}  {by:<15} {erased:<8}{plain(each['project'])}{restored}")
    return 0
