"""`segue permit`, `segue deny`, `segue revoke`: a person decides what may be done without asking.

What widens takes a terminal, in which a number is typed that stands there: a coding agent that runs commands has none.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping
from typing import Any

from services.cli.commands.permissions import call_timeout_s, line, printable
from services.cli.commands.token import lifetime_s
from services.cli.directory.place import place_here
from services.cli.gateway.http_call import Endpoint, Unanswered
from services.cli.gateway.mcp_call import CallFailed
from services.cli.person import NobodyThere, confirm_by_person

_id = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def run(options: argparse.Namespace) -> int:
    """Does what `options.command` says to a proposal, a rule, or an operation and its target."""
    try:
        return _decide(options)
    except (CallFailed, NobodyThere) as problem:
        unknown = " `segue permissions` shows what holds." if isinstance(problem, Unanswered) else ""
        print(f"segue {options.command}: {problem}{unknown}", file=sys.stderr)
        return 2 if isinstance(problem, NobodyThere) else 1


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
    endpoint = Endpoint()
    if options.command != "deny" and not confirm_by_person(_what(endpoint, asked)):
        print(f"segue {options.command}: nothing is changed.", file=sys.stderr)
        return 1
    print("\n".join(_answer_lines(endpoint.change("/v1/permissions", call_timeout_s, asked))))
    return 0


def _what(endpoint: Endpoint, asked: Mapping[str, Any]) -> str:
    """What the decision does, whole: a model may have written it."""
    if asked.get("all"):
        return "This takes back all rules, of all projects: also what you denied."
    if "id" not in asked:
        target = f"({printable(asked['target'])})" if asked["target"] else ""
        return f"This allows {printable(asked['operation'])}{target}, scope {asked['scope']}."
    listing = endpoint.answer("/v1/permissions", call_timeout_s)
    if asked["action"] == "revoke":
        return next((f"This takes back: {line(each)}" for each in listing["rules"] if each["id"] == asked["id"]), "")
    for each in listing["proposals"]:
        if each["id"] == asked["id"]:
            return f"{'This takes back' if each['revokes'] else 'This is to hold'}: {line(each['rule'])}"
    return ""


def _answer_lines(answer: dict[str, Any]) -> list[str]:
    if "revoked" in answer:
        return [f"{answer['revoked']} {'rule' if answer['revoked'] == 1 else 'rules'} taken back."]
    if "proposal" in answer:
        rule = line(answer["proposal"]["rule"])
        if not answer["accepted"]:
            return [f"Declined: {rule}"]
        return [f"Taken back: {rule}" if answer["proposal"]["revokes"] else f"Holds now: {rule}"]
    return [f"Holds now: {line(answer['rule'])}", *(f"But: {each}" for each in answer["warnings"])]
