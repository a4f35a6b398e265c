"""Search quality on real conversations, through import and reflect_on_past."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fastmcp import Client

from tests.integration.stack import ProcessStack, segue
from tests.performance.corpora import devmembench, locomo
from tests.performance.corpora.reliability import Scored
from tests.performance.rows import Row

Measured = list[tuple[str, dict[str, float], bool]]
"""Of each question its category, its measures, and whether it finds nothing by default."""


def rows(stack: ProcessStack, directory: Path, scored: dict[str, list[Scored]]) -> Iterator[Row]:
    """How quickly the conversations are imported, and how well their questions are answered, or not answered.

    What is found first, whatever it scores, is added to `scored`.
    """
    yield from _locomo(stack, directory, scored.setdefault("LoCoMo", []))
    yield from _devmembench(stack, directory, scored.setdefault("DevMemBench", []))


def _locomo(stack: ProcessStack, directory: Path, scored: list[Scored]) -> Iterator[Row]:
    file = locomo.path()
    if file is None:
        yield Row("LoCoMo", 0, "", "not measured: SEGUE_LOCOMO names no file")
        return
    samples = locomo.load(file)
    memories = [memory for sample in samples for memory in locomo.memories(sample)]
    rate = _imported(stack, directory / "locomo.jsonl", memories)
    yield Row("import of turns", rate, "memories/s", f"two embeddings each, {2 * rate:.0f} a second; with its start")
    measured = asyncio.run(_locomo_measured(stack, samples, scored))
    for name, value in locomo.mean([its for _, its, _ in measured]).items():
        yield Row(f"LoCoMo {name}", value, "%")
    yield from _by_category("LoCoMo turn any@10", "turn any@10", measured)
    yield _lost("LoCoMo", measured)


def _devmembench(stack: ProcessStack, directory: Path, scored: list[Scored]) -> Iterator[Row]:
    where = devmembench.path()
    if where is None:
        yield Row("DevMemBench", 0, "", "not measured: SEGUE_DEVMEMBENCH names no directory")
        return
    with ProcessStack(_empty_like(stack, directory / "devmembench")) as own:
        _imported(own, directory / "devmembench.jsonl", list(devmembench.memories(where)))
        asked = list(devmembench.questions(where))
        found = asyncio.run(_found(own, [each.text for each in asked]))
    pairs = list(zip(asked, found, strict=True))
    scored += [first for each, (its, _) in pairs for first in _first(its, each.sessions)]
    measured = [
        (each.kind, devmembench.measures([result["session_id"] for result in its], each), hidden)
        for each, (its, hidden) in pairs
        if each.has_answer
    ]
    for name, value in locomo.mean([its for _, its, _ in measured]).items():
        yield Row(f"DevMemBench session {name}", value, "%")
    yield from _by_category("DevMemBench session any@5", "any@5", measured)
    yield _lost("DevMemBench", measured)
    silent = [hidden for each, (_, hidden) in pairs if not each.has_answer]
    yield Row("DevMemBench: without an answer, finds nothing", sum(silent), "questions", f"of {len(silent)}")


def _empty_like(stack: ProcessStack, data: Path) -> Path:
    """A data directory with the same model."""
    (data / "memory").mkdir(mode=0o700, parents=True)
    (data / "memory" / "model").symlink_to((stack.data_dir / "memory" / "model").resolve())
    return data


def _imported(stack: ProcessStack, source: Path, memories: Sequence[Mapping[str, Any]]) -> float:
    """Imports them; returns how many in a second."""
    source.write_text("\n".join(map(json.dumps, memories)), encoding="utf-8")
    began = time.perf_counter()
    done = segue(stack, "import", source)
    assert done.returncode == 0, done.stdout + done.stderr
    return len(memories) / (time.perf_counter() - began)


async def _locomo_measured(stack: ProcessStack, samples: Sequence[dict[str, Any]], scored: list[Scored]) -> Measured:
    measured: Measured = []
    for sample in samples:
        session_of = {each["metadata"]["dia_id"]: each["session_id"] for each in locomo.memories(sample)}
        asked = list(locomo.questions(sample))
        found = await _found(stack, [each.text for each in asked], project=sample["sample_id"])
        for question, (its, hidden) in zip(asked, found, strict=True):
            scored += _first(its, {session_of[turn] for turn in question.evidence})
            turns = [(each["metadata"]["dia_id"], each["session_id"]) for each in its]
            measured.append((f"category {question.category}", locomo.measures(turns, question, session_of), hidden))
    return measured


async def _found(
    stack: ProcessStack, questions: Sequence[str], **given: str
) -> list[tuple[list[dict[str, Any]], bool]]:
    """All that each question finds whatever it scores, and whether nothing is found where no min_score is given."""
    found = []
    async with Client(stack.url) as mcp:
        for text in questions:
            arguments = {"query": text, "limit": locomo.results_max, **given}
            all_of_it = await mcp.call_tool("reflect_on_past", arguments | {"min_score": 0})
            usual = await mcp.call_tool("reflect_on_past", arguments)
            results = (all_of_it.structured_content or {})["results"]
            found.append((results, not (usual.structured_content or {})["results"]))
    return found


def _first(found: Sequence[Mapping[str, Any]], sessions: Collection[str]) -> list[Scored]:
    return [Scored(each["score"], each["session_id"] in sessions) for each in found[:1]]


def _by_category(title: str, measure: str, measured: Measured) -> Iterator[Row]:
    for category in sorted({category for category, _, _ in measured}):
        of_it = [its for each, its, _ in measured if each == category]
        yield Row(f"{title}, {category} ({len(of_it)} questions)", locomo.mean(of_it)[measure], "%")


def _lost(title: str, measured: Measured) -> Row:
    """Of the questions that have an answer among the results, how many find nothing by default."""
    answered = [hidden for _, its, hidden in measured if its.get("turn any@10", its.get("MRR", 0.0)) > 0]
    return Row(f"{title}: answered, but finds nothing", 100 * sum(answered) / len(answered), "%", f"of {len(answered)}")
