"""The paths that reports name, as they are here: below a package or a source root, of a container, of Windows."""

from __future__ import annotations

import os
from collections.abc import Sequence

from services.quality.collectors.directory import Place


def resolved_paths(place: Place, paths: Sequence[str], base: str = "") -> dict[str, str]:
    """The paths relative to the root by the paths as the report has them; without those that are not here."""
    found: dict[str, str] = {}
    left: list[str] = []
    for path in dict.fromkeys(paths):
        if here := _directly(place, path, base):
            found[path] = here
        else:
            left.append(path)
    return found | _by_suffix(place, left, base)


def _plain(path: str) -> str:
    """The path with slashes; one of Windows has backslashes, and perhaps a drive."""
    if "\\" in path and "/" not in path.removeprefix("file://"):
        path = path.replace("\\", "/")
    path = path.removeprefix("file://")
    return path[2:] if path[1:3] == ":/" else path


def _directly(place: Place, path: str, base: str) -> str | None:
    path = _plain(path)
    if path.startswith("/"):
        root = f"{place.root}/"
        if not path.startswith(root):
            return None
        return _existing(place, path.removeprefix(root))
    return (base and _existing(place, f"{base}/{path}")) or _existing(place, path)


def _existing(place: Place, path: str) -> str | None:
    path = os.path.normpath(path)
    return path if path in place.paths else None


def _by_suffix(place: Place, paths: Sequence[str], base: str) -> dict[str, str]:
    """Paths that were made elsewhere: one prefix is taken off all of them, or a source root is put before each."""
    for prefix in _prefixes(place, paths, base):
        found = {}
        for path in paths:
            plain = _plain(path)
            if plain.startswith(prefix) and (here := _directly(place, plain.removeprefix(prefix), base)):
                found[path] = here
        if len(found) * 2 >= len(paths):
            return _below_roots(place, paths, base) | found
    return _below_roots(place, paths, base)


def _below_roots(place: Place, paths: Sequence[str], base: str) -> dict[str, str]:
    return {path: here for path in paths if (here := _below_a_root(place, path, base))}


def _prefixes(place: Place, paths: Sequence[str], base: str) -> list[str]:
    """The beginnings of an absolute path without which it is a file here; of one part alone only if all are."""
    absolute = [_plain(path) for path in paths if _plain(path).startswith("/")]
    found = []
    for path in absolute[:5]:
        parts = path.split("/")
        for count in range(1, len(parts)):
            rest = "/".join(parts[count:])
            if _directly(place, rest, base):
                found.append("/".join(parts[:count]) + "/")
                break
    return list(dict.fromkeys(found))


def _below_a_root(place: Place, path: str, base: str) -> str | None:
    """The only file whose path ends so, as reports of JaCoCo and .NET name files below their source roots."""
    plain = os.path.normpath(_plain(path).lstrip("/"))
    if "/" not in plain or plain.startswith("..") or _plain(path).startswith("/"):
        return None
    ends = [each for each in place.by_name.get(plain.rpartition("/")[2], ()) if each.endswith(f"/{plain}")]
    mine = [each for each in ends if not base or each.startswith(f"{base}/")] or ends
    return mine[0] if len(mine) == 1 else None
