"""Vectors of other processors beside this one's: near enough that a store may move, and searches find the same.

onnxruntime chooses the integer arithmetic by the processor, so that the same model gives slightly other vectors.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.arm.emulation import ARM, ARM_WITH_SME, OLDER_X86, Processor
from tests.performance.corpora.coding import SMALL, memories, questions
from tests.performance.corpora.coding.answers import Answers, answers_by, mean, subject, texts

pytestmark = pytest.mark.arm

ROOT = Path(__file__).parents[2]
SLOW_S, ALL_TEXTS_S = 540, 2400
"""Less than a test may take, so that what hangs is ended with it."""
COSINE_LEAST = 0.98
CLEAR = 0.05
"""A memory that is nearer by so much is first on every processor; scores themselves move by no more."""

Vectors = NDArray[np.float32]
_PLACES = {text: place for place, text in enumerate(texts())}
MEMORIES = [_PLACES[memory.content] for memory in memories(SMALL)]
QUESTIONS = [_PLACES[subject(question)] for question in questions(SMALL)]
WHOLE = [*QUESTIONS, *MEMORIES]
"""The questions and the memories alone; a memory with the one before it takes an emulated processor too long."""
SAMPLE = [*QUESTIONS[::2], *MEMORIES[::8]]
"""What takes it a minute or two; the others are then as on this machine, as in a store that moved."""

LOSS_MAX = {"MRR": 1.0, "any@1": 100 / len(QUESTIONS), "any@5": 1.0, "any@10": 1.0}
"""In percent; at the first place one question, as one is more than a percent of them."""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, model_directory: Path) -> Vectors:
    """This machine's."""
    command, at = [sys.executable], tmp_path_factory.mktemp("own")
    return embeddings(command, dict(os.environ), at, model_directory, texts())


def embeddings(python: list[str], environment: dict[str, str], at: Path, model: Path, wanted: list[str]) -> Vectors:
    limit_s = ALL_TEXTS_S if len(wanted) > len(SAMPLE) else SLOW_S
    (at / "texts.json").write_text(json.dumps(wanted))
    command = [*python, "-m", "tests.arm.embed", *map(str, (model, at / "texts.json", at / "vectors.npy"))]
    subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=limit_s, check=True)
    vectors: Vectors = np.load(at / "vectors.npy")
    return vectors


@pytest.mark.parametrize(
    "places", [pytest.param(SAMPLE, id="sample"), pytest.param(WHOLE, id="whole", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("processor", [ARM_WITH_SME, OLDER_X86, ARM], ids=lambda each: each.cpu.partition(",")[0])
async def test_a_store_may_move_to_this_processor_and_from_it(
    processor: Processor, places: list[int], own: Vectors, tmp_path: Path, model_directory: Path
) -> None:
    wanted = [texts()[place] for place in places]
    vectors = own.copy()
    vectors[places] = embeddings(processor.python(), processor.environment, tmp_path, model_directory, wanted)
    known = own[places].any(axis=1)  # a text that the model does not know has no direction
    assert (vectors[places].any(axis=1) == known).all()
    cosines = (own[places] * vectors[places]).sum(axis=1)[known]
    print(f"\n{processor.cpu}: cosine to this machine's {cosines.mean():.4f}, at least {cosines.min():.4f}")
    assert cosines.min() >= COSINE_LEAST

    moved = own.copy()
    moved[QUESTIONS] = vectors[QUESTIONS]
    usual = await answers_by(own)
    for asked in (vectors, moved):
        same_first_hits(own, asked)
        found = await answers_by(asked)
        loses_little(usual, found)


def same_first_hits(own: Vectors, theirs: Vectors) -> None:
    """Wherever a memory is clearly the nearest of all."""
    scores, their_scores = (each[QUESTIONS] @ each[MEMORIES].T for each in (own, theirs))
    second, first = np.sort(scores, axis=1)[:, -2:].T
    clear = first - second >= CLEAR
    assert clear.sum() >= len(QUESTIONS) // 2
    assert (scores.argmax(axis=1) == their_scores.argmax(axis=1))[clear].all()


def loses_little(usual: Answers, found: Answers) -> None:
    for name in ("search", "meaning alone"):
        figures = {measure: (mean(usual, name, measure), mean(found, name, measure)) for measure in LOSS_MAX}
        print(name, {measure: f"{before:.2f} -> {after:.2f}" for measure, (before, after) in figures.items()})
        lost = {measure: before - after for measure, (before, after) in figures.items()}
        assert all(lost[measure] <= most + 1e-9 for measure, most in LOSS_MAX.items()), figures
