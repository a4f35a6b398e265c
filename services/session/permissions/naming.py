"""How a person or a client names what a rule is about, in one form; and what a rule will not do that it seems to."""

from __future__ import annotations

import difflib
import re

from services.session.domain.operation_risk import OPERATIONS
from services.session.permissions.operation_kinds import (
    FILES_READ,
    FILES_WRITTEN,
    has_shell_grammar,
    operation_name,
)
from services.session.permissions.shell import read_command

_other_wildcards = re.compile(r"\?|\{[^{}]*,[^{}]*\}")
_form = re.compile(r"\s*([\w*-]+)\((.*)\)\s*", re.DOTALL)


def canonical_name(operation: str, target: str) -> tuple[str, str]:
    """The operation and target of a rule, also where they are written as Claude Code does: `Bash(git push:*)`."""
    whole = _form.fullmatch(operation)
    if whole and not target:
        operation, target = whole[1], whole[2]
    if has_shell_grammar(operation) and target.endswith(":*"):
        target = f"{target[:-2]} *"
    return operation, target


def warnings(operation: str, pattern: str, root: str, is_allow: bool) -> list[str]:
    """Why a rule does not match what it seems to, and what would."""
    name = operation_name(operation)
    if name not in OPERATIONS and not name.startswith("mcp__"):
        near = difflib.get_close_matches(name, OPERATIONS, 1)
        nearest = f" Did you mean {near[0]}?" if near else " Tools of servers are named mcp__SERVER__TOOL."
        return [f"No operation {name[:64]} is known, so it may never match.{nearest}"]
    if name in FILES_READ | FILES_WRITTEN and pattern and not pattern.startswith(("/", "~")) and not root:
        return ["The path is relative and no project is known, so it may never match: name an absolute path."]
    if name in FILES_READ | FILES_WRITTEN and _other_wildcards.search(pattern):
        return ["Only * stands for anything in a path: name the files one by one, or use *."]
    if has_shell_grammar(name) and "*" in pattern:
        return _of_command(pattern, is_allow)
    return []


def _of_command(pattern: str, is_allow: bool) -> list[str]:
    line = read_command(pattern)
    if line.is_understood and len(line.calls) <= 1 and not (is_allow and line.written):
        return []
    return ["* stands for arguments of one program: record each command of its own, without redirections."]
