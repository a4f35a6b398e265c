"""Measuring a working directory and making checkpoints, with git's own time beside ours."""

from __future__ import annotations

import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from services.workspace.evidence import measure
from services.workspace.git.checkpoint import CheckpointRequest, create_checkpoint
from services.workspace.git.state import fingerprint, git_facts

Rows = list[tuple[str, float, str, str]]
REPEATS = 9
AT_ONCE = 50
PROJECTS = 10


def main() -> None:
    """Measures everything and prints it."""
    with tempfile.TemporaryDirectory() as directory:
        for name, value, unit, note in rows(Path(directory)):
            print(f"{name:56}  {value:9.2f} {unit:4} {note}")


def rows(directory: Path) -> Rows:
    """Name, value, unit, note; medians of nine."""
    made: Rows = []
    for count in (5_000, 50_000):
        root = repository(directory / str(count), count)
        made += _facts(root, count)
        if count == 5_000:
            made += _checkpoints(root)
    return [*made, *_at_once(directory)]


def repository(root: Path, files: int) -> Path:
    """A repository of so many files, a hundred in a directory, all committed."""
    for number in range(files):
        file = root / f"package{number // 100}" / f"module{number}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"value = {number}\n")
    (root / "pyproject.toml").write_text('[project]\nname = "x"\n')
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "work")
    return root


def git(root: Path, *arguments: str) -> None:
    """As a user runs it."""
    who = ("-c", "user.name=Bench", "-c", "user.email=bench@example.org")
    subprocess.run(["git", *who, *arguments], cwd=root, check=True, capture_output=True)


def _facts(root: Path, count: int) -> Rows:
    def status() -> None:
        git(root, "status", "--porcelain=v2", "--branch", "-z")

    own = _median(status)
    cases: dict[str, Callable[[], object]] = {
        "git facts": lambda: git_facts(root, [root], datetime.now(UTC)),
        "fingerprint": lambda: fingerprint(root, [root]),
        "everything": lambda: measure(root, [root], datetime.now(UTC)),
    }
    found: Rows = [(f"git status itself, {count:,} files", own, "ms", "the baseline")]
    for name, call in cases.items():
        took = _median(call)
        found.append((f"{name}, {count:,} files", took, "ms", f"{took / own:.1f} x git status"))
    return found


def _checkpoints(root: Path) -> Rows:
    def changed(mark: str) -> None:
        for number in range(20):
            (root / f"package{number}" / f"module{number * 100}.py").write_text(f"value = '{mark}'\n")

    def by_git() -> None:
        changed(str(time.time_ns()))
        git(root, "add", "--update")
        git(root, "commit", "--quiet", "--message", "work")

    def by_segue(ref: bool) -> None:
        changed(str(time.time_ns()))
        request = CheckpointRequest("x", "bench", 80.0, {"Project Health": 80.0}, ref=ref)
        assert create_checkpoint(root, [root], request, _no_secrets, datetime.now(UTC)).created

    git(root, "config", "user.name", "Bench")
    git(root, "config", "user.email", "bench@example.org")
    own = _median(by_git)
    found: Rows = [("git add --update, git commit, 5,000 files", own, "ms", "the baseline; 20 files changed")]
    for name, ref in (("the branch", False), ("a ref", True)):
        took = _median(partial(by_segue, ref))
        found.append((f"checkpoint on {name}, 5,000 files, p50", took, "ms", f"{took / own:.1f} x git add and commit"))
    return found


def _at_once(directory: Path) -> Rows:
    roots = [repository(directory / f"project{number}", 500) for number in range(PROJECTS)]

    def work(number: int) -> bool:
        root = roots[number % PROJECTS]
        (root / "package0" / f"module{number}.py").write_text("value = 'changed'\n")
        request = CheckpointRequest("x", f"session-{number}", ref=True)
        return create_checkpoint(root, [root], request, _no_secrets, datetime.now(UTC)).created

    began = time.perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        created = sum(pool.map(work, range(AT_ONCE)))
    took = time.perf_counter() - began
    return [(f"{AT_ONCE} checkpoints at once, {PROJECTS} projects", took, "s", f"{created} of {AT_ONCE} created")]


def _median(call: Callable[[], object]) -> float:
    took = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        call()
        took.append((time.perf_counter() - began) * 1e3)
    return statistics.median(took)


def _no_secrets(_: str) -> Sequence[object]:
    return ()


if __name__ == "__main__":
    main()
