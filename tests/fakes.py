"""Stand-ins that implement a Protocol of ours and pass the same contract tests as the real thing."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from services.memory.embedder import DIMENSIONS


class FakeEmbedder:
    """A hashed bag of words: texts that share words are close, at no cost. Counts what it was asked."""

    model = "fake/bag-of-words"
    dimensions = DIMENSIONS

    def __init__(self) -> None:
        self.texts_embedded = 0

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        embeddings = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in zip(embeddings, texts, strict=True):
            # The empty word keeps the length of an empty text from being zero, as the real model's [CLS] does.
            for word in ["", *re.findall(r"\w+", text.lower())]:
                digest = hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest()
                row[int.from_bytes(digest, "big") % self.dimensions] += 1.0 if word else 0.1
        embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
        self.texts_embedded += len(texts)
        embeddings.flags.writeable = False
        return embeddings


class FakeShared:
    """A shared cache in this process."""

    def __init__(self) -> None:
        self._values: dict[str, tuple[bytes, float]] = {}
        self._generations: dict[str, int] = {}

    async def get(self, key: str) -> bytes | None:
        value, until_s = self._values.get(key, (None, 0.0))
        return value if time.monotonic() < until_s else None

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        self._values[key] = (value, time.monotonic() + ttl_s)

    async def generations(self, names: Sequence[str]) -> list[int | None]:
        return [self._generations.get(name) for name in names]

    async def begin(self, names: Sequence[str]) -> None:
        for name in names:
            self._generations.setdefault(name, time.time_ns())

    async def move(self, names: Sequence[str]) -> None:
        for name in names:
            self._generations.pop(name, None)
