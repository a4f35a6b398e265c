"""`segue permit`, `segue deny`, `segue revoke`: a person decides what may be done without asking.

What widens takes a terminal: a coding agent that runs commands has none, and its own hook asks about these commands.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from typing import Any

from services.cli.commands.permissions import call_timeout_s, line
from services.cli.commands.token import lifetime_s
from services.cli.directory.place import place_here
from services.cli.gateway.http_call import Endpoint
from services.cli.gateway.mcp_call import CallFailed

_id = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def run(options: argparse.Namespace) -> int:
    """Does what `options.command` says to a proposal, a rule, or an operation and its target."""
    if options.command != "deny" and not sys.stdin.isatty():
        print(f"segue {options.command}: only a person decides this: run it in a terminal.", file=sys.stderr)
        return 2
    try:
        return _decide(options)
    except CallFailed as problem:
        print(f"segue {options.command}: {problem}", file=sys.stderr)
        return 1


def _decide(options: argparse.Namespace) -> int:
    asked: dict[str, Any] = {"action": options.command, **place_here()}
    if options.command == "revoke":
        asked |= {"all": True} if options.what == "all" else {"id": options.what}
    elif not options.target and _id.fullmatch(options.what):
        asked["id"] = options.what
    else:
        asked |= {
            "operation": options.what,
            "target": options.target or "",
            "scope": options.scope,
            "exact": options.exact,
            "expires_in_s": lifetime_s(options.expires),
        }
    answer, _ = Endpoint().call("/v1/permissions", json.dumps(asked).encode(), call_timeout_s)
    print("\n".join(_answer_lines(json.loads(answer))))
    return 0


def _answer_lines(answer: dict[str, Any]) -> list[str]:
    if "revoked" in answer:
        return [f"{answer['revoked']} {'rule' if answer['revoked'] == 1 else 'rules'} taken back."]
    if "proposal" in answer:
        rule = line(answer["proposal"]["rule"])
        if not answer["accepted"]:
            return [f"Declined: {rule}"]
        return [f"Taken back: {rule}" if answer["proposal"]["revokes"] else f"Holds now: {rule}"]
    return [f"Holds now: {line(answer['rule'])}", *(f"But: {each}" for each in answer["warnings"])]
