"""The newest of some memories with the vectors of their contents, to be compared with each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.memory.index.catalogue import Catalogue
from services.memory.index.slots.growable_arrays import Slots
from services.memory.index.vectors.embeddings import Embeddings
from services.memory.index.vectors.slot_vectors import Rows
from services.memory.text.wording import Wordings


@dataclass(frozen=True, slots=True)
class AtMost:
    """How many are compared, in each project and in all."""

    in_project: int
    in_all: int


@dataclass(frozen=True, slots=True)
class NewestVectors:
    """In the order of time, those of one moment in the order of storing: sequence, the project's number, wording (0 for
    none) and vector. `total` counts also those without a vector, and older ones."""

    sequence: NDArray[np.int64]
    project: NDArray[np.int32]
    wording: Wordings
    vectors: Rows
    total: int


def newest_vectors(catalogue: Catalogue, embeddings: Embeddings, slots: Slots, most: AtMost) -> NewestVectors:
    """Of the memories in `slots`, ascending."""
    ordered = catalogue.by_time(slots[embeddings.present(slots)])
    newest = _newest(ordered, catalogue.column("project")[ordered], most)
    back = np.argsort(newest)
    vectors = np.empty((len(newest), embeddings.dimensions), np.float16)
    vectors[back] = embeddings.contents(newest[back])
    sequence, project, wording = (catalogue.column(name)[newest] for name in ("sequence", "project", "wording"))
    return NewestVectors(sequence, project, wording, vectors, len(slots))


def _newest(ordered: Slots, project: NDArray[np.int32], most: AtMost) -> Slots:
    """The last of `ordered` in each project, and of these the last in all."""
    kept = np.zeros(len(ordered), np.bool_)
    for each in np.unique(project).tolist():
        kept[np.flatnonzero(project == each)[-most.in_project :]] = True
    return np.asarray(ordered[kept][-most.in_all :])
