"""How long hooks keep the client waiting, beside a bare Python start; with a server and without one."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from services.cli.hooks.table import HOOKS
from tests.hooked import HOOK, ROOT, Hooked
from tests.integration.stack import ProcessStack
from tests.performance.rows import Row

runs = 60
WRAPPER = ("sh", str(ROOT / "clients" / "claude-code" / "bin" / "segue"), "hook")


def rows(stack: ProcessStack, directory: Path) -> Iterator[Row]:
    """The median and the 99th percentile of each hook."""
    directory.mkdir()
    hooked = Hooked(directory, **stack.environment, SEGUE_HOOK_WITHIN_MS="750")
    absent = Hooked(directory, SEGUE_DATA_DIR=str(directory / "absent"), SEGUE_HOOK_SESSION_START="off")
    hooked.converse("Let's keep the pears cold from now on.", "Cold it is.")
    bare = _took((sys.executable, "-c", "pass"), hooked)
    yield from _pair("a bare Python start, with site packages", bare, bare)
    bare = _took((sys.executable, "-I", "-S", "-c", "pass"), hooked)
    yield from _pair("a bare Python start, without", bare, bare)
    for event in HOOKS:
        yield from _pair(f"segue hook {event}", _took((*HOOK, event), hooked), bare)
        hooked.settle()
    yield from _pair("segue hook PreToolUse, by the plugin", _took((*WRAPPER, "PreToolUse"), hooked), bare)
    yield from _pair("segue hook PreToolUse, no server", _took((*HOOK, "PreToolUse"), absent), bare)


def _pair(name: str, took: list[float], bare: list[float]) -> Iterator[Row]:
    baseline = statistics.median(bare)
    yield Row(
        f"{name}, p50", statistics.median(took), "ms", f"{statistics.median(took) - baseline:+.0f} on a bare start"
    )
    yield Row(f"{name}, p99", statistics.quantiles(took, n=100)[98], "ms", "budget: 150 p50, 1000 at most")


def _took(command: tuple[str, ...], hooked: Hooked) -> list[float]:
    fields = {
        "transcript_path": str(hooked.path),
        "source": "startup",
        "prompt": "pears",
        "tool_name": "Bash",
        "tool_input": {"command": "make pears"},
    }
    took = []
    for number in range(runs):
        told = json.dumps({"session_id": f"bench-{number}", **fields}).encode()
        began = time.perf_counter()
        subprocess.run(command, input=told, capture_output=True, check=True, cwd=hooked.project, env=hooked.environment)
        took.append((time.perf_counter() - began) * 1e3)
    return took
