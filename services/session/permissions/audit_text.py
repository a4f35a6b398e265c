"""What the log of decisions keeps of a target: enough to tell what it was about, and nothing that was written in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from urllib.parse import urlsplit

from services.session.permissions.operation_kinds import FILES_READ, FILES_WRITTEN, operation_name
from services.session.permissions.programs import GLOBAL_OPTIONS, program_name, without_global_options
from services.session.permissions.shell import UNKNOWN, read_command

calls_named_max = 8
name_max_chars = 40
MORE = "…"
_OF_ONE_NAME = frozenset({"delete_conversations", "quality_check", "delete_file"})
"""Operations whose target is a project or a directory."""


def without_contents(operation: str, target: str) -> str:
    """Of commands the programs with their subcommands, of addresses the host; files and projects by their names."""
    name = operation_name(operation)
    if not target or name in FILES_READ | FILES_WRITTEN | _OF_ONE_NAME:
        return target
    if name == "webfetch":
        return _host(target)
    named = dict.fromkeys(_programs(target))
    return "; ".join(islice(named, calls_named_max)) + (f"; {MORE}" if len(named) > calls_named_max else "")


def _host(address: str) -> str:
    if address.startswith("domain:"):
        return address
    try:
        parts = urlsplit(address)
    except ValueError:
        return MORE
    return f"{parts.scheme}://{parts.hostname}/{MORE}" if parts.hostname else MORE


def _programs(command: str) -> Iterator[str]:
    calls: list[Sequence[str]] = [call.words for call in read_command(command).calls if call.words]
    rough = [command.split()[:2]] if command.split() else []
    yield from map(_program, calls or rough)


def _program(words: Sequence[str]) -> str:
    name, *after = without_global_options(words)
    has_subcommand = program_name(words[0]) in GLOBAL_OPTIONS and after and after[0].replace("-", "").isalnum()
    shown = [_short(name), *([_short(after[0])] if has_subcommand else [])]
    return " ".join((*shown, MORE) if len(words) > len(shown) else shown)


def _short(word: str) -> str:
    plain = word.replace(UNKNOWN, MORE)
    return plain if len(plain) <= name_max_chars and plain.isprintable() and " " not in plain else MORE
