"""A quality check: scan, collect, score; cached as long as nothing changes."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from services.kit.errors import InvalidInput, NotReady
from services.quality.collectors import collect
from services.quality.collectors.directory import Place
from services.quality.collectors.security import FindSecrets
from services.quality.domain.evidence import Collected, Evidence, from_json, merge, no_measurement
from services.quality.domain.handed_in import HandedEvidence, Present, with_handed_in
from services.quality.domain.scoring import Score, score
from services.quality.operations.commit_times import CommitTimes, present_state, reported_state
from services.quality.operations.directory_scan import Looking
from services.quality.tool_runs.runs import Progress, Runs, ToolRun

cached_max = 64
Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Permissions:
    """Permission rules in force; `broad` ones allow operations of high or critical level without an expiry."""

    rules: int
    broad: int


@dataclass(frozen=True, slots=True)
class Question:
    """The subject of a check: a directory this process can read, or `evidence` of another one (JSON)."""

    working_directory: str = ""
    evidence: str = ""
    run_tools: bool = False
    permissions: Permissions | None = None
    handed_in: Sequence[HandedEvidence] = ()
    """What CI says of the project."""


@dataclass(frozen=True, slots=True)
class Report:
    """The score and the evidence behind it."""

    score: Score
    collected: Collected
    runs: Sequence[ToolRun] = field(default_factory=list)
    is_cached: bool = False


class Checking:
    """Scans only inside `roots`; runs tools only if `run_tools_allowed`."""

    def __init__(
        self, roots: Sequence[Path], runs: Runs, *, run_tools_allowed: bool, find_secrets: FindSecrets | None
    ) -> None:
        self._looking = Looking(roots)
        self._commits = CommitTimes(roots)
        self._runs = runs
        self._run_tools_allowed = run_tools_allowed
        self._find_secrets = find_secrets
        self._known: OrderedDict[tuple[Path, str, str], Collected] = OrderedDict()
        self._ran: OrderedDict[Path, Sequence[Evidence]] = OrderedDict()

    async def check(self, question: Question, progress: Progress) -> Report:
        """The report. InvalidInput, NotFound or Denied if there is nothing it may scan."""
        now = datetime.now(UTC)
        if question.evidence:
            if question.run_tools:
                raise InvalidInput("Tools can be run only where the directory is; the evidence says it is elsewhere.")
            reported = from_json(question.evidence, now)
            return _report(_with_handed_in(reported, question, reported_state(reported.git, now)), question, ())
        if not question.working_directory:
            raise InvalidInput("Neither a working directory nor evidence of one is given.")
        directory = Path(question.working_directory)
        if not question.run_tools and (known := await self._known_of(directory, question, now)):
            return _report(known, question, (), is_cached=True)
        place = await asyncio.to_thread(self._looking.look, directory, now)
        runs = await self._run(place, progress) if question.run_tools else ()
        if runs:  # tools leave caches and reports behind
            place = await asyncio.to_thread(self._looking.look, directory, now)
        collected, is_cached = await self._collect(place)
        whole = await self._whole(place.root, place.newest(), collected, question, now)
        return _report(whole, question, runs, is_cached=is_cached)

    def close(self) -> None:
        """Closes all watches of directories."""
        self._looking.close()

    async def _known_of(self, directory: Path, question: Question, now: datetime) -> Collected | None:
        """The cached evidence of an unchanged directory."""
        seen = await asyncio.to_thread(self._looking.last_look, directory)
        known = self._known.get(_key(seen.root, seen.state, now)) if seen else None
        return await self._whole(seen.root, seen.newest, known, question, now) if seen and known else None

    async def _whole(
        self, root: Path, newest: float, collected: Collected, question: Question, now: datetime
    ) -> Collected:
        """What was collected, with what the last run of tools found, and what CI handed in."""
        collected = self._with_runs(root, newest, collected)
        if not question.handed_in:
            return collected
        commits = {each.commit for each in question.handed_in}
        times = await asyncio.to_thread(self._commits.of, root, collected.git, commits)
        return _with_handed_in(collected, question, present_state(collected.git, times, newest, now))

    async def _run(self, place: Place, progress: Progress) -> Sequence[ToolRun]:
        if not self._run_tools_allowed:
            raise NotReady("Running tools is switched off here.", "Set SEGUE_QUALITY_RUN_TOOLS=true.")
        ran = await self._runs.run(place, progress)
        _keep(self._ran, place.root, [each for each in ran.evidence if each.measured])
        return ran.runs

    async def _collect(self, place: Place) -> tuple[Collected, bool]:
        """The evidence of this state, cached per day, since activity is counted back from today."""
        key = _key(place.root, place.state, place.now)
        if key in self._known:
            self._known.move_to_end(key)
            return self._known[key], True
        collected = await asyncio.to_thread(collect, place, self._find_secrets)
        _keep(self._known, key, collected)
        return collected, False

    def _with_runs(self, root: Path, newest: float, collected: Collected) -> Collected:
        """Adds results of the last tool run, aged by how much newer the sources are now."""
        ran = [
            replace(each, age_s=round(max(0.0, newest - each.measured_at.timestamp()), 3))
            for each in self._ran.get(root, ())
            if each.measured_at and _is_newer(each.measured_at, collected.evidence[each.name])
        ]
        return replace(collected, evidence=merge([*collected.evidence.values(), *ran])) if ran else collected


def _with_handed_in(collected: Collected, question: Question, present: Present) -> Collected:
    if not question.handed_in:
        return collected
    return replace(collected, evidence=with_handed_in(collected.evidence, question.handed_in, present))


def _key(root: Path, state: str, now: datetime) -> tuple[Path, str, str]:
    return root, state, now.date().isoformat()


def _is_newer(measured_at: datetime, than: Evidence) -> bool:
    """Whether a run is as recent as the evidence from a report."""
    return not than.measured or than.measured_at is None or measured_at >= than.measured_at


def _keep(cache: OrderedDict[Key, Value], key: Key, value: Value) -> None:
    cache[key] = value
    cache.move_to_end(key)
    while len(cache) > cached_max:
        cache.popitem(last=False)


def _report(collected: Collected, question: Question, runs: Sequence[ToolRun], *, is_cached: bool = False) -> Report:
    evidence = {**collected.evidence, "permissions": _permissions(question.permissions)}
    return Report(score(evidence, collected.kind), collected, runs, is_cached)


def _permissions(facts: Permissions | None) -> Evidence:
    """Each broad rule costs a quarter, and nothing else counts: to record a rule never earns points."""
    if facts is None:
        return no_measurement("permissions", "the rules in force are not known")
    broad = max(facts.broad, 0)
    detail = f"{broad} of {facts.rules} rules allow high or critical operations for ever"
    return Evidence("permissions", max(0.0, 1 - broad / 4), True, "session", datetime.now(UTC), detail=detail)
