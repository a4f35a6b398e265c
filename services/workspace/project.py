"""The project that a working directory belongs to: root, name, type, and cheap facts about its structure."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from services.workspace import landmarks
from services.workspace.allowed_roots import home, upwards
from services.workspace.git.repository import locate
from services.workspace.serialization import readable

ENTRIES_MAX = 2000
DIRECTORIES_MAX = 40
FILES_MAX = 16
NAME_MAX_CHARS = 100

MANIFESTS = {
    "pyproject.toml": "python",
    "setup.py": "python",
    "setup.cfg": "python",
    "requirements.txt": "python",
    "Pipfile": "python",
    "package.json": "javascript",
    "tsconfig.json": "typescript",
    "deno.json": "typescript",
    "go.mod": "go",
    "Cargo.toml": "rust",
    "pom.xml": "java",
    "build.gradle": "java",
    "build.gradle.kts": "kotlin",
    "Gemfile": "ruby",
    "composer.json": "php",
    "mix.exs": "elixir",
    "Package.swift": "swift",
    "pubspec.yaml": "dart",
    "CMakeLists.txt": "cpp",
}
LOCKS = frozenset(
    (
        *("uv.lock", "poetry.lock", "Pipfile.lock", "pdm.lock", "package-lock.json", "npm-shrinkwrap.json"),
        *("yarn.lock", "pnpm-lock.yaml", "bun.lock", "deno.lock", "Cargo.lock", "go.sum", "Gemfile.lock"),
        *("composer.lock", "mix.lock", "Package.resolved", "pubspec.lock", "gradle.lockfile"),
    )
)
LANGUAGES = {
    "python": ".py",
    "javascript": ".js .mjs .jsx",
    "typescript": ".ts .tsx",
    "go": ".go",
    "rust": ".rs",
    "java": ".java",
    "kotlin": ".kt",
    "ruby": ".rb",
    "php": ".php",
    "elixir": ".ex .exs",
    "swift": ".swift",
    "dart": ".dart",
    "cpp": ".c .cc .cpp .h .hpp",
    "csharp": ".cs",
}
SUFFIXES = {suffix[1:]: language for language, suffixes in LANGUAGES.items() for suffix in suffixes.split()}
TESTS = {"tests", "test", "__tests__", "spec", "specs", "e2e"}
DOCS = {"docs", "doc", "documentation"}


@dataclass(frozen=True)
class Structure:
    """What there is at the top of a project. `entries` counts it, up to 2,000; CI is configured at the repository's."""

    has_readme: bool
    has_licence: bool
    has_changelog: bool
    has_tests: bool
    has_docs: bool
    has_ci: bool
    manifests: tuple[str, ...]
    locks: tuple[str, ...]
    entries: int


@dataclass(frozen=True)
class Project:
    """A project. `type` is its language, `mixed` or `unknown`; `repository_root` may lie above `root`."""

    name: str
    type: str
    languages: tuple[str, ...]
    root: str
    repository_root: str | None
    structure: Structure


def find_project(directory: Path, roots: Sequence[Path]) -> Project:
    """The project of a directory (already resolved): the nearest repository or manifest upwards, within the roots; if
    there is neither, the directory itself. All working trees of a repository have the same name."""
    root = project_root(directory, roots)
    repository_root = next((place for place in upwards(root, roots) if _is_repository(place)), None)
    names = _names(root)
    languages = _languages(root, names)
    return Project(
        name=_readable_name(root),
        type=languages[0] if len(languages) == 1 else "mixed" if languages else "unknown",
        languages=languages,
        root=readable(str(root)),
        repository_root=readable(str(repository_root)) if repository_root else None,
        structure=_structure(root, roots, names),
    )


def project_root(directory: Path, roots: Sequence[Path]) -> Path:
    """The project's root only, as a path."""
    no_project_of = {home(), Path(directory.anchor)} - {directory}
    places = (place for place in upwards(directory, roots) if place not in no_project_of)
    return next((place for place in places if _is_repository(place) or _manifests(_names(place))), directory)


def _is_repository(place: Path) -> bool:
    return os.path.lexists(place / ".git")


def _readable_name(root: Path) -> str:
    return readable(_name(root), NAME_MAX_CHARS) or "unnamed"


def _name(root: Path) -> str:
    """The directory's name; for a linked working tree, that of its main repository."""
    try:
        found = locate(root)
    except OSError:
        found = None
    if found and found.git_dir != found.common_dir:
        common = found.common_dir
        return common.parent.name if common.name == ".git" else common.name.removesuffix(".git")
    return root.name


def _names(place: Path) -> tuple[str, ...]:
    try:
        with os.scandir(place) as entries:
            return tuple(entry.name for _, entry in zip(range(ENTRIES_MAX), entries, strict=False))
    except OSError:
        return ()


def _manifests(names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if name in MANIFESTS)


def _languages(root: Path, names: Sequence[str]) -> tuple[str, ...]:
    """From the manifests; without any, the commonest language of the first 2,000 files, one level down at most."""
    found = {MANIFESTS[name] for name in _manifests(names)}
    if "typescript" in found:
        found.discard("javascript")
    if not found:
        below = (name for place in sorted(names)[:DIRECTORIES_MAX] for name in _names_below(root / place))
        stems = (name.rpartition(".") for name in islice(chain(names, below), ENTRIES_MAX))
        suffixes = Counter(suffix for stem, _, suffix in stems if stem)
        counts: Counter[str] = Counter()
        for suffix, count in suffixes.items():
            if suffix in SUFFIXES:
                counts[SUFFIXES[suffix]] += count
        found = {language for language, _ in counts.most_common(1)}
    return tuple(sorted(found))


def _names_below(place: Path) -> tuple[str, ...]:
    return () if place.name.startswith(".") or place.is_symlink() else _names(place)


def _structure(root: Path, roots: Sequence[Path], names: Sequence[str]) -> Structure:
    lower = {name.lower() for name in names}
    return Structure(
        has_readme=bool(landmarks.readmes(root)),
        has_licence=landmarks.has_licence(names),
        has_changelog=landmarks.has_changelog(names),
        has_tests=bool(lower & TESTS) or any(name.startswith("test_") or ".test." in name for name in lower),
        has_docs=bool(lower & DOCS),
        has_ci=bool(landmarks.continuous_integration(root, roots)),
        manifests=tuple(_manifests(names)[:FILES_MAX]),
        locks=tuple(sorted(set(names) & LOCKS)),
        entries=len(names),
    )
