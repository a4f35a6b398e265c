"""What a user is told of a directory's project: that the directory has moved, or may be another one that has."""

from __future__ import annotations

from shlex import quote

from services.gateway.directory.project_labels import ProjectLabels
from services.kit.errors import ServiceError
from services.workspace.project_identity import Sighting

path_max_chars = 200


async def project_news(labels: ProjectLabels, sighting: Sighting | None, *, tells: bool = False) -> str:
    """A sentence or two, with the command that changes it; empty where there is nothing new, or nobody answers.

    With `tells` the user is told now: that the directory has moved is no news the next time.
    """
    if sighting is None or not (sighting.mark or sighting.handoff):
        return ""
    try:
        label = await labels.known_label(sighting)
        if not label:
            return ""
        news = await labels.news(label, sighting, tells=tells)
    except ServiceError:
        return ""
    if news.moved_from:
        return (
            f"This directory was {_end(news.moved_from)}, and what is remembered of {label} goes on here. "
            f"If it is another project: segue project split {quote(news.name)} {quote(news.part)}"
        )
    if news.likely:
        was = f", which was in {_end(news.likely_roots[0])}" if news.likely_roots else ""
        return (
            f"This directory has handoffs of the project {news.likely}{was}, and may be the same one, moved. "
            f"If it is: segue project merge {quote(news.name)} {quote(news.likely)}"
        )
    return ""


def _end(path: str) -> str:
    return path if len(path) <= path_max_chars else f"…{path[-path_max_chars:]}"
