"""What else a command line may run than its grammar shows: by a variable, a pipe into a shell, another program's words.

A guess may be wrong. It counts for denies, and for what only a person may do; no allow rests on one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice, pairwise

from services.session.permissions.destroyers import DATA_PROGRAMS, MESSAGE_OPTIONS
from services.session.permissions.git_runs import git_runs
from services.session.permissions.programs import (
    CARRIERS,
    INTERPRETERS,
    RISKY,
    RUNS_WORDS,
    is_risky_option,
    is_shell_program,
    program_name,
)
from services.session.permissions.shell import UNKNOWN, Call, calls_carried, read_command, text_max_chars
from services.session.permissions.shell_texts import made_texts, printed_texts, reads_printed

texts_max = 20
words_max = 40
"""Of a call; behind so many options nobody hides a command by accident."""
guessed_max = 400

_between_strings = re.compile(r"""["']\s*,\s*["']""")
_before_list = re.compile(r"""["']\s*,\s*\[\s*["']""")
_between_commands = re.compile(r"[\"'`;\n(){}\[\]=!&|]+")
_leading = re.compile(r"spawn|exec|\.?system|qw|run|call|sh|\.?shell|do|!|\d*e|(Proxy|Local|Remote)Command")
"""Words of other languages that stand before a command."""
_MAY_RUN = re.compile(
    r"\bos\b|sh\b|subprocess|system|popen|spawn|exec|pty|process|getoutput|import\W*\(|getattr|qx|`|%x|\brun|call"
    r"|shell|open[^(]|\|\s*[\"']|[\"'][^\"']*\|",
    re.IGNORECASE,
)
"""Of a language: without one of these it runs no other program."""
_LANGUAGES = re.compile(r"(python|pypy|perl|ruby|node|php|lua)[\d.]*|deno|bun|R|Rscript|julia")
_READ_ELSEWHERE = frozenset({"find", "gfind", "fd", "fdfind", "eval", "source", ".", "trap", ""})
"""What runs other commands, all of which are read in it."""
_ANY: frozenset[str] = frozenset()


def guessed_calls(command: str) -> tuple[Call, ...]:
    """Calls that the command line may make besides those that are read in it; `guessed_max` of them are not all."""
    return _guess(command) if len(command) <= text_max_chars else ()


@lru_cache(maxsize=256)
def _guess(command: str) -> tuple[Call, ...]:
    line = read_command(command)
    texts = list(islice(made_texts(command, line), texts_max))
    found = list(islice((call for text in texts for call in read_command(text).calls), guessed_max))
    for call in (*line.calls, *found):
        found += islice(_in_words(call), guessed_max - len(found))
    if any(map(reads_printed, line.calls)):
        pieces = (call for text in printed_texts(line.calls) for call in _in_language(text))
        found += islice(pieces, guessed_max - len(found))
    return tuple(found)


def _in_words(call: Call) -> Iterator[Call]:
    """Calls in the words that another program gets."""
    words = call.words[:words_max]
    yield from _same_program(words)
    if call.name == "git":
        for meant in git_runs(words):
            yield from read_command(meant).calls if isinstance(meant, str) else calls_carried(meant)
    elif INTERPRETERS.fullmatch(call.name):
        text = "\n".join((*words[1:], call.fed or ""))
        yield from _in_language(text) if _may_run(call.name, text) else ()
    elif (start := _start_of_command(call.name, words)) is not None:
        for at in range(start + 1, len(words)):
            yield from calls_carried(words[at:])
            if " " in words[at].strip() and words[at - 1] not in MESSAGE_OPTIONS:
                yield from read_command(words[at]).calls if call.name in RUNS_WORDS else ()
                yield from _in_language(words[at])
    elif call.name in RISKY:
        yield from _in_risky_options(words)
    elif call.name in CARRIERS:
        for word in words[1:]:
            yield from read_command(word).calls if " " in word.strip() else ()


def _same_program(words: Sequence[str]) -> Iterator[Call]:
    """The script that a shell or another language is given, the module of `python -m`, and each goal of `make`."""
    name, operands = program_name(words[0]), [at for at, word in enumerate(words) if at and not word.startswith("-")]
    if name in {"make", "gmake"}:
        yield from (Call((name, words[at]), carried=True) for at in operands if "=" not in words[at])
    elif "-m" in words[1:-1] and _LANGUAGES.fullmatch(name):
        yield from calls_carried(words[words.index("-m", 1) + 1 :])
    elif operands and (is_shell_program(name) or name in {"source", "."} or _is_script(name, words[operands[0]])):
        yield Call(tuple(words[operands[0] :]), carried=True)


def _is_script(name: str, operand: str) -> bool:
    return bool(_LANGUAGES.fullmatch(name)) and ("." in operand or "/" in operand)


def _in_risky_options(words: Sequence[str]) -> Iterator[Call]:
    """Calls in what an option of the call runs, as `man -P` does."""
    for before, word in pairwise(words):
        option, _, value = word.partition("=")
        if " " in value.strip() and option.startswith("-") and is_risky_option(words, option):
            yield from read_command(value).calls
        elif " " in word.strip() and before.startswith("-") and is_risky_option(words, before):
            yield from read_command(word).calls


def _start_of_command(name: str, words: Sequence[str]) -> int | None:
    """Behind which word another command may stand; None where none does. Of a program that nobody knows it may."""
    is_known = name in DATA_PROGRAMS or name in CARRIERS or name in _READ_ELSEWHERE or is_shell_program(name)
    behind = RUNS_WORDS.get(name, None if is_known else _ANY)
    if behind is None:
        return None
    return next((at for at, word in enumerate(words) if word in behind), None) if behind else 0


def _may_run(name: str, text: str) -> bool:
    return not _LANGUAGES.fullmatch(name) or bool(_MAY_RUN.search(text))


def _in_language(text: str) -> Iterator[Call]:
    """Calls in the text of a program in another language."""
    joined = _between_strings.sub(" ", text)
    listed = _before_list.sub(" ", joined)  # `"git", ["push"]`
    for piece in _between_commands.split(joined if listed == joined else f"{joined}\n{listed}"):
        words = piece.split()
        while words and _leading.fullmatch(words[0]) and len(words) > 1:
            yield Call(tuple(words), carried=True)
            words = words[1:]
        if words and UNKNOWN not in words[0]:
            yield Call(tuple(words), carried=True)
