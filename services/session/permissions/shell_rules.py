"""What a rule on commands covers. A deny: every way to say the same. An allow: only what it names, in every part."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from services.session.domain.command_risk import only_reads
from services.session.permissions.call_forms import NamedCall, is_named, may_be_named, named_call
from services.session.permissions.files.file_commands import COPIERS, Holds, judge_files, runs_unread_text
from services.session.permissions.guesses import guessed_calls, guessed_max
from services.session.permissions.matching import matches, pieces
from services.session.permissions.programs import has_risky_option
from services.session.permissions.rough_reading import powershell_calls
from services.session.permissions.shell import UNKNOWN, Call, read_command
from services.session.permissions.shell_texts import with_known_values

named_max = 1000
"""A command line that the grammar does not understand, and that names a program more often, runs it."""
way_max_chars = 500


def denies_command(pattern: str, exact: bool, command: str) -> bool:
    """Whether the command, or any call in it, is what the pattern names."""
    if command == pattern:
        return True
    plain = " ".join(command.split())
    if not exact and matches(" ".join(pattern.split()), plain):
        return True
    line, guesses = read_command(command), guessed_calls(command)
    if any(_denies_call(pattern, exact, call) for call in (*line.calls, *guesses)):
        return True
    is_understood = line.is_understood and len(guesses) < guessed_max
    return not is_understood and not exact and _denies_text(pattern, command)


def judge_file_command(operation: str, pattern: str, root: str, command: str) -> Holds:
    """What a deny of an operation on files means for a command of Bash: see `judge_files`."""
    expanded = with_known_values(command)
    line, guesses = read_command(expanded), guessed_calls(command)
    calls = [call.words for call in line.calls if call.words]
    is_whole = line.is_understood and not any(map(runs_unread_text, calls))
    said = judge_files(operation, pattern, root, calls, expanded, is_whole=is_whole)
    written = [("tee", path) for path in line.written]
    if not said or said is Holds.ASK:
        deeper = judge_files(operation, pattern, root, written, "", is_whole=True)
        others = [
            call.words for call in guesses if call.words and call.name not in COPIERS
        ]  # which are guessed wrongly
        guessed = judge_files(operation, pattern, root, others, "", is_whole=True)
        said = Holds.DENY if deeper is Holds.DENY else Holds.ASK if said or deeper or guessed else Holds.NOTHING
    return said


def denies_powershell(pattern: str, exact: bool, command: str) -> bool:
    """Whether any call that shows in a command of PowerShell is what the pattern names."""
    meant = _meant(pattern)
    return meant is not None and any(
        is_named(pattern, meant, exact, words) for words in powershell_calls(command) if words
    )


def may_be_denied(pattern: str, command: str) -> bool:
    """Whether a call in the command may be what the pattern names, by what only the shell knows when it runs it."""
    meant = _meant(pattern)
    calls = read_command(with_known_values(command)).calls if meant else ()
    return meant is not None and any(
        may_be_named(meant, call.words) for call in calls if call.words and (call.has_glob or not call.is_known)
    )


def _denies_text(pattern: str, command: str) -> bool:
    """What the grammar does not understand: wherever the program is named, with what stands behind it."""
    texts = (command, re.sub(r"['\"\\]", "", command))
    meant = _meant(pattern)
    if meant is None or "*" in meant.program:
        ways = {" ".join(way.split()) for text in texts for way in pieces(text)}
        return any(matches(" ".join(pattern.split()), way) for way in ways)
    named = re.compile(rf"(?<![\w.-]){re.escape(meant.program)}(?![\w-])", re.IGNORECASE)
    for text in texts:
        for number, found in enumerate(named.finditer(text)):
            words = pieces(text[found.start() : found.start() + way_max_chars])[0].split()
            if number >= named_max or _denies_call(pattern, False, Call(tuple(words))):
                return True
    return False


def _denies_call(pattern: str, exact: bool, call: Call) -> bool:
    meant = _meant(pattern) if call.words else None
    return meant is not None and is_named(pattern, meant, exact, call.words)


@lru_cache(maxsize=1024)
def _meant(pattern: str) -> NamedCall | None:
    """The one call that a pattern names; None where it names none or several."""
    line = read_command(pattern)
    if not line.is_understood or len([call for call in line.calls if not call.carried]) != 1 or not line.calls[0].words:
        return None
    return named_call(line.calls[0].words)


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
    names = {meant.program if (meant := _meant(pattern)) else "*" for pattern in denied}
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
