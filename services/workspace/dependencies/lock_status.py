"""Checks whether a project's locks agree with its manifests. Files of up to 8 MiB are read; no tool is run."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from services.workspace.dependencies import js_cargo_go_locks, python_locks, workspaces
from services.workspace.dependencies.manifests import (
    LOCK_MAX_BYTES,
    MANIFEST_MAX_BYTES,
    Compare,
    DependencyFile,
    Manifest,
    Verdict,
    Where,
    read_text,
)
from services.workspace.dependencies.workspaces import read_json, read_toml
from services.workspace.serialization import readable

LIBRARY = "a library needs no lock"
PYTHON_LOCKS: dict[str, Compare] = {
    "uv.lock": python_locks.uv,
    "poetry.lock": python_locks.poetry,
    "pdm.lock": python_locks.by_names,
    "pylock.toml": python_locks.by_names,
}
JS_LOCKS: dict[str, Compare] = {
    "package-lock.json": js_cargo_go_locks.npm,
    "npm-shrinkwrap.json": js_cargo_go_locks.npm,
    "yarn.lock": js_cargo_go_locks.yarn,
    "pnpm-lock.yaml": js_cargo_go_locks.pnpm,
    "bun.lock": js_cargo_go_locks.bun,
}
REQUIREMENTS = (
    *("dependencies", "devDependencies", "dev-dependencies", "build-dependencies", "dependency-groups"),
    *("workspaces", "packages", "dev-packages"),
)
"""What a manifest has if it requires anything."""
OF_MANAGER = {"npm": ("package-lock.json", "npm-shrinkwrap.json"), "yarn": ("yarn.lock",), "pnpm": ("pnpm-lock.yaml",)}
OF_MANAGER |= {"bun": ("bun.lock",)}


class _Lock(NamedTuple):
    """A lock beside a manifest or above it."""

    name: str
    directory: Path


def dependency_files(
    root: Path, roots: Sequence[Path] = (), packages: Sequence[str] | None = None
) -> tuple[DependencyFile, ...]:
    """The manifests of a project's packages and their locks, which for a member of a workspace may be above it: within
    the roots, and no higher than the repository. Without `packages`, those that the manifests name."""
    known = workspaces.packages(root) if packages is None else list(packages)[: workspaces.PACKAGES_MAX]
    names = frozenset(str((read_json(root / each / "package.json") or {}).get("name", "")) for each in known)
    return tuple(file for package in known for file in _Package(root, package, roots, names).files())


class _Package(NamedTuple):
    """A directory with manifests, below a project's root."""

    root: Path
    name: str
    roots: Sequence[Path]
    siblings: frozenset[str]

    @property
    def directory(self) -> Path:
        return self.root / self.name if self.name else self.root

    def files(self) -> Iterator[DependencyFile]:
        """The package's manifests with their locks."""
        for ecosystem, content, name, locks in _manifests(self.directory):
            found = self._dependency_file(Manifest(ecosystem, name, content), locks)
            yield _of_pyproject(self.directory, found, content) if name == "pyproject.toml" else found
        for found in python_locks.requirements(self.directory):
            yield replace(found, manifest=self._path(found.manifest), lock=self._path(found.lock or "") or None)

    def _path(self, name: str) -> str:
        return readable(f"{self.name}/{name}") if self.name and name else name

    def _dependency_file(self, manifest: Manifest, locks: dict[str, Compare]) -> DependencyFile:
        lock = self._lock(manifest, locks)
        verdict = self._verdict(manifest, lock, locks)
        if verdict.status == "missing lock" and _is_library(self.directory, manifest):
            verdict = Verdict("unknown", LIBRARY)
        reason = readable(verdict.reason) if verdict.reason else None
        shown = readable(os.path.relpath(lock.directory / lock.name, self.root)) if lock else None
        return DependencyFile(manifest.ecosystem, self._path(manifest.name), shown, verdict.status, reason)

    def _lock(self, manifest: Manifest, locks: dict[str, Compare]) -> _Lock | None:
        inside = [self.directory, *(self.root / each for each in Path(self.name).parents if self.name)]
        for place in dict.fromkeys([*inside, *workspaces.places_of_locks(self.root, self.roots)]):
            if name := next((name for name in locks if os.path.lexists(place / name)), None):
                return _Lock(name, place)
            if manifest.name == "go.mod":
                return None
        return None

    def _verdict(self, manifest: Manifest, lock: _Lock | None, locks: dict[str, Compare]) -> Verdict:
        if not manifest.content:
            return Verdict("unknown", f"{manifest.name} cannot be read")
        if lock is None:
            needed = _requires_something(manifest.content)
            return Verdict("missing lock", f"there is no {next(iter(locks))}") if needed else Verdict("agrees")
        text = read_text(lock.directory / lock.name, LOCK_MAX_BYTES)
        if text is None:
            return Verdict("unknown", f"{lock.name} is too large or not a file")
        member = os.path.relpath(self.directory, lock.directory)
        above = _content(lock.directory / manifest.name) or {}
        where = Where("" if member == "." else member, above, self.siblings)
        try:
            verdict = locks[lock.name](manifest.content, text, where)
        except (ValueError, RecursionError, AttributeError, TypeError, KeyError):
            # Both files are untrusted: any deviation from the format that their tool writes counts as unknown.
            return Verdict("unknown", f"{lock.name} or its manifest is not in a known format")
        if verdict.status == "missing lock" and not _requires_something(manifest.content):
            return Verdict("agrees")
        return verdict


def _content(file: Path) -> dict[str, Any] | None:
    return read_json(file) if file.suffix == ".json" else read_toml(file) if file.suffix == ".toml" else None


def _manifests(root: Path) -> Iterator[tuple[str, dict[str, Any], str, dict[str, Compare]]]:
    """Each manifest with a lock of its own kind: ecosystem, content, name, and the locks it may have."""
    if (content := read_toml(root / "pyproject.toml")) is not None:
        ecosystem = _python_ecosystem(root, content)
        first = {"poetry": "poetry.lock", "pdm": "pdm.lock"}.get(ecosystem, "uv.lock")
        yield ecosystem, content, "pyproject.toml", {first: PYTHON_LOCKS[first], **PYTHON_LOCKS}
    if (content := read_toml(root / "Pipfile")) is not None:
        yield "pipenv", content, "Pipfile", {"Pipfile.lock": python_locks.pipenv}
    if (content := read_json(root / "package.json")) is not None:
        yield "npm", content, "package.json", _js_locks(content)
    if (content := read_toml(root / "Cargo.toml")) is not None:
        yield "cargo", content, "Cargo.toml", {"Cargo.lock": js_cargo_go_locks.cargo}
    if (text := read_text(root / "go.mod", MANIFEST_MAX_BYTES)) is not None:
        content = {"text": text, "dependencies": re.findall(r"^\s*require\b", text, re.MULTILINE)}
        yield "go", content, "go.mod", {"go.sum": js_cargo_go_locks.go}


def _js_locks(manifest: dict[str, Any]) -> dict[str, Compare]:
    """The locks in the order in which they count: first that of the package manager that the manifest names."""
    manager = str(manifest.get("packageManager", "")).partition("@")[0]
    first = OF_MANAGER.get(manager, ())
    return {name: JS_LOCKS[name] for name in (*first, *JS_LOCKS)}


def _python_ecosystem(root: Path, content: dict[str, Any]) -> str:
    tools = content.get("tool")
    names = ("uv", "poetry", "pdm")
    by_lock = next((name for name in names if os.path.lexists(root / f"{name}.lock")), None)
    return by_lock or next((name for name in names if isinstance(tools, dict) and name in tools), "python")


def _is_library(directory: Path, manifest: Manifest) -> bool:
    """Whether others install the package with its ranges, so that a lock would bind nobody."""
    content = manifest.content
    if manifest.name == "pyproject.toml":
        project = content.get("project")
        classifiers = project.get("classifiers") if isinstance(project, dict) else None
        is_private = isinstance(classifiers, list) and any("Private ::" in str(each) for each in classifiers)
        return "build-system" in content and isinstance(project, dict) and not is_private
    if manifest.name == "package.json":
        shared = content.keys() & {"main", "module", "exports", "types", "bin", "files"}
        return bool(shared) and "version" in content and content.get("private") is not True
    is_program = (directory / "src/main.rs").is_file() or "bin" in content
    return manifest.name == "Cargo.toml" and (directory / "src/lib.rs").is_file() and not is_program


def _of_pyproject(root: Path, found: DependencyFile, content: dict[str, Any]) -> DependencyFile:
    """The same file, or the verdict of compiled requirements if they serve as its lock."""
    is_open = found.status == "missing lock" or found.reason == LIBRARY
    try:
        stands_in = python_locks.compiled_requirements(root, content) if is_open else None
    except (ValueError, AttributeError, TypeError):
        stands_in = None
    if stands_in is None:
        return found
    lock, verdict = stands_in
    return replace(
        found, lock=readable(lock), status=verdict.status, reason=verdict.reason and readable(verdict.reason)
    )


def _requires_something(content: dict[str, Any]) -> bool:
    project, tool = content.get("project"), content.get("tool")
    tables = [content, *([project] if isinstance(project, dict) else [])]
    is_poetry = isinstance(tool, dict) and "poetry" in tool
    return is_poetry or any(table.get(kind) for table in tables for kind in REQUIREMENTS)
