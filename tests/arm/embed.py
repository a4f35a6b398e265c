"""Writes the embeddings of a file's texts, a JSON list: `python -m tests.arm.embed MODEL TEXTS.json FILE.npy`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from services.memory.embedder.model import open_model

if __name__ == "__main__":
    model = open_model(Path(sys.argv[1]))
    np.save(sys.argv[3], np.array([model.embed(text)[0] for text in json.loads(Path(sys.argv[2]).read_text())]))
