"""What a query asks of the index, and what may answer it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.memory.domain.queries import Filter
from services.memory.search.scoring import Signals
from services.memory.text.named_dates import DateSpan
from services.memory.text.wording import Wordings


@dataclass(frozen=True, slots=True)
class AbsentWords:
    """The words of a query that occur nowhere in what is searched: their terms, the cosine of their meaning with that
    of the query, and the vector of the query's other words, None where those say nothing."""

    terms: frozenset[str]
    cosine: float
    others: NDArray[np.float32] | None


@dataclass(frozen=True, slots=True)
class Asked:
    """A query for the index; `vector` has unit length, or is None without an embedding; it `is_degraded` where
    that is for want of room. It names `projects`. What passes the filter `within` was said when the query says. It
    `is_question` where it has a question mark. The terms `nowhere` occur in nothing that is searched."""

    terms: Sequence[str]
    words: frozenset[str]
    vector: NDArray[np.float32] | None
    dates: Sequence[DateSpan] = ()
    projects: Sequence[str] = ()
    is_degraded: bool = False
    absent: AbsentWords | None = None
    within: Filter | None = None
    is_question: bool = True
    nowhere: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Candidates:
    """What may answer: sequences, and what ranking needs to know of each. `answers` marks what was looked for among
    them; `total` counts all that there is of that, `matching` all in which all terms stand, in the projects that the
    query names and at its time. `chunk` is the number of the nearest chunk, -1 for the beginning."""

    sequence: NDArray[np.int64]
    wording: Wordings
    signals: Signals
    answers: NDArray[np.bool_]
    total: int
    matching: int
    chunk: NDArray[np.int16]
