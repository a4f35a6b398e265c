"""A working directory as collectors see it: its files, its packages, its reports, and bounded reading."""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import translate
from functools import cached_property
from pathlib import Path
from threading import RLock
from typing import Any, NamedTuple, TypeVar

from services.kit.systems import PLAIN
from services.quality.collectors.languages import is_generated, language_of, other_language_of
from services.workspace.git.repository import Repository
from services.workspace.landmarks import HIDDEN
from services.workspace.text import text_of

packages_max = 200
bytes_a_line = 40
"""The mean length of a line of code, to estimate lines from sizes: counting them would mean reading all files."""
PACKAGE_MANIFESTS = frozenset(
    (
        *("pyproject.toml", "setup.py", "setup.cfg", "package.json", "Cargo.toml", "go.mod", "pom.xml"),
        *("build.gradle", "build.gradle.kts", "composer.json", "Gemfile"),
    )
)
_no_package = re.compile(r"(^|/)((__)?(tests?|fixtures?)(__)?|testdata|examples?|samples?|templates?|docs?)/")
_of_others = re.compile(r"^\s*([^\s#]\S*)\s(?:.*\s)?linguist-(?:generated|vendored)(?:=true)?(?:\s|$)")
OWN_PLACES = (".venv/bin", "venv/bin", "node_modules/.bin")
"""Directories of tools in a project's own environment."""
HIDDEN_STATE = (*HIDDEN, ".github", *OWN_PLACES)
"""Directories that the walk skips, but in which collectors check for files."""
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
    """The scan of a project. `state` stays the same as long as no file and no commit changes.

    `tracked` are the files that git tracks; None outside of a repository.
    """

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
    tracked: frozenset[str] | None = None
    repository: Repository | None = None
    changed_at: Callable[[File], float] = lambda file: file.modified
    """When a file was last changed: its own time, unless git knows better."""
    history: Any = None
    """What git knows of the files' times, once it was asked."""
    status: Any = None
    """git's status, once it was asked."""
    is_dated: bool = False
    guard: RLock = field(default_factory=RLock)

    @cached_property
    def paths(self) -> frozenset[str]:
        """The paths of all files."""
        return frozenset(file.path for file in self.files)

    @cached_property
    def by_name(self) -> dict[str, list[str]]:
        """The paths of all files by their last part."""
        found: dict[str, list[str]] = {}
        for path in self.paths:
            found.setdefault(path.rpartition("/")[2], []).append(path)
        return found

    @cached_property
    def packages(self) -> tuple[str, ...]:
        """The directories with a manifest of their own, the root ("") first."""
        return package_directories(self.files)

    @cached_property
    def by_language(self) -> dict[str, list[File]]:
        """Source files by language, in the order of their paths; only languages present, and nothing generated."""
        found: dict[str, list[File]] = {}
        of_others = attributed_to_others(self)
        for file in self.files:
            language = language_of(file.path)
            if language and not is_generated(file.path) and not (of_others and of_others(file.path)):
                found.setdefault(language, []).append(file)
        return found

    def sources(self, *languages: str) -> list[File]:
        """Source files of these languages; of all languages if none are given."""
        return [file for name in languages or self.by_language for file in self.by_language.get(name, ())]

    @cached_property
    def other_sources(self) -> list[File]:
        """Source in languages of which reports alone are read; none where more is in a language that is measured."""
        found = [file for file in self.files if other_language_of(file.path) and not is_generated(file.path)]
        is_main = sum(file.size for file in found) > sum(file.size for file in self.sources())
        return found if is_main else []

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages with source here; none where most is in one of which reports alone are read."""
        return () if self.other_sources else tuple(sorted(self.by_language))

    def lines(self, *languages: str) -> float:
        """The estimated number of source lines."""
        return sum(file.size for file in self._written(*languages)) / bytes_a_line

    def _written(self, *languages: str) -> list[File]:
        return self.sources(*languages) if languages else [*self.sources(), *self.other_sources]

    def newest(self, *languages: str, below: str = "") -> float:
        """When a source file below a directory was last changed, in seconds since the epoch; 0 if there are none."""
        prefix = f"{below}/" if below else ""
        times = (self.changed_at(file) for file in self._written(*languages) if file.path.startswith(prefix))
        return max(times, default=0.0)

    def package_of(self, path: str) -> str:
        """The innermost package that a path is in."""
        return max((each for each in self.packages if not each or path.startswith(f"{each}/")), key=len, default="")

    def has(self, *paths: str) -> bool:
        """Whether any of the paths is a file here, including hidden directories."""
        return any((self.root / path).is_file() for path in paths)

    def read(self, path: str, limit_bytes: int) -> bytes:
        """A file's content; Unmeasured if it is not a file, is too large or cannot be read."""
        return read_file(self.root, path, limit_bytes)

    def text(self, path: str, limit_bytes: int = 1024 * 1024) -> str:
        """A file's text, by its byte order mark or as UTF-8; what is invalid is replaced."""
        return text_of(self.read(path, limit_bytes))

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


def attributed_to_others(place: Place) -> Callable[[str], bool] | None:
    """Whether .gitattributes says of a path that it is generated or vendored, as hosts understand it; None if it
    says so of nothing."""
    if ".gitattributes" not in place.paths:
        return None
    try:
        lines = place.text(".gitattributes", 64 * 1024).splitlines()
    except Unmeasured:
        return None
    patterns = [match[1].lstrip("/") for line in lines if (match := _of_others.match(line))][:200]
    expressions = [translate(f"{each}*" if each.endswith("/") else each.replace("**", "*")) for each in patterns]
    if not expressions:
        return None
    pattern = re.compile("|".join(expressions))
    return lambda path: bool(pattern.match(path) or pattern.match(path.rpartition("/")[2]))


def package_directories(files: Iterable[File]) -> tuple[str, ...]:
    """The directories of manifests, the root ("") first; those of tests, examples and documents are no packages."""
    found = {""}
    for file in files:
        directory, _, name = file.path.rpartition("/")
        is_manifest = name in PACKAGE_MANIFESTS and not _no_package.search(f"{directory}/")
        if directory and (is_manifest or name.endswith((".csproj", ".fsproj"))):
            found.add(directory)
    return tuple(sorted(found))[:packages_max]


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
