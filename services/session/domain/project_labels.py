"""The labels that a project may get: its name, and what tells it from others of that name. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count

from services.session.domain.projects import Project, Sighting
from services.session.domain.sessions import name_max_chars

UNTELLING = ("sha256/", "local/")
"""How remotes begin that have no owner's name in them."""


def possible_labels(sighting: Sighting, repository: Project | None = None) -> Iterator[str]:
    """Labels in the order of preference, without an end: a project takes the first one that is free."""
    for label in dict.fromkeys(_readable_labels(sighting, repository)):
        yield label[:name_max_chars]
    stem = _stem(sighting, repository)[: name_max_chars - 8]
    for number in count(2):
        yield f"{stem}-{number}"


def telling_labels(name: str, remote: str, path: str) -> list[str]:
    """The name with what stands before it in its remote and in its path: `acme/api` for the `api` of acme."""
    found = []
    parts = [] if remote.startswith(UNTELLING) else remote.split("/")
    if len(parts) > 2:
        found += [f"{parts[-2]}/{name}"]
    parents = [each for each in re.split(r"[/\\]", path) if each]
    found += [f"{parents[-2]}/{name}"] if len(parents) > 1 else []
    if len(parts) > 1:
        found += [f"{'/'.join(parts[:-1])}/{name}"]
    found += [f"{'/'.join(parents[-3:-1])}/{name}"] if len(parents) > 2 else []
    return found


def _stem(sighting: Sighting, repository: Project | None) -> str:
    if repository:
        return f"{repository.label}/{sighting.package or sighting.inside.rpartition('/')[2]}"
    return sighting.given_name or sighting.name


def _readable_labels(sighting: Sighting, repository: Project | None) -> Iterator[str]:
    stem = _stem(sighting, repository)
    yield stem
    if repository:
        yield f"{repository.label}/{sighting.inside}"
    else:
        yield from telling_labels(stem, sighting.remote, sighting.root)
