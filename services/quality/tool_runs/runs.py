"""Runs a project's tools: one run at a time per directory, which later callers join."""

from __future__ import annotations

import asyncio
import logging
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from services.quality.collectors.coverage import percent
from services.quality.collectors.directory import OWN_PLACES, Place, Unmeasured, read_file
from services.quality.collectors.lint import per_thousand_lines
from services.quality.collectors.reports import Parsed, Reports, Taken, refuse_foreign
from services.quality.collectors.tests import passed_share
from services.quality.collectors.tools import find
from services.quality.domain.evidence import Evidence
from services.quality.tool_runs import crackerjack
from services.quality.tool_runs.child_process import Child, Ended, can_confine, output_max_bytes, run_child
from services.quality.tool_runs.toolbox import OUTPUT, Result, Tool, wanted_tools

logger = logging.getLogger(__name__)
COUNTED_FINDINGS = frozenset({"lint", "types"})
"""Evidence of which none at all is the best there is, and only to be had from a tool that ended well."""
Progress: TypeAlias = Callable[[int, int, str], None]
"""The number done, the total, and the current step."""


@dataclass(frozen=True, slots=True)
class ToolRun:
    """The outcome of a tool's run."""

    tool: str
    outcome: str
    took_s: float
    detail: str


@dataclass
class Ran:
    """The results of a run of all tools."""

    evidence: list[Evidence] = field(default_factory=list)
    runs: list[ToolRun] = field(default_factory=list)


@dataclass
class _Running:
    """A run that others can join: all listeners receive its progress."""

    task: asyncio.Task[Ran]
    listeners: list[Progress]
    last: tuple[int, int, str] = (0, 0, "starting")

    def report(self, done: int, total: int, message: str) -> None:
        self.last = (done, total, message)
        for listener in self.listeners:
            listener(done, total, message)


class Runs:
    """Opened with `async with`; exiting ends running tools."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._running: dict[Path, _Running] = {}
        self._is_confined: bool | None = None

    async def __aenter__(self) -> Runs:
        return self

    async def __aexit__(self, *_: object) -> None:
        tasks = [running.task for running in self._running.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def run(self, place: Place, progress: Progress) -> Ran:
        """Runs all tools that the project has configured, or joins the current run.

        A caller that is cancelled does not end it: others may have joined, and its time is limited.
        """
        running = self._running.get(place.root)
        if running is None:
            running = self._start(place)
        running.listeners.append(progress)
        progress(*running.last)
        try:
            return await asyncio.shield(running.task)
        finally:
            running.listeners.remove(progress)

    def _start(self, place: Place) -> _Running:
        def report(done: int, total: int, message: str) -> None:
            self._running[place.root].report(done, total, message)

        running = _Running(asyncio.create_task(self._all(place, report)), [])
        self._running[place.root] = running
        running.task.add_done_callback(lambda _: self._running.pop(place.root))
        return running

    async def _all(self, place: Place, report: Progress) -> Ran:
        if self._is_confined is None:
            self._is_confined = await can_confine()
        deadline_s = time.monotonic() + self._timeout_s
        tools = wanted_tools(place)
        cracker = find(place, "crackerjack") if "pyproject.toml" in place.paths else None
        total, ran, found = len(tools) + bool(cracker), Ran(), _Found(place, self._is_confined)
        with tempfile.TemporaryDirectory(prefix="segue-run-") as scratch:
            for done, (tool, path) in enumerate(tools):
                report(done, total, tool.name)
                home = Path(scratch, str(done))
                home.mkdir()  # noqa: ASYNC240  # one small call to the kernel
                ran.runs.append(await _run_tool(found, tool, path, home, deadline_s - time.monotonic()))
            if cracker:
                report(total - 1, total, "crackerjack")
                ran.runs.append(await _run_crackerjack(found, cracker, Path(scratch), deadline_s))
        report(total, total, "done")
        ran.evidence = found.evidence()
        return ran


class _Found:
    """Reports of this run, by their evidence."""

    def __init__(self, place: Place, is_confined: bool) -> None:
        self.place = place
        self.is_confined = is_confined
        self.network = "without network" if is_confined else "with network: this system does not allow removing it"
        self.reports: dict[str, Reports] = {}

    def take(self, name: str, tool: str, parsed: Parsed) -> None:
        refuse_foreign(self.place, parsed.paths)
        self.reports.setdefault(name, Reports()).taken.append(Taken(parsed, f"{tool}, run now", self.place.now, 0.0))

    def evidence(self) -> list[Evidence]:
        lines = per_thousand_lines(self.place)
        values: Mapping[str, Callable[[Sequence[Parsed]], float]] = {
            "lint": lines, "types": lines, "tests_passed": passed_share, "test_coverage": percent,
            "dependencies": lambda _: 0.0,  # conflicts count as disagreement, whatever the locks say
        }  # fmt: skip
        return [reports.evidence(name, values[name], "") for name, reports in self.reports.items()]


def _places(program: Path, place: Place) -> list[Path]:
    """Where a program finds its companions: beside it, and in the project's own environment."""
    return [*(place.root / each for each in OWN_PLACES), program.parent, program.resolve().parent]


async def _run_tool(found: _Found, tool: Tool, path: Path, home: Path, timeout_s: float) -> ToolRun:
    if timeout_s <= 0:
        return ToolRun(tool.name, "timed out", 0.0, "the time limit passed before it began")
    place = found.place
    own = _places(path, place)
    command = tool.command(path, place, home)
    ended = await run_child(Child(command, place.root, home, timeout_s, found.is_confined, own, tool.with_errors))
    if ended.outcome != "finished":
        return ToolRun(tool.name, ended.outcome, ended.took_s, found.network)
    if ended.code not in tool.codes:
        return ToolRun(tool.name, "failed", ended.took_s, f"exit code {ended.code}; {found.network}")
    details = [await asyncio.to_thread(_take_result, found, tool, result, home, ended) for result in tool.results]
    return ToolRun(tool.name, ended.outcome, ended.took_s, "; ".join((*filter(None, details), found.network)))


def _take_result(found: _Found, tool: Tool, result: Result, home: Path, ended: Ended) -> str:
    """Adds a result; returns a summary, or the reason why there is none."""
    try:
        parsed = _parse_report(found.place, tool, result, home, ended)
        found.take(result.evidence, tool.name, parsed)
    except Unmeasured as reason:
        return f"{result.evidence}: {reason}"
    return parsed.detail


def _parse_report(place: Place, tool: Tool, result: Result, home: Path, ended: Ended) -> Parsed:
    """What the report says. Raises Unmeasured where it is none of a tool that ran."""
    content = ended.output if result.report == OUTPUT else read_file(home, result.report, output_max_bytes)
    if not content and not (tool.is_silent_when_clean and ended.code == 0):
        raise Unmeasured("nothing was printed")
    parsed = result.parse(place, content)
    if ended.code and not parsed.counted and result.evidence in COUNTED_FINDINGS:
        raise Unmeasured(f"no finding explains exit code {ended.code}")
    return parsed


async def _run_crackerjack(found: _Found, path: Path, scratch: Path, deadline_s: float) -> ToolRun:
    """Runs on a copy, as it rewrites what it checks. Its output counts even if it timed out."""
    copy, home = scratch / "copy", scratch / "crackerjack"
    copy.mkdir()
    home.mkdir()
    place, began = found.place, time.monotonic()
    own = _places(path, place)
    try:
        await asyncio.to_thread(crackerjack.copy_for, place, copy)
        left_s = deadline_s - time.monotonic()
        usage = await run_child(Child([str(path), "run", "--help"], copy, home, left_s, found.is_confined, own))
        command = [str(path), "run", *crackerjack.known_options(usage.output.decode("utf-8", "replace"))]
        left_s = deadline_s - time.monotonic()
        ended = await run_child(Child(command, copy, home, left_s, found.is_confined, own, True, crackerjack.AGAIN))
        hooks = crackerjack.parse_hooks(ended.output)
        if "lint" not in found.reports:
            found.take("lint", "crackerjack", crackerjack.as_lint(hooks))
    except Unmeasured as reason:
        return ToolRun("crackerjack", "unreadable", time.monotonic() - began, str(reason))
    return ToolRun("crackerjack", ended.outcome, time.monotonic() - began, f"{hooks.detail()}; {found.network}")
