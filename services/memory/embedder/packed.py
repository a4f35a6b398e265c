"""The model as the package `segue-model` has it, for an installation without what builds one."""

from __future__ import annotations

import importlib.util
from pathlib import Path

PACKAGE = "segue_model"


def packed_model() -> Path | None:
    """The directory of its files; None where the package is not installed."""
    spec = importlib.util.find_spec(PACKAGE)
    return Path(spec.origin).parent / "model" if spec and spec.origin else None
