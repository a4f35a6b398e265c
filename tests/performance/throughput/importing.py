"""`segue import` beside the embedder alone on the same texts, in turns: what reading, storing and indexing add."""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from services.memory.embedder.onnx import OnnxEmbedder
from services.memory.operations.memory_embeddings import Said, texts_of
from tests.integration.stack import ProcessStack, segue
from tests.performance.calls.threads import LOOP, spent_ms
from tests.performance.nearest import docstrings
from tests.performance.rows import Row

turns, memories_each, of_session = 3, 1_000, 25
texts_at_once = 512
_began = datetime(2026, 1, 1, tzinfo=UTC)


class Took(NamedTuple):
    """What one import took, its command's start included, and what embedding its texts took alone."""

    texts: int
    alone_s: float
    imported_s: float
    server_ms: float
    """Processor time of the import."""
    loop_ms: float
    """Of it, the event loop's."""
    alone_ms: float


def rows(directory: Path, model: Path) -> Iterator[Row]:
    """The lines of the report; the texts are docstrings of this environment, as turns of conversations."""
    directory.mkdir()
    contents = list(islice(docstrings(), turns * memories_each))
    with ProcessStack(directory / "data", SEGUE_MEMORY_MODEL_DIRECTORY=str(model)) as stack:
        took = [
            _took(stack, directory / f"part-{number}.jsonl", model, contents[number * memories_each :][:memories_each])
            for number in range(turns)
        ]

    def middle(of: Callable[[Took], float]) -> float:
        return statistics.median(of(each) for each in took)

    alone, share = middle(lambda its: its.texts / its.alone_s), middle(lambda its: its.alone_s / its.imported_s)
    yield Row("embedder alone, texts of an import", alone, "texts/s", f"the baseline, {texts_at_once} at once")
    imported = middle(lambda its: its.texts / its.imported_s)
    yield Row("segue import of the same", imported, "texts/s", f"{share:.2f} x the embedder alone (wanted: 0.9)")
    alone = middle(lambda its: its.alone_ms / its.texts)
    yield Row("embedder alone, processor time", alone, "ms a text", "the baseline")
    server, loop = middle(lambda its: its.server_ms / its.texts), middle(lambda its: its.loop_ms / its.texts)
    share = middle(lambda its: its.alone_ms / its.server_ms)
    note = f"{share:.2f} of it the embedder's; {loop:.2f} ms on the event loop"
    yield Row("segue import, the server's processor time", server, "ms a text", note)


def _took(stack: ProcessStack, file: Path, model: Path, contents: Sequence[str]) -> Took:
    assert stack.process
    pid, texts = stack.process.pid, _texts(contents)
    alone_ms = time.process_time()
    alone_s = asyncio.run(_embedded_s(model, texts))
    alone_ms = (time.process_time() - alone_ms) * 1e3
    before = spent_ms(pid, {str(pid): LOOP})
    imported_s = _imported_s(stack, file, contents)
    spent = spent_ms(pid, {str(pid): LOOP}) - before
    return Took(len(texts), alone_s, imported_s, spent.total(), spent[LOOP], alone_ms)


def _texts(contents: Sequence[str]) -> list[str]:
    """All that is embedded of them, each once, in sessions as they are imported."""
    befores = ["", *contents]
    said = [
        Said(before if place % of_session else "", content)
        for place, (before, content) in enumerate(zip(befores, contents, strict=False))
    ]
    return list(dict.fromkeys(text for each in said for text in texts_of(each)))


async def _embedded_s(model: Path, texts: Sequence[str]) -> float:
    async with OnnxEmbedder(model) as embedder:
        await embedder.embed(texts[:1])
        began = time.perf_counter()
        for first in range(0, len(texts), texts_at_once):
            await embedder.embed(texts[first : first + texts_at_once])
        return time.perf_counter() - began


def _imported_s(stack: ProcessStack, file: Path, contents: Sequence[str]) -> float:
    lines = []
    for number, content in enumerate(contents):
        said = _began + timedelta(seconds=30 * number)
        session = f"{file.stem}-{number // of_session}"
        role = "assistant" if number % 2 else "user"
        memory = {"content": content, "project": "imported", "session_id": session, "role": role}
        lines.append(json.dumps(memory | {"timestamp": said.isoformat()}))
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    began = time.perf_counter()
    done = segue(stack, "import", file)
    took = time.perf_counter() - began
    assert done.returncode == 0, done.stderr
    return took


if __name__ == "__main__":  # python -m tests.performance.throughput.importing MODEL_DIRECTORY
    ProcessStack.is_preloaded = False
    with tempfile.TemporaryDirectory() as name:
        for row in rows(Path(name) / "importing", Path(sys.argv[1])):
            print(f"{row.name:50} {row.value:8.2f} {row.unit:10} {row.note}", flush=True)
