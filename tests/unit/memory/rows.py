"""Rows of memories as the stores of memories take them."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from services.memory.domain.memories import Kind, Memory, accept
from services.memory.domain.rows import NewRow

NOW = datetime(2026, 3, 1, tzinfo=UTC)
VECTOR = np.full(384, 384**-0.5, np.float16)
PROJECTS = [f"project-{number}" for number in range(8)]


def row(content: str, project: str = "p", user: str = "ann", id: str = "") -> NewRow:
    memory = Memory(content, Kind.REFLECTION, project, NOW, tags=("t",), metadata={"a": [1]}, id=id)
    return NewRow(accept(memory, NOW), user, VECTOR, VECTOR)
