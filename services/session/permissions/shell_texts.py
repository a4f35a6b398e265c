"""Command lines that a shell makes only when it runs another: of values, defaults, braces, functions, pipes and files.

What is made here is a guess, and no proof that nothing else is made.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, product

from services.session.permissions.matching import without_escapes
from services.session.permissions.programs import (
    INTERPRETERS,
    carried_command,
    is_shell_program,
    program_name,
    script_of,
)
from services.session.permissions.shell import UNKNOWN, Call, CommandLine

values_max = 20
rounds_max = 2
"""A value may be made of another."""
READS_COMMANDS = frozenset({"at", "batch", "crontab", "parallel"})
"""Programs besides shells that run what they read."""

_assignment = re.compile(
    r"(?:^|(?<=[\s;&|({]))(\w{1,64})(?:\[\d\])?="
    r"(\([^()]{1,500}\)|'[^']{1,500}'|\"[^\"$`\\]{1,500}\"|[\w./:@%+,-]{1,200})(?=[\s;&|)]|$)"
)
_parameters = re.compile(r"(?:^|[\s;&|({])set -- ([^\n;&|]{1,500})")
_loop = re.compile(r"\bfor (\w{1,64}) in ([^\n;&|$`]{1,500})[;\n]")
_reading = re.compile(r"\bread (?:-\w+ ){0,4}((?:\w{1,64} ?){1,9})")
_here_string = re.compile(r"<<< ?('[^']{1,500}'|\"[^\"$`\\]{1,500}\"|[\w./:@%+,-]{1,200})")
_function = re.compile(r"(?:^|[\s;&|({])(?:function +)?([\w.-]{1,64}) ?\( ?\)|\bfunction +([\w.-]{1,64})")
_reference = re.compile(
    r"\"\$\{?(\w{1,64}|@)\[[@*]\]\}?\"|\"\$\{?(@)\}?\""
    r"|\$\{(\w{1,64}|@|\*)(?:\[[@*]\])?(?:[:,^#%/][^{}\n]{0,40})?\}|\$(\w{1,64}|@|\*)"
)
_default = re.compile(r"\$\{\w{1,64}:?[-=+]([^{}$`]{0,200})\}")
_known_output = re.compile(
    r"\"?(?:\$\((?:echo|printf|which|command -v|type -[Pp])\s+([^()$`\n]{1,200})\)"
    r"|`(?:echo|printf|which|command -v|type -[Pp])\s+([^`$\n]{1,200})`)\"?"
)
_braces = re.compile(r"([^\s;&|(){}'\"$]{0,80})\{([^\s{}'\"]{1,200},[^\s{}'\"]{0,200})\}([^\s;&|(){}'\"$]{0,80})")
_command_setting = re.compile(
    r"(?:^|(?<=[\s;&|({]))(?:GIT_\w{0,40}(?:EDITOR|PAGER|COMMAND|ASKPASS|DIFF|SSH)|\w{0,40}(?:EDITOR|VISUAL|PAGER|_COMMAND|_RSH)"
    r"|BASH_ENV|ENV|PS\d|BROWSER|LESSOPEN|LESSCLOSE)=(?:'[|! ]*([^']{1,500})'|\"[|! ]*([^\"]{1,500})\")"
)
_git_setting = re.compile(r"\bGIT_CONFIG_(KEY|VALUE)_(\d{1,3})=('[^']{0,500}'|\"[^\"]{0,500}\"|[^\s;&|'\"]{0,500})")
_git_parameters = re.compile(r"\bGIT_CONFIG_PARAMETERS=\"([^\"]{1,500})\"")
_RENAMES = frozenset({"cp", "mv", "ln", "install", "hash"})
_format = re.compile(r"%[-+ 0-9.]{0,9}[a-zA-Z]")


def made_texts(command: str, line: CommandLine) -> Iterator[str]:
    """What else the shell may run as a command line."""
    if (resolved := with_known_values(command)) != command:
        yield resolved
    yield from (found[1] or found[2] for found in islice(_command_setting.finditer(command), values_max))
    yield from _git_settings(command)
    if any(map(_runs_what_it_reads, line.calls)) or _runs_written(line):
        yield from printed_texts(line.calls)
    yield from _with_input(line.calls)
    yield from _with_other_names(command, line.calls)
    for call in line.calls:
        yield from _with_arguments(call)
    yield from _with_function_arguments(command, line.calls)


def _git_settings(command: str) -> Iterator[str]:
    """What variables set for git, as its option `-c` would."""
    given = {
        (found[2], found[1]): found[3].strip("'\"") for found in islice(_git_setting.finditer(command), values_max)
    }
    named = [f"{key}={given.get((number, 'VALUE'), '')}" for (number, kind), key in given.items() if kind == "KEY"]
    for found in islice(_git_parameters.finditer(command), values_max):
        named += re.findall(r"'([^']+)'", found[1])
    yield from (f"git -c {shlex.quote(setting)}" for setting in named)


def printed_texts(calls: Sequence[Call]) -> Iterator[str]:
    """What the calls print that is known, and what is given to them to read."""
    for call in calls:
        if call.fed and call.fed != UNKNOWN:
            yield call.fed
        elif call.name in {"echo", "printf"}:
            yield _print(call.words)


def reads_printed(call: Call) -> bool:
    """Whether a program with a language of its own reads what others print."""
    reads = call.is_piped or any(UNKNOWN in word for word in call.words[1:])
    return reads and bool(INTERPRETERS.fullmatch(call.name))


def _runs_what_it_reads(call: Call) -> bool:
    if is_shell_program(call.name) or call.name in {"source", "."}:
        is_script_known = is_shell_program(call.name) and script_of(call.words) is not None
        reads = call.is_piped or call.fed == UNKNOWN or any(UNKNOWN in word for word in call.words[1:])
        return reads and not is_script_known
    return call.name in READS_COMMANDS and (call.is_piped or call.fed is not None)


def _runs_written(line: CommandLine) -> bool:
    """Whether a file that the command writes is run, or named to a program, in it."""
    written = {program_name(path) for path in line.written if path and UNKNOWN not in path}
    named = {program_name(word) for call in line.calls if call.name not in {"echo", "printf"} for word in call.words}
    return not written.isdisjoint(named)


def _with_input(calls: Sequence[Call]) -> Iterator[str]:
    """What `xargs` runs with what is known of what it reads."""
    for call in calls:
        if call.name in {"xargs", "parallel"}:
            for words, text in product(carried_command(call.words), printed_texts(calls)):
                placed = [word.replace(_place(call.words), text) for word in words]
                yield " ".join(placed if list(words) != placed else [*words, text])


def _place(words: Sequence[str]) -> str:
    """What stands for the input in what `xargs` runs."""
    for at, word in enumerate(words[:-1]):
        if word == "-I":
            return words[at + 1]
        if word.startswith(("-I", "--replace=")):
            return word.removeprefix("-I").removeprefix("--replace=")
    return "{}"


def _with_other_names(command: str, calls: Sequence[Call]) -> Iterator[str]:
    """The command line where a program that it copies, links or renames has its first name."""
    for call in calls:
        operands = [word for word in call.words[1:] if not word.startswith("-")]
        if call.name in _RENAMES and len(operands) == 2:
            first, second = map(program_name, reversed(operands) if call.name == "hash" else operands)
            if first and second and first != second:
                yield re.sub(rf"(?<![\w.-]){re.escape(second)}(?![\w.-])", lambda _, name=first: name, command)  # type: ignore[misc]


def _print(words: Sequence[str]) -> str:
    """What `echo` or `printf` writes with these words."""
    given = [word for word in words[1:] if not re.fullmatch(r"-[neE]+|--", word)]
    if program_name(words[0]) == "printf" and given and "%" in given[0]:
        form, rest = without_escapes(given[0]), iter(given[1:])
        text = _format.sub(lambda _: next(rest, ""), form)
        text = without_escapes(text) if "%b" in form else text
        return " ".join((text, *(_format.sub(lambda _, word=word: word, form) for word in islice(rest, values_max))))  # type: ignore[misc]
    return without_escapes(" ".join(given))


def with_known_values(command: str) -> str:
    """The command line with what is known of its variables, defaults, substitutions and braces in their place."""
    made = command.replace("\\\n", "")
    for _ in range(rounds_max):
        before = made
        made = _known_output.sub(lambda found: found[1] or found[2], made)
        made = _with_values(made)
        made = _default.sub(lambda found: found[1], made)
        if made == before:
            break
    return _braces.sub(_expand, made)


def _expand(found: re.Match[str]) -> str:
    return " ".join(f"{found[1]}{part}{found[3]}" for part in found[2].split(","))


def _with_values(command: str) -> str:
    if "$" not in command:
        return command
    values = dict(_values(command))

    def value_of(found: re.Match[str]) -> str:
        return values.get(found[1] or found[2] or found[3] or found[4], found[0])

    return _reference.sub(value_of, command) if values else command


def _values(command: str) -> Iterator[tuple[str, str]]:
    for found in islice(_assignment.finditer(command), values_max):
        value = found[2]
        yield found[1], value.strip("()") if value[0] == "(" else value.strip("'\"")
    for found in islice(_loop.finditer(command), values_max):  # the first of its values stands for all
        yield found[1], found[2].split()[0] if found[2].split() else ""
    if given := _parameters.search(command):
        yield from _by_number(given[1].split())
    if (reading := _reading.search(command)) and (text := _here_string.search(command)):
        names, words = reading[1].split(), text[1].strip("'\"").split()
        yield from zip(names, [*words[: len(names) - 1], " ".join(words[len(names) - 1 :])], strict=False)


def _by_number(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    yield from (("@", " ".join(words)), ("*", " ".join(words)))
    yield from ((str(at), word) for at, word in enumerate(words[:9], 1))


def _with_arguments(call: Call) -> Iterator[str]:
    """The script of `bash -c '$0 push' git`, with what is given to it."""
    script = script_of(call.words) if is_shell_program(call.name) else None
    if script and "$" in script and script in call.words:
        given = call.words[call.words.index(script) + 1 :]
        yield _with_numbers(script, {"0": given[0] if given else "", **dict(_by_number(given[1:]))})


def _with_function_arguments(command: str, calls: Sequence[Call]) -> Iterator[str]:
    """The command line with what a function of its own is given."""
    names = {found[1] or found[2] for found in islice(_function.finditer(command), values_max)}
    for call in islice((call for call in calls if call.name in names and len(call.words) > 1), values_max):
        yield _with_numbers(command, dict(_by_number([word for word in call.words[1:] if UNKNOWN not in word])))


def _with_numbers(text: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\"?\$\{?([@*\d])\}?\"?", lambda found: values.get(found[1], ""), text)
