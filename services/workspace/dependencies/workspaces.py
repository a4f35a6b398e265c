"""Workspaces: the packages of a project by its manifests, and the locks above a member."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from services.workspace.allowed_roots import upwards
from services.workspace.dependencies.manifests import MANIFEST_MAX_BYTES, read_text

PACKAGES_MAX = 40
PATTERNS_MAX = 40
LEVELS_MAX = 8
MANIFESTS = ("pyproject.toml", "package.json", "Cargo.toml", "go.mod", "Pipfile")


def packages(root: Path) -> list[str]:
    """The directories of a project's packages, relative to its root: the root (""), and its workspace's members; of a
    project without a manifest, the directories at its top that have one."""
    patterns = list(_patterns(root))[:PATTERNS_MAX]
    left_out = {place for each in patterns if each.startswith("!") for place in _matching(root, each[1:])}
    found = dict.fromkeys([""])
    for pattern in patterns:
        found |= dict.fromkeys(place for place in _matching(root, pattern) if place not in left_out)
    if not any((root / name).is_file() for name in MANIFESTS):
        found |= dict.fromkeys(_matching(root, "*"))
    return list(found)[:PACKAGES_MAX]


def places_of_locks(directory: Path, roots: Sequence[Path]) -> list[Path]:
    """A package's directory, and those above it up to the top of its repository, within the roots."""
    lineage = upwards(directory, roots)[:LEVELS_MAX] if roots else (directory,)
    top = next((number for number, place in enumerate(lineage) if os.path.lexists(place / ".git")), None)
    return list(lineage[: top + 1]) if top is not None else [directory]


def _patterns(root: Path) -> Iterator[str]:
    package = read_json(root / "package.json") or {}
    workspaces = package.get("workspaces")
    yield from _texts(workspaces.get("packages") if isinstance(workspaces, dict) else workspaces)
    if text := read_text(root / "pnpm-workspace.yaml", MANIFEST_MAX_BYTES):
        listed = re.search(r"^packages:\s*\n((?:[ \t]*(?:-.*|#.*)?\n?)*)", text, re.MULTILINE)
        yield from re.findall(
            r"^[ \t]*-[ \t]*['\"]?([^'\"#\n]+?)['\"]?[ \t]*(?:#.*)?$", listed[1] if listed else "", re.MULTILINE
        )
    cargo, python = read_toml(root / "Cargo.toml") or {}, read_toml(root / "pyproject.toml") or {}
    yield from _texts(_table(cargo, "workspace").get("members"))
    yield from _texts(_table(python, "tool", "uv", "workspace").get("members"))
    if text := read_text(root / "go.work", MANIFEST_MAX_BYTES):
        for block in re.findall(r"^use\s*\(([^)]*)\)", text, re.MULTILINE) + re.findall(
            r"^use\s+([^(\n]+)$", text, re.MULTILINE
        ):
            yield from block.split()


def _table(content: dict[str, Any], *names: str) -> dict[str, Any]:
    """The table within tables; empty if one of them is none."""
    for name in names:
        inner = content.get(name)
        content = inner if isinstance(inner, dict) else {}
    return content


def _texts(value: object) -> Iterable[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _matching(root: Path, pattern: str) -> list[str]:
    """The directories with a manifest that a pattern names, none above the root or behind a link."""
    parts = [part for part in re.sub(r"\*\*+", "*", pattern.strip()).split("/") if part not in {"", "."}]
    if pattern.startswith(("!", "/")) or ".." in parts or not parts:
        return []
    places = [""]
    for part in parts:
        places = [each for place in places for each in _below(root, place, part)][: PACKAGES_MAX * 4]
    return [place for place in places if any((root / place / name).is_file() for name in MANIFESTS)]


def _below(root: Path, place: str, part: str) -> list[str]:
    expression = re.compile(re.escape(part).replace(r"\*", ".*"))
    try:
        with os.scandir(root / place) as entries:
            names = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError:
        return []
    fitting = [name for name in names if expression.fullmatch(name) and not name.startswith(".")]
    return [f"{place}/{name}".lstrip("/") for name in fitting if name != "node_modules"]


def read_toml(file: Path) -> dict[str, Any] | None:
    """A TOML file's content; None without one, empty if it cannot be read."""
    text = read_text(file, MANIFEST_MAX_BYTES)
    try:
        return tomllib.loads(text) if text is not None else None
    except (ValueError, RecursionError):
        return {}


def read_json(file: Path) -> dict[str, Any] | None:
    """The object in a JSON file; None without one, empty if it cannot be read."""
    text = read_text(file, MANIFEST_MAX_BYTES)
    try:
        content = json.loads(text) if text is not None else None
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else None
