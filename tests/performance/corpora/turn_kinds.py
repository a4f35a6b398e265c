"""Turns labelled by hand with what they are, the model made from one half of them, and how right it is on the other.

`python -m tests.performance.corpora.turn_kinds` makes `services/memory/text/turn_kinds.json` anew and prints the
figures. The halves are told apart by a hash of the text; what was chosen (features, confidence, penalty) was chosen by
parts of the first half.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b85encode
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.gateway.workflows.handoffs.utterances import asks_for_something, is_substantial
from services.memory.embedder import MODEL
from services.memory.embedder.model import open_model
from services.memory.imports.narration import is_narration
from services.memory.text import turn_kinds
from services.memory.text.turn_kinds import KINDS, NAMED, confidence_min, features, kind_shares
from tests.model import shared_model
from tests.performance.rows import Row

TURNS = Path(__file__).with_name("turn_kinds.txt")
WRITTEN = Path(turn_kinds.__file__).with_name("turn_kinds.json")
ROLES = {"u": "user", "a": "assistant"}
SAYS_NOTHING = ("narration", "small talk")
penalty = 5e-4
steps = 300


class Labelled(NamedTuple):
    """A turn, who said it, what it is, and whether the model may be made from it."""

    kind: str
    role: str
    text: str
    is_seen: bool


def labelled() -> list[Labelled]:
    """Every turn."""
    lines = [line for line in TURNS.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return [_labelled(*line.split("\t")) for line in lines]


def _labelled(label: str, text: str) -> Labelled:
    kind, role = label.split()
    text = text.replace("\\n", "\n")
    is_seen = hashlib.sha256(text.encode()).digest()[0] % 2 == 0
    return Labelled(kind.replace("smalltalk", "small talk"), ROLES[role], text, is_seen)


def feature_rows(turns: Sequence[Labelled]) -> NDArray[np.float32]:
    """The features of each turn, by the real embedding."""
    model = open_model(shared_model())
    vectors = np.stack([model.embed(each.text)[0].astype(np.float16) for each in turns])
    return features([each.text for each in turns], [each.role for each in turns], vectors)


def trained(rows: NDArray[np.float32], kinds: NDArray[np.int64]) -> NDArray[np.float32]:
    """The columns for these features and kinds: gradient descent with momentum on the penalised log likelihood."""
    columns = np.zeros((rows.shape[1], len(KINDS)), np.float32)
    velocity, wanted = np.zeros_like(columns), np.eye(len(KINDS), dtype=np.float32)[kinds]
    for _ in range(steps):
        gradient = rows.T @ (kind_shares(rows, columns) - wanted) / np.float32(len(rows)) + penalty * columns
        velocity = np.float32(0.9) * velocity - gradient
        columns = columns + velocity
    return columns


def write(columns: NDArray[np.float32]) -> None:
    """Writes them as bytes with one scale."""
    scale = float(np.abs(columns).max()) / 127
    packed = b85encode(np.round(columns / scale).astype(np.int8).tobytes()).decode()
    lines = [packed[start : start + 110] for start in range(0, len(packed), 110)]
    content = {"model": MODEL, "scale": scale, "weights": lines}
    WRITTEN.write_text(json.dumps(content, indent=0) + "\n", encoding="ascii")


def rows() -> list[Row]:
    """What the committed model says of the half that it was not made from, and what the rules say."""
    turns = [each for each in labelled() if not each.is_seen]
    shares = kind_shares(feature_rows(turns), turn_kinds.weights().columns)
    said = _said(shares)
    meant = np.array([KINDS.index(each.kind) for each in turns])
    made = [
        Row("turns that get a kind", 100 * float(np.mean(said >= 0)), "%", f"of {len(turns)} turns not trained on"),
        Row("turns' kinds, right", 100 * float(np.mean((said == meant)[said >= 0])), "%", "of those that get one"),
        Row("turns' kinds, right, if each got one", 100 * float(np.mean(shares.argmax(axis=1) == meant)), "%"),
    ]
    made += [_row(f"turns: {kind}", said == place, meant == place) for place, kind in enumerate(KINDS) if kind in NAMED]
    nothing = np.isin(meant, [KINDS.index(each) for each in SAYS_NOTHING])
    by_model = np.isin(said, [KINDS.index(each) for each in SAYS_NOTHING])
    by_rules = np.array([_says_nothing(each) for each in turns])
    made.append(_row("turns that say nothing, by the model", by_model, nothing))
    made.append(_row("turns that say nothing, by rules", by_rules, nothing))
    return [*made, _row("turns that say nothing, by either", by_model | by_rules, nothing)]


def _said(shares: NDArray[np.float32]) -> NDArray[np.int64]:
    """The place of each turn's kind; -1 where nothing is said."""
    best = shares.argmax(axis=1)
    is_named = np.isin(best, [KINDS.index(each) for each in NAMED])
    return np.where((shares.max(axis=1) >= confidence_min) & is_named, best, -1)


def cross_validated_rows(folds: int = 5) -> list[Row]:
    """By a model of the rest of the seen half each, of all kinds: what was chosen was chosen by these."""
    turns = [each for each in labelled() if each.is_seen]
    rows, meant = feature_rows(turns), np.array([KINDS.index(each.kind) for each in turns])
    fold = np.random.default_rng(0).integers(0, folds, len(turns))
    shares = np.zeros((len(turns), len(KINDS)), np.float32)
    for number in range(folds):
        rest = fold != number
        shares[~rest] = kind_shares(rows[~rest], trained(rows[rest], meant[rest]))
    sure = np.where(shares.max(axis=1) >= confidence_min, shares.argmax(axis=1), -1)
    return [_row(f"seen turns: {kind}", sure == place, meant == place) for place, kind in enumerate(KINDS)]


def _says_nothing(turn: Labelled) -> bool:
    """What a briefing left out before there was the model."""
    if turn.role == "user":
        return not asks_for_something(turn.text)
    return is_narration(turn.text) or not is_substantial(turn.text)


def _row(name: str, said: NDArray[np.bool_], meant: NDArray[np.bool_]) -> Row:
    both = float(np.sum(said & meant))
    recall = 100 * both / max(1.0, float(meant.sum()))
    return Row(f"{name}, precision", 100 * both / max(1.0, float(said.sum())), "%", f"recall {recall:.0f} %")


def main() -> None:
    """Makes the model and prints its figures."""
    turns = [each for each in labelled() if each.is_seen]
    write(trained(feature_rows(turns), np.array([KINDS.index(each.kind) for each in turns])))
    turn_kinds.weights.cache_clear()
    for row in (*cross_validated_rows(), *rows()):
        print(f"{row.name:62} {row.value:10.2f} {row.unit:6} {row.note}", flush=True)


if __name__ == "__main__":
    main()
