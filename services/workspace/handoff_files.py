"""A handoff's copy in the project's `.claude/handoffs/`, which git ignores without a change to a tracked file."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from services.kit.errors import Denied, InvalidInput
from services.kit.systems import PLAIN
from services.workspace.allowed_roots import inside
from services.workspace.git.repository import find_repository

FOLDER = Path(".claude", "handoffs")
_ignored = "/.claude/handoffs/"
_own_name = re.compile(r"\d{4}-\d\d-\d\dT\d{4}Z-[\w-]{1,36}\.md", re.ASCII)
"""The form of the names that the session service gives."""
file_max_bytes = 1024 * 1024
files_looked_at_max = 10_000
_name = re.compile(r"[\w.:-]{1,100}\.md", re.ASCII)


def write_handoff(root: Path, roots: Sequence[Path], file_name: str, markdown: str) -> Path:
    """Writes the file and returns its path; InvalidInput if a link leads elsewhere, OSError if it cannot be written."""
    if not _name.fullmatch(file_name) or file_name.startswith("."):
        raise InvalidInput("That is not a name for a handoff.")
    folder = root / FOLDER
    _require_inside(folder, root, roots)  # before anything is created behind a link
    folder.mkdir(parents=True, exist_ok=True)
    _require_inside(folder, root, roots)
    beside = folder / f".{file_name}.{os.getpid()}"
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | PLAIN, 0o644)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(markdown)
        beside.replace(folder / file_name)
    finally:
        beside.unlink(missing_ok=True)
    _ignore(root, roots)
    return folder / file_name


def last_handoff(root: Path) -> str:
    """The name of the last handoff that Segue wrote there, by its name; empty where there is none."""
    folder = root / FOLDER
    if folder.is_symlink() or folder.parent.is_symlink():
        return ""
    try:
        with os.scandir(folder) as entries:
            names = [each.name for each in islice(entries, files_looked_at_max) if _own_name.fullmatch(each.name)]
    except OSError:
        return ""
    return max(names, default="")


def remove_handoff(root: Path, roots: Sequence[Path], file_name: str, digest: str) -> bool:
    """Removes the file if it is one that Segue wrote and nobody changed; returns whether it did.

    `digest` is the SHA-256 of what was written, in hex. InvalidInput if a link leads elsewhere.
    """
    if not _own_name.fullmatch(file_name):
        raise InvalidInput("That is not a name of a handoff.")
    folder = root / FOLDER
    if not folder.exists():
        return False
    _require_inside(folder, root, roots)
    path = folder / file_name
    if path.is_symlink() or not path.is_file() or path.stat().st_size > file_max_bytes:
        return False
    if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
        return False
    path.unlink()
    return True


def _require_inside(folder: Path, root: Path, roots: Sequence[Path]) -> None:
    real = folder.resolve()
    if real != root.resolve() / FOLDER or not inside(real, roots):
        raise InvalidInput("The handoffs' folder is a link to elsewhere.", f"Make {FOLDER} a directory of the project.")


def _ignore(root: Path, roots: Sequence[Path]) -> None:
    """Adds the folder to the repository's own exclusions, once; does nothing without a repository."""
    try:
        repository = find_repository(root, roots)
    except Denied:
        return
    if repository is None or repository.bare:
        return
    exclude = repository.common_dir / "info" / "exclude"
    if exclude.is_symlink() or exclude.parent.is_symlink():
        return
    exclude.parent.mkdir(exist_ok=True)
    known = exclude.read_text(encoding="utf-8", errors="surrogateescape") if exclude.exists() else ""
    prefix = root.resolve().relative_to(repository.root.resolve()).as_posix()
    line = _ignored if prefix == "." else f"/{prefix}{_ignored}"
    if line not in known.splitlines():
        with exclude.open("a", encoding="utf-8") as file:
            file.write(("" if not known or known.endswith("\n") else "\n") + line + "\n")
