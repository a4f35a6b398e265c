"""Which developer tools are on the PATH. None of them is run, and none that the directory itself brings is named."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from services.kit.systems import has_developer_tools

TOOLS = (
    *("git", "gh", "docker", "make", "cmake"),
    *("python3", "uv", "pip", "poetry", "pipx", "ruff", "mypy", "pyright", "pytest", "tox", "nox", "pre-commit"),
    *("crackerjack", "bandit", "pip-audit", "coverage"),
    *("node", "npm", "pnpm", "yarn", "bun", "deno", "tsc", "eslint", "prettier", "jest", "vitest"),
    *("cargo", "rustc", "go", "golangci-lint", "java", "mvn", "gradle", "ruby", "bundle", "php", "composer"),
)
PATH_ENTRIES_MAX = 128
STUBS_DIRECTORY = Path("/usr/bin")
STUBS = frozenset({"git", "make", "pip", "pip3", "python3"})
"""What macOS has there: until Apple's developer tools are installed each only opens a window that asks for them."""


def find_tools(directory: Path) -> dict[str, str]:
    """The tools on PATH with their absolute paths, none in or under `directory`."""
    places = safe_path(directory)
    found = ((name, find_tool(name, places, directory)) for name in TOOLS)
    return {name: str(path) for name, path in found if path}


def find_tool(name: str, places: Iterable[Path], directory: Path) -> Path | None:
    """The first executable file of that name; its real path must not be in or under `directory` either."""
    for place in places:
        path = place / name
        is_program = os.access(path, os.X_OK) and path.is_file() and not path.resolve().is_relative_to(directory)
        if is_program and not _is_stub(path):
            return path
    return None


def _is_stub(path: Path) -> bool:
    is_candidate = sys.platform == "darwin" and path.parent == STUBS_DIRECTORY and path.name in STUBS
    return is_candidate and not _has_developer_tools()


@cache
def _has_developer_tools() -> bool:
    return has_developer_tools()


def safe_path(directory: Path) -> tuple[Path, ...]:
    """The entries of PATH that are absolute, exist, and are not in or under `directory`."""
    entries = os.environ.get("PATH", os.defpath).split(os.pathsep)[:PATH_ENTRIES_MAX]
    places = dict.fromkeys(Path(entry) for entry in entries if Path(entry).is_absolute())
    real = directory.resolve()
    usable = (place for place in places if os.access(place, os.X_OK) and place.is_dir())
    return tuple(place for place in usable if not place.resolve().is_relative_to(real))
