"""What a turn of a conversation is: a question, a decision, narration and so on; by a small model over its embedding.

Multinomial logistic regression over the embedding of the content, some features of its form, and its words hashed into
a few hundred places with a sign (Weinberger et al. 2009). The weights are in `turn_kinds.json`, made from labelled
turns by `tests/performance/corpora/turn_kinds.py`, which also says how often each kind is right.
"""

from __future__ import annotations

import json
import math
import re
import zlib
from base64 import b85decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.memory.imports.decisions import CORRECTION, DECISION, marks
from services.memory.imports.narration import is_narration

KINDS = (
    *("answer", "bug", "constraint", "correction", "decision", "fix", "narration", "plan", "question", "request"),
    *("small talk", "status"),
)
"""What the model tells apart."""
NAMED = frozenset(KINDS) - {"answer", "bug", "request"}
"""What is said of a turn; of the others fewer than 85 of 100 were right within the half that the model is made from."""
confidence_min = 0.5
"""With less nothing is said."""
WORD_PLACES = 512
TURN_KIND = "turn_kind"
"""Where a memory's metadata says it."""
_WEIGHTS = Path(__file__).with_name("turn_kinds.json")
_looked_at_chars = 600
_words_max = 60
_form_weight = 0.5
_token = re.compile(r"[^\W_]+(?:'[a-z]+)?|[?!:;]")
_trouble = re.compile(r"error|exception|traceback|fail")


@dataclass(frozen=True, slots=True)
class Weights:
    """A column for each kind; the rows are the embedding's components, the form, the words' places, and one."""

    model: str
    columns: NDArray[np.float32]


@cache
def weights() -> Weights:
    """The committed ones."""
    content = json.loads(_WEIGHTS.read_text(encoding="ascii"))
    numbers = np.frombuffer(b85decode("".join(content["weights"])), np.int8).reshape(-1, len(KINDS))
    return Weights(content["model"], numbers.astype(np.float32) * np.float32(content["scale"]))


def turn_kinds(texts: Sequence[str], roles: Sequence[str], vectors: NDArray[np.floating]) -> list[str]:
    """The kind of each turn, by its role and the embedding [turns, dimensions] of its content; empty where the model is
    not sure, and where there is no embedding. Less than half a millisecond each."""
    shares = kind_shares(features(texts, roles, vectors), weights().columns)
    best = shares.argmax(axis=1)
    return [
        KINDS[kind] if share >= confidence_min and KINDS[kind] in NAMED and vector.any() else ""
        for kind, share, vector in zip(best, shares.max(axis=1, initial=0.0), vectors, strict=True)
    ]


def kind_named(metadata: Mapping[str, Any]) -> str:
    """The kind that a memory's metadata names; empty where it names none, or one that nobody filters by."""
    kind = metadata.get(TURN_KIND)
    return kind if isinstance(kind, str) and kind in NAMED else ""


def features(texts: Sequence[str], roles: Sequence[str], vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    """A row for each turn, as `Weights` has them."""
    forms = np.array([_form(text, role) for text, role in zip(texts, roles, strict=True)], np.float32)
    words = np.stack([_word_places(text) for text in texts])
    parts = (vectors.astype(np.float32), _form_weight * forms, words, np.ones((len(texts), 1), np.float32))
    return np.concatenate(parts, axis=1)


def kind_shares(rows: NDArray[np.float32], columns: NDArray[np.float32]) -> NDArray[np.float32]:
    """The probabilities [turns, kinds]."""
    scores = rows @ columns
    scores = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: NDArray[np.float32] = scores / scores.sum(axis=1, keepdims=True)
    return shares


def _form(text: str, role: str) -> list[float]:
    lower, stripped = text.lower(), text.rstrip()
    words = len(re.findall(r"\w+", lower[:_looked_at_chars]))
    marked = marks(text)
    return [
        role == "assistant",
        stripped.endswith(("?", "\uff1f")),
        "?" in text,
        math.log1p(len(text)) / 5,
        math.log1p(words) / 3,
        "\n" in text,
        "`" in text,
        any(letter.isdigit() for letter in text[:_looked_at_chars]),
        is_narration(text),
        DECISION in marked,
        CORRECTION in marked,
        words <= 2,
        stripped.endswith("!"),
        _trouble.search(lower) is not None,
        "." in text[:-1],
    ]


def _word_places(text: str) -> NDArray[np.float32]:
    """Words, pairs of them, and what the turn begins with; of unit length."""
    words = _token.findall(text[:_looked_at_chars].lower().replace("\u2019", "'"))[:_words_max]
    pairs = [f"{left}_{right}" for left, right in pairwise(words)]
    places = np.zeros(WORD_PLACES, np.float32)
    for token in (*words, *(f"^{each}" for each in words[:1]), "^" + "_".join(words[:2]), *pairs):
        number = zlib.crc32(token.encode("utf-8", "replace"))
        places[number % WORD_PLACES] += 1 if number >> 16 & 1 else -1
    length = float(np.linalg.norm(places))
    return places / length if length else places
