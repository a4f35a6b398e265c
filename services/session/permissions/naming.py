"""How a person or a client names what a rule is about, in one form; and what a rule will not do that it seems to."""

from __future__ import annotations

import difflib
import re

from services.session.domain.operation_risk import OPERATIONS
from services.session.permissions.files.file_rules import HOME
from services.session.permissions.operation_kinds import (
    FILES_READ,
    FILES_WRITTEN,
    has_shell_grammar,
    operation_name,
)
from services.session.permissions.shell import read_command

_other_wildcards = re.compile(r"\?|\{[^{}]*,[^{}]*\}")
_form = re.compile(r"\s*([\w*-]+)\((.*)\)\s*", re.DOTALL)


def canonical_name(operation: str, target: str, denied_root: str = "") -> tuple[str, str]:
    """The operation and target of a rule, also where they are written as Claude Code does: `Bash(git push:*)`.

    In its form a path is read as it does: `Edit(/src/**)` is below the project, `Edit(//etc/hosts)` from the root of
    the file system. Of a deny, for a project at `denied_root`, what can only be meant from there is: a path to a home,
    or to that project.
    """
    whole = _form.fullmatch(operation)
    if whole and not target:
        operation, target = whole[1], whole[2]
        if operation_name(operation) in FILES_READ | FILES_WRITTEN:
            target = _path_of_client(target, denied_root)
    if has_shell_grammar(operation) and target.endswith(":*"):
        target = f"{target[:-2]} *"
    return operation, target


def reading_notes(written: str, target: str, pattern: str) -> list[str]:
    """How a path was read that may have been meant otherwise, for a rule written in Claude Code's form."""
    whole = _form.fullmatch(written)
    path = whole[2] if whole and not target else ""
    if not path.startswith("/") or path.startswith("//") or pattern != f".{path}":
        return []
    return [f"As in Claude Code, {path} is below the project; from the root of the file system it is /{path}."]


def _path_of_client(path: str, denied_root: str) -> str:
    if path.startswith("//"):
        return path[1:]
    is_clear = denied_root and (f"{path}/".startswith(f"{denied_root.rstrip('/')}/") or HOME.match(path))
    return path if is_clear or not path.startswith("/") else f".{path}"


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
