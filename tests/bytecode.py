"""Brings the tests' bytecode up to date by two processes: `python -m tests.bytecode`.

pytest writes its own asserts into each module of tests before it is compiled. In a new clone, where nothing is compiled
yet, each of four workers would do that for all of them, which costs more than a minute of processor time.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.util import cache_from_source
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FEW = 50
"""So many are compiled sooner than a process has started."""


def stale_modules(directory: Path) -> list[Path]:
    """The modules of tests that were changed after their bytecode was written, or have none."""
    return [path for path in sorted(directory.rglob("test_*.py")) if _written(path) <= path.stat().st_mtime]


def _written(path: Path) -> float:
    own = Path(cache_from_source(str(path)))
    compiled = own.with_name(f"{own.stem}-pytest-{pytest.__version__}.pyc")
    return compiled.stat().st_mtime if compiled.exists() else 0


def main() -> None:
    stale = stale_modules(ROOT / "tests")
    if sys.dont_write_bytecode or len(stale) <= FEW:
        return
    for process in [_collect(stale[part::2]) for part in range(2)]:
        process.wait()  # what cannot be imported is told by the run that follows


def _collect(paths: list[Path]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "pytest", "--collect-only", "--quiet", *map(str, paths)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
