"""A working directory as collectors see it: its files, its reports, and bounded reading."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from services.kit.systems import PLAIN
from services.workspace.allowed_roots import resolve_directory
from services.workspace.developer_tools import safe_path

files_max = 100_000
depth_max = 40
report_files_max = 2_000
bytes_a_line = 40
"""The mean length of a line of code, to estimate lines from sizes: counting them would mean reading all files."""

LANGUAGES = {
    **dict.fromkeys((".py", ".pyi"), "python"),
    **dict.fromkeys((".js", ".jsx", ".mjs", ".cjs"), "javascript"),
    **dict.fromkeys((".ts", ".tsx", ".mts", ".cts"), "typescript"),
    ".go": "go",
    ".rs": "rust",
}
NOT_SOURCES = frozenset(
    [
        "node_modules",
        "bower_components",
        "site-packages",
        "venv",
        "env",
        "virtualenv",
        "__pycache__",
        "dist",
        "build",
        "target",
        "out",
        "vendor",
        "third_party",
        "coverage",
        "htmlcov",
        "__pypackages__",
    ]
)
"""Directories of installed or generated files; hidden ones are left out, too."""
REPORT_DIRECTORIES = [
    ".",
    "reports",
    "report",
    ".reports",
    "artifacts",
    "test-results",
    "test-reports",
    "coverage",
    "htmlcov",
    "build",
    "build/reports",
    "build/test-results",
    "target",
    "target/nextest/default",
    "target/nextest/ci",
    "target/tarpaulin",
    "target/llvm-cov",
    ".pytest_cache/v/cache",
]
GIT_STATE = ("HEAD", "logs/HEAD", "index", "packed-refs")
"""Files in git's directory that change with a commit, a checkout or an add."""
WORKFLOWS = {"GitHub": ".github/workflows", "Forgejo": ".forgejo/workflows", "Gitea": ".gitea/workflows"}
OWN_PLACES = (".venv/bin", "venv/bin", "node_modules/.bin")
"""Directories of tools in a project's own environment."""
HIDDEN_STATE = (*WORKFLOWS.values(), ".circleci", ".buildkite", ".ci", *OWN_PLACES)
"""Directories that the walk skips, but in which collectors check for files."""


_by_name = attrgetter("name")
Measured = TypeVar("Measured")


class Unmeasured(Exception):
    """The reason why something cannot be measured; it is shown to the user."""


class File(NamedTuple):
    """`path` is relative to the root, with slashes; `modified` is in seconds since the epoch."""

    path: str
    size: int
    modified: float


@dataclass
class Place:
    """The scan of a directory. `state` stays the same as long as no file and no commit changes."""

    root: Path
    now: datetime
    files: Sequence[File]
    reports: Sequence[File]
    truncated: bool
    state: str
    deadline_s: float
    roots: Sequence[Path]
    measured: dict[tuple[str, File], Any] = field(default_factory=dict)
    """Measurements of single files, reused from an earlier scan."""

    @cached_property
    def paths(self) -> frozenset[str]:
        """The paths of all files."""
        return frozenset(file.path for file in self.files)

    @cached_property
    def by_language(self) -> dict[str, list[File]]:
        """Source files by language, in the order of their paths; only languages present."""
        found: dict[str, list[File]] = {}
        for file in self.files:
            language = LANGUAGES.get(os.path.splitext(file.path)[1].lower())  # noqa: PTH122  # ten times as fast
            if language:
                found.setdefault(language, []).append(file)
        return found

    def sources(self, *languages: str) -> list[File]:
        """Source files of these languages; of all languages if none are given."""
        return [file for name in languages or self.by_language for file in self.by_language.get(name, ())]

    def lines(self, *languages: str) -> float:
        """The estimated number of source lines."""
        return sum(file.size for file in self.sources(*languages)) / bytes_a_line

    def newest(self, *languages: str) -> float:
        """When a source file was last modified, in seconds since the epoch; 0 if there are none."""
        return max((file.modified for file in self.sources(*languages)), default=0.0)

    def has(self, *paths: str) -> bool:
        """Whether any of the paths is a file here, including hidden directories."""
        return any((self.root / path).is_file() for path in paths)

    def read(self, path: str, limit_bytes: int) -> bytes:
        """A file's content; Unmeasured if it is not a file, is too large or cannot be read."""
        return read_file(self.root, path, limit_bytes)

    def text(self, path: str, limit_bytes: int = 1024 * 1024) -> str:
        """A file's text; invalid UTF-8 is replaced."""
        return self.read(path, limit_bytes).decode("utf-8", "replace")

    def once(self, what: str, file: File, measure: Callable[[], Measured]) -> Measured:
        """The result of `measure` for a file, cached while its size and time are the same."""
        if (what, file) not in self.measured:
            self.measured[what, file] = measure()
        found: Measured = self.measured[what, file]
        return found

    def check_time(self) -> None:
        """Raises Unmeasured once the deadline has passed; long loops call it."""
        if time.monotonic() > self.deadline_s:
            raise Unmeasured("took too long")


def read_file(root: Path, path: str, limit_bytes: int) -> bytes:
    """A regular file's content; never reads through a link, from a pipe or from a device."""
    try:
        descriptor = os.open(root / path, os.O_RDONLY | PLAIN)
    except (OSError, ValueError) as error:
        raise Unmeasured(f"{path} cannot be read") from error
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise Unmeasured(f"{path} is not a file")
    with os.fdopen(descriptor, "rb") as file:
        if status.st_size > limit_bytes:
            raise Unmeasured(f"{path} is over {limit_bytes // 1024:,} KiB")
        return file.read(limit_bytes)


def look(
    directory: Path,
    roots: Sequence[Path],
    now: datetime | None = None,
    limit_s: float = 10.0,
    entering: Callable[[str], None] = lambda _: None,
    measured: dict[tuple[str, File], Any] | None = None,
) -> Place:
    """Scans the directory in one walk; nothing above `roots` is read.

    `entering` is called with every directory that `state` depends on, before it is read; `measured` is from an earlier
    scan. InvalidInput, NotFound or Denied if the directory may not be scanned.
    """
    deadline_s = time.monotonic() + limit_s
    root = resolve_directory(directory, roots)
    git = git_directory(root)
    for each in (*_with_parents(root, (*REPORT_DIRECTORIES, *HIDDEN_STATE)), git, git / "logs"):
        entering(str(each))
    files: list[File] = []
    for file in _walk(str(root), entering):
        files.append(file)
        if len(files) >= files_max or (len(files) % 1000 == 0 and time.monotonic() > deadline_s):
            break
    reports = [file for directory in REPORT_DIRECTORIES for file in _report_files(root, directory)]
    state = _state(root, git, [*files, *reports])
    is_cut = len(files) >= files_max
    known = {} if measured is None else measured
    return Place(root, now or datetime.now(UTC), files, reports, is_cut, state, deadline_s, roots, known)


def _with_parents(root: Path, directories: Sequence[str]) -> list[Path]:
    """The existing directories, and those between them and the root, where a missing one would appear."""
    places = dict.fromkeys(root / parent for each in directories for parent in (Path(each), *Path(each).parents))
    return [place for place in places if place.is_dir()]


def _walk(root: str, entering: Callable[[str], None]) -> Iterator[File]:
    """Every regular file, a directory's own before those below; the inner loop of all checks, so kept fast."""
    waiting = [(root, "", 0)]
    while waiting:
        directory, prefix, depth = waiting.pop()
        entering(directory)
        deeper = []
        for entry in _entries(directory):
            name = entry.name
            if entry.is_file(follow_symlinks=False):
                if file := _file(entry, prefix):
                    yield file
            elif _is_walked(name) and depth < depth_max and entry.is_dir(follow_symlinks=False):
                deeper.append((entry.path, f"{prefix}{name}/", depth + 1))
        waiting.extend(reversed(deeper))


def _is_walked(name: str) -> bool:
    return name not in NOT_SOURCES and not name.startswith(".")


def _entries(directory: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as entries:
            return sorted(entries, key=_by_name)
    except OSError:
        return []  # removed meanwhile, or not readable: not measured


def _file(entry: os.DirEntry[str], prefix: str) -> File | None:
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return None
    return File(prefix + entry.name, status.st_size, status.st_mtime)


def _report_files(root: Path, directory: str) -> list[File]:
    """The files directly in a directory where reports are usual; none if a link leads to it."""
    path = os.path.normpath(root / directory)
    if os.path.realpath(path) != path:
        return []
    prefix = "" if directory == "." else f"{directory}/"
    entries = [entry for entry in _entries(path)[:report_files_max] if entry.is_file(follow_symlinks=False)]
    return [file for entry in entries if (file := _file(entry, prefix))]


def environment_state(root: Path) -> tuple[float, ...]:
    """The times of directories where tools are installed: not part of the project, and they change independently."""
    return tuple(_modification_time(place) for place in (*safe_path(root), *(root / each for each in HIDDEN_STATE)))


def _modification_time(place: Path) -> float:
    try:
        return place.stat().st_mtime
    except OSError:
        return 0.0


def _state(root: Path, git: Path, files: Sequence[File]) -> str:
    digest = hashlib.blake2b(repr(environment_state(root)).encode(), digest_size=16)
    lines = [f"{file.path}\0{file.size}\0{file.modified}" for file in files]
    digest.update("\n".join(lines).encode("utf-8", "surrogateescape"))
    for name in GIT_STATE:
        try:
            status = (git / name).stat()
        except OSError:
            continue
        digest.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}".encode())
    return digest.hexdigest()


def git_directory(root: Path) -> Path:
    """The git directory of this directory; it does not exist outside of a repository."""
    marker = next((each / ".git" for each in (root, *root.parents) if (each / ".git").exists()), root / ".git")
    try:
        named = read_file(marker.parent, ".git", 4096).decode("utf-8", "replace").removeprefix("gitdir:").strip()
    except Unmeasured:
        return marker
    return marker.parent / named.replace("\0", "")
