"""How much is lost by comparing only what the signs choose: real texts, the environment's own docstrings."""

from __future__ import annotations

import ast
import site
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.memory.embedder.onnx import OnnxEmbedder
from services.memory.index.slots.growable_arrays import Slots
from services.memory.index.vectors.embeddings import compared_min, compared_share
from services.memory.index.vectors.slot_vectors import Signs
from tests.performance.rows import Row

texts, queries = 8_000, 200


async def rows(model: Path) -> list[Row]:
    """recall@10 against comparing all, in the whole and in a filtered third."""
    async with OnnxEmbedder(model, embed_queue_max=texts + queries) as embedder:
        rows = (await embedder.embed(list(islice(docstrings(), texts + queries)))).astype(np.float16)
    asked, searched = rows[:queries].astype(np.float32), rows[queries:]
    signs = Signs(rows.shape[1])
    signs.append(searched, searched)
    return [
        Row(f"nearest by signs, recall@10, {name}", _recall(asked, searched, signs, slots), "", "against all compared")
        for name, slots in (("of all", np.arange(len(searched))), ("filtered", np.arange(0, len(searched), 3)))
    ]


def _recall(asked: NDArray[np.float32], searched: NDArray[np.float16], signs: Signs, slots: Slots) -> float:
    scores = asked @ searched[slots].astype(np.float32).T
    nearest = slots[np.argsort(-scores, axis=1)[:, :10]]
    chosen = [signs.nearest(query, slots, max(compared_min, len(slots) // compared_share)) for query in asked]
    return float(np.mean([np.isin(exact, among).mean() for exact, among in zip(nearest, chosen, strict=True)]))


def docstrings() -> Iterator[str]:
    """Of all that is installed here, up to 250 characters of each, always in the same order."""
    for path in sorted(Path(site.getsitepackages()[0]).rglob("*.py")):
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except (SyntaxError, UnicodeDecodeError, RecursionError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
                text = ast.get_docstring(node)
                if text and len(text) > 40:
                    yield f"{node.name}: {text[:250]}"
