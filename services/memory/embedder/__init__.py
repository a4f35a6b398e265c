"""Text to vectors: what the memory service asks of an embedder, and the model it is used with.

Nothing heavy is imported here; `onnx.py` has the embedder, `build.py` makes its model.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# onnxruntime reports to its maker from its import on, unless this is set before. Whoever imports it comes by here.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

MODEL = "all-MiniLM-L6-v2/int8"
DIMENSIONS = 384
# The model card's limit. Its tokenizer.json says 128, its position table has room for 512.
TOKENS_MAX = 256


class ModelUnusable(Exception):
    """The model is missing, damaged or another one; the message says what is wrong and how to mend it."""


class Embedder(Protocol):
    """Turns texts into vectors whose dot product is their cosine similarity."""

    @property
    def model(self) -> str:
        """The model and its precision: vectors of different models do not compare."""
        ...

    @property
    def dimensions(self) -> int:
        """The length of a vector."""
        ...

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The embeddings in the order of the texts: [len(texts), dimensions], rows of unit length, read-only.

        Raises RateLimited while too many texts wait.
        """
        ...
