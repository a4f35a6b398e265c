"""The code blocks of the documents, and what can be said of each without typing it.

A block is in one of the languages of `FAULTS`; one without a language is what a person types into a shell. What is no
code, or cannot be tried here, has `<!-- not tried: why -->` before it.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import re
import shlex
import subprocess
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import yaml

from services.cli.__main__ import build_parser

ROOT = Path(__file__).parents[2]
_block = re.compile(
    r"(?:<!-- not tried: (?P<reason>[^\n]*\S) -->\n\s*)?^(?P<indent> *)```(?P<language>[^\n]*)\n(?P<text>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)
_here_document = re.compile(r"<<-?'?(\w+)'?(.*?\n).*?^\1$", re.MULTILINE | re.DOTALL)
_placeholder = re.compile(r"<(\w+)>")
_keywords = frozenset({"do", "done", "then", "else", "fi", "until", "while", "if", "!"})
_of_systems = frozenset(
    """apt cat cd claude curl docker echo export for git jq mkdir mktemp mv npm pip redis-cli rm sleep sudo tail uv
    xcode-select [ ]""".split()  # noqa: SIM905 - a list of words reads better
)
"""What is no program of ours: of these only the grammar of the line is looked at."""


class Block(NamedTuple):
    """A fenced block: `reason` says why it is not tried, else is empty."""

    place: str
    language: str
    text: str
    reason: str


def documents() -> list[Path]:
    """All documents that people read, those of the site and those that stand beside what they are about."""
    below = [path for name in ("docs", "deploy", "clients", "examples") for path in (ROOT / name).rglob("*.md")]
    return sorted([*ROOT.glob("*.md"), *below])


def blocks(text: str, name: str) -> Iterator[Block]:
    """The fenced blocks of a document."""
    for found in _block.finditer(text):
        inside = re.sub(rf"^{found['indent']}", "", found["text"], flags=re.MULTILINE)
        line = text.count("\n", 0, found.start("language")) + 1
        yield Block(f"{name}:{line}", found["language"].strip(), inside, found["reason"] or "")


def faults(block: Block) -> list[str]:
    """What is wrong with a block that is not marked."""
    look = FAULTS.get(block.language)
    return [f"{block.place}: {each}" for each in (look(block.text) if look else [f"what is {block.language!r}?"])]


def _of_parser(parse: Callable[[str], object]) -> Callable[[str], list[str]]:
    def look(text: str) -> list[str]:
        try:
            parse(text)
        except (ValueError, SyntaxError, yaml.YAMLError) as error:
            return [str(error)]
        return []

    return look


def shell_faults(text: str) -> list[str]:
    """A line that is no grammar, a program that nobody knows, a command, option, target or file that is not there."""
    text = _placeholder.sub(r"\1", text)
    done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
    if done.returncode or done.stderr:
        return [done.stderr.strip()]
    lines = _here_document.sub(r"\2", text).replace("\\\n", " ").splitlines()
    return [fault for line in _whole(lines) for command in _commands(line) for fault in _command_faults(command)]


def _whole(lines: Sequence[str]) -> Iterator[str]:
    """The lines, those of one quoted text together."""
    waiting = ""
    for line in lines:
        waiting += line
        with contextlib.suppress(ValueError):
            shlex.split(waiting, comments=True)
            yield waiting
            waiting = ""
            continue
        waiting += "\n"
    assert not waiting, waiting


def _commands(line: str) -> Iterator[list[str]]:
    """The words of each simple command of a line, without what it sets before its name."""
    found = shlex.shlex(line, posix=True, punctuation_chars="();|&")
    found.whitespace_split = True
    for is_end, words in groupby(found, lambda word: not set(word) - set("();|&")):
        command = list(words)
        while command and (command[0] in _keywords or re.match(r"\w+=", command[0])):
            del command[0]
        if command and not is_end:
            yield command


def _command_faults(command: Sequence[str]) -> list[str]:
    name, given = command[0].rpartition("/")[2], command[1:]
    if name == "segue" or (name.startswith("python") and given[:2] == ["-m", "services.cli"]):
        return _segue_faults(given if name == "segue" else given[2:])
    if name == "make":
        return [f"make has no {each}" for each in given if "=" not in each and each not in make_targets()]
    if [name, *given[:1]] == ["docker", "compose"]:
        return _compose_faults(given[1:])
    if name in {"python", "node"}:
        return [f"there is no {each}" for each in given if "/" in each and not (ROOT / each).exists()]
    if name == "sh" and given[:1] == ["-c"]:
        return shell_faults(given[1])
    return [] if name in _of_systems or (ROOT / command[0]).is_file() else [f"nobody knows {command[0]}"]


def _segue_faults(given: Sequence[str]) -> list[str]:
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        try:
            build_parser().parse_args(given)
        except SystemExit:
            return [said.getvalue().strip().splitlines()[-1]]
    return []


def make_targets() -> set[str]:
    """What `make` can be asked for."""
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def compose_services() -> set[str]:
    """The services of compose.yaml and of the files that are laid over it."""
    files = [
        ROOT / "compose.yaml",
        *(ROOT / "deploy").rglob("compose.yaml"),
        *(ROOT / "examples").rglob("compose.yaml"),
    ]
    return {name for path in files for name in yaml.load(path.read_text(), _Lenient).get("services", {})}


class _Lenient(yaml.SafeLoader):  # type: ignore[misc]  # yaml has no types
    """Reads compose's own tags (`!reset`, `!override`) as nothing."""


_Lenient.add_multi_constructor("!", lambda *_: None)

_with_values = frozenset({"--profile", "--scale", "--env", "--volume", "--format", "--file"})


def _compose_faults(given: Sequence[str]) -> list[str]:
    """A service that is in no file, and the faults of what is run in one."""
    words = [word for before, word in zip(["", *given], given, strict=False) if before not in _with_values]
    plain = iter(word for word in words if not word.startswith("-"))
    action = next(plain, "")
    if action not in {"exec", "run"}:
        named = [word.partition(":")[0] for word in plain if action != "cp" or ":" in word]
        return [f"compose has no {each}" for each in named if each not in compose_services()]
    service = next(plain, "")
    inside = words[words.index(service) + 1 :] if service else []
    if service not in compose_services():
        return [f"compose has no {service}"]
    return _command_faults(inside) if inside else []


FAULTS: Mapping[str, Callable[[str], list[str]]] = {
    "": shell_faults,
    "json": _of_parser(json.loads),
    "toml": _of_parser(tomllib.loads),
    "yaml": _of_parser(yaml.safe_load),
    "python": _of_parser(ast.parse),
}
"""What looks at a block of each language."""
