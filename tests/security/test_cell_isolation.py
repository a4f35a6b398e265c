"""The same where each user has a cell, of which there is room for one at a time."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from hypothesis.stateful import initialize

from services.memory.embedder import DIMENSIONS
from services.memory.index.cells.cell_files import CELLS, CellFiles
from services.memory.index.cells.cells import Cells
from services.memory.servicer import MemoryServicer
from services.memory.storage.postgres.store import PostgresStore
from tests.fakes import FakeEmbedder
from tests.fuzz.budget import sequences
from tests.security.test_memory_isolation import Isolation, servicer_of
from tests.unit.memory.stores import POSTGRES, open_any

pytestmark = pytest.mark.slow


async def served_in_cells(stack: AsyncExitStack, home: Path) -> MemoryServicer:
    store = await stack.enter_async_context(open_any(home, POSTGRES))
    assert isinstance(store, PostgresStore)
    files = CellFiles(home / CELLS, None, FakeEmbedder.model)
    cells = await stack.enter_async_context(Cells(store, FakeEmbedder.model, DIMENSIONS, 1, files))
    return servicer_of(store, cells.nobody, cells, cells, home)


class CellIsolation(Isolation):
    @initialize()
    def serve(self) -> None:
        self.memory = self.runner.run(served_in_cells(self.stack, Path(self.home.name)))


CellIsolation.TestCase.settings = sequences(8, 30)
TestCellIsolation = CellIsolation.TestCase
