"""The quality tools: a project's score from evidence, and its trend."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any, Literal
from uuid import uuid4

from fastmcp import Context, FastMCP
from mcp_types import ToolAnnotations
from pydantic import Field

from services.gateway.answers import session_results as shapes
from services.gateway.answers.memory_results import iso
from services.gateway.arguments.surrogates import encodable
from services.gateway.backends import Backends
from services.gateway.directory.client_reports import Asked
from services.gateway.directory.working_directory import Workplace
from services.gateway.tools.session import Directory
from services.gateway.workflows.quality import (
    expected_fixes,
    permission_facts,
    recommendation_shapes,
    recommendations,
    shares_memories,
)
from services.gateway.workflows.recommendations import answer as keep_answer
from services.kit.errors import InvalidInput, NotReady
from services.pb import quality_pb2


def register(mcp: FastMCP, backends: Backends, workplace: Workplace, run_timeout_s: float) -> None:
    """Adds the quality tools to `mcp`."""
    quality = backends.quality

    @mcp.tool(annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False))
    async def quality_check(
        context: Context,
        working_directory: Directory = None,
        run_tools: Annotated[bool, Field(description="Run its tests and linters; takes minutes")] = False,
    ) -> shapes.QualityAnswer:
        """Score a project from 0 to 100 by evidence; what was not measured earns nothing."""
        place = await workplace.find(Asked.of(working_directory, context))
        if place.project is None:
            raise InvalidInput(f"Nothing is known of this directory: {place.trouble}.")
        if place.client and run_tools:
            raise InvalidInput(
                "Tools run on the machine of the directory, and the gateway does not see it.",
                "Run them yourself and let them leave reports (junit.xml, coverage.json, ruff.json), which are read.",
                "Run `segue serve` on the machine of the directory and connect to that.",
            )
        request = quality_pb2.CheckRequest(
            working_directory="" if place.client else place.directory,
            evidence=place.evidence,
            permissions=await permission_facts(backends, place.name),
            remember_shown=True,
            shares=await shares_memories(backends, place.name),
            run_tools=run_tools,
            project=place.name,
            operation_id=str(uuid4()),
        )
        if not run_tools:
            return _answer(await quality.call(quality.stub.Check, request))
        async for update in quality.stream(quality.stub.CheckWithProgress, request, run_timeout_s):
            if update.HasField("response"):
                return _answer(update.response)
            await context.report_progress(update.progress.done, update.progress.total, update.progress.message)
        raise NotReady("The check ended without a report.", "Try again.")

    @mcp.tool(annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False))
    async def quality_history(
        context: Context,
        project: Annotated[str | None, Field(description="The working directory's when left out")] = None,
        limit: Annotated[int, Field(ge=1, le=1000)] = 50,
    ) -> shapes.HistoryAnswer:
        """A project's quality over time, its trend, and the range it will likely stay in."""
        name = project or (await workplace.find(Asked.of(None, context))).name
        request = quality_pb2.HistoryRequest(project=encodable(name), limit=limit)
        answer: quality_pb2.HistoryResponse = await quality.call(quality.stub.History, request)
        return _history(answer)

    @mcp.tool(annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False))
    async def answer_recommendation(
        context: Context,
        id: Annotated[str, Field(description="As a recommendation names it: improve:lint")],
        answer: Annotated[
            Literal["done", "not_now", "never", "undo"], Field(description="The user's; undo takes it back")
        ],
        days: Annotated[int | None, Field(ge=1, le=365, description="How long not_now holds (30)")] = None,
        project: Annotated[str | None, Field(description="The working directory's when left out")] = None,
    ) -> shapes.RecommendationAnswer:
        """Keep what the user says of a recommendation: one refused does not return."""
        name = project or (await workplace.find(Asked.of(None, context))).name
        standing = await keep_answer(backends, encodable(name), encodable(id), answer, days)
        return shapes.RecommendationAnswer(
            id=standing.id,
            answer=standing.answer or None,
            until=iso(standing.until) if standing.HasField("until") else None,
        )


def _answer(response: quality_pb2.CheckResponse) -> shapes.QualityAnswer:
    report, recorded = response.report, response.recorded
    components = [
        shapes.ComponentShape(
            name=each.name,
            value=each.value,
            weight=each.weight,
            points=each.points,
            measured=each.measured,
            applies=not each.not_applicable,
            source=each.source,
            measured_at=iso(each.measured_at) if each.HasField("measured_at") else None,
            detail=each.detail,
        )
        for each in report.components
    ]
    return shapes.QualityAnswer(
        report=shapes.QualityReport(
            overall_score=report.overall_score,
            measured_score=report.measured_score,
            summary=report.summary,
            project_health=report.project_health,
            permissions_score=report.permissions_score,
            tools_availability=report.tools_availability,
            git_status=json.loads(report.git_status or "null"),
            dependency_status=json.loads(report.dependency_status or "null"),
            components=components,
            evidence_coverage=report.evidence_coverage,
            recommendations=recommendations(report),
            recommendation_details=recommendation_shapes(report),
            fixes_expected=expected_fixes(report),
            runs=[
                {"tool": each.tool, "outcome": each.outcome, "took_s": round(each.took_s, 2), "detail": each.detail}
                for each in report.runs
            ],
            cached=report.cached,
        ),
        quality_delta=recorded.delta if recorded.HasField("delta") else None,
        events=[_event(each) for each in recorded.events],
    )


def _rules_changed_at(points: Sequence[quality_pb2.Point]) -> str | None:
    changes = [after for before, after in pairwise(points) if (before.rules or 1) != (after.rules or 1)]
    return iso(changes[-1].timestamp) if changes else None


def _event(event: quality_pb2.ThresholdEvent) -> str:
    return f"{event.direction} {event.threshold:g} since {iso(event.timestamp)}"


def _history(answer: quality_pb2.HistoryResponse) -> shapes.HistoryAnswer:
    trend, forecast = answer.trend, answer.forecast
    expected: dict[str, Any] | None = None
    if answer.HasField("forecast"):
        expected = {"timestamp": iso(forecast.timestamp), "overall_score": forecast.overall_score}
        expected |= {"low": forecast.low, "high": forecast.high}
    return shapes.HistoryAnswer(
        points=[shapes.PointShape.of(each) for each in answer.points],
        rules_changed_at=_rules_changed_at(answer.points),
        trend=shapes.TrendShape(
            direction=trend.direction,
            slope_per_day=trend.slope_per_day,
            slope_low=trend.slope_low if trend.HasField("slope_low") else None,
            slope_high=trend.slope_high if trend.HasField("slope_high") else None,
        ),
        forecast=expected,
        events=[_event(each) for each in answer.events],
    )
