"""Resolves a working directory inside the allowed roots."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from services.kit.errors import Denied, InvalidInput, NotFound
from services.kit.systems import canonical_path

PATH_MAX_BYTES = 4096


def resolve_directory(directory: str | Path, roots: Sequence[Path]) -> Path:
    """The real path of a working directory, spelled as its disk has it: links are resolved before the comparison with
    the roots.

    Raises InvalidInput (not absolute, not a directory, `/`, or the home directory without a repository), NotFound, and
    Denied (outside the roots, or not readable).
    """
    real = _real_path(str(directory))
    if not any(real.is_relative_to(root) for root in _real_roots(roots)):
        raise Denied(
            f"The working directory is outside the allowed roots: {printable_path(directory)}",
            "Use a directory inside one of the allowed roots, or have its root added to the settings.",
        )
    if real == Path(real.anchor):
        raise InvalidInput("The working directory is the whole file system", "Name the project's own directory.")
    if real == home() and not (real / ".git").exists():
        raise InvalidInput(
            "The working directory is the home directory, which is not a project", "Name the project's own directory."
        )
    return real


def inside(path: Path, roots: Sequence[Path]) -> bool:
    """Whether the real path of `path`, which need not exist, is in or under one of the roots."""
    try:
        real = real_path(path)
    except (OSError, ValueError):  # a name that is too long, a NUL
        return False
    return any(real.is_relative_to(root) for root in _real_roots(roots))


def upwards(directory: Path, roots: Sequence[Path]) -> tuple[Path, ...]:
    """`directory` and its parents, nearest first, up to the root that contains it."""
    real_roots = _real_roots(roots)
    lineage = (directory, *directory.parents)
    return tuple(each for each in lineage if any(each.is_relative_to(root) for root in real_roots))


def home() -> Path | None:
    """The real path of the user's home directory, if there is one."""
    name = os.environ.get("HOME") or os.environ.get("USERPROFILE", "")
    return real_path(name) if os.path.isabs(name) else None  # noqa: PTH117


def real_path(path: str | Path) -> Path:
    """The path that all spellings of it have in common: links resolved, and letters as the disk has them."""
    return Path(canonical_path(str(path)))


def printable_path(path: str | Path) -> str:
    """A path as an error may quote it: printable, at most 200 characters."""
    text = str(path)
    short = text if len(text) <= 200 else f"{text[:120]}…{text[-79:]}"
    return "".join(character if character.isprintable() else "�" for character in short)


def _real_path(text: str) -> Path:
    if not os.path.isabs(text):  # noqa: PTH117
        raise InvalidInput(
            f"The working directory must be an absolute path: {printable_path(text)}", "Send the absolute path."
        )
    if not _is_path(text):
        raise InvalidInput(f"The working directory is not a path: {printable_path(text)}", "Send the absolute path.")
    try:
        real = real_path(text)
        mode = real.stat().st_mode
    except PermissionError:
        raise Denied(
            f"The working directory is not readable: {printable_path(text)}", "Check its permissions."
        ) from None
    except OSError:
        raise NotFound(f"There is no such working directory: {printable_path(text)}", "Check the path.") from None
    if not stat.S_ISDIR(mode):
        raise InvalidInput(f"The working directory is not a directory: {printable_path(text)}", "Name its directory.")
    return real


def _is_path(text: str) -> bool:
    try:
        return "\0" not in text and len(os.fsencode(text)) <= PATH_MAX_BYTES
    except UnicodeEncodeError:  # a lone surrogate, which JSON can carry
        return False


def _real_roots(roots: Sequence[Path]) -> tuple[Path, ...]:
    return tuple(map(real_path, roots))
