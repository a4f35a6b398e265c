"""The quality of a place for the workflows: a report, or why there is none."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from services.gateway.access.identity import LOCAL_USER, current_caller
from services.gateway.answers.session_results import FixesExpected, FixProneShape, RecommendationShape
from services.gateway.backends import Backends
from services.gateway.directory.working_directory import Place
from services.kit.errors import ServiceError
from services.pb import memory_pb2, quality_pb2, session_pb2


@dataclass(frozen=True, slots=True)
class Assessed:
    """A report if one was made; otherwise `trouble` says why not."""

    report: quality_pb2.Report | None
    trouble: str = ""

    @property
    def message(self) -> session_pb2.Quality | None:
        """The scores that the session service stores."""
        if self.report is None:
            return None
        parts = {name: getattr(self.report, name) for name in PARTS}
        parts["measured_percent"] = round(100 * self.report.evidence_coverage, 1)
        return session_pb2.Quality(overall=self.report.overall_score, parts=parts)

    def shape(self) -> dict[str, Any]:
        """The scores under the contract's names."""
        if self.report is None:
            return dict.fromkeys(("overall", "project_health", "permissions", "tools_available", *COVERAGE))
        return {
            "overall": self.report.overall_score,
            "project_health": self.report.project_health,
            "permissions": self.report.permissions_score,
            "tools_available": self.report.tools_availability,
            **{name: getattr(self.report, name) for name in COVERAGE},
        }

    @property
    def recommendations(self) -> list[str]:
        """The recommendations with the largest gain."""
        return recommendations(self.report)[:5] if self.report else []


summary_timeout_s = 0.5
"""A briefing does not wait longer for what it can do without."""
COVERAGE = ("measured_score", "evidence_coverage", "summary")
PARTS = ("project_health", "permissions_score", "tools_availability")


def recommendations(report: quality_pb2.Report) -> list[str]:
    """The recommendations, each with its gain in points of the overall score, its id, and why else it is shown."""
    return [_recommendation_text(each) for each in report.recommendations]


def _recommendation_text(each: quality_pb2.Recommendation) -> str:
    gain = f"{'+' if each.measured else 'up to +'}{each.points:.1f}"
    return f"{each.text} ({'; '.join(filter(None, [gain, each.id, *each.why[1:]]))})"


def recommendation_shapes(report: quality_pb2.Report) -> list[RecommendationShape]:
    """The same, in parts."""
    return [
        RecommendationShape(
            id=each.id or None, text=each.text, points=each.points, measured=each.measured, why=list(each.why)
        )
        for each in report.recommendations
    ]


def expected_fixes(report: quality_pb2.Report) -> FixesExpected | None:
    """The files most likely to need a fix next, each with why; None where nothing speaks for any."""
    if not report.HasField("fixes"):
        return None
    found = report.fixes
    files = [
        FixProneShape(
            path=each.path,
            why=f"changed in {each.changes} of the last {found.commits} commits, {each.fixes} of them fixes",
        )
        for each in found.files
    ]
    basis = (
        f"at {found.trials} earlier times here {100 * found.right:.0f} % of the files so named were in one of the next "
        f"20 fixes, of those fixed last {100 * found.right_by_last:.0f} %"
    )
    return FixesExpected(files=files, basis=basis)


async def permission_facts(backends: Backends, project: str) -> quality_pb2.PermissionFacts | None:
    """The rules in force in the project, and how many of them are broad; None if the session service cannot say."""
    asked = session_pb2.PermissionStatusRequest(project=project)
    try:
        status: session_pb2.PermissionStatusResponse = await backends.session.call(
            backends.session.stub.PermissionStatus, asked
        )
    except ServiceError:
        return None
    return quality_pb2.PermissionFacts(rules=len(status.rules), broad_rules=sum(map(_is_broad, status.rules)))


def _is_broad(rule: session_pb2.Rule) -> bool:
    allows = rule.decision == "allow" and rule.level in {"high", "critical"}
    return allows and rule.scope == "always" and not rule.HasField("expires_at")


async def latest_summary(backends: Backends, project: str) -> str:
    """What the last recorded score is of, and what would be next; empty where none is known, or it is of nothing."""
    request = quality_pb2.HistoryRequest(project=project, limit=1)
    try:
        history: quality_pb2.HistoryResponse = await backends.quality.call(
            backends.quality.stub.History, request, summary_timeout_s
        )
    except ServiceError:
        return ""
    last = history.points[-1] if history.points else None
    return last.summary if last and last.evidence_coverage else ""


async def shares_memories(backends: Backends, project: str) -> bool:
    """Whether the caller shares memories of the project: only then does what helped others there count, and theirs."""
    if current_caller().user == LOCAL_USER:
        return False
    asked = memory_pb2.StatsRequest(project=project)
    try:
        stats: memory_pb2.StatsResponse = await backends.memory.call(
            backends.memory.stub.Stats, asked, summary_timeout_s
        )
    except ServiceError:
        return False
    return stats.shared_by_caller > 0


async def assess(
    backends: Backends, place: Place, operation_id: str = "", kind: str = "check", *, remember_shown: bool = False
) -> Assessed:
    """The place's quality; with `operation_id` it is recorded as a point of the project's history.

    With either, its recommendations are remembered as shown.
    """
    if place.project is None:
        return Assessed(None, place.trouble)
    facts, shares = await asyncio.gather(permission_facts(backends, place.name), shares_memories(backends, place.name))
    request = quality_pb2.CheckRequest(
        working_directory="" if place.client else place.directory,
        evidence=place.evidence,
        project=place.name if operation_id else "",
        permissions=facts,
        remember_shown=remember_shown or bool(operation_id),
        shares=shares,
        operation_id=operation_id,
        kind=kind,
        label=place.name,
    )
    try:
        answer: quality_pb2.CheckResponse = await backends.quality.call(backends.quality.stub.Check, request)
    except ServiceError as error:
        return Assessed(None, f"quality: {error.message}")
    return Assessed(answer.report)
