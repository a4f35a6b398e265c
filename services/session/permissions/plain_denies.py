"""What denies say of a call where no server answers: by the standard library alone, from a copy that hooks keep.

It says more often than the service that a call may be denied, and never that one is allowed.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from services.session.permissions.call_forms import NamedCall, is_named, may_be_named, named_call
from services.session.permissions.files.file_commands import Holds, is_on_files, judge_files, runs_unread_text
from services.session.permissions.files.file_rules import denies_file
from services.session.permissions.matching import is_denied_address, matches, pieces, without_escapes
from services.session.permissions.operation_kinds import (
    FILES_READ,
    FILES_WRITTEN,
    has_shell_grammar,
    is_same_file_operation,
    is_shell,
    operation_name,
)
from services.session.permissions.programs import program_name
from services.session.permissions.rough_reading import calls_max, is_plain, powershell_calls, rough_calls

text_max_chars = 131_072

_RULES_FILES = re.compile(r"\.claude/segue/|\bsession\.sqlite\b")
_CHANGES_RULES = (
    (re.compile(r"\bsegue\b"), re.compile(r"\b(permit|revoke|hook|dashboard)\b|\bpermissions\s.{0,80}\bimport\b")),
    (re.compile(r"/v1/"), re.compile(r"\b(permissions|hooks|page)\b|%")),
    (re.compile(r"/page/"), re.compile(r"/page/\S*\b(enter|permissions)\b|%")),
    (re.compile(r"\bcli\b"), re.compile(r"\b(permit|revoke|hook|dashboard)\b")),
)
"""Two things that a command names, in whatever order, which changes what may be done without asking."""
_LOOK = frozenset({"grep", "rg", "git", "echo", "cat", "ls", "tail", "head", "less", "cd"})
"""Programs whose arguments are only words to them."""
_RUN_SETTING = re.compile(r"\w(COMMAND|EDITOR|PAGER|ENV|ASKPASS|RSH|SSH|OPEN)=|\b(PS\d|GIT_CONFIG_\w+)=")
_quotes = re.compile(r"['\"\\]")
_substitution = re.compile(r"[<>]\(")


class KeptDeny(NamedTuple):
    """A deny as hooks keep it; `root` is the directory to which relative paths belong."""

    operation: str
    pattern: str
    exact: bool
    root: str


def judge_plainly(denies: Iterable[KeptDeny], operation: str, target: str) -> Holds:
    """Deny where a rule names the call, ask where one may: nobody who knows more answers."""
    name = operation_name(operation)
    said = {_judge(deny, name, target) for deny in denies}
    if Holds.DENY in said:
        return Holds.DENY
    return Holds.ASK if Holds.ASK in said else Holds.NOTHING


def may_change_rules(operation: str, target: str) -> bool:
    """Whether a command may change what is done without asking: by `segue`, its endpoints, or its files."""
    if not is_shell(operation):
        return False
    command = target[:text_max_chars]
    calls = _calls(command)
    named = [" ".join(words) for words in calls if program_name(words[0]) not in _LOOK]
    return any(_names_rules(_quotes.sub("", text)) for text in (named if is_plain(calls) else [command, *named]))


def _names_rules(text: str) -> bool:
    return bool(_RULES_FILES.search(text)) or any(
        one.search(text) and other.search(text) for one, other in _CHANGES_RULES
    )


def _judge(deny: KeptDeny, name: str, target: str) -> Holds:
    is_on_file = is_on_files(deny.operation)
    if (is_shell(name) and is_on_file) or (deny.operation == name and has_shell_grammar(name)):
        return (_judge_file_command if is_on_file else _judge_command)(deny, target[:text_max_chars])
    if deny.operation != name and not is_same_file_operation(deny.operation, name):
        return Holds.NOTHING
    if not deny.pattern or target == deny.pattern:
        return Holds.DENY
    if name in FILES_READ | FILES_WRITTEN | {"delete_file"}:
        return Holds.DENY if denies_file(deny.pattern, target, deny.root) else Holds.NOTHING
    ways = {target, posixpath.normpath(target)}
    if is_shell(name):
        meant = _meant(deny.pattern)
        calls = powershell_calls(target[:text_max_chars]) if meant else ()
        if meant and any(is_named(deny.pattern, meant, deny.exact, words) for words in calls if words):
            return Holds.DENY
        ways |= {*pieces(target), *pieces(_quotes.sub("", target))}
    pattern = _single_spaces(deny.pattern)
    is_denied = is_denied_address(deny.pattern, target) or any(matches(pattern, _single_spaces(way)) for way in ways)
    return Holds.DENY if is_denied else Holds.NOTHING


def _judge_file_command(deny: KeptDeny, command: str) -> Holds:
    calls = _calls(command)
    is_read = len(calls) < calls_max and is_plain(calls) and not _substitution.search(command)
    is_whole = is_read and not any(map(runs_unread_text, calls))
    return judge_files(deny.operation, deny.pattern, deny.root, calls, command, is_whole=is_whole)


def _judge_command(deny: KeptDeny, command: str) -> Holds:
    if not deny.pattern or command == deny.pattern:
        return Holds.DENY
    if not deny.exact and matches(_single_spaces(deny.pattern), _single_spaces(command)):
        return Holds.DENY
    meant, calls = _meant(deny.pattern), _calls(command)
    if meant and any(is_named(deny.pattern, meant, deny.exact, words) for words in calls):
        return Holds.DENY
    if meant and any(may_be_named(meant, words) for words in calls):
        return Holds.ASK
    is_whole = is_plain(calls) and not _RUN_SETTING.search(command)
    return Holds.ASK if not is_whole and _is_spoken_of(deny.pattern, command) else Holds.NOTHING


@lru_cache(maxsize=512)
def _meant(pattern: str) -> NamedCall | None:
    calls = rough_calls(pattern)
    return named_call(calls[0]) if calls else None


@lru_cache(maxsize=4)
def _calls(command: str) -> list[tuple[str, ...]]:
    return [tuple(words) for words in rough_calls(command)]


def _is_spoken_of(pattern: str, command: str) -> bool:
    """Whether all words that the pattern names stand somewhere in the command, however they are quoted there."""
    plain = command.replace("\\\n", "")
    text = _quotes.sub("", f"{plain}\n{without_escapes(plain)}").casefold()
    named = [part for part in re.split(r"[*\s]+", _quotes.sub("", pattern).casefold()) if part]
    words = [part for part in named if not part.startswith("-")] or named
    return all(re.search(rf"(?<![\w.-]){re.escape(part)}(?![\w-])", text) for part in words)


def _single_spaces(text: str) -> str:
    return " ".join(text.split())
