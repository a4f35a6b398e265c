"""The quality of a place as the workflows use it: a report, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass

from services.gateway.backends import Backends
from services.gateway.workplace import Place
from services.kit.errors import ServiceError
from services.pb import quality_pb2, session_pb2


@dataclass(frozen=True, slots=True)
class Assessed:
    """A report where one was made; else `trouble` says why not."""

    report: quality_pb2.Report | None
    trouble: str = ""

    @property
    def message(self) -> session_pb2.Quality | None:
        """What the session service keeps of it."""
        if self.report is None:
            return None
        parts = {name: getattr(self.report, name) for name in PARTS}
        return session_pb2.Quality(overall=self.report.overall_score, parts=parts)

    def shape(self) -> dict[str, float | None]:
        """As the contract names the scores."""
        if self.report is None:
            return dict.fromkeys(("overall", "project_health", "permissions", "tools_available"))
        return {
            "overall": self.report.overall_score,
            "project_health": self.report.project_health,
            "permissions": self.report.permissions_score,
            "tools_available": self.report.tools_availability,
        }

    @property
    def recommendations(self) -> list[str]:
        """The ones that gain most."""
        return [f"{each.text} (+{each.points:.1f})" for each in self.report.recommendations[:5]] if self.report else []


PARTS = ("project_health", "permissions_score", "tools_availability")


async def assess(backends: Backends, place: Place, operation_id: str = "") -> Assessed:
    """The place's quality; with `operation_id` it is a point of the project's history."""
    if place.project is None:
        return Assessed(None, place.trouble)
    request = quality_pb2.CheckRequest(
        working_directory="" if place.client else place.directory,
        evidence=place.evidence,
        project=place.name if operation_id else "",
        operation_id=operation_id,
    )
    try:
        answer: quality_pb2.CheckResponse = await backends.quality.call(backends.quality.stub.Check, request)
    except ServiceError as error:
        return Assessed(None, f"quality: {error.message}")
    return Assessed(answer.report)
