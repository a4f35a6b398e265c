"""`segue permissions`: what may be done here without asking, what may not, and what waits for a decision."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any
from urllib.parse import urlencode

from services.cli.directory.place import place_here
from services.cli.gateway.failures import plain
from services.cli.gateway.http_call import Endpoint
from services.cli.gateway.mcp_call import CallFailed
from services.cli.transfer.permission_import import run_import
from services.session.permissions.operation_kinds import rule_text

call_timeout_s = 30.0
Record = dict[str, Any]


def run(options: argparse.Namespace) -> int:
    """Shows the rules of this directory; with `test` what they say of a command, with `import` adds Claude Code's."""
    if options.action == "import":
        return run_import(options)
    if options.action and not options.target:
        print('segue permissions: name what to test: segue permissions test "git push"', file=sys.stderr)
        return 2
    try:
        return _test(options.operation, options.target) if options.action else _show()
    except CallFailed as problem:
        print(f"segue permissions: {problem}", file=sys.stderr)
        return 1


def _test(operation: str, target: str) -> int:
    asked = {"operation": operation, "target": target, **place_here()}
    said = Endpoint().answer("/v1/permissions/test", call_timeout_s, asked)
    print(f"{said['decision']} ({said['security_level']}): {plain(said['reason'])}")
    if said["rule"]:
        print(f"  by {line(said['rule'])}")
    return 0


def _show() -> int:
    here = place_here()
    query = urlencode({**here, "place": json.dumps(here["place"])})
    listing = Endpoint().answer(f"/v1/permissions?{query}", call_timeout_s)
    for rule in listing["rules"]:
        print(line(rule))
    if not listing["rules"]:
        print("No rule holds here: what only reads is allowed, the client asks about all else.")
    for proposal in listing["proposals"]:
        what = "take back: " if proposal["revokes"] else ""
        print(f"proposed {proposal['proposed_at'][:16].replace('T', ' ')}: {what}{line(proposal['rule'])}")
        print(f"  segue permit {proposal['id']}, or segue deny {proposal['id']}")
    return 0


def line(rule: Record) -> str:
    """A rule on one line: its id, what it says of what, where, since and until when."""
    exactly = " exactly" if rule["exact"] else ""
    where = f"project {plain(rule['project'])}" if rule["scope"] == "project" else rule["scope"]
    since = f"since {rule['created_at'][:10]}" if rule["created_at"] else ""
    until = f", until {rule['expires_at'][:16].replace('T', ' ')}" if rule["expires_at"] else ""
    source = ", learned" if rule["source"] == "learned" else ""
    what = f"{rule['decision']:<5}  {printable(rule_text(rule['operation'], rule['pattern']))}{exactly}"
    return f"{rule['id']}  {what}  {where}, {since}{until}{source}"


def printable(text: str) -> str:
    """All of a text, on one line and without what a terminal obeys: nothing is cut off that is decided on."""
    return "".join(character if character.isprintable() else "?" for character in text)
