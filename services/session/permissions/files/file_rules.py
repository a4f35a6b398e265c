"""What a rule on a file covers. A deny: the file, in any spelling and by any tool that changes it. An allow: it alone.

Paths are compared as text, for the files may be on another machine: relative ones below the project's root, `~` as
whatever home directory it is.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from functools import lru_cache

from services.session.permissions.matching import fold, matches, shortest

HOME = re.compile(r"(/home/[^/]+|/Users/[^/]+|/root|/var/root|[A-Za-z]:/Users/[^/]+)(?=/|$)")
_drive = re.compile(r"[A-Za-z]:/")
_device = re.compile(r"^//[?.]/")
_home_variable = re.compile(r"^(\$HOME|\$\{HOME\}|%USERPROFILE%|\$env:USERPROFILE)(?=/|$)", re.IGNORECASE)
_mounted = re.compile(r"^(?:/mnt|/cygdrive)?/([A-Za-z])(?=/)")
"""Where other systems on a Windows machine have its drives."""


def denies_file(pattern: str, target: str, root: str) -> bool:
    """Whether a deny of `pattern` holds for `target`, in a project at `root`."""
    if not target:
        return matches(pattern, "")
    ways = _folded_ways(target, root)
    return any(matches(each, way) for each in _folded_patterns(pattern, root) for way in ways)


def allows_file(pattern: str, target: str, root: str) -> bool:
    """Whether an allow of `pattern` holds for `target`: never for a path that climbs."""
    if ".." in target.replace("\\", "/").split("/"):
        return False
    if matches(pattern or "*", target):
        return True
    is_placed = bool(root) and bool(pattern) and not _is_absolute(_plain(pattern))
    return is_placed and matches(_absolute(pattern, root), _absolute(target, root))


def _plain(path: str) -> str:
    plain = _device.sub("", path.replace("\\", "/").replace("**", "*"))
    return _home_variable.sub("~", plain)


def _is_absolute(path: str) -> bool:
    return path.startswith(("/", "~")) or bool(_drive.match(path))


def _absolute(path: str, root: str) -> str:
    plain = _plain(path)
    if not _is_absolute(plain):
        plain = f"{root}/{plain}"
    normal = posixpath.normpath(plain)
    return normal[1:] if normal.startswith("//") else normal


def _ways(target: str, root: str) -> Iterator[str]:
    """The target as it may be written: as it is, from the root of the file system, and from the home directory."""
    absolute = _absolute(target, root)
    short = shortest(absolute)
    yield from (target, absolute, short, f"/private{short}")
    if home := HOME.match(short):
        yield f"~{short[home.end() :]}"
    if mounted := _mounted.match(absolute):
        yield f"{mounted[1]}:{absolute[mounted.end() :]}"
    if _drive.match(absolute):  # names end where Windows lets them
        yield "/".join((absolute[:2], *(part.partition(":")[0].rstrip(". ") for part in absolute[3:].split("/"))))


def _patterns(pattern: str, root: str) -> Iterator[str]:
    """The pattern likewise; one without a directory holds for that name anywhere in the project."""
    plain = _plain(pattern)
    yield from (plain, *_ways(plain, root))
    if "/" not in plain and root and plain != "*":
        yield f"{posixpath.normpath(root)}/*/{plain}"


def spellings(pattern: str, root: str) -> tuple[str, ...]:
    """The pattern of a deny in all spellings of the paths that it holds for, folded."""
    return _folded_patterns(pattern, root)


@lru_cache(maxsize=1024)
def _folded_patterns(pattern: str, root: str) -> tuple[str, ...]:
    files = set(_fold(_patterns(pattern, root)))
    directories = {each.removesuffix("/*") for each in files if each.strip("*/")}
    return (*files, *directories, *(f"{each}/*" for each in files))


@lru_cache(maxsize=256)
def _folded_ways(target: str, root: str) -> tuple[str, ...]:
    return tuple(set(_fold(_ways(target, root))))


def _fold(paths: Iterator[str]) -> Iterator[str]:
    """As the most forgiving file system compares names."""
    return map(fold, paths)
