"""What many tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from services.memory.embedder.build import build_model


@pytest.fixture(scope="session")
def model_directory() -> Path:
    """The embedding model, built once on this machine; tests that change it work on a copy."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    directory = Path(os.environ.get("SEGUE_MODEL_DIR") or cache / "segue" / "model")
    build_model(directory)
    return directory
