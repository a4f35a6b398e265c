"""How long tests wait for a thing that comes in a moment on a quiet machine."""

from __future__ import annotations

PATIENCE_S = 180.0
"""Long enough for a machine that is busy with others; whoever waits for less calls a slow machine a fault."""
