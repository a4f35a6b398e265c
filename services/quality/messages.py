"""Conversion between domain values and the messages of quality.proto."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from services.pb import quality_pb2
from services.quality.domain.fix_prone import FixForecast
from services.quality.domain.handed_in import VALUES, HandedEvidence, HandedReport, HandIn, checked_values
from services.quality.domain.scoring import Scored
from services.quality.domain.trend import Crossing, Forecast, Point, Trend
from services.quality.operations.quality_check import Permissions, Question, Report
from services.quality.recommendation_messages import recommendation_message
from services.quality.storage.history import Recorded


def question(request: quality_pb2.CheckRequest, handed_in: Sequence[HandedEvidence] = ()) -> Question:
    """The question in a request, with what CI handed in of its project."""
    facts = None
    if request.HasField("permissions"):
        facts = Permissions(request.permissions.rules, request.permissions.broad_rules)
    return Question(request.working_directory, request.evidence, request.run_tools, facts, handed_in)


def hand_in(request: quality_pb2.HandInRequest, now: datetime) -> HandIn:
    """What a job hands in, still unchecked but for its values. Raises InvalidInput, TooLarge."""
    measured_at = request.measured_at.ToDatetime(UTC) if request.HasField("measured_at") else now
    files = [(each.name, each.content) for each in request.reports]
    if request.evidence:
        files.append((VALUES, checked_values(request.evidence)))
    reports = [HandedReport(name, content, request.job, request.lines, measured_at) for name, content in files]
    return HandIn(request.commit.strip().lower(), reports, now)


def hand_in_request(project: str, handed: HandIn) -> quality_pb2.HandInRequest:
    """The request that hands in the same elsewhere."""
    first = handed.reports[0]
    return quality_pb2.HandInRequest(
        project=project,
        commit=handed.commit,
        job=first.job,
        reports=[
            quality_pb2.HandedReport(name=each.name, content=each.content)
            for each in handed.reports
            if each.name != VALUES
        ],
        evidence=next((each.content.decode() for each in handed.reports if each.name == VALUES), ""),
        lines=first.lines,
        measured_at=_time(first.measured_at or handed.received_at),
    )


def handed_message(evidence: HandedEvidence) -> quality_pb2.HandedEvidence:
    """The message of what CI says of one thing."""
    return quality_pb2.HandedEvidence(
        commit=evidence.commit,
        name=evidence.name,
        value=evidence.value,
        source=evidence.source,
        detail=evidence.detail,
        measured_at=_time(evidence.measured_at),
    )


def handed_evidence(message: quality_pb2.HandedEvidence) -> HandedEvidence:
    """What CI says of one thing."""
    measured_at = message.measured_at.ToDatetime(UTC)
    return HandedEvidence(message.commit, message.name, message.value, message.source, message.detail, measured_at)


def report_message(report: Report, took_ms: float, *, forecasts: bool, answers: bool = False) -> quality_pb2.Report:
    """A report, with its forecast of fixes if forecasts are wanted, and ids of recommendations that can be answered."""
    score = report.score
    return quality_pb2.Report(
        overall_score=score.overall,
        project_health=score.health,
        permissions_score=score.permissions,
        tools_availability=score.tools,
        git_status=json.dumps(dict(report.collected.git)),
        dependency_status=json.dumps(dict(report.collected.dependencies)),
        components=[_component(each) for each in score.components],
        evidence_coverage=score.coverage,
        recommendations=[recommendation_message(each, answers=answers) for each in score.recommendations],
        runs=[
            quality_pb2.ToolRun(tool=each.tool, outcome=each.outcome, took_s=each.took_s, detail=each.detail)
            for each in report.runs
        ],
        cached=report.is_cached,
        took_ms=took_ms,
        measured_score=score.of_measured,
        summary=score.summary,
        fixes=_fixes(report.collected.fixes) if forecasts else None,
    )


def _fixes(forecast: FixForecast | None) -> quality_pb2.FixForecast | None:
    if forecast is None:
        return None
    return quality_pb2.FixForecast(
        files=[
            quality_pb2.FixProneFile(path=each.path, changes=each.changes, fixes=each.fixes) for each in forecast.files
        ],
        commits=forecast.commits,
        trials=forecast.trials,
        right=forecast.right,
        right_by_last=forecast.right_by_last,
    )


def _component(scored: Scored) -> quality_pb2.Component:
    component, evidence = scored.component, scored.evidence
    return quality_pb2.Component(
        name=component.name,
        group=component.group,
        value=evidence.value,
        unit=component.unit,
        weight=scored.weight,
        points=scored.points,
        measured=evidence.measured,
        not_applicable=not evidence.applies and not evidence.measured,
        source=evidence.source,
        measured_at=_time(evidence.measured_at) if evidence.measured_at else None,
        age_s=evidence.age_s,
        detail=evidence.detail,
    )


def record_request(project: str, point: Point) -> quality_pb2.RecordRequest:
    """The request that adds the point to a project's history."""
    return quality_pb2.RecordRequest(
        project=project,
        operation_id=point.operation_id,
        kind=point.kind,
        timestamp=_time(point.timestamp),
        overall_score=point.overall,
        project_health=point.health,
        permissions_score=point.permissions,
        tools_availability=point.tools,
        evidence_coverage=point.coverage,
        commit=point.commit,
        rules=point.rules,
        summary=point.summary,
    )


def point_message(point: Point) -> quality_pb2.Point:
    """The message of a point."""
    return quality_pb2.Point(
        timestamp=_time(point.timestamp),
        overall_score=point.overall,
        project_health=point.health,
        permissions_score=point.permissions,
        tools_availability=point.tools,
        evidence_coverage=point.coverage,
        commit=point.commit,
        kind=point.kind,
        operation_id=point.operation_id,
        rules=point.rules,
        summary=point.summary,
    )


def point(message: quality_pb2.Point | quality_pb2.RecordRequest, now: datetime | None = None) -> Point:
    """The point in a message; at `now` where that has no time."""
    return Point(
        timestamp=now if now and not message.HasField("timestamp") else message.timestamp.ToDatetime(UTC),
        overall=message.overall_score,
        health=message.project_health,
        permissions=message.permissions_score,
        tools=message.tools_availability,
        coverage=message.evidence_coverage,
        commit=message.commit,
        kind=message.kind,
        operation_id=message.operation_id,
        rules=message.rules or 1,
        summary=message.summary,
    )


def recorded_message(outcome: Recorded) -> quality_pb2.RecordResponse:
    """The response to adding a point."""
    return quality_pb2.RecordResponse(
        duplicate=outcome.duplicate, delta=outcome.delta, events=[event_message(each) for each in outcome.events]
    )


def recorded_point(message: quality_pb2.RecordResponse) -> Recorded:
    """The result in the response to adding a point."""
    delta = message.delta if message.HasField("delta") else None
    return Recorded(message.duplicate, delta, [_event(each) for each in message.events])


def event_message(event: Crossing) -> quality_pb2.ThresholdEvent:
    """The message of a crossed threshold."""
    return quality_pb2.ThresholdEvent(
        threshold=event.threshold, direction=event.direction, timestamp=_time(event.timestamp)
    )


def _event(message: quality_pb2.ThresholdEvent) -> Crossing:
    direction = "above" if message.direction == "above" else "below"
    return Crossing(message.threshold, direction, message.timestamp.ToDatetime(UTC))  # type: ignore[arg-type]


def trend_message(trend: Trend) -> quality_pb2.Trend:
    """The message of a trend, without its forecast."""
    return quality_pb2.Trend(
        direction=trend.direction, slope_per_day=trend.slope_per_day, slope_low=trend.low, slope_high=trend.high
    )


def forecast_message(forecast: Forecast | None) -> quality_pb2.Forecast | None:
    """The message of a forecast, if there is one."""
    if forecast is None:
        return None
    return quality_pb2.Forecast(
        timestamp=_time(forecast.timestamp), overall_score=forecast.overall, low=forecast.low, high=forecast.high
    )


def _time(time: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(time)
    return message
