"""Search quality on real conversations, through import and reflect_on_past."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from fastmcp import Client

from tests.integration.stack import ProcessStack, segue
from tests.performance.corpora import locomo
from tests.performance.rows import Row


def rows(stack: ProcessStack, directory: Path) -> Iterator[Row]:
    """How quickly the conversations are imported, and how well their questions are answered."""
    file = locomo.path()
    if file is None:
        yield Row("LoCoMo", 0, "", "not measured: SEGUE_LOCOMO names no file")
        return
    samples = locomo.load(file)
    lines = [json.dumps(memory) for sample in samples for memory in locomo.memories(sample)]
    source = directory / "locomo.jsonl"
    source.write_text("\n".join(lines), encoding="utf-8")
    began = time.perf_counter()
    done = segue(stack, "import", source)
    assert done.returncode == 0, done.stdout + done.stderr
    rate = len(lines) / (time.perf_counter() - began)
    yield Row("import of turns", rate, "memories/s", f"two embeddings each, {2 * rate:.0f} a second; with its start")
    for name, value in asyncio.run(_measured(stack, samples)).items():
        yield Row(f"LoCoMo {name}", value, "%")


async def _measured(stack: ProcessStack, samples: Sequence[dict[str, Any]]) -> dict[str, float]:
    measured, categories = [], []
    async with Client(stack.url) as mcp:
        for sample in samples:
            session_of = {each["metadata"]["dia_id"]: each["session_id"] for each in locomo.memories(sample)}
            for question in locomo.questions(sample):
                arguments = {"query": question.text, "project": question.project, "limit": locomo.results_max}
                answer = (await mcp.call_tool("reflect_on_past", arguments)).structured_content or {}
                found = [(each["metadata"]["dia_id"], each["session_id"]) for each in answer["results"]]
                measured.append(locomo.measures(found, question, session_of))
                categories.append(question.category)
    means = locomo.mean(measured)
    for category in sorted(set(categories)):
        of_it = [row for row, its in zip(measured, categories, strict=True) if its == category]
        means[f"turn any@10, category {category} ({len(of_it)} questions)"] = locomo.mean(of_it)["turn any@10"]
    return means
