"""What turns are, by the committed model and the real embedding."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from services.memory.embedder import DIMENSIONS, MODEL
from services.memory.embedder.model import open_model
from services.memory.text.turn_kinds import KINDS, turn_kinds, weights
from tests.model import shared_model
from tests.performance.corpora.turn_kinds import feature_rows, labelled, rows, trained


@pytest.mark.parametrize(
    ("role", "text", "kind"),
    [
        ("assistant", "Let me have a look at the configuration of the gateway.", "narration"),
        ("user", "thanks a lot, bye", "small talk"),
        ("user", "Which of the two queues is drained first?", "question"),
        ("user", "no, I meant the other table", "correction"),
    ],
)
def test_a_plain_turn_gets_its_kind(role: str, text: str, kind: str) -> None:
    vector = open_model(shared_model()).embed(text)[0]
    assert turn_kinds([text], [role], vector[None]) == [kind]


def test_a_turn_that_could_be_anything_gets_none() -> None:
    text = "The adapter, its queue and the seven lamps of the workshop."
    vector = open_model(shared_model()).embed(text)[0]
    assert turn_kinds([text], ["assistant"], vector[None]) == [""]


def test_without_an_embedding_nothing_is_said() -> None:
    assert turn_kinds(["thanks a lot"], ["user"], np.zeros((1, DIMENSIONS), np.float32)) == [""]


def test_any_text_has_features() -> None:
    texts = ["", "\ud800", "\n\n", "?" * 100_000, "谢谢"]
    vectors = np.full((len(texts), DIMENSIONS), 0.05, np.float32)
    assert set(turn_kinds(texts, ["user"] * len(texts), vectors)) <= {"", *KINDS}


def test_the_committed_weights_are_of_the_model_in_use() -> None:
    assert weights().model == MODEL


def test_the_labelled_turns_are_many_and_none_is_there_twice() -> None:
    turns = labelled()
    assert len(turns) >= 2_000
    assert max(Counter(each.text for each in turns).values()) == 1
    of_kind = Counter(each.kind for each in turns)
    assert set(of_kind) == set(KINDS)
    assert min(of_kind.values()) >= 100
    assert 0.45 < sum(each.is_seen for each in turns) / len(turns) < 0.55


@pytest.mark.slow
def test_on_turns_that_it_was_not_made_from_the_model_is_as_right_as_the_documents_say() -> None:
    found = {row.name: row.value for row in rows()}
    assert found["turns' kinds, right"] >= 85
    assert found["turns that say nothing, by the model, precision"] >= 95


@pytest.mark.slow
def test_the_committed_weights_are_made_from_the_seen_half() -> None:
    turns = [each for each in labelled() if each.is_seen]
    columns = trained(feature_rows(turns), np.array([KINDS.index(each.kind) for each in turns]))
    assert np.abs(columns - weights().columns).max() < 2 * np.abs(columns).max() / 127
