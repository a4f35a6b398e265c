"""How dangerous a shell command is: from the programs it runs, by Bash's grammar, and a table of what each destroys.

The table is a net, not a proof: a shell has endless ways to say a thing. So what is not in it is not
harmless, it is high, and a wildcard never covers what the shell would expand or chain.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from urllib.parse import unquote

from services.kit.late_pattern import late_pattern
from services.session.permissions.destroyers import (
    COPIERS,
    DATA_PROGRAMS,
    DESTROYERS,
    FOUND_BY,
    GIT_READING,
    HARMLESS_DEVICES,
    MADE_AGAIN,
    MESSAGE_OPTIONS,
    OWN_SERVICE,
    READING_ONLY,
    RULES_FILES,
    RULING_FILES,
    UNREADABLE_SOURCES,
    WRITERS,
)
from services.session.permissions.guesses import guessed_calls
from services.session.permissions.programs import (
    CARRIERS,
    INTERPRETERS,
    carried_command,
    has_risky_option,
    is_shell_program,
    program_name,
    script_of,
    without_global_options,
)
from services.session.permissions.shell import UNKNOWN, Call, read_command
from services.session.permissions.shell_texts import printed_texts

_COMPILED = tuple(
    (
        late_pattern(f"({each.programs})(\\.exe)?", re.IGNORECASE),
        late_pattern(each.command),
        late_pattern(each.word),
        each,
    )
    for each in DESTROYERS
)
_RUNNERS = late_pattern(r"(ba|da|z|k|fi|c|tc)?sh|(python|perl|ruby|node|php|lua)[\d.]*|parallel|iex|psql|mysql")
_SHELL = late_pattern(r"(ba|da|z|k|fi|c|tc)?sh")
_WRITERS = late_pattern(r"tee|cp|mv|ln|install|rsync|sed|curl|wget|scp|tar|unzip|patch|touch|chmod")
_SQL = late_pattern(r"\b(drop|truncate)\s+(table|database|schema)\b|\bdelete\s+from\b", re.IGNORECASE)
_FORK_BOMB = late_pattern(r":\s?\(\s?\)\s?\{")
_NEAR_DECISION = late_pattern(r"segue|services|cli|permit|revoke|permissions|hooks|/v1|/page|%", re.IGNORECASE)
_DECIDING = late_pattern(
    r"(?:segue|services[./]cli|\bcli)\b(?:[/.]\w{1,20})*(?:\.exe)?(?:\s+[-\w.=:/*]{1,60}){0,12}?"
    r"\s+(?:permit|revoke|dashboard|permissions\s+(?:\S{1,40}\s+)?import|hook\s+P\w+)\b|\bcli/hook\.py\b"
)
_DECIDING_CODE = late_pattern(
    r"services[./]cli\b.*\b(permit|revoke|dashboard)\b|\b(segue|services[./]cli)\s+\0", re.DOTALL
)
_ENDPOINT = late_pattern(
    r"/v1/(?:[./]|\w{1,40}/\.\./)*(?:permissions|hooks/|page/)|/v1/ ?\+ ?(?:permissions|hooks|page)"
    r"|/page/(?:[./]|\w{1,40}/\.\./)*(?:enter|permissions)\b",
    re.IGNORECASE,
)
_GH_METHOD, _GH_READS = re.compile(r"-X|--method\b"), re.compile(r"(-X|--method)?=?GET", re.IGNORECASE)
_LOOK = FOUND_BY | {"cd", "less", "more", "find", "tree", "segue", "git", "readlink", "realpath", "sha256sum", "sort"}
_ONLY_READ = (DATA_PROGRAMS - {"curl", "wget", "http", "docker", "podman", "kubectl", "uv", "poetry"}) | {"rg", "awk"}
_QUOTED = late_pattern(r"""(['"`])(.*?)\1""", re.DOTALL)
_WRITTEN = late_pattern(r">[>|&]?\s*([^\s;|&<>]+)")
_BETWEEN = late_pattern(r"(\|\|?|&&?|[;\n(){}`]|\$\()")
_READING = late_pattern(
    r"(pwd|whoami|uname|ls|wc|git (status|diff|log|show|branch --show-current|rev-parse))(?= |$)[\w ./@=:,~^-]*"
    r"|date( (-u|--utc|--universal|-R|--rfc-email|-I\w*|--iso-8601(=\w+)?|--rfc-3339=\w+|\+[\w%:/.,@-]+))*"
)
_SIDE_DOORS = late_pattern(r"--(output|ext-diff|textconv|exec|no-index|git-dir|work-tree)|\s-(o|O|s|set)\b")


def destroys(command: str) -> str:
    """Why the command is critical; empty where nothing known makes it so."""
    line = read_command(command)
    if not line.is_understood:
        return destroys_by_text(command)
    if _FORK_BOMB.search(command) or "/dev/tcp/" in command:
        return "opens the machine to others or stops it"
    if any(map(_rules, line.written)):
        return "writes what rules this machine"
    if any(call.name in UNREADABLE_SOURCES for call in line.calls) and any(map(_runs_unknown, line.calls)):
        return "runs what cannot be read here"
    return next((why for call in line.calls if (why := _danger(call))), "")


def _runs_unknown(call: Call) -> bool:
    """Whether the program, or the script that it is to run, is put in by the shell."""
    if not call.words:
        return False
    is_runner = bool(_RUNNERS.fullmatch(call.name)) or call.name in {"source", "."}
    return UNKNOWN in call.words[0] or (is_runner and any(UNKNOWN in word for word in call.words[1:2]))


def destroys_by_text(command: str) -> str:
    """The same without a grammar: every word may be the program. Linear in the command's length."""
    for text in {command, re.sub(r"['\"\\]", "", command.replace("\\\n", " "))}:
        if why := _destroys(text):
            return why
    return ""


def decides_rules(command: str) -> bool:
    """Whether the command changes what may be done without asking: by `segue`, its endpoints, or what hooks tell it."""
    line = read_command(command)
    if (not line.is_understood and _names_decision(command)) or any(map(RULES_FILES.search, line.written)):
        return True
    if any(call.name not in _LOOK and any(map(RULES_FILES.search, call.words[1:])) for call in line.calls):
        return True
    if any(map(_runs_what_it_reads, line.calls)) and any(map(RULES_FILES.search, printed_texts(line.calls))):
        return True
    calls = (*line.calls, *guessed_calls(command))
    return any(call.name not in _ONLY_READ and _names_decision(" ".join(call.words)) for call in calls)


def _runs_what_it_reads(call: Call) -> bool:
    is_runner = is_shell_program(call.name) or bool(INTERPRETERS.fullmatch(call.name))
    return is_runner and (call.is_piped or call.fed is not None)


def _names_decision(text: str) -> bool:
    """Whether a program that gets this text may decide in a person's place."""
    if not _NEAR_DECISION.search(text):
        return False
    plain = re.sub(r"['\"`\\,\[\]()]+", " ", text)
    return bool(
        _DECIDING.search(plain)
        or _DECIDING_CODE.search(plain)
        or _ENDPOINT.search(unquote(re.sub(r"['\"\\]", "", text)))
    )


def _danger(call: Call) -> str:
    """Why this call is critical."""
    if not call.words:
        return ""
    if call.is_piped and _runs_its_input(call.words):
        return "runs what another program wrote"
    if is_shell_program(call.name) and script_of(call.words) is not None:
        return "runs what is hidden in its argument"
    if _writes_what_rules(call.words):
        return "writes what rules this machine"
    if call.name == "rm":
        return _removal(call.words[1:])
    return _rules_all(call.words) or _row(call.words) or _danger_in_arguments(call)


def _removal(words: Sequence[str]) -> str:
    """Why `rm` with these words is critical: a tree that no tool makes again, or without asking what is not near."""
    options = [word for word in words if word.startswith("-")]
    operands = [word for word in words if not word.startswith("-")]
    is_recursive = any(word == "--recursive" or re.fullmatch(r"-\w*[rR]\w*", word) for word in options)
    is_forced = any(word == "--force" or re.fullmatch(r"-\w*f\w*", word) for word in options)
    is_made_again = bool(operands) and all(map(MADE_AGAIN.fullmatch, operands))
    is_near = bool(operands) and not any(_is_far(word) for word in operands)
    is_critical = "--no-preserve-root" in options or (is_recursive and not is_made_again) or (is_forced and not is_near)
    return "removes without asking" if is_critical else ""


def _is_far(operand: str) -> bool:
    """Whether the operand is everything here, not known, or not below this directory."""
    is_unknown = UNKNOWN in operand or operand.startswith("$")
    return is_unknown or not operand.strip("*./") or operand.startswith(("/", "~")) or ".." in operand.split("/")


def _danger_in_arguments(call: Call) -> str:
    """Of a program that may run what is in its arguments."""
    if call.name in {"find", "gfind", "fd", "fdfind"}:
        carried = [program_name(words[0]) for words in carried_command(call.words) if words]
        return "acts on all found" if set(carried) - FOUND_BY else ""
    if call.name in DATA_PROGRAMS or call.name in CARRIERS:
        return ""
    words = _without_messages(call.words)
    if _SQL.search(" ".join(words)):
        return "destroys data"
    if _RUNNERS.fullmatch(call.name):  # its arguments are of another language
        quoted = (text for word in words[1:] for _, text in _QUOTED.findall(word) if " " in text.strip())
        return _destroys_by_words(" ".join(words).split()) or next(
            (why for text in quoted if (why := destroys(text))), ""
        )
    lines = [word for word in words[1:] if len(word.split()) > 1]
    alone = [word for word in words if word not in lines]
    return _destroys_by_words(alone) or next((why for line in lines if (why := destroys(line))), "")


def _without_messages(words: Sequence[str]) -> list[str]:
    """The words without the values of options that are for people to read."""
    return [
        word
        for before, word in zip(("", *words), words, strict=False)
        if before not in MESSAGE_OPTIONS and word.partition("=")[0] not in MESSAGE_OPTIONS
    ]


def _row(words: Sequence[str]) -> str:
    name, *after = without_global_options(words)
    leading = words[1 : len(words) - len(after)]
    if name == "git" and any(word == "-c" or word.startswith(("--config-env", "--exec-path=")) for word in leading):
        return "runs anything"
    for program, command, later, destroyer in _COMPILED:
        if not program.fullmatch(name):
            continue
        if command.pattern and not (after and command.fullmatch(after[0])):
            continue
        if not later.pattern or any(later.fullmatch(word) for word in after[bool(command.pattern) :]):
            return destroyer.why
    return ""


def _rules_all(words: Sequence[str]) -> str:
    name, *after = without_global_options(words)
    if name == "systemctl" and "--user" in words and after and after[0] in OWN_SERVICE:
        return ""
    if name in READING_ONLY:
        is_harmless = READING_ONLY[name].fullmatch(after[0]) if after else name == "mount"
        return "" if is_harmless else "rules the machine"
    if name == "gh" and any(map(_GH_METHOD.match, after)) and not any(map(_GH_READS.fullmatch, after)):
        return "changes what others have"
    if name == "git" and after[:1] == ["clean"]:
        is_shown = any(GIT_READING["clean"].fullmatch(word) for word in after[1:])
        return "" if is_shown else "removes untracked files"
    return "changes what git runs" if name == "git" and after[:1] == ["config"] and not _is_asked(after[1:]) else ""


def _is_asked(words: Sequence[str]) -> bool:
    """Whether `git config` with these words only says what is set."""
    known = [word for word in words if GIT_READING["config"].fullmatch(word)]
    others = [word for word in words if word not in known]
    is_asked = any("get" in word or "list" in word or word == "-l" for word in known)
    return (is_asked or len(others) <= 1) and not any(word.startswith("-") for word in others)


def _runs_its_input(words: Sequence[str]) -> bool:
    name, after = program_name(words[0]), words[1:]
    if not _RUNNERS.fullmatch(name):
        return False
    if is_shell_program(name) and "-s" in after:
        return True
    takes_program = {"-c", "-e", "-m", "-r", "-f", "--command", "--file", "--execute", "-p", "-n"}
    if name in {"psql", "mysql"}:
        return takes_program.isdisjoint(after)
    return all(word.startswith("-") for word in after) and takes_program.isdisjoint(after)


def _writes_what_rules(words: Sequence[str]) -> bool:
    name, after = program_name(words[0]), words[1:]
    operands = [word for word in after if not word.startswith("-")]
    if name in COPIERS:
        return any(map(_rules, operands if name == "mv" else operands[-1:])) or any(
            _rules(word.partition("=")[2]) for word in after if word.startswith("--target")
        )
    if name == "sed":
        return any(re.match(r"-[a-zA-Z]*i|--in-place", word) for word in after) and any(map(_rules, operands))
    named = [word.partition("=")[2] if word.startswith("-") and "=" in word else word for word in after]
    if name in WRITERS:
        return any(map(_rules, named))
    outputs = [word.partition("=")[2] for word in after if word.startswith("--out")]
    return any(map(_rules, outputs))


def only_reads(command: str) -> bool:
    """Whether the command is one of the few that are known to change nothing, with nothing chained to it."""
    if not _READING.fullmatch(command.strip()) or _SIDE_DOORS.search(command):
        return False
    return not has_risky_option(command.split())


def _destroys(text: str) -> str:
    if _SQL.search(text) or _FORK_BOMB.search(text) or "/dev/tcp/" in text:
        return "destroys data or opens the machine to others"
    if any(_rules(path) for path in _WRITTEN.findall(text)):
        return "writes what rules this machine"
    for piped, words in _commands(text):
        if piped and words and _RUNNERS.fullmatch(_name(words[0])):
            return "runs what another program wrote"
        if why := _destroys_by_words(words):
            return why
    return ""


def _destroys_by_words(words: Sequence[str]) -> str:
    """Every word may be the program: `env`, `nohup`, `xargs` and their like stand before it."""
    first: dict[str, int] = {}  # what follows a later one follows the first, too
    for at, word in enumerate(words):
        first.setdefault(_name(word), at)
    for name, at in first.items():
        after = words[at + 1 :]
        for program, command, later, destroyer in _COMPILED:
            if program.fullmatch(name) and _says(command, later, after):
                return destroyer.why
        if _SHELL.fullmatch(name) and any(each.startswith("-") and "c" in each for each in after):
            return "runs what is hidden in its argument"
        if _WRITERS.fullmatch(name) and any(map(_rules, after)):
            return "writes what rules this machine"
    return ""


def _says(command: re.Pattern[str], later: re.Pattern[str], after: Sequence[str]) -> bool:
    if command.pattern:
        at = next((at for at, word in enumerate(after) if command.fullmatch(word)), None)
        if at is None:
            return False
        after = after[at + 1 :]
    return not later.pattern or any(later.fullmatch(word) for word in after)


def _commands(text: str) -> Iterator[tuple[bool, list[str]]]:
    """The words of each command of the line, and whether it reads what the one before it wrote."""
    pieces = _BETWEEN.split(text)
    for at in range(0, len(pieces), 2):
        yield at > 0 and pieces[at - 1] == "|", pieces[at].split()


def _name(word: str) -> str:
    return word.replace("\\", "/").rpartition("/")[2]


def _rules(path: str) -> bool:
    return path not in HARMLESS_DEVICES and bool(RULING_FILES.search(path))
