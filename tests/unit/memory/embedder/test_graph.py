"""The built graph is fused already, and what it says is what the graph says that was written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from services.memory.embedder import graph
from services.memory.embedder.model import inference_session


@pytest.mark.slow
def test_a_fused_model_gives_the_same_vectors_as_one_that_each_start_fuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fused, plain = tmp_path / "fused.onnx", tmp_path / "plain.onnx"
    weights = graph.load_weights(graph.weights_directory() / "model.safetensors")
    graph.write_quantised(graph.model_graph(weights), fused)
    with monkeypatch.context() as without:
        without.setattr(graph, "_fuse", lambda _: None)
        graph.write_quantised(graph.model_graph(weights), plain)

    assert "MatMulInteger" in _operators(plain)
    assert "MatMulInteger" not in _operators(fused)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fused.onnx", "plain.onnx"]
    sessions = [inference_session(path, 1) for path in (fused, plain)]
    for length in (2, 7, 60, 256):
        ids = np.random.default_rng(length).integers(1000, 30_000, (1, length), dtype=np.int32)
        inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        first, second = (session.run(["embedding"], inputs)[0] for session in sessions)
        assert first.tobytes() == second.tobytes()


def _operators(path: Path) -> set[str]:
    return {node.op_type for node in onnx.load(path).graph.node}
