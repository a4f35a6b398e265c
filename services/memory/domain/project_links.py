"""Project links: memories of one project may help in another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.kit.errors import InvalidInput
from services.memory.domain.memories import at_most, name_max_chars

description_max_chars = 1_000
links_max = 1_000
related_max = 20
steps_max = 2


class LinkType(StrEnum):
    """How the source relates to the target."""

    RELATED = "related"
    CONTINUATION = "continuation"
    REFERENCE = "reference"


@dataclass(frozen=True, slots=True)
class Link:
    """A link between two of a user's projects; at most one from each source to each target."""

    source: str
    target: str
    type: LinkType
    description: str
    created_at: datetime


def checked_link(link: Link) -> Link:
    """The link; InvalidInput or LimitExceeded with the reason if it is invalid."""
    if not link.source or not link.target:
        raise InvalidInput("A link needs a source and a target project.")
    if link.source == link.target:
        raise InvalidInput("A project cannot be linked to itself.")
    for name in (link.source, link.target):
        at_most(len(name), name_max_chars, "a project", "characters")
    at_most(len(link.description), description_max_chars, "description", "characters")
    return link


def related_projects(project: str, links: Sequence[Link]) -> list[str]:
    """The projects within two links of `project`, in either direction, nearest first, without repetitions."""
    beside: defaultdict[str, list[str]] = defaultdict(list)
    for link in links:
        beside[link.source].append(link.target)
        beside[link.target].append(link.source)
    reached, ring = [project], [project]
    for _ in range(steps_max):
        ring = list(dict.fromkeys(name for each in ring for name in beside[each] if name not in reached))
        reached += ring
    return reached[1 : related_max + 1]
