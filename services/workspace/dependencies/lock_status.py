"""Checks whether a project's locks agree with its manifests. Files of up to 8 MiB are read; no tool is run."""

from __future__ import annotations

import json
import os
import re
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

from services.workspace.dependencies import js_cargo_go_locks, python_locks
from services.workspace.dependencies.manifests import (
    LOCK_MAX_BYTES,
    MANIFEST_MAX_BYTES,
    Compare,
    DependencyFile,
    Manifest,
    Verdict,
    read_text,
)
from services.workspace.serialization import readable


def dependency_files(root: Path) -> tuple[DependencyFile, ...]:
    """The manifests at the top of a project and their locks."""

    npm, yarn, pnpm = js_cargo_go_locks.npm, js_cargo_go_locks.yarn, js_cargo_go_locks.pnpm
    found = []
    if (content := _toml(root / "pyproject.toml")) is not None:
        ecosystem = _python_ecosystem(root, content)
        locks: dict[str, Compare] = {"uv.lock": python_locks.uv}
        locks = {"poetry.lock": python_locks.poetry} if ecosystem == "poetry" else locks
        found.append(
            _of_pyproject(root, _compare_manifest(root, Manifest(ecosystem, "pyproject.toml", content), locks), content)
        )
    if (content := _json(root / "package.json")) is not None:
        locks = {"package-lock.json": npm, "npm-shrinkwrap.json": npm, "yarn.lock": yarn, "pnpm-lock.yaml": pnpm}
        found.append(_compare_manifest(root, Manifest("npm", "package.json", content), locks))
    if (content := _toml(root / "Cargo.toml")) is not None:
        found.append(
            _compare_manifest(root, Manifest("cargo", "Cargo.toml", content), {"Cargo.lock": js_cargo_go_locks.cargo})
        )
    if (text := read_text(root / "go.mod", MANIFEST_MAX_BYTES)) is not None:
        content = {"text": text, "dependencies": re.findall(r"^\s*require\b", text, re.MULTILINE)}
        found.append(_compare_manifest(root, Manifest("go", "go.mod", content), {"go.sum": js_cargo_go_locks.go}))
    return (*found, *python_locks.requirements(root))


def _python_ecosystem(root: Path, content: dict[str, Any]) -> str:
    tools = content.get("tool")
    names = ("uv", "poetry")
    by_lock = next((name for name in names if os.path.lexists(root / f"{name}.lock")), None)
    return by_lock or next((name for name in names if isinstance(tools, dict) and name in tools), "python")


def _compare_manifest(root: Path, manifest: Manifest, locks: dict[str, Compare]) -> DependencyFile:
    lock = next((name for name in locks if os.path.lexists(root / name)), None)
    verdict = _verdict(root, manifest, lock, locks)
    reason = readable(verdict.reason) if verdict.reason else None
    return DependencyFile(manifest.ecosystem, manifest.name, lock, verdict.status, reason)


def _of_pyproject(root: Path, found: DependencyFile, content: dict[str, Any]) -> DependencyFile:
    """The same file, or the verdict of compiled requirements if they serve as its lock."""

    try:
        stands_in = python_locks.compiled_requirements(root, content) if found.status == "missing lock" else None
    except (ValueError, AttributeError, TypeError):
        stands_in = None
    if stands_in is None:
        return found
    lock, verdict = stands_in
    return replace(
        found, lock=readable(lock), status=verdict.status, reason=verdict.reason and readable(verdict.reason)
    )


def _verdict(root: Path, manifest: Manifest, lock: str | None, locks: dict[str, Compare]) -> Verdict:
    if not manifest.content:
        return Verdict("unknown", f"{manifest.name} cannot be read")
    if lock is None:
        needed = _requires_something(manifest.content)
        return Verdict("missing lock", f"there is no {next(iter(locks))}") if needed else Verdict("agrees")
    text = read_text(root / lock, LOCK_MAX_BYTES)
    if text is None:
        return Verdict("unknown", f"{lock} is too large or not a file")
    try:
        return locks[lock](manifest.content, text)
    except (ValueError, RecursionError, AttributeError, TypeError, KeyError):
        # Both files are untrusted: any deviation from the format that their tool writes counts as unknown.
        return Verdict("unknown", f"{lock} or its manifest is not in a known format")


def _requires_something(content: dict[str, Any]) -> bool:
    kinds = ("dependencies", "devDependencies", "dev-dependencies", "build-dependencies", "dependency-groups")
    project, tool = content.get("project"), content.get("tool")
    tables = [content, *([project] if isinstance(project, dict) else [])]
    is_poetry = isinstance(tool, dict) and "poetry" in tool
    return is_poetry or any(table.get(kind) for table in tables for kind in kinds)


def _toml(file: Path) -> dict[str, Any] | None:
    text = read_text(file, MANIFEST_MAX_BYTES)
    try:
        return tomllib.loads(text) if text is not None else None
    except (ValueError, RecursionError):
        return {}


def _json(file: Path) -> dict[str, Any] | None:
    text = read_text(file, MANIFEST_MAX_BYTES)
    try:
        content = json.loads(text) if text is not None else None
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else None
