"""Patterns in which `*` stands for anything."""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Sequence
from urllib.parse import unquote, urlsplit

CONTROL = re.compile(r"[;&|`$<>(){}\n\r\\!#]")
"""What lets a command line do more than its first words say."""

_DATA_VOLUME = re.compile(r"/System/Volumes/Data(?=/)", re.IGNORECASE)
_PRIVATE = re.compile(r"/private(?=/(etc|tmp|var)(/|$))", re.IGNORECASE)
"""Where macOS has what `/etc`, `/tmp` and `/var` are links to, and the volume that `/Users` is on."""


def fold(text: str) -> str:
    """As the most forgiving file system compares names: without case, in one form of Unicode."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def shortest(path: str) -> str:
    """The same path without the parts that macOS lets one leave out."""
    start = _DATA_VOLUME.match(path)
    short = path[start.end() :] if start else path
    start = _PRIVATE.match(short)
    return short[start.end() :] if start else short


def pieces(command: str) -> Sequence[str]:
    """The command between the characters that mean something to a shell."""
    return CONTROL.split(command)


def matches(pattern: str, text: str) -> bool:
    """Whether `text` is `pattern` with something for each `*`; in time linear to both, whatever they hold."""
    first, *rest = pattern.split("*")
    if not rest:
        return text == pattern
    *middle, last = rest
    if not text.startswith(first) or len(text) < len(first) + len(last) or not text.endswith(last):
        return False
    at, end = len(first), len(text) - len(last)
    for piece in middle:
        found = text.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True


def without_escapes(text: str) -> str:
    """The text with `\\n`, `\\x41` and their like as what they stand for; as it is where one stands for nothing."""
    try:
        return text.encode("latin-1", "backslashreplace").decode("unicode_escape")
    except UnicodeDecodeError:
        return text


def is_of_domain(pattern: str, target: str) -> bool:
    """Whether an address is of the host that `domain:example.org` names, or below it for `domain:*.example.org`."""
    wanted, given = pattern.removeprefix("domain:").casefold(), _host(target).partition(":")[0]
    is_below = wanted.startswith("*.") and given.endswith(wanted[1:])
    return pattern.startswith("domain:") and bool(given) and (given == wanted or is_below)


def is_denied_address(pattern: str, target: str) -> bool:
    """Whether a deny of `pattern` holds for an address, however its scheme, host and path are written."""
    if is_of_domain(pattern, target):
        return True
    scheme, _, wanted = pattern.partition("://")
    host, slash, path = wanted.partition("/")
    if scheme.casefold() not in {"http", "https"} or not _host(target):
        return False
    return matches(f"{host.casefold()}{slash or '*'}{path}", f"{_host(target)}{_path(target)}")


def _host(address: str) -> str:
    """The host, with a port that is not the scheme's own."""
    try:
        parts = urlsplit(address)
        port = f":{parts.port}" if parts.port not in (None, 80, 443) else ""
    except ValueError:
        return ""
    return f"{(parts.hostname or '').rstrip('.')}{port}"


def _path(address: str) -> str:
    parts = urlsplit(address)
    path = unquote(parts.path)
    normal = f"/{posixpath.normpath(path).lstrip('/.')}" if path else "/"
    return f"{normal}{'/' if path.endswith('/') and normal != '/' else ''}{f'?{parts.query}' if parts.query else ''}"


def allows_address(pattern: str, target: str) -> bool:
    """Whether an allow of `pattern` holds for an address: a `*` at the end of its host reaches into no other host."""
    if is_of_domain(pattern, target):
        return True
    host = pattern.partition("://")[2].partition("/")[0]
    if not matches(pattern or "*", target) or "*" not in host:
        return matches(pattern or "*", target)
    given = urlsplit(target).netloc
    return given == host[:-1] if host.endswith("*") and host != "*" else "@" not in given and matches(host, given)
