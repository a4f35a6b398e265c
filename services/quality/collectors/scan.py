"""Scans a directory: one walk over its sources, and the places where tools leave their reports.

What is source follows version control and manifests, not names alone: a file that git tracks is one even below
`build`; what git ignores, installed packages, build output and repositories within are not.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import Any

from services.kit.errors import ServiceError
from services.quality.collectors.directory import (
    HIDDEN_STATE,
    File,
    Place,
    Unmeasured,
    package_directories,
    read_file,
)
from services.workspace.allowed_roots import resolve_directory
from services.workspace.developer_tools import safe_path
from services.workspace.git.repository import Repository, find_repository
from services.workspace.project import project_root

files_max = 100_000
depth_max = 40
report_files_max = 2_000
INSTALLED = frozenset({"node_modules", "bower_components", "site-packages", "__pycache__", "__pypackages__"})
OUTPUTS = frozenset(
    "venv env virtualenv dist build target out obj vendor third_party coverage htmlcov lcov-report".split()  # noqa: SIM905
)
"""Directories that may be output, or installed, or a package of that name."""
NEVER_TRACKED_SOURCES = frozenset({"vendor", "third_party", "dist", "coverage", "htmlcov", "lcov-report"})
"""Even where git tracks them, beside a manifest they are copies."""
MARKS_OF_COPIES = frozenset({"pyvenv.cfg", "CACHEDIR.TAG", "modules.txt", "autoload.php", "CMakeCache.txt"})
MANIFESTS = frozenset(
    (
        *("pyproject.toml", "setup.py", "setup.cfg", "package.json", "Cargo.toml", "go.mod", "pom.xml"),
        *("build.gradle", "build.gradle.kts", "composer.json", "Gemfile", "CMakeLists.txt", "Makefile"),
    )
)
REPORT_DIRECTORIES = [
    *(".", "reports", "report", ".reports", "artifacts", "test-results", "test-reports", "results", "coverage"),
    *("reports/*", "report/*", "artifacts/*", "test-results/*", "test-reports/*", "results/*", "coverage/*"),
    *("coverage/*/*", "cover", "build/reports/*/*/*", "build/outputs/*/*", "build/meson-logs", "builddir/meson-logs"),
    *(".build/debug/codecov", ".build/*/debug/codecov", "dist/coverage/*", "dist/test/reports"),
    *("htmlcov", "build", "build/reports", "build/reports/*", "build/reports/*/*", "build/test-results"),
    *("build/test-results/*", "build/coverage", "target", "target/nextest/*", "target/tarpaulin", "target/llvm-cov"),
    *("target/surefire-reports", "target/failsafe-reports", "target/site/*", "target/test-reports"),
    *("target/*/coverage-report", "target/*/scoverage-report", "TestResults", "TestResults/*", "Testing/*"),
    *("build/Testing/*", "build/logs", "spec/reports", "test/reports", "tests/reports", "tests/_output", "tmp", "out"),
    *("cypress/results", "playwright-report", ".pytest_cache/v/cache"),
]
"""Where reports are usual, below each package; `*` is any directory."""
GIT_STATE = ("HEAD", "logs/HEAD", "index", "packed-refs")
"""Files in git's directory that change with a commit, a checkout or an add."""
_by_name = attrgetter("name")


@dataclass(frozen=True)
class Tracking:
    """What git tracks below a directory, and what it ignores there; paths relative to it, directories without slash."""

    repository: Repository
    tracked: frozenset[str]
    directories: frozenset[str]
    ignored: frozenset[str]


def look(
    directory: Path,
    roots: Sequence[Path],
    now: datetime | None = None,
    limit_s: float = 10.0,
    entering: Callable[[str], None] = lambda _: None,
    measured: dict[tuple[str, File], Any] | None = None,
) -> Place:
    """Scans the project of the directory; nothing above `roots` is read.

    `entering` is called with every directory that `state` depends on, before it is read; `measured` is from an earlier
    scan. InvalidInput, NotFound or Denied if the directory may not be scanned.
    """
    deadline_s = time.monotonic() + limit_s
    root = scanned_root(directory, roots)
    git = git_directory(root)
    entering = _once(entering)
    for each in (*_existing(root, HIDDEN_STATE), git, git / "logs"):
        entering(str(each))
    tracking = _tracking(root, roots)
    files: list[File] = []
    for file in _Walk(str(root), entering, tracking).files():
        files.append(file)
        if len(files) >= files_max or (len(files) % 1000 == 0 and time.monotonic() > deadline_s):
            break
    reports = _report_files(root, package_directories(files), entering)
    known = {} if measured is None else measured
    return Place(
        root=root,
        now=now or datetime.now(UTC),
        files=files,
        reports=reports,
        truncated=len(files) >= files_max,
        state=_state(root, git, [*files, *reports]),
        deadline_s=deadline_s,
        roots=roots,
        measured=known,
        tracked=tracking.tracked if tracking else None,
        repository=tracking.repository if tracking else None,
    )


def _once(entering: Callable[[str], None]) -> Callable[[str], None]:
    """The same, called once for each directory."""
    entered = set[str]()

    def enter(directory: str) -> None:
        if directory not in entered:
            entered.add(directory)
            entering(directory)

    return enter


def scanned_root(directory: Path, roots: Sequence[Path]) -> Path:
    """The project of a directory: what is measured is the whole of it. Raises the errors of `look`."""
    return project_root(resolve_directory(directory, roots), roots)


def _tracking(root: Path, roots: Sequence[Path]) -> Tracking | None:
    """What git says of the files; None outside of a repository that it can read."""
    try:
        repository = find_repository(root, roots)
        if repository is None or repository.bare:
            return None
        tracked = _ls_files(repository, root, "--cached")
        ignored = _ls_files(repository, root, "--others", "--ignored", "--exclude-standard", "--directory")
    except (ServiceError, OSError):
        return None
    if tracked is None or ignored is None:
        return None
    directories = set[str]()
    for path in tracked:
        while (path := path.rpartition("/")[0]) and path not in directories:
            directories.add(path)
    return Tracking(repository, frozenset(tracked), frozenset(directories), frozenset(ignored))


def _ls_files(repository: Repository, root: Path, *options: str) -> list[str] | None:
    """Paths relative to the root, which may be a directory inside the repository."""
    below = os.path.relpath(root, repository.root)
    prefix = b"" if below == "." else os.fsencode(below) + b"/"
    finished = repository.git("ls-files", "-z", *options, "--", below)
    if not finished.ok:
        return None
    names = finished.output.split(b"\0")[:-1]
    return [os.fsdecode(name[len(prefix) :]).rstrip("/") for name in names if name.startswith(prefix)]


class _Walk:
    """Every regular file, a directory's own before those below; the inner loop of all checks, so kept fast."""

    def __init__(self, root: str, entering: Callable[[str], None], tracking: Tracking | None) -> None:
        self._root = root
        self._entering = entering
        self._tracking = tracking

    def files(self) -> Iterator[File]:
        waiting = [(self._root, "", 0)]
        while waiting:
            directory, prefix, depth = waiting.pop()
            self._entering(directory)
            entries = _entries(directory)
            names = {entry.name for entry in entries}
            if prefix and ".git" in names:
                continue  # a repository of its own
            deeper = []
            for entry in entries:
                if entry.is_file(follow_symlinks=False):
                    if not self._is_ignored(prefix + entry.name) and (file := _file(entry, prefix)):
                        yield file
                elif depth < depth_max and self._is_walked(entry, prefix, names):
                    deeper.append((entry.path, f"{prefix}{entry.name}/", depth + 1))
            waiting.extend(reversed(deeper))

    def _is_ignored(self, path: str) -> bool:
        return self._tracking is not None and path in self._tracking.ignored

    def _is_walked(self, entry: os.DirEntry[str], prefix: str, beside: set[str]) -> bool:
        name, path = entry.name, prefix + entry.name
        if name in INSTALLED or name.startswith(".") or not entry.is_dir(follow_symlinks=False):
            return False
        if self._is_ignored(path):
            return False
        return name not in OUTPUTS or self._is_source(entry.path, path, beside)

    def _is_source(self, directory: str, path: str, beside: set[str]) -> bool:
        """Whether a directory with the name of an output is part of the source."""
        name, is_top = path.rpartition("/")[2], "/" not in path or bool(beside & MANIFESTS)
        names = {entry.name for entry in _entries(directory)}
        if names & MARKS_OF_COPIES:
            return False
        if "__init__.py" in names:
            return True
        if self._tracking and path in self._tracking.directories:
            return name not in NEVER_TRACKED_SOURCES or (not is_top and name in {"dist", "coverage"})
        return not is_top and name not in {"vendor", "third_party"}


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


def _report_files(root: Path, packages: Sequence[str], entering: Callable[[str], None]) -> list[File]:
    """The files directly in the directories where reports are usual, of every package."""
    found: dict[str, File] = {}
    for package in packages:
        top = root / package if package else root
        names = {entry.name for entry in _entries(str(top))}
        for directory in REPORT_DIRECTORIES:
            if directory == "." or directory.partition("/")[0] in names:
                for path in _matching(str(top), directory, entering):
                    entering(path)
                    found |= {file.path: file for file in _files_in(root, path)}
    return list(found.values())


def _matching(top: str, pattern: str, entering: Callable[[str], None]) -> list[str]:
    """The directories of that pattern; each is watched, and where one is missing the one above it."""
    places = [top]
    for part in pattern.split("/"):
        if part == ".":
            break
        below: list[str] = []
        for place in places:
            entering(place)
            if part == "*":
                below += [entry.path for entry in _entries(place)[:200] if entry.is_dir(follow_symlinks=False)]
            elif os.path.isdir(f"{place}/{part}"):  # noqa: PTH112 - pathlib takes ten times as long
                below.append(f"{place}/{part}")
        places = below
    return places


def _files_in(root: Path, directory: str) -> list[File]:
    """The files directly in a directory; none if a link leads to it."""
    if os.path.realpath(directory) != directory:
        return []
    prefix = os.path.relpath(directory, root) + "/"
    found = [entry for entry in _entries(directory)[:report_files_max] if entry.is_file(follow_symlinks=False)]
    return [file for entry in found if (file := _file(entry, "" if prefix == "./" else prefix))]


def _existing(root: Path, directories: Sequence[str]) -> list[Path]:
    """The existing directories, and those between them and the root, where a missing one would appear."""
    places = dict.fromkeys(root / parent for each in directories for parent in (Path(each), *Path(each).parents))
    return [place for place in places if place.is_dir()]


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
