"""Writes the embeddings of the coding memories and questions: `python -m tests.arm.embed MODEL FILE.npy`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from services.memory.embedder.model import open_model
from tests.performance.coding import texts

if __name__ == "__main__":
    model = open_model(Path(sys.argv[1]))
    np.save(sys.argv[2], np.array([model.embed(text)[0] for text in texts()]))
