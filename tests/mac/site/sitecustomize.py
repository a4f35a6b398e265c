"""Takes away what Python has on Linux and has not on macOS; every Python that reads PYTHONPATH runs it first."""

from __future__ import annotations

import importlib
import sys

from macos_names import MISSING  # type: ignore[import-not-found]  # beside this file, which is found first

for module in map(importlib.import_module, MISSING):
    for name in MISSING[module.__name__].split():
        if hasattr(module, name):
            delattr(module, name)

# The tests' packages bring it along for Linux, which it does not find here; Segue's own packages do not.
sys.modules["psutil"] = None  # type: ignore[assignment]
