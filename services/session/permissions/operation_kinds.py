"""Which operations are about files or command lines, and which are the same to a rule. Standard library alone."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from services.session.permissions.matching import matches

SHELLS = frozenset({"bash", "shell", "powershell", "run_command", "execute"})
FILES_WRITTEN = frozenset({"write_file", "write", "edit", "multiedit", "notebookedit", "create_file"})
_AGENTS = frozenset({"task", "agent"})
FILES_READ = frozenset({"read_file", "read", "notebookread", "grep", "glob", "ls", "list_files"})


def operation_name(operation: str) -> str:
    """One spelling for an operation: `Bash`, `bash ` and full-width letters are the same."""
    return unicodedata.normalize("NFKC", operation).strip().casefold()


def rule_text(operation: str, pattern: str) -> str:
    """A rule as Claude Code writes it, which reads `/x` as a path below the project and `//x` as one from the root."""
    is_absolute = pattern.startswith("/") and operation_name(operation) in FILES_READ | FILES_WRITTEN
    shown = f"/{pattern}" if is_absolute and not pattern.startswith("//") else pattern
    return f"{operation}({shown})" if pattern else operation


def is_shell(operation: str) -> bool:
    """Whether the target of this operation is a command line."""
    return operation_name(operation) in SHELLS


def has_shell_grammar(operation: str) -> bool:
    """Whether the target is a command line of a shell whose grammar is known here."""
    return is_shell(operation) and operation_name(operation) != "powershell"


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
    return any({rule, operation} <= kind for kind in (FILES_WRITTEN | {"delete_file"}, FILES_READ, _AGENTS))
