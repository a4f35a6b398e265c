"""The embedding model that the tests share: built once on this machine, and read by all."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from services.memory.embedder.build import build_model


@cache
def shared_model() -> Path:
    """Its directory; tests that change the model work on a copy."""
    cached = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    directory = Path(os.environ.get("SEGUE_MODEL_DIR") or cached / "segue" / "model")
    build_model(directory)
    return directory
