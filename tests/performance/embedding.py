"""The embedder beside what it is made of: a bare call of onnxruntime, and PyTorch where that is installed."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from services.memory.embedder.onnx import OnnxEmbedder
from tests.performance.rows import Row

queries = 200
texts = 512
_query = "how did we fix the flaky upload test in the {} service, attempt {}?"
_turn = "We looked at the upload worker again: it holds the connection while it waits for the queue, so under load {} "


async def rows(model: Path) -> list[Row]:
    """A query's embedding beside the bare call, the rate of a batch, and the factor over PyTorch."""
    async with OnnxEmbedder(model) as embedder:
        ours, bare = [], []
        session = _session(model)
        for number in range(queries):
            text = _query.format("billing", number)
            inputs = _inputs(model, text)
            began = time.perf_counter()
            session.run(None, inputs)
            between = time.perf_counter()
            await embedder.embed([text])
            ours.append((time.perf_counter() - between) * 1e3)
            bare.append((between - began) * 1e3)
        began = time.perf_counter()
        await embedder.embed([(_turn * 3).format(*[number] * 3) for number in range(texts)])
        rate = texts / (time.perf_counter() - began)
    query, baseline = statistics.median(ours), statistics.median(bare)
    return [
        Row("a query's embedding, p50", query, "ms", f"{query / baseline:.2f} x the bare call (wanted: 1.1)"),
        Row("a bare call of onnxruntime on the same graph, p50", baseline, "ms", "the baseline, tokens given"),
        Row("embeddings of turns of 75 tokens", rate, "texts/s", "as an import asks for them"),
        *_torch(query),
    ]


def _session(model: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model / "model.onnx", options, providers=["CPUExecutionProvider"])


def _inputs(model: Path, text: str) -> dict[str, Any]:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.no_padding()
    ids = np.array([tokenizer.encode(text).ids], np.int32)
    return {"input_ids": ids, "attention_mask": np.ones_like(ids)}


def _torch(query_ms: float) -> list[Row]:
    try:
        from sentence_transformers import SentenceTransformer  # type: ignore[import-not-found]
    except ImportError:
        return [Row("sentence-transformers on PyTorch", 0, "", "not measured: not installed")]
    from services.memory.embedder.graph import weights_directory

    model = SentenceTransformer(str(weights_directory()), device="cpu")
    took = []
    for number in range(50):
        began = time.perf_counter()
        model.encode([_query.format("billing", number)])
        took.append((time.perf_counter() - began) * 1e3)
    torch_ms = statistics.median(took)
    return [
        Row("sentence-transformers on PyTorch, p50", torch_ms, "ms", f"{torch_ms / query_ms:.1f} x ours (wanted: 4)")
    ]
