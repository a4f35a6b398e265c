"""Tools: those that the project's own files require, and whether they are installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from services.quality.collectors.directory import OWN_PLACES, Place, Unmeasured
from services.quality.collectors.reports import read_json
from services.quality.domain.evidence import Evidence, no_measurement
from services.workspace.developer_tools import find_tool, safe_path

ASKED_BY_FILE = {
    "uv": ("uv.lock",),
    "poetry": ("poetry.lock",),
    "python3": ("pyproject.toml", "setup.py", "requirements.txt"),
    "ruff": ("ruff.toml", ".ruff.toml"),
    "mypy": ("mypy.ini", ".mypy.ini"),
    "pyright": ("pyrightconfig.json",),
    "pytest": ("pytest.ini", "conftest.py", "tests/conftest.py"),
    "pre-commit": (".pre-commit-config.yaml",),
    "node": ("package.json",),
    "npm": ("package-lock.json",),
    "pnpm": ("pnpm-lock.yaml",),
    "yarn": ("yarn.lock",),
    "tsc": ("tsconfig.json",),
    "eslint": ("eslint.config.js", "eslint.config.mjs", "eslint.config.ts", ".eslintrc.json", ".eslintrc.js"),
    "go": ("go.mod",),
    "cargo": ("Cargo.toml",),
    "make": ("Makefile",),
    "docker": ("compose.yaml", "docker-compose.yml", "Dockerfile"),
}
ASKED_BY_PYPROJECT = ("ruff", "mypy", "pyright", "pytest", "coverage", "crackerjack")
"""Tools with a section `[tool.…]` of their own."""


def tools(place: Place) -> list[Evidence]:
    """The share of required tools that are in the project's environment or on the PATH."""
    asked = asked_for(place)
    if not asked:
        return [no_measurement("tools", "the project requires no tools")]
    missing = [name for name in asked if find(place, name) is None]
    share = round(1 - len(missing) / len(asked), 4)
    detail = f"missing: {', '.join(missing)}" if missing else f"all of {', '.join(asked)}"
    return [Evidence("tools", share, True, "PATH", place.now, detail=detail)]


def asked_for(place: Place) -> list[str]:
    """The required tools in the order of the tables; git if the place is in a repository."""
    sections = pyproject(place).get("tool", {})
    configured = {name for name in ASKED_BY_PYPROJECT if isinstance(sections, dict) and name in sections}
    by_file = {name for name, files in ASKED_BY_FILE.items() if any(file in place.paths for file in files)}
    if (place.root / ".git").exists():
        by_file.add("git")
    return [
        name for name in dict.fromkeys(("git", *ASKED_BY_FILE, *ASKED_BY_PYPROJECT)) if name in configured | by_file
    ]


def find(place: Place, name: str) -> Path | None:
    """The path of a tool: the project's own environment first, then the PATH."""
    for own in OWN_PLACES:
        path = place.root / own / name
        if path.is_file():
            return path
    return find_tool(name, safe_path(place.root), place.root)


def pyproject(place: Place) -> dict[str, Any]:
    """The content of pyproject.toml; empty if it is missing or cannot be read."""
    return toml(place, "pyproject.toml")


def toml(place: Place, path: str) -> dict[str, Any]:
    """The content of a TOML file; empty if it is missing or cannot be read."""
    import tomllib

    if path not in place.paths:
        return {}
    try:
        return tomllib.loads(place.text(path))
    except (tomllib.TOMLDecodeError, RecursionError, Unmeasured):
        return {}


def json_object(place: Place, path: str, limit_bytes: int = 1024 * 1024) -> dict[str, Any]:
    """The object in a JSON file; empty if it is missing or cannot be read."""
    if path not in place.paths:
        return {}
    try:
        found = read_json(place.read(path, limit_bytes))
    except Unmeasured:
        return {}
    return found if isinstance(found, dict) else {}
