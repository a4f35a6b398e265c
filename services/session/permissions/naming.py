"""How a person or a client names what a rule is about, in one form; and what a rule will not do that it seems to."""

from __future__ import annotations

import difflib
import re
from functools import lru_cache
from urllib.parse import urlsplit

from services.session.domain.operation_risk import (
    FILES_READ,
    FILES_WRITTEN,
    OPERATIONS,
    has_shell_grammar,
    operation_name,
)
from services.session.permissions.matching import matches
from services.session.permissions.shell import read_command

_form = re.compile(r"\s*([\w*-]+)\((.*)\)\s*", re.DOTALL)


def canonical_name(operation: str, target: str) -> tuple[str, str]:
    """The operation and target of a rule, also where they are written as Claude Code does: `Bash(git push:*)`."""
    whole = _form.fullmatch(operation)
    if whole and not target:
        operation, target = whole[1], whole[2]
    if has_shell_grammar(operation) and target.endswith(":*"):
        target = f"{target[:-2]} *"
    return operation, target


def is_same_operation(rule: str, operation: str) -> bool:
    """Whether a rule on `rule` is one on `operation`: `mcp__github` and `mcp__github__*` name all of a server."""
    if rule == operation:
        return True
    return rule.startswith("mcp__") and (matches(rule, operation) or operation.startswith(f"{rule}__"))


@lru_cache(maxsize=4096)
def is_same_file_operation(rule: str, operation: str) -> bool:
    """Whether a deny of `rule` is one of `operation`, too: who must not edit a file must not write it either."""
    if is_same_operation(rule, operation):
        return True
    return any({rule, operation} <= kind for kind in (FILES_WRITTEN | {"delete_file"}, FILES_READ))


def is_of_domain(pattern: str, target: str) -> bool:
    """Whether an address is of the host that `domain:example.org` names."""
    return pattern.startswith("domain:") and urlsplit(target).hostname == pattern.removeprefix("domain:").casefold()


def warnings(operation: str, pattern: str, root: str, is_allow: bool) -> list[str]:
    """Why a rule does not match what it seems to, and what would."""
    name = operation_name(operation)
    if name not in OPERATIONS and not name.startswith("mcp__"):
        near = difflib.get_close_matches(name, OPERATIONS, 1)
        nearest = f" Did you mean {near[0]}?" if near else " Tools of servers are named mcp__SERVER__TOOL."
        return [f"No operation {name[:64]} is known, so it may never match.{nearest}"]
    if name in FILES_READ | FILES_WRITTEN and pattern and not pattern.startswith(("/", "~")) and not root:
        return ["The path is relative and no project is known, so it may never match: name an absolute path."]
    if has_shell_grammar(name) and "*" in pattern:
        return _of_command(pattern, is_allow)
    return []


def _of_command(pattern: str, is_allow: bool) -> list[str]:
    line = read_command(pattern)
    if line.is_understood and len(line.calls) <= 1 and not (is_allow and line.written):
        return []
    return ["* stands for arguments of one program: record each command of its own, without redirections."]
