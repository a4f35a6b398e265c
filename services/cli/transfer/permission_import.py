"""`segue permissions import`: records Claude Code's own permission rules once the user has seen them all."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from services.cli.clients.claude_permissions import ClientRule, ClientRules, client_rules
from services.cli.directory.place import place_here
from services.cli.gateway.failures import plain
from services.cli.gateway.http_call import Endpoint
from services.cli.gateway.mcp_call import CallFailed
from services.cli.person import NobodyThere, confirm_by_person

call_timeout_s = 30.0


def run_import(options: argparse.Namespace) -> int:
    """Shows the rules that hold in this directory, asks, and records them. Exit 1 where one was refused."""
    directory = Path.cwd().resolve()
    found = client_rules(Path.home(), os.environ.get("CLAUDE_CONFIG_DIR"), directory)
    for line in _overview(found, directory):
        print(line)
    if not found.rules:
        print("Claude Code has no rules here that allow or deny.")
        return 1 if found.unreadable else 0
    if options.dry_run:
        return 0
    try:
        if not confirm_by_person(f"This records these {len(found.rules)}."):
            return 0
    except NobodyThere as absence:
        print(f"segue permissions: {absence}", file=sys.stderr)
        return 2
    here = place_here()
    refused = [problem for rule in found.rules if (problem := _record(rule, here))]
    print(
        f"{len(found.rules) - len(refused)} recorded. `segue permissions` shows them, `segue revoke ID` takes one back."
    )
    for problem in refused:
        print(f"not recorded: {problem}", file=sys.stderr)
    return 1 if refused or found.unreadable else 0


def _overview(found: ClientRules, directory: Path) -> list[str]:
    lines = [f"not read: {plain(problem)}" for problem in found.unreadable]
    lines += [_line(rule, directory) for rule in found.rules]
    if found.asking:
        lines.append(
            f"Left to the client: {found.asking} rules that ask. Segue allows, denies, or leaves it to the client."
        )
    return lines


def _line(rule: ClientRule, directory: Path) -> str:
    decision = "allow" if rule.action == "permit" else rule.action
    comes_with_it = "; the file is of this project" if rule.file.is_relative_to(directory) else ""
    where = "in every project" if rule.scope == "always" else "in this project"
    return f"{decision:<5}  {plain(rule.rule)}  {where} ({plain(str(rule.file))}{comes_with_it})"


def _record(rule: ClientRule, here: Mapping[str, Any]) -> str:
    """Records it; what is wrong with it where that fails. Warnings are printed."""
    asked: dict[str, Any] = {"action": rule.action, "scope": rule.scope, **here}
    try:
        asked |= {"operation": rule.rule, "target": ""}
        answer = Endpoint().change("/v1/permissions", call_timeout_s, asked)
    except CallFailed as problem:
        return f"{plain(rule.rule)}: {problem}"
    for warning in answer["warnings"]:
        print(f"{plain(rule.rule)}: {plain(warning)}")
    return ""
