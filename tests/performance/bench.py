"""`make bench`: search quality, speed and memory through the public doors; a table, and JSON beside it.

Every speed stands beside its baseline of the same run. `SEGUE_BENCH_SIZES` says at how many memories searches are
measured (10000,100000 when unset; 1000000 takes ten minutes more), and `SEGUE_BENCH_FLAMES` where flame graphs go.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TypeAlias

from services.memory.embedder.build import build_model
from tests import marked
from tests.integration.stack import ROOT, ProcessStack
from tests.performance import (
    commands,
    conversations,
    embedding,
    encryption,
    hooks,
    keeping,
    nearest,
    quality,
    searches,
    sessions,
)
from tests.performance.calls import callers, costs, telemetry, users
from tests.performance.corpora import calibration, languages, notes, reliability, turn_kinds
from tests.performance.corpora.coding import answers as coding
from tests.performance.corpora.coding import moments
from tests.performance.corpora.synthetic import fill
from tests.performance.foresight import next_files, next_memories, replays
from tests.performance.page import speed
from tests.performance.postgres import cells
from tests.performance.rows import Row, Rows
from tests.performance.throughput import importing

Scored: TypeAlias = dict[str, list[reliability.Scored]]
"""By set, what is found first."""


def main() -> None:
    """Measures everything and prints it."""
    ProcessStack.is_preloaded = False
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        build_model(directory / "model")
        scored: Scored = {}
        rows = list(_measured(directory, scored))
    reports = ROOT / "reports"
    reports.mkdir(exist_ok=True)
    (reports / "reliability.svg").write_text(reliability.diagram(_held(scored)), encoding="utf-8")
    content = [row._asdict() for row in rows]
    (reports / "bench.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _measured(directory: Path, scored: Scored) -> Iterator[Row]:
    scoring = (partial(_embedding, scored=scored), partial(_conversations, scored=scored))
    for part in (*scoring, _callers, _users, _importing, _keeping, _telemetry, _sizes, _encrypted, _cells):
        for row in part(directory):
            print(f"{row.name:66} {row.value:10.2f} {row.unit:11} {row.note}", flush=True)
            yield row


def _held(scored: Scored) -> Scored:
    """Without the sets that were not measured."""
    return {name: its for name, its in scored.items() if its}


def _embedding(directory: Path, scored: Scored) -> Rows:
    model = directory / "model"
    by_model = (
        embedding.rows(model),
        nearest.rows(model),
        coding.rows(model, scored.setdefault("coding", [])),
        moments.rows(model),
        languages.rows(model),
        notes.rows(model),
    )
    return [*(row for made in by_model for row in asyncio.run(made)), *marked.rows(), *turn_kinds.rows()]


def _conversations(directory: Path, scored: Scored) -> Iterator[Row]:
    data = _data_directory(directory, "conversations")
    with ProcessStack(data) as stack:
        yield from conversations.rows(stack, directory, scored)
        yield from reliability.rows(_held(scored))
        yield from commands.rows(stack)
        yield from hooks.rows(stack, directory / "hooks")
        yield from sessions.rows(stack)
        yield from quality.rows(stack)
        yield from calibration.rows()
        yield from replays.rows()
        yield from next_files.rows()
        yield from next_memories.rows()


def _callers(directory: Path) -> Rows:
    return callers.rows(directory / "callers", directory / "model")


def _users(directory: Path) -> Rows:
    return users.rows(directory / "users", directory / "model")


def _importing(directory: Path) -> Rows:
    return importing.rows(directory / "importing", directory / "model")


def _keeping(directory: Path) -> Rows:
    return keeping.rows(directory / "keeping")


def _telemetry(directory: Path) -> Iterator[Row]:
    yield from telemetry.rows(directory / "model")


def _sizes(directory: Path) -> Iterator[Row]:
    sizes = [int(size) for size in os.environ.get("SEGUE_BENCH_SIZES", "10000,100000").split(",")]
    first: searches.Measured | None = None
    for size in sizes:
        data = _data_directory(directory, str(size))
        asyncio.run(fill(data / "memory", size))
        with ProcessStack(data) as stack:
            asyncio.run(searches.settled(stack))  # builds the index, and leaves its snapshot
        measured = searches.measure(data, size)
        first = first or measured
        yield from searches.rows(measured, first)
        yield from costs.rows(data, size)
        yield from speed.rows(data, size)
        shutil.rmtree(data)


def _encrypted(directory: Path) -> Iterator[Row]:
    yield from encryption.rows(_data_directory(directory, "clear"), directory / "encrypted", 10_000)


def _cells(_: Path) -> Iterator[Row]:
    yield from cells.rows(10, 2_000)


def _data_directory(directory: Path, name: str) -> Path:
    """Empty but for the model."""
    data = directory / name
    (data / "memory").mkdir(mode=0o700, parents=True)
    (data / "memory" / "model").symlink_to(directory / "model")
    return data


if __name__ == "__main__":
    main()
