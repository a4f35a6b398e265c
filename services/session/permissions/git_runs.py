"""What git itself runs besides its subcommand: aliases, hooks of options, settings that are commands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from services.session.permissions.programs import without_global_options

_runs_value = re.compile(r"-x|--exec|--extcmd|--\w+-filter|--upload-pack|--receive-pack|--to-cmd|--cc-cmd|--command")
_setting = re.compile(
    r"(?i:core\.(?:pager|editor|fsmonitor|sshcommand|askpass|hookspath)|sequence\.editor|\w+\.textconv|diff\.external"
    r"|[\w.-]+\.(?:cmd|command|driver|clean|smudge|process|helper)|pager\.\w+|gpg\.program)"
)
"""Settings that git runs as commands."""


def git_runs(words: Sequence[str]) -> Iterator[str | Sequence[str]]:
    """Command lines as texts, and commands as words, that a call of git may run."""
    for before, word in pairwise(words):
        name, equals, value = word.partition("=")
        if before in {"-c", "--config-env"} and equals:
            yield from _of_setting(name, value)
        elif _runs_value.fullmatch(before):
            yield word
        if equals and _runs_value.fullmatch(name):
            yield value
    yield from _of_subcommand(without_global_options(words))


def _of_setting(name: str, value: str) -> Iterator[str | Sequence[str]]:
    if name.startswith("alias."):
        yield value[1:] if value.startswith("!") else ("git", *value.split())
    elif _setting.fullmatch(name):
        yield value.removeprefix("!")


def _of_subcommand(words: Sequence[str]) -> Iterator[str | Sequence[str]]:
    name, after = (words[1] if len(words) > 1 else ""), [word for word in words[2:] if not word.startswith("-")]
    if name == "config":
        yield from (each for setting, value in pairwise(after) for each in _of_setting(setting, value))
    elif name == "bisect" and after[:1] == ["run"]:
        yield after[1:]
    elif name == "submodule" and after[:1] == ["foreach"]:
        yield from (" ".join(after[1:]), after[1:])
    elif name == "for-each-repo" or (name == "subtree" and after[:1] in (["push"], ["pull"])):
        yield ("git", *after)
    elif name in {"remote-https", "remote-http", "remote-ssh"}:
        yield ("git", "push", *after)
