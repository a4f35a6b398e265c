"""How many of some memories have each project, kind, tag and month: from the index's columns, without their rows. And
how many have all words of a query."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from services.memory.index.asked import Asked
from services.memory.index.catalogue import Catalogue
from services.memory.index.inverted_index import Matches
from services.memory.index.labels import Labels
from services.memory.index.slots.growable_arrays import Slots

facet_values_max = 20


@dataclass(frozen=True, slots=True)
class FacetCounts:
    """`total` memories; for project, content_type, tags (casefolded) and month the most frequent values. `spelling` has
    for each of the tags the sequence of a memory that has it."""

    total: int
    counts: Mapping[str, Mapping[str, int]]
    spelling: Mapping[str, int]


def facet_counts(catalogue: Catalogue, labels: Labels, slots: Slots) -> FacetCounts:
    """Of the memories in `slots`."""
    tags = labels.frequent_tags(slots, facet_values_max)
    counts = {
        "project": _most_frequent(catalogue.project_names(slots)),
        "content_type": _most_frequent(labels.content_types(slots)),
        "tags": {tag: count for tag, (count, _) in tags.items()},
        "month": _most_frequent(_months(catalogue, slots)),
    }
    sequence_of = catalogue.column("sequence")
    return FacetCounts(len(slots), counts, {tag: int(sequence_of[slot]) for tag, (_, slot) in tags.items()})


def _months(catalogue: Catalogue, slots: Slots) -> Mapping[str, int]:
    seconds = np.floor(catalogue.column("timestamp_s")[slots]).astype("datetime64[s]")
    months, counts = np.unique(seconds.astype("datetime64[M]"), return_counts=True)
    return dict(zip(months.astype(str).tolist(), counts.tolist(), strict=True))


def _most_frequent(counts: Mapping[str, int]) -> Mapping[str, int]:
    return {name: count for name, count in Counter(counts).most_common(facet_values_max) if count}


def holding(catalogue: Catalogue, asked: Asked, matches: Matches) -> int:
    """How many of what is searched have all terms, in the projects that the query names if it names any."""
    slots = matches.all_of_them()
    return int(catalogue.of_projects(asked.projects, slots).sum()) if asked.projects else len(slots)
