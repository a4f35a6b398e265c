"""Which programs a shell command runs, as far as it shows without the grammar: for hooks, which have no packages.

Quotes, chains, substitutions and commands in the arguments of others are understood. What is not shows in `is_plain`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise

from services.session.permissions.destroyers import DATA_PROGRAMS, MESSAGE_OPTIONS
from services.session.permissions.git_runs import git_runs
from services.session.permissions.matching import without_escapes
from services.session.permissions.programs import (
    CARRIERS,
    INTERPRETERS,
    RUNS_WORDS,
    carried_command,
    is_risky_option,
    is_shell_program,
    program_name,
    script_of,
    split_assignments,
)

UNKNOWN = "\0"
"""Stands for what a substitution puts in."""
calls_max = 500
depth_max = 4
words_max = 40
"""Of a call of PowerShell that runs another."""

_OPENERS = frozenset({"if", "then", "do", "else", "elif", "while", "until", "!", "{", "function"})
"""Words before a command that are none of it."""
_READS_TEXT = frozenset(("eval", "source", ".", "alias", "trap", "exec", "su", "runuser", "sg", "batch", "crontab"))
_POWERSHELL_RUNNERS = frozenset(
    (
        *("cmd", "powershell", "pwsh", "start-process", "saps", "start", "iex", "invoke-expression", "invoke-command"),
        *("icm", "wsl", "bash", "sh", "sudo", "gsudo", "runas"),
    )
)
_powershell_blocks = re.compile(r"('[^']*'|\"[^\"]*\")|[{}]")
_within_string = re.compile(r"\$\(([^()]*)\)?|`([^`]*)`?")
_heredoc = re.compile(r"<<(-?)[ \t]*(['\"\\]?)([\w.-]+)\2")
_unclear = re.compile(r"[$`{\0]")


def rough_calls(command: str) -> list[Sequence[str]]:
    """The words of each call that shows in the command, outer ones before those that they carry."""
    return list(islice(_calls_in(command, 0), calls_max))


def powershell_calls(command: str) -> list[Sequence[str]]:
    """The words of each call that shows in a command of PowerShell, and of those in the words of others."""
    return list(islice(_powershell_calls(command, 0), calls_max))


def _powershell_calls(command: str, depth: int) -> Iterator[Sequence[str]]:
    plain = re.sub(r"`(\r?\n)?", lambda found: " " if found[1] else "", command).replace("\\", "/")
    for read in _Reading(_powershell_blocks.sub(lambda found: found[1] or ";", plain)).calls():
        at = 2 if read[1:2] == ("=",) else 1 if read[0] == "." else 0
        words = tuple(word for word in read[at:] if word != "--%")
        if words:
            yield words
        if words and depth < depth_max and program_name(words[0]).casefold() in _POWERSHELL_RUNNERS:
            given = [part for word in words[1:words_max] for part in ([word] if " " in word else word.split(","))]
            for start, word in enumerate(given[:words_max]):
                yield [each for each in given[start : start + words_max] if not each.casefold().startswith("-arg")]
                yield from _powershell_calls(word, depth + 1) if " " in word else ()


def is_plain(calls: Sequence[Sequence[str]]) -> bool:
    """Whether the calls say all of what runs: no variables, no program that runs what it is given, not too many."""
    return len(calls) < calls_max and not any(_may_run_more(words) for words in calls)


def _may_run_more(words: Sequence[str]) -> bool:
    name = program_name(words[0])
    behind = RUNS_WORDS.get(name)
    runs_words = behind is not None and (not behind or not behind.isdisjoint(words))
    is_runner = runs_words or name in CARRIERS or name in _READS_TEXT or INTERPRETERS.fullmatch(name)
    is_own = words[0].startswith(("./", "../", "~"))  # the command may have written it
    has_text = name not in DATA_PROGRAMS and any(
        " " in word.strip() and before not in MESSAGE_OPTIONS for before, word in pairwise(words)
    )
    has_text = has_text or any(
        word.startswith("-") and is_risky_option(words, word.partition("=")[0]) for word in words
    )
    return bool(is_runner or is_own or has_text or is_shell_program(name) or any(map(_unclear.search, words)))


def _calls_in(command: str, depth: int) -> Iterator[Sequence[str]]:
    reading = _Reading(command)
    for words in reading.calls():
        yield from _with_carried(words, depth)
    if depth < depth_max:
        for text in reading.inner:
            yield from _calls_in(text, depth + 1)


def _with_carried(words: Sequence[str], depth: int) -> Iterator[Sequence[str]]:
    """The call without what stands before it, and those in its arguments."""
    while words and (words[0] in _OPENERS or split_assignments(words[:1])[0]):
        words = words[2 if words[0] == "function" else 1 :]
    if not words:
        return
    yield words
    if depth >= depth_max:
        return
    for carried in carried_command(words):
        yield from _with_carried(carried, depth + 1)
    if script := script_of(words):
        yield from _calls_in(script, depth + 1)
    for meant in git_runs(words) if program_name(words[0]) == "git" else ():
        yield from _calls_in(meant, depth + 1) if isinstance(meant, str) else _with_carried(meant, depth + 1)


class _Reading:
    """One pass over a command; `inner` gathers the texts in it that are commands, too."""

    def __init__(self, command: str) -> None:
        self.inner: list[str] = []
        self._text, self._at = command, 0
        self._words: list[str] = []
        self._word: str | None = None
        self._skips = False
        self._ends: list[str] = []
        self._runs_shell = False

    def calls(self) -> Iterator[Sequence[str]]:
        """The words of each call."""
        while self._at < len(self._text):
            character = self._text[self._at]
            if character in ";&|\n()":
                yield from self._end_call()
                self._at += 1
                if character == "\n":
                    self._skip_heredocs()
            else:
                self._take(character)
        yield from self._end_call()

    def _take(self, character: str) -> None:
        if character == "\\":
            follows = self._text[self._at + 1 : self._at + 2]
            self._add("" if follows == "\n" else follows, 2)
        elif character == "'":
            self._take_raw()
        elif character == '"':
            self._take_string()
        elif character == "`" or self._text.startswith("$(", self._at):
            self._take_substitution()
        elif character in "<>":
            self._take_redirect()
        elif character in " \t\r":
            self._end_word()
            self._at += 1
        elif character == "#" and self._word is None:
            self._at = self._find("\n")
        else:
            self._add(character, 1)

    def _add(self, text: str, length: int) -> None:
        self._word = (self._word or "") + text
        self._at += length

    def _find(self, what: str, after: int = 0) -> int:
        found = self._text.find(what, self._at + after)
        return found if found >= 0 else len(self._text)

    def _take_raw(self) -> None:
        end = self._find("'", 1)
        text = self._text[self._at + 1 : end]
        if (self._word or "").endswith("$"):
            self._word = (self._word or "")[:-1]
            text = without_escapes(text)
        self._add(text, 0)
        self._at = end + 1

    def _take_string(self) -> None:
        end = self._at + 1
        while end < len(self._text) and self._text[end] != '"':
            end += 2 if self._text[end] == "\\" else 1
        text = self._text[self._at + 1 : end]
        self.inner += [found[1] or found[2] or "" for found in _within_string.finditer(text)]
        self._add(re.sub(r"\\(\n)|\\([$`\"\\])", lambda found: found[2] or "", text), 0)
        self._at = end + 1

    def _take_substitution(self) -> None:
        start = self._at + (1 if self._text[self._at] == "`" else 2)
        if self._text[self._at] == "`":
            end = self._find("`", 1)
        else:
            end, depth = start, 1
            while end < len(self._text) and (depth := depth + {"(": 1, ")": -1}.get(self._text[end], 0)):
                end += 1
        self.inner.append(self._text[start:end])
        self._add(UNKNOWN, 0)
        self._at = end + 1

    def _take_redirect(self) -> None:
        if (self._word or "").isdecimal():  # which stream
            self._word = None
        self._end_word()
        if (found := _heredoc.match(self._text, self._at)) and not self._text.startswith("<<<", self._at):
            self._ends.append(found[3])
            self._at = found.end()
            return
        while self._text[self._at : self._at + 1] in {"<", ">", "&", "|"}:
            self._at += 1
        self._skips = self._text[self._at : self._at + 1] != "("

    def _skip_heredocs(self) -> None:
        """Past the texts that are no commands; to a shell they are, and so they are looked at where one is named."""
        for name in self._ends:
            found = re.compile(rf"^\t*{re.escape(name)}$", re.MULTILINE).search(self._text, self._at)
            body = self._text[self._at : found.start() if found else len(self._text)]
            self._at = found.end() if found else len(self._text)
            self.inner += [body] if self._runs_shell else []
        self._ends.clear()

    def _end_word(self) -> None:
        if self._word is not None:
            if self._skips and self._words and is_shell_program(program_name(self._words[0])):
                self.inner.append(self._word)  # `bash <<< 'command'`
            if not self._skips:
                self._words.append(self._word)
            self._skips = False
        self._word = None

    def _end_call(self) -> Iterator[Sequence[str]]:
        self._end_word()
        if self._words:
            self._runs_shell = self._runs_shell or any(is_shell_program(program_name(word)) for word in self._words)
            yield tuple(self._words)
        self._words, self._skips = [], False
