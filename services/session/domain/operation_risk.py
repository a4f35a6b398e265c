"""How dangerous an operation is: one table of names, one of paths; `commands` has the shell's.

Levels as in the Guide: low reads, medium writes, high touches the system or its history, critical
destroys. What no table knows is high: the tables can only be wrong by asking too often.
"""

from __future__ import annotations

import posixpath
import re
from enum import IntEnum
from typing import NamedTuple

from services.session.domain.command_risk import decides_rules, destroys, destroys_by_text, only_reads
from services.session.permissions.destroyers import RULES_FILES, RULING_FILES
from services.session.permissions.operation_kinds import FILES_READ, FILES_WRITTEN, SHELLS, operation_name

target_judged_max_chars = 16_384
"""A longer target is not judged but taken as critical."""


class Level(IntEnum):
    """In ascending order of what can go wrong."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4


OPERATIONS = {
    # reads
    **dict.fromkeys(("read_file", "read", "glob", "grep", "ls", "notebookread", "list_files"), Level.LOW),
    **dict.fromkeys(("search_conversations", "reflect_on_past", "advanced_search", "quick_search"), Level.LOW),
    **dict.fromkeys(
        ("get_more_results", "search_by_file", "search_by_concept", "get_memory", "list_memories"), Level.LOW
    ),
    **dict.fromkeys(("reflection_stats", "list_project_links", "list_sessions", "status"), Level.LOW),
    "list_projects": Level.LOW,
    **dict.fromkeys(("check_permission", "permission_status", "quality_history", "health_check"), Level.LOW),
    **dict.fromkeys(("system_metrics", "todoread", "git_status", "git_diff", "git_log"), Level.LOW),
    # writes what can be written again
    **dict.fromkeys(("store_reflection", "store_conversation", "link_projects", "init"), Level.MEDIUM),
    "name_project": Level.MEDIUM,
    **dict.fromkeys(("checkpoint", "end", "quality_check", "todowrite", "task", "agent"), Level.MEDIUM),
    **dict.fromkeys(("write_file", "write", "edit", "multiedit", "notebookedit", "create_file"), Level.MEDIUM),
    **dict.fromkeys(("websearch", "web_search", "git_add"), Level.MEDIUM),
    # the system, the network, the history
    **dict.fromkeys(("bash", "shell", "powershell", "run_command", "execute", "webfetch"), Level.HIGH),
    **dict.fromkeys(("git_commit", "git_checkpoint", "git_merge", "git_push", "install_package"), Level.HIGH),
    **dict.fromkeys(("record_permission", "revoke_permission", "sync_dependencies"), Level.HIGH),
    # destroys
    **dict.fromkeys(("delete_conversations", "delete_file", "delete_session", "drop_database"), Level.CRITICAL),
    **dict.fromkeys(("git_reset_hard", "git_clean", "git_force_push", "restore_backup"), Level.CRITICAL),
}
DECIDED_BY_TARGET = frozenset({"webfetch", "install_package", "task", "agent"})

_SECRET_FILES = re.compile(
    r"(^|/)(\.env(\.|$)|\.ssh(/|$)|\.aws(/|$)|\.gnupg(/|$)|\.netrc$|\.pgpass$|\.npmrc$|\.pypirc$|\.docker/config"
    r"|\.kube(/|$)|id_(rsa|dsa|ecdsa|ed25519)|shadow$|Library/Keychains/)|\.(pem|key|p12|pfx|keystore)$|secret|credential|token|password",
    re.IGNORECASE,
)


class Judgement(NamedTuple):
    """How dangerous, and why."""

    level: Level
    why: str
    is_persons: bool = False
    """It changes what may be done without asking."""


def classify(operation: str, target: str = "", root: str = "") -> Judgement:
    """The level of doing `operation` to `target`: the operation's own, or more where the target asks for it.

    `root` is the project's directory; a file outside of it is not the project's to write.
    """
    name = operation_name(operation)
    if len(target) > target_judged_max_chars:
        return Judgement(Level.CRITICAL, "the target is too long to be judged")
    if name in FILES_WRITTEN | FILES_READ and (judgement := _of_file(name, _path(target), root)):
        return judgement
    if name in SHELLS or name not in OPERATIONS:
        return _command(name, target)
    return Judgement(OPERATIONS[name], f"{name} is a known operation")


def _of_file(name: str, path: str, root: str) -> Judgement | None:
    """What is known of a file; None where it is an ordinary one."""
    if name in FILES_WRITTEN and RULES_FILES.search(path):
        return Judgement(Level.CRITICAL, "it changes what may be done without asking", is_persons=True)
    if name in FILES_WRITTEN and RULING_FILES.search(path):
        return Judgement(Level.CRITICAL, "the file rules what runs on this machine")
    if _SECRET_FILES.search(path):
        return Judgement(Level.HIGH, "the file may hold secrets")
    if name in FILES_WRITTEN and _is_outside(path, root):
        return Judgement(Level.HIGH, "the file is outside of the project")
    return None


def _command(name: str, target: str) -> Judgement:
    """A command line, or the target of an operation that nobody knows: it may be one."""
    if name in SHELLS and decides_rules(target):
        return Judgement(Level.CRITICAL, "it changes what may be done without asking", is_persons=True)
    if why := (destroys_by_text if name == "powershell" else destroys)(target):
        return Judgement(Level.CRITICAL, f"the command {why}")
    if name not in SHELLS:
        return Judgement(Level.HIGH, "the operation is not known")
    if only_reads(target):
        return Judgement(Level.LOW, "the command only reads")
    return Judgement(Level.HIGH, "the command may do anything")


def is_decided_by_target(operation: str) -> bool:
    """Whether the target decides what the operation does: a command, a file, an address, or what nobody knows."""
    name = operation_name(operation)
    return name not in OPERATIONS or name in SHELLS | FILES_WRITTEN | FILES_READ | DECIDED_BY_TARGET


def is_learned_as_a_whole(operation: str, level: Level) -> bool:
    """Whether leave for some targets says something about others: never where the target decides what happens."""
    name = operation_name(operation)
    return name not in SHELLS | DECIDED_BY_TARGET and OPERATIONS.get(name) == level


def _is_outside(path: str, root: str) -> bool:
    if path.startswith("/") and root:
        return not f"{path}/".startswith(f"{root.rstrip('/')}/")
    return path.startswith(("/", "~")) or path.split("/", maxsplit=1)[0] == ".." or path[1:2] == ":"


def _path(target: str) -> str:
    return posixpath.normpath(target.replace("\\", "/")) if target else ""
