"""What a command line does with files, by the programs that are known for it: what a deny on files means for commands.

Standard library alone: hooks judge by it, too. What may be meant and is not sure is told apart, and is asked about.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from services.session.permissions.files.file_rules import denies_file, spellings
from services.session.permissions.matching import fold
from services.session.permissions.operation_kinds import FILES_READ, FILES_WRITTEN
from services.session.permissions.programs import CARRIERS, INTERPRETERS, is_shell_program, program_name

_READERS = frozenset(
    (
        *("cat", "tac", "nl", "head", "tail", "less", "more", "bat", "batcat", "od", "xxd", "hexdump", "strings"),
        *("base64", "base32", "wc", "sort", "uniq", "cut", "paste", "comm", "join", "fold", "rev", "column", "diff"),
        *("cmp", "sdiff", "md5sum", "sha1sum", "sha256sum", "source", "."),
    )
)
_SEARCHERS = frozenset(
    ("grep", "egrep", "fgrep", "zgrep", "rg", "ag", "ack", "sed", "gsed", "awk", "gawk", "mawk", "nawk", "jq", "yq")
)
"""Their first operand is what they look for, or do."""
_WRITERS = frozenset(("tee", "truncate", "rm", "unlink", "shred", "touch"))
COPIERS = frozenset(("cp", "mv", "install", "ln", "rsync", "scp"))
_NAME_ONLY = frozenset(
    (
        *("ls", "stat", "file", "test", "[", "echo", "printf", "mkdir", "chmod", "chown", "basename", "dirname", "cd"),
        *("realpath", "readlink", "pushd", "du", "tree", "which", "type"),
    )
)
"""To these a file is a name: they neither show nor change what is in it."""
_GIT_LOOKS = frozenset(("add", "status", "log", "ls-files", "check-ignore", "commit", "blame", "diff", "show", "grep"))
_GIT_NAMES = frozenset(("add", "status", "log", "ls-files", "check-ignore", "commit", "rm"))
_in_place = re.compile(r"-[a-zA-Z]*i.*|--in-place.*")
_script_given = re.compile(r"-[a-zA-Z]*[ef]|--(expression|file|regexp)(=.*)?")
_script_writes = re.compile(r"(^|[;/}\d\s])w\s|>|system|getline|\be\b")
_quoted = re.compile(r"\\.|'[^']*'|\"(?:\\.|[^\"\\])*\"", re.DOTALL)
_redirect = re.compile(
    r"(?P<way>(?:&|\d+)?>{1,2}[|&]?|\d*<>?(?![<(]))[ \t]*(?P<path>(?:\\.|\"[^\"]*\"|'[^']*'|[^\s;&|<>()])+)"
)
_unknown = re.compile(r"\0|\$\{[^}]*\}?|\$\w*|`[^`]*`?")
_braces = re.compile(r"\{[^{}]*[,.][^{}]*\}")
_parts = re.compile(r"[=@:,]")
_address = re.compile(r"(?!file:)[A-Za-z][A-Za-z0-9+.-]*://")
_quotes = re.compile(r"['\"\\]")


class Holds(StrEnum):
    """What follows for the call."""

    DENY = "deny"
    ASK = "ask"
    NOTHING = ""


class FileUse(NamedTuple):
    """A word of a command that may be a file, and whether it is surely read or written there."""

    word: str
    reads: Holds
    writes: Holds


def is_on_files(operation: str) -> bool:
    """Whether a rule of this operation is about files."""
    return operation in FILES_READ | FILES_WRITTEN | {"delete_file"}


def judge_files(
    operation: str, pattern: str, root: str, calls: Iterable[Sequence[str]], command: str, *, is_whole: bool
) -> Holds:
    """What a deny of `operation` on files means for a command: deny where a known program reads or writes one of them,
    ask where another one names it, or where only the shell knows which file is meant.

    `is_whole` says that the calls are all that the command does.
    """
    if not pattern.strip("*/ "):  # of all files: that is a rule on a tool
        return Holds.NOTHING
    is_reading = operation in FILES_READ
    uses = (*redirect_uses(command), *(use for call in calls for use in call_uses(tuple(call))))
    named = {(use.reads if is_reading else use.writes, use.word) for use in uses}  # each once, however long it is
    said = {_judge_use(kind, word, pattern, root) for kind, word in named}
    if Holds.DENY in said:
        return Holds.DENY
    return Holds.ASK if Holds.ASK in said or (not is_whole and _is_spoken_of(pattern, command)) else Holds.NOTHING


def _judge_use(kind: Holds, word: str, pattern: str, root: str) -> Holds:
    if not kind:
        return Holds.NOTHING
    if _unknown.search(word) or set(word) & set("*?[{"):
        return Holds.ASK if _may_be_denied(word, pattern, root) else Holds.NOTHING
    return kind if denies_file(pattern, word, root) else Holds.NOTHING


@lru_cache(maxsize=512)
def redirect_uses(command: str) -> tuple[FileUse, ...]:
    """The files of the redirections that stand in the command outside of quotes."""
    outside = _quoted.sub(lambda found: "\1" * len(found[0]), command)
    found = (each for each in _redirect.finditer(command) if outside[each.start("way")] != "\1")
    return tuple({_redirect_use(each["way"], _quotes.sub("", each["path"])) for each in found})


def _redirect_use(way: str, path: str) -> FileUse:
    writes = Holds.DENY if ">" in way else Holds.NOTHING
    return FileUse(path, Holds.DENY if "<" in way else Holds.NOTHING, writes)


@lru_cache(maxsize=1024)
def call_uses(words: tuple[str, ...]) -> tuple[FileUse, ...]:
    """The words of one call that may be files."""
    return tuple(dict.fromkeys(_uses(program_name(words[0]).casefold(), words[1:]))) if words else ()


def _uses(name: str, words: Sequence[str]) -> Iterator[FileUse]:
    operands = list(_operands(words))
    reads = Holds.DENY if name in _READERS else Holds.ASK
    writes = Holds.NOTHING if name in _READERS else Holds.DENY if name in _WRITERS else Holds.ASK
    if name in _NAME_ONLY:
        return
    if name in CARRIERS:  # what it carries is a call of its own
        options = [word for before, word in pairwise(("", *words)) if "-" in {word[:1], before[:1]}]
        yield from _mention_uses(options, Holds.ASK, Holds.ASK)
        return
    if name in COPIERS:
        yield from _copy_uses(name, words, operands)
    elif name == "dd":
        yield from (FileUse(each[3:], Holds.DENY, Holds.NOTHING) for each in words if each.startswith("if="))
        yield from (FileUse(each[3:], Holds.NOTHING, Holds.DENY) for each in words if each.startswith("of="))
    elif name in _SEARCHERS or (name == "perl" and any(map(_in_place.fullmatch, words))):
        is_in_place = name in {"sed", "gsed", "perl", "yq", "gawk"} and any(map(_in_place.fullmatch, words))
        files = operands if any(map(_script_given.fullmatch, words)) else operands[1:]
        yield from (FileUse(each, Holds.DENY, Holds.DENY if is_in_place else Holds.NOTHING) for each in files)
        yield from _mention_uses([each for each in words if each.startswith("-")], Holds.ASK, Holds.NOTHING)
    elif name == "git":
        command = next(iter(operands), "")
        looks = Holds.NOTHING if command in _GIT_LOOKS else Holds.ASK
        yield from _mention_uses(words, Holds.NOTHING if command in _GIT_NAMES else Holds.ASK, looks)
    else:
        reads = Holds.NOTHING if name in _WRITERS - {"tee"} else reads
        yield from (FileUse(each, reads, writes) for each in operands if name in _READERS | _WRITERS)
        yield from _mention_uses(words, Holds.ASK if reads else reads, Holds.ASK if writes else writes)


def _operands(words: Sequence[str]) -> Iterator[str]:
    ended = False
    for word in words:
        if word == "--" and not ended:
            ended = True
        elif ended or not word.startswith("-"):
            yield word


def _copy_uses(name: str, words: Sequence[str], operands: Sequence[str]) -> Iterator[FileUse]:
    """Sources are read, and by `mv` taken away; the last one is written, or gets files of the sources' names."""
    into = [each.partition("=")[2] for each in words if each.startswith("--target-directory=")]
    into += [word for before, word in pairwise(words) if before in {"-t", "--target-directory"}]
    target = into[-1] if into else operands[-1] if len(operands) > 1 else ""
    sources = [each for each in operands if each != target]
    is_directory = bool(into) or len(sources) > 1 or target.endswith(("/", "/..", "/.")) or target in {".", ".."}
    link = Holds.ASK if name == "ln" else Holds.NOTHING  # by which the file has another name
    for each in sources:
        yield FileUse(each, link or Holds.DENY, Holds.DENY if name == "mv" else link)
        if target and (is_directory or "." not in target.rpartition("/")[2]):
            named = f"{target.rstrip('/')}/{each.rstrip('/').rpartition('/')[2]}"
            yield FileUse(named, Holds.NOTHING, Holds.DENY if is_directory else Holds.ASK)
    if target:
        yield FileUse(target, Holds.NOTHING, Holds.DENY)


def _mention_uses(words: Iterable[str], reads: Holds, writes: Holds) -> Iterator[FileUse]:
    """Words, and what stands in them behind `=`, `@` or `:`, which may be files to a program that is not known."""
    for word in words:
        parts = [part for part in _parts.split(word) if part] if not _address.match(word) else []
        for each in (word, *parts):
            if not each.startswith("-") and not _unknown.fullmatch(each) and not _address.match(each):
                yield FileUse(each, reads, writes)


def _may_be_denied(word: str, pattern: str, root: str) -> bool:
    """Whether a word that the shell completes may become a file that the pattern denies."""
    plain = _unknown.sub("*", _braces.sub("*", word))
    is_open = bool(_unknown.search(word))
    if is_open and not plain.strip("*/."):
        return True
    directory = plain.rpartition("/")[0]
    if directory and "*" not in directory and denies_file(pattern, directory, root):
        return True
    contents = pattern.rstrip("*").endswith("/")
    denied = [each for each in spellings(pattern, root) if contents or not each.endswith("/*")]
    return any(_may_become(given, each, is_open) for given in _glob_ways(fold(plain), root) for each in denied)


def _glob_ways(plain: str, root: str) -> Iterator[str]:
    yield plain
    if root and not plain.startswith(("/", "~")):
        yield f"{fold(root)}/{plain.removeprefix('./')}"


def _may_become(given: str, denied: str, is_open: bool) -> bool:
    if is_open:
        first, last = given.partition("*")[0], given.rpartition("*")[2]
        start, end = denied.partition("*")[0], denied.rpartition("*")[2] if "*" in denied else denied
        return (start.startswith(first) or first.startswith(start)) and (end.endswith(last) or last.endswith(end))
    parts, wanted = given.split("/"), denied.split("/")
    if parts[-1][:1] in {"*", "?", "["} and wanted[-1].startswith("."):  # which names no hidden file
        return False
    if "*" not in denied:
        return len(parts) == len(wanted) and all(map(fnmatchcase, wanted, parts))
    fixed = denied.partition("*")[0].split("/")[:-1]
    if len(parts) <= len(fixed) or not all(map(fnmatchcase, fixed, parts)):
        return False
    first, last = parts[-1].partition("*")[0], parts[-1].rpartition("*")[2]
    start, end = wanted[-1].partition("*")[0], wanted[-1].rpartition("*")[2]
    return (start.startswith(first) or first.startswith(start)) and (end.endswith(last) or last.endswith(end))


def runs_unread_text(words: Sequence[str]) -> bool:
    """Whether a call may do what stands in its words in another language, where files are not told."""
    name = program_name(words[0]) if words else ""
    if name in _SEARCHERS:
        return any(map(_script_writes.search, words[1:]))
    return bool(INTERPRETERS.fullmatch(name)) or is_shell_program(name) or name in {"eval", "xargs", "parallel", "find"}


def _is_spoken_of(pattern: str, command: str) -> bool:
    """Whether the name that the pattern denies stands somewhere in the command, as a word or the end of a path."""
    found = _name_pattern(fold(pattern))
    return found is not None and found.search(fold(_quotes.sub("", command))) is not None


@lru_cache(maxsize=256)
def _name_pattern(pattern: str) -> re.Pattern[str] | None:
    """The longest part of a pattern that stands for itself; None where it has none."""
    parts = [each for each in re.finditer(r"[^*/\\~]+", pattern) if each[0].strip(".")]
    if not parts:
        return None
    part = max(parts, key=lambda each: len(each[0]))
    before = "" if pattern[: part.start()].endswith("*") else r"(?<![\w.-])"
    after = "" if pattern[part.end() :].startswith("*") else r"(?!\w|[.-]\w)"
    return re.compile(f"{before}{re.escape(part[0])}{after}")
