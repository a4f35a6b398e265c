"""A working directory as the collectors see it: its files, its reports, and reading them within limits."""

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

from services.workspace.allowed_roots import resolve_directory
from services.workspace.developer_tools import safe_path

files_max = 100_000
depth_max = 40
report_files_max = 2_000
bytes_a_line = 40
"""The mean length of a line of code, by which lines are estimated from sizes: counting them is reading them all."""

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
"""Directories of what was installed or generated; hidden ones are left out too."""
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
"""Within git's directory: what changes with a commit, a checkout and an add."""
WORKFLOWS = {"GitHub": ".github/workflows", "Forgejo": ".forgejo/workflows", "Gitea": ".gitea/workflows"}
OWN_PLACES = (".venv/bin", "venv/bin", "node_modules/.bin")
"""Where a project's own environment has its tools."""
HIDDEN_STATE = (*WORKFLOWS.values(), ".circleci", ".buildkite", ".ci", *OWN_PLACES)
"""Directories that the walk leaves out, of which the collectors ask whether something is there."""


_by_name = attrgetter("name")
Measured = TypeVar("Measured")


class Unmeasured(Exception):
    """Why something cannot be measured; the message is shown."""


class File(NamedTuple):
    """`path` is relative to the root, with slashes; `modified` in seconds since the epoch."""

    path: str
    size: int
    modified: float


@dataclass
class Place:
    """One look at a directory. `state` is the same as long as no file and no commit has changed."""

    root: Path
    now: datetime
    files: Sequence[File]
    reports: Sequence[File]
    truncated: bool
    state: str
    deadline_s: float
    roots: Sequence[Path]
    measured: dict[tuple[str, File], Any] = field(default_factory=dict)
    """What was measured of single files: what an earlier look left here is not measured again."""

    @cached_property
    def paths(self) -> frozenset[str]:
        """Of all files."""
        return frozenset(file.path for file in self.files)

    @cached_property
    def by_language(self) -> dict[str, list[File]]:
        """Source files, in order of their paths; only languages that are there."""
        found: dict[str, list[File]] = {}
        for file in self.files:
            language = LANGUAGES.get(os.path.splitext(file.path)[1].lower())  # noqa: PTH122  # ten times as fast
            if language:
                found.setdefault(language, []).append(file)
        return found

    def sources(self, *languages: str) -> list[File]:
        """Source files of these languages; of all when none is named."""
        return [file for name in languages or self.by_language for file in self.by_language.get(name, ())]

    def lines(self, *languages: str) -> float:
        """Estimated lines of source."""
        return sum(file.size for file in self.sources(*languages)) / bytes_a_line

    def newest(self, *languages: str) -> float:
        """When a source was last modified, in seconds since the epoch; 0 without any."""
        return max((file.modified for file in self.sources(*languages)), default=0.0)

    def has(self, *paths: str) -> bool:
        """Whether one of the paths is a file here, hidden directories included."""
        return any((self.root / path).is_file() for path in paths)

    def read(self, path: str, limit_bytes: int) -> bytes:
        """A file's content; Unmeasured where it is none, is too large or cannot be read."""
        return read_file(self.root, path, limit_bytes)

    def text(self, path: str, limit_bytes: int = 1024 * 1024) -> str:
        """A file's text; what is no UTF-8 is replaced."""
        return self.read(path, limit_bytes).decode("utf-8", "replace")

    def once(self, what: str, file: File, measure: Callable[[], Measured]) -> Measured:
        """What `measure` finds in a file, or found when it had the same size and time."""
        if (what, file) not in self.measured:
            self.measured[what, file] = measure()
        found: Measured = self.measured[what, file]
        return found

    def check_time(self) -> None:
        """Unmeasured once the time for looking is over: long loops ask."""
        if time.monotonic() > self.deadline_s:
            raise Unmeasured("took too long")


def read_file(root: Path, path: str, limit_bytes: int) -> bytes:
    """A regular file's content; never through a link, never from a pipe or device."""
    try:
        descriptor = os.open(root / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise Unmeasured(f"{path} cannot be read") from error
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise Unmeasured(f"{path} is no file")
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
    """Everything that `Place` says, by one walk over the directory; nothing above `roots` is looked at.

    `entering` is told every directory that `state` depends on, before it is read; `measured` is that of an earlier
    look. InvalidInput, NotFound or Denied where it may not be looked at.
    """
    deadline_s = time.monotonic() + limit_s
    root = resolve_directory(directory, roots)
    git_directory = _git_directory(root)
    for each in (*_with_parents(root, (*REPORT_DIRECTORIES, *HIDDEN_STATE)), git_directory, git_directory / "logs"):
        entering(str(each))
    files: list[File] = []
    for file in _walk(str(root), entering):
        files.append(file)
        if len(files) >= files_max or (len(files) % 1000 == 0 and time.monotonic() > deadline_s):
            break
    reports = [file for directory in REPORT_DIRECTORIES for file in _report_files(root, directory)]
    state = _state(root, git_directory, [*files, *reports])
    is_cut = len(files) >= files_max
    known = {} if measured is None else measured
    return Place(root, now or datetime.now(UTC), files, reports, is_cut, state, deadline_s, roots, known)


def _with_parents(root: Path, directories: Sequence[str]) -> list[Path]:
    """Those that are there, and what lies between them and the root, which is where a missing one would appear."""
    places = dict.fromkeys(root / parent for each in directories for parent in (Path(each), *Path(each).parents))
    return [place for place in places if place.is_dir()]


def _walk(root: str, entering: Callable[[str], None]) -> Iterator[File]:
    """Every regular file, a directory's own before those below; the loop of all checks, so it is kept tight."""
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
        return []  # gone meanwhile, or not ours to read: then it is not measured


def _file(entry: os.DirEntry[str], prefix: str) -> File | None:
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return None
    return File(prefix + entry.name, status.st_size, status.st_mtime)


def _report_files(root: Path, directory: str) -> list[File]:
    """The files right in a directory where reports use to be; none where a link leads to it."""
    path = os.path.normpath(root / directory)
    if os.path.realpath(path) != path:
        return []
    prefix = "" if directory == "." else f"{directory}/"
    entries = [entry for entry in _entries(path)[:report_files_max] if entry.is_file(follow_symlinks=False)]
    return [file for entry in entries if (file := _file(entry, prefix))]


def environment_state(root: Path) -> tuple[float, ...]:
    """Of the places where tools are installed: they are no part of the project, and change without it."""
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


def _git_directory(root: Path) -> Path:
    """Where git keeps this directory's state; nothing is there where it is in no repository."""
    marker = next((each / ".git" for each in (root, *root.parents) if (each / ".git").exists()), root / ".git")
    try:
        named = read_file(marker.parent, ".git", 4096).decode("utf-8", "replace").removeprefix("gitdir:").strip()
    except Unmeasured:
        return marker
    return marker.parent / named.replace("\0", "")
