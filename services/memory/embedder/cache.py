"""The most recently used embeddings, so that a repeated query is not embedded again."""

from __future__ import annotations

import hashlib
from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]


class EmbeddingCache:
    """A bounded map from (model, text) to embedding. Not thread-safe: for the event loop's thread only."""

    def __init__(self, embeddings_max: int = 1000) -> None:
        self._embeddings_max = embeddings_max
        self._embeddings: OrderedDict[bytes, Vector] = OrderedDict()
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._embeddings)

    def get(self, model: str, text: str) -> Vector | None:
        """The embedding, read-only, or None."""
        key = _key(model, text)
        embedding = self._embeddings.get(key)
        if embedding is None:
            self.misses += 1
            return None
        self.hits += 1
        self._embeddings.move_to_end(key)
        return embedding

    def put(self, model: str, text: str, embedding: Vector) -> None:
        """Stores a copy; evicts the least recently used entry if there are too many."""
        kept = embedding.copy()
        kept.flags.writeable = False
        key = _key(model, text)
        self._embeddings[key] = kept
        self._embeddings.move_to_end(key)
        if len(self._embeddings) > self._embeddings_max:
            self._embeddings.popitem(last=False)


def _key(model: str, text: str) -> bytes:
    """A hash, since a text can be 100 kB. Surrogates are allowed: any str is a key."""
    content = f"{model}\0{text}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(content, digest_size=16).digest()
