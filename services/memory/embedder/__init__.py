"""Text to vectors: the Protocol of an embedder, and the model it uses.

Imports nothing heavy; `onnx.py` has the embedder, `build.py` builds its model.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# onnxruntime sends telemetry from its import on, unless this is set first. Every import of it passes through here.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

MODEL = "all-MiniLM-L6-v2/int8"
DIMENSIONS = 384
# The model card's limit. Its tokenizer.json says 128, its position table has room for 512.
TOKENS_MAX = 256


class ModelUnusable(Exception):
    """The model is missing, damaged or a different one; the message says what is wrong and how to fix it."""


class Embedder(Protocol):
    """Turns texts into vectors whose dot product is their cosine similarity."""

    @property
    def model(self) -> str:
        """The model and its precision: vectors of different models are not comparable."""
        ...

    @property
    def dimensions(self) -> int:
        """The length of a vector."""
        ...

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The embeddings in the order of the texts: [len(texts), dimensions], rows of unit length, read-only.

        The row of a text in a script that the model does not know is all zeros: such texts would be like one another
        whatever they say. Raises RateLimited if too many texts are waiting.
        """
        ...
