"""How long hooks keep the client waiting, beside a bare Python start; with a server and without one.

On a busy machine the median says more about the others: the processor's own time is printed beside it.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from services.cli.hooks.hook_table import HOOKS
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


def _pair(name: str, took: Took, bare: Took) -> Iterator[Row]:
    median = statistics.median(took.wall)
    more = median - statistics.median(bare.wall)
    yield Row(f"{name}, p50", median, "ms", f"{more:+.0f} on a bare start; {took.processor:.0f} ms of processor")
    yield Row(f"{name}, p99", statistics.quantiles(took.wall, n=100)[98], "ms", "budget: 150 p50, 1000 at most")


class Took(NamedTuple):
    """Milliseconds of each run, and of the processor's time a run."""

    wall: list[float]
    processor: float


def _took(command: tuple[str, ...], hooked: Hooked) -> Took:
    fields = {
        "transcript_path": str(hooked.path),
        "source": "startup",
        "prompt": "pears",
        "tool_name": "Bash",
        "tool_input": {"command": "make pears"},
    }
    wall, before = [], resource.getrusage(resource.RUSAGE_CHILDREN)
    for number in range(runs):
        told = json.dumps({"session_id": f"bench-{number}", **fields}).encode()
        began = time.perf_counter()
        subprocess.run(command, input=told, capture_output=True, check=True, cwd=hooked.project, env=hooked.environment)
        wall.append((time.perf_counter() - began) * 1e3)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent_s = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return Took(wall, spent_s / runs * 1e3)
