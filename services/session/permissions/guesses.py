"""What else a command line may run than its grammar shows: by a variable, a pipe into a shell, another program's words.

A guess may be wrong. It counts for denies, and for what only a person may do; no allow rests on one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice, pairwise

from services.session.permissions.programs import INTERPRETERS, RUNS_WORDS, is_shell_program, script_of
from services.session.permissions.shell import UNKNOWN, Call, calls_max, read_command, text_max_chars

texts_max = 20
words_max = 40
"""Of a call; behind so many options nobody hides a command by accident."""

_between_strings = re.compile(r"""["']\s*,\s*["']""")
_between_commands = re.compile(r"[\"'`;\n(){}\[\]=!&|]+")
_assignment = re.compile(
    r"(?:^|(?<=[\s;&|({]))(\w{1,64})=(\([^()]{1,500}\)|'[^']{1,500}'|\"[^\"$`\\]{1,500}\"|[\w./:@%+,-]{1,200})(?=[\s;&|)]|$)"
)
_parameters = re.compile(r"(?:^|[\s;&|({])set -- ([^\n;&|]{1,500})")
_reference = re.compile(r"\"\$\{?(\w{1,64}|@)\[[@*]\]\}?\"|\"\$(@)\"|\$\{?(\w{1,64}|@|\*)(?:\[[@*]\])?\}?")


def guessed_calls(command: str) -> tuple[Call, ...]:
    """Calls that the command line may make besides those that are read in it."""
    return _guess(command) if len(command) <= text_max_chars else ()


@lru_cache(maxsize=256)
def _guess(command: str) -> tuple[Call, ...]:
    line = read_command(command)
    texts = list(islice(_texts(command, line.calls), texts_max))
    found = [call for text in texts for call in read_command(text).calls]
    for call in (*line.calls, *found[:calls_max]):
        found += islice(_in_words(call), calls_max)
        if len(found) > calls_max:
            break
    return tuple(found[: 2 * calls_max])


def _texts(command: str, calls: tuple[Call, ...]) -> Iterator[str]:
    """Command lines that the shell makes only when it runs this one."""
    if (inserted := _with_values(command)) != command:
        yield inserted
    if any(call.is_piped and is_shell_program(call.name) and script_of(call.words) is None for call in calls):
        for call in calls:
            if call.fed or call.name in {"echo", "printf"}:
                yield call.fed or " ".join(word for word in call.words[1:] if not word.startswith("-"))
    for call in calls:
        yield from _with_arguments(call)


def _with_values(command: str) -> str:
    """The command line with the values of its own variables in the place of their names."""
    values = {name: value.strip("()") if value[0] == "(" else value.strip("'\"") for name, value in _values(command)}
    if given := _parameters.search(command):
        values |= {"@": given[1], "*": given[1]}

    def value_of(found: re.Match[str]) -> str:
        return values.get(found[1] or found[2] or found[3], found[0])

    return _reference.sub(value_of, command) if values else command


def _values(command: str) -> Iterator[tuple[str, str]]:
    return ((found[1], found[2]) for found in islice(_assignment.finditer(command), texts_max))


def _with_arguments(call: Call) -> Iterator[str]:
    """The script of `bash -c '$0 push' git`, with what is given to it."""
    script = script_of(call.words) if is_shell_program(call.name) else None
    if not script or "$" not in script:
        return
    given = call.words[call.words.index(script) + 1 :]
    values = {"@": " ".join(given[1:]), "*": " ".join(given[1:]), **{str(at): word for at, word in enumerate(given)}}
    yield re.sub(r"\"?\$\{?([@*\d])\}?\"?", lambda found: values.get(found[1], ""), script)


def _in_words(call: Call) -> Iterator[Call]:
    """Calls in the words that another program gets."""
    words = call.words[:words_max]
    if call.name == "git":
        yield from _git_aliases(words)
        return
    if (behind := RUNS_WORDS.get(call.name)) is not None:
        start = next((at for at, word in enumerate(words) if word in behind), None) if behind else 0
        for at in range(start + 1, len(words)) if start is not None else ():
            yield Call(words[at:], carried=True)
            if " " in words[at].strip():
                yield from read_command(words[at]).calls
    if INTERPRETERS.fullmatch(call.name):
        text = _between_strings.sub(" ", "\n".join((*words[1:], call.fed or "")))
        pieces = (piece.split() for piece in _between_commands.split(text))
        yield from (Call(tuple(piece), carried=True) for piece in pieces if piece and UNKNOWN not in piece[0])


def _git_aliases(words: tuple[str, ...]) -> Iterator[Call]:
    for before, word in pairwise(words):
        name, _, meant = word.partition("=")
        if before == "-c" and name.startswith("alias.") and meant:
            if meant.startswith("!"):
                yield from read_command(meant[1:]).calls
            else:
                yield Call(("git", *meant.split()), carried=True)
