"""The gRPC interface of the quality service: converts messages, calls the domain."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from services.kit.errors import DeadlineExceeded, InvalidInput, Unavailable
from services.kit.names import plain_name
from services.kit.observability import telemetry
from services.kit.transport import rpc
from services.pb import quality_pb2, quality_pb2_grpc
from services.quality import messages, recommendation_messages
from services.quality.domain.handed_in import HandedEvidence, check_hand_in
from services.quality.domain.recommendations import check_id
from services.quality.domain.scoring import RULES, Score
from services.quality.domain.trend import Point, crossings, forecast, trend, under_latest_rules
from services.quality.operations.health import Condition
from services.quality.operations.quality_check import Checking, Report
from services.quality.operations.recommending import Recommending, Whose
from services.quality.storage.handed_reports import HandedReports
from services.quality.storage.history import History, check_point, points_max, summary_max_chars
from services.workspace import process

points_default = 50


@dataclass(frozen=True, slots=True)
class Stores:
    """What is kept: scores, what CI handed in, and what was answered to recommendations."""

    history: History
    handed_reports: HandedReports
    recommending: Recommending


class QualityServicer(quality_pb2_grpc.QualityServicer):
    """Each method implements the rpc of its name in quality.proto."""

    def __init__(
        self,
        checking: Checking,
        stores: Stores,
        condition: Condition,
        *,
        forecasts: bool = True,
    ) -> None:
        self._checking = checking
        self._history = stores.history
        self._handed_reports = stores.handed_reports
        self._recommending = stores.recommending
        self._condition = condition
        self._forecasts = forecasts

    async def Check(self, request: quality_pb2.CheckRequest, _: Any) -> quality_pb2.CheckResponse:
        return await self._check(request, lambda *_: None)

    async def CheckWithProgress(
        self, request: quality_pb2.CheckRequest, _: Any
    ) -> AsyncIterator[quality_pb2.CheckUpdate]:
        updates: asyncio.Queue[quality_pb2.CheckUpdate] = asyncio.Queue()

        def report(done: int, total: int, message: str) -> None:
            progress = quality_pb2.Progress(done=done, total=total, message=message)
            updates.put_nowait(quality_pb2.CheckUpdate(progress=progress))

        async def check() -> quality_pb2.CheckUpdate:
            return quality_pb2.CheckUpdate(response=await self._check(request, report))

        answer = asyncio.create_task(check())
        try:
            while not answer.done() or not updates.empty():
                update = asyncio.create_task(updates.get())
                await asyncio.wait({answer, update}, return_when=asyncio.FIRST_COMPLETED)
                if update.done():
                    yield update.result()
                else:
                    update.cancel()
            yield await answer
        finally:
            answer.cancel()

    async def _check(self, request: quality_pb2.CheckRequest, progress: Any) -> quality_pb2.CheckResponse:
        began = time.perf_counter()
        process.watch.set(telemetry.child_process)
        if bool(request.project) != bool(request.operation_id):
            raise InvalidInput("To record a check, give both its project and its operation.")
        handed = await self._handed_in(plain_name(request.label or request.project))
        report = await self._checking.check(messages.question(request, handed), progress)
        report = replace(report, score=await self._choose(report.score, request))
        recorded = None
        if request.project:
            point = _point(report, request)
            outcome = await self._history.record(
                rpc.caller.get(), plain_name(request.project), _checked_point(request.project, point)
            )
            recorded = messages.recorded_message(outcome)
        took_ms = (time.perf_counter() - began) * 1e3
        answers = self._recommending.learns and bool(request.label or request.project)
        told = messages.report_message(report, took_ms, forecasts=self._forecasts, answers=answers)
        return quality_pb2.CheckResponse(report=told, recorded=recorded)

    async def _choose(self, score: Score, request: quality_pb2.CheckRequest) -> Score:
        whose = Whose(rpc.caller.get(), plain_name(request.label or request.project), request.shares)
        return await self._recommending.choose(score, whose, remember_shown=request.remember_shown)

    async def _handed_in(self, project: str) -> Sequence[HandedEvidence]:
        """What CI says of the project; nothing while that cannot be read."""
        try:
            return await self._handed_reports.of(rpc.caller.get(), project) if project else ()
        except (Unavailable, DeadlineExceeded):
            return ()

    async def HandIn(self, request: quality_pb2.HandInRequest, _: Any) -> quality_pb2.HandInResponse:
        project = plain_name(request.project)
        handed = check_hand_in(messages.hand_in(request, datetime.now(UTC)), project)
        outcome = await self._handed_reports.hand_in(rpc.caller.get(), project, handed)
        return quality_pb2.HandInResponse(
            evidence=[messages.handed_message(each) for each in outcome.evidence],
            refused=[quality_pb2.RefusedReport(name=name, reason=reason) for name, reason in outcome.refused],
        )

    async def HandedIn(self, request: quality_pb2.HandedInRequest, _: Any) -> quality_pb2.HandedInResponse:
        known = await self._handed_reports.of(rpc.caller.get(), plain_name(request.project))
        return quality_pb2.HandedInResponse(evidence=[messages.handed_message(each) for each in known])

    async def Record(self, request: quality_pb2.RecordRequest, _: Any) -> quality_pb2.RecordResponse:
        point = _checked_point(request.project, messages.point(request, datetime.now(UTC)))
        return messages.recorded_message(
            await self._history.record(rpc.caller.get(), plain_name(request.project), point)
        )

    async def Recommendations(
        self, request: quality_pb2.RecommendationsRequest, _: Any
    ) -> quality_pb2.RecommendationsResponse:
        whose = Whose(rpc.caller.get(), plain_name(request.project), request.shares)
        return recommendation_messages.known_message(await self._recommending.standings(whose))

    async def NoteRecommendations(
        self, request: quality_pb2.NoteRecommendationsRequest, _: Any
    ) -> quality_pb2.NoteRecommendationsResponse:
        standings = [recommendation_messages.standing(each) for each in request.standings]
        for each in standings:
            check_id(each.id)
        await self._recommending.log.note(rpc.caller.get(), plain_name(request.project), standings)
        return quality_pb2.NoteRecommendationsResponse()

    async def AnswerRecommendation(
        self, request: quality_pb2.AnswerRecommendationRequest, _: Any
    ) -> quality_pb2.RecommendationStanding:
        whose = Whose(rpc.caller.get(), plain_name(request.project))
        days = request.days if request.HasField("days") else None
        standing = await self._recommending.answer(whose, request.id, request.answer, days)
        return recommendation_messages.standing_message(standing)

    async def EraseRecommendations(
        self, request: quality_pb2.EraseRecommendationsRequest, _: Any
    ) -> quality_pb2.EraseRecommendationsResponse:
        count = await self._recommending.log.erase(rpc.caller.get(), plain_name(request.project))
        return quality_pb2.EraseRecommendationsResponse(count=count)

    async def MoveProject(self, request: quality_pb2.MoveProjectRequest, _: Any) -> quality_pb2.MoveProjectResponse:
        source, target = plain_name(request.source), plain_name(request.target)
        if not source or not target or source == target:
            raise InvalidInput("Name two different projects.")
        return quality_pb2.MoveProjectResponse(points=await self._history.move(rpc.caller.get(), source, target))

    async def History(self, request: quality_pb2.HistoryRequest, _: Any) -> quality_pb2.HistoryResponse:
        limit = request.limit or points_default
        if not 0 < limit <= points_max:
            raise InvalidInput(f"limit must be from 1 to {points_max}.")
        known = await self._history.points(rpc.caller.get(), plain_name(request.project), points_max)
        points = known[-limit:]
        comparable = under_latest_rules(points)
        expected = forecast(under_latest_rules(known)) if self._forecasts else None
        return quality_pb2.HistoryResponse(
            points=[messages.point_message(each) for each in points],
            trend=messages.trend_message(trend(comparable)),
            forecast=messages.forecast_message(expected),
            events=[messages.event_message(each) for each in crossings(comparable)],
        )

    async def Health(self, _: quality_pb2.HealthRequest, __: Any) -> quality_pb2.HealthResponse:
        parts = await self._condition.check()
        return quality_pb2.HealthResponse(
            parts={name: quality_pb2.Part(status=part.status, reason=part.reason) for name, part in parts.items()}
        )


def _checked_point(project: str, point: Point) -> Point:
    return check_point(project, point, datetime.now(UTC))


def _point(report: Report, request: quality_pb2.CheckRequest) -> Point:
    score = report.score
    return Point(
        timestamp=datetime.now(UTC),
        overall=score.overall,
        health=score.health,
        permissions=score.permissions,
        tools=score.tools,
        coverage=score.coverage,
        commit=str(report.collected.git.get("head", ""))[:100],
        kind=request.kind or "check",
        operation_id=request.operation_id,
        rules=RULES,
        summary=score.summary[:summary_max_chars],
    )
