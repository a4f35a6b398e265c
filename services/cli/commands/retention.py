"""`segue retention`: the retention rules of projects; shows, sets and removes them."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from services.cli.gateway.failures import plain
from services.cli.gateway.http_call import Endpoint
from services.cli.gateway.mcp_call import CallFailed

call_timeout_s = 30.0
Rule = dict[str, Any]


def run(options: argparse.Namespace) -> int:
    """Sets the rule of `options.project`, or shows all rules."""
    changes = options.forever or options.reset or options.days is not None or options.size_mb is not None
    if changes != bool(options.project) or (options.reflections and not changes):
        print("segue retention: to set a rule, name a project and what to keep: PROJECT --days 90", file=sys.stderr)
        return 2
    try:
        return _set_rule(options) if changes else _show()
    except CallFailed as problem:
        print(f"segue retention: {problem}", file=sys.stderr)
        return 1


def _set_rule(options: argparse.Namespace) -> int:
    asked: Rule = {"project": options.project, "reflections": options.reflections}
    if options.reset:
        asked["reset"] = True
    elif not options.forever:
        asked |= {"days": options.days, "size_mb": options.size_mb}
    rule = Endpoint().answer("/v1/retention", call_timeout_s, asked)
    print(f"{plain(options.project)}: {_rule_text(rule)}")
    if rule["would_remove"]:
        print(f"{rule['would_remove']:,} memories will be removed, from an hour from now on. {_way_back(options)}")
    return 0


def _way_back(options: argparse.Namespace) -> str:
    if options.reset:
        return f"To keep all of this project: segue retention {plain(options.project)} --forever"
    return f"To remove the rule: segue retention {plain(options.project)} --reset"


def _show() -> int:
    listing = Endpoint().answer("/v1/retention", call_timeout_s)
    for rule in listing["rules"]:
        due = f" ({rule['would_remove']:,} to go)" if rule["would_remove"] else ""
        print(f"{plain(rule['project'] or 'every other project')}: {_rule_text(rule)}{due}")
    if listing["waiting"]:
        print(f"Waiting: {listing['waiting']}")
    return 0


def _rule_text(rule: Rule) -> str:
    if rule["days"] is None and rule["size_mb"] is None:
        return "kept for ever"
    limits = [f"for {rule['days']:,} days"] if rule["days"] is not None else []
    limits += [f"up to {rule['size_mb']:g} MB, the newest"] if rule["size_mb"] is not None else []
    what = "conversations and reflections" if rule["reflections"] else "conversations"
    return f"{what} kept {' and '.join(limits)}"
