"""Where an address of a remote leads by the user's own settings: names of hosts in ~/.ssh/config, and `insteadOf` in
the user's git configuration. Files are read, nothing is run, and nothing of a repository is asked.

Left out, so that an address stays as it is written: ssh's Match and Include, git's includeIf, the files that
GIT_CONFIG_GLOBAL and XDG_CONFIG_HOME name (a project can set these for its agent), and the system's own settings.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Final

from services.workspace.allowed_roots import home
from services.workspace.git.config_file import config_text, settings_in

includes_max = 20
lines_max = 10_000
_host_name = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\]")
_port = re.compile(r"\d{1,5}")
_keyword = re.compile(r"\s*([A-Za-z]+)(?:\s*=\s*|\s+)(.*)")
_instead: Final = re.compile(r"url\.(.*)\.insteadof", re.DOTALL)


def rewritten_url(url: str) -> str:
    """The URL as git fetches it by the user's `url.<base>.insteadOf`: of those that it begins with, the longest."""
    found = [(prefix, base) for prefix, base in _rewritings() if prefix and url.startswith(prefix)]
    if not found:
        return url
    prefix, base = max(found, key=lambda each: len(each[0]))
    return f"{base}{url[len(prefix) :]}"


def ssh_destination(host: str) -> tuple[str, str]:
    """The host's name and port to which the user's ssh connects by this name; the same and none by default."""
    user = home()
    settings = _ssh_settings(user / ".ssh" / "config") if user else ()
    name, port = host, ""
    for patterns, key, value in settings:  # the first value counts
        if not _is_host(host, patterns):
            continue
        if key == "hostname" and name == host:
            told = value.replace("%%", "\0").replace("%h", host).replace("\0", "%")
            name = told if _host_name.fullmatch(told) else name
        if key == "port" and not port and _port.fullmatch(value):
            port = value
    return name, port


def _is_host(host: str, patterns: Sequence[str]) -> bool:
    """Whether the patterns of a Host line take it in: one does, and none with a `!`."""
    if any(each.startswith("!") and _matches(each[1:], host) for each in patterns):
        return False
    return any(_matches(each, host) for each in patterns if not each.startswith("!"))


def _matches(pattern: str, host: str) -> bool:
    return fnmatchcase(host, pattern.replace("[", "[[]"))  # ssh knows `*` and `?` alone


def _rewritings() -> Iterator[tuple[str, str]]:
    """Prefixes of URLs, and what stands for each."""
    user = home()
    for file in (user / ".config" / "git" / "config", user / ".gitconfig") if user else ():
        for key, value in _git_settings(file, str(user), includes_max):
            if found := _instead.fullmatch(key):
                yield value, found[1]


def _git_settings(file: Path, user: str, left: int) -> Iterator[tuple[str, str]]:
    """The settings of a file and of those that it includes."""
    for key, value in _settings_of(file, _state(file)):
        yield key, value
        if key == "include.path" and left:
            path = f"{user}{value[1:]}" if value.startswith("~/") else value
            yield from _git_settings(file.parent / path, user, left // 2)


@lru_cache(maxsize=64)
def _settings_of(file: Path, state: object) -> tuple[tuple[str, str], ...]:
    """As long as the file is in this state."""
    return tuple(settings_in(config_text(file))) if state else ()


def _ssh_settings(file: Path) -> tuple[tuple[tuple[str, ...], str, str], ...]:
    return _ssh_settings_of(file, _state(file))


@lru_cache(maxsize=8)
def _ssh_settings_of(file: Path, state: object) -> tuple[tuple[tuple[str, ...], str, str], ...]:
    """For which hosts a setting is, its name in lower case, and its value; in the file's order."""
    return tuple(_ssh_lines(config_text(file))) if state else ()


def _ssh_lines(text: str) -> Iterator[tuple[tuple[str, ...], str, str]]:
    patterns: tuple[str, ...] = ("*",)
    for line in text.splitlines()[:lines_max]:
        found = _keyword.match(line)
        if line.lstrip().startswith("#") or not found:
            continue
        key, words = found[1].lower(), _words(found[2])
        if key == "host":
            patterns = tuple(words)
        elif key == "match":
            patterns = ("*",) if [each.lower() for each in words] == ["all"] else ()
        elif key in {"hostname", "port"} and words:
            yield patterns, key, words[0]


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text, comments=True)
    except ValueError:
        return []


def _state(file: Path) -> object:
    """What changes with the file; None where there is none."""
    try:
        found = file.stat()
    except (OSError, ValueError):
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
