"""What a rule on commands covers. A deny: every way to say the same. An allow: only what it names, in every part."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from services.session.domain.command_risk import only_reads
from services.session.permissions.guesses import guessed_calls
from services.session.permissions.matching import fold, matches, pieces, shortest
from services.session.permissions.programs import has_risky_option, without_global_options
from services.session.permissions.shell import UNKNOWN, Call, read_command

_SAME_OPTION = {
    "rm": {"-R": "-r", "--recursive": "-r", "--force": "-f", "--interactive": "-i", "--dir": "-d"},
    "cp": {"-R": "-r", "--recursive": "-r", "--force": "-f"},
    "chmod": {"--recursive": "-R"},
    "chown": {"--recursive": "-R"},
    "git": {"-f": "--force", "-d": "--delete", "-n": "--dry-run", "-a": "--all", "-u": "--set-upstream"},
    "docker": {"-f": "--force"},
}
"""Other names of the same option."""
named_max = 1000
"""A command line that the grammar does not understand, and that names a program more often, runs it."""
way_max_chars = 500
_LONG_OPTIONS = frozenset({"find", "java", "terraform", "go"})
"""Programs whose options of several letters take one dash."""


class _Form(NamedTuple):
    """A call's meaning, in whatever order it was written: its options, and the rest in order."""

    options: frozenset[str]
    operands: str


def denies_command(pattern: str, exact: bool, command: str) -> bool:
    """Whether the command, or any call in it, is what the pattern names."""
    if command == pattern:
        return True
    plain = " ".join(command.split())
    if not exact and matches(" ".join(pattern.split()), plain):
        return True
    line = read_command(command)
    if any(_denies_call(pattern, exact, call) for call in (*line.calls, *guessed_calls(command))):
        return True
    return not line.is_understood and not exact and _denies_text(pattern, command)


def _denies_text(pattern: str, command: str) -> bool:
    """What the grammar does not understand: wherever the program is named, with what stands behind it."""
    texts = (command, re.sub(r"['\"\\]", "", command))
    meant = _meant(pattern)
    if meant is None or "*" in meant[0]:
        ways = {" ".join(way.split()) for text in texts for way in pieces(text)}
        return any(matches(" ".join(pattern.split()), way) for way in ways)
    named = re.compile(rf"(?<![\w.-]){re.escape(meant[0])}(?![\w-])", re.IGNORECASE)
    for text in texts:
        for number, found in enumerate(named.finditer(text)):
            words = pieces(text[found.start() : found.start() + way_max_chars])[0].split()
            if number >= named_max or _denies_call(pattern, False, Call(tuple(words))):
                return True
    return False


def _denies_call(pattern: str, exact: bool, call: Call) -> bool:
    if not call.words:
        return False
    meant = _meant(pattern)
    if meant is None:
        return False
    words = without_global_options(call.words)
    name, form = _form(words)
    wanted_name, wanted = meant
    if exact:
        return name == wanted_name and form == wanted
    if not matches(wanted_name, name):
        return False
    if not all(any(_is_option(each, given) for given in form.options) for each in wanted.options):
        return False
    operands = wanted.operands
    return (
        matches(operands, form.operands)
        or _is_bare(operands, form.operands)
        or matches(" ".join(pattern.split()), " ".join((name, *words[1:])))
    )


def _is_bare(pattern: str, operands: str) -> bool:
    """`git push *` names a bare `git push`, too; `rm *` not a bare `rm`, which does nothing, but that is no matter."""
    return pattern == "*" or (pattern.endswith(" *") and matches(pattern[:-2], operands))


def _is_option(wanted: str, given: str) -> bool:
    """Whether an option is the wanted one, or an abbreviation of it, with or without a value."""
    if matches(wanted, given):
        return True
    name = given.partition("=")[0]
    return name.startswith("--") and len(name) > 3 and wanted.startswith(name)


@lru_cache(maxsize=1024)
def _meant(pattern: str) -> tuple[str, _Form] | None:
    """The one call that a pattern names; None where it names none or several."""
    line = read_command(pattern)
    if not line.is_understood or len([call for call in line.calls if not call.carried]) != 1 or not line.calls[0].words:
        return None
    return _form(without_global_options(line.calls[0].words))


def _form(words: Sequence[str]) -> tuple[str, _Form]:
    name = fold(words[0])
    same = _SAME_OPTION.get(name, {})
    options: set[str] = set()
    operands: list[str] = []
    for at, word in enumerate(words[1:], 1):
        if word == "--":
            operands += map(_operand, words[at + 1 :])
            break
        if not word.startswith("-") or word == "-":
            operands.append(_operand(word))
        elif word.startswith("--") or name in _LONG_OPTIONS or "*" in word:
            whole = next((known for known in same if len(word) > 3 and known.startswith(word)), word)
            options.add(same.get(whole, word))
        else:
            options |= {same.get(f"-{letter}", f"-{letter}") for letter in word[1:]}
    return name, _Form(frozenset(options), " ".join(operands))


def _operand(word: str) -> str:
    """As a name of a file that some file systems do not tell from others; options differ by case."""
    return fold(shortest(word))


def allows_command(patterns: Sequence[str], denied: Sequence[str], command: str) -> bool:
    """Whether each call in the command only reads or is named by a pattern, and nothing else is in it.

    Nothing that the shell puts in, no file that is written, no variable that is set, no option that writes or runs.
    `denied` are the patterns of denies: what the shell would complete could be one of theirs.
    """
    line = read_command(command)
    if not line.is_understood or not line.calls or any(path != "/dev/null" for path in line.written):
        return False
    if any(call.has_glob for call in line.calls) and _may_be_denied(line.calls, denied):
        return False
    return all(_allows_call(patterns, call) for call in line.calls)


def _may_be_denied(calls: Sequence[Call], denied: Sequence[str]) -> bool:
    names = {meant[0] if (meant := _meant(pattern)) else "*" for pattern in denied}
    return any(matches(name, call.name.casefold()) for name in names for call in calls if call.words)


def _allows_call(patterns: Sequence[str], call: Call) -> bool:
    if not call.words or not call.is_known or call.assigns:
        return False
    text = " ".join(call.words)
    if only_reads(text):
        return True
    if has_risky_option(call.words) or any(set(word) & _SEPARATORS for word in call.words):
        return False
    return any(matches(pattern or "*", text) for pattern in patterns)


_SEPARATORS = frozenset("\n\r" + UNKNOWN)
