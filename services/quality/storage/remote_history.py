"""The history of another quality service, what CI handed in and persons answered there, for replicas without a file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from services.kit.transport import rpc
from services.pb import quality_pb2, quality_pb2_grpc
from services.quality import messages, recommendation_messages
from services.quality.domain.handed_in import HandedEvidence, HandIn
from services.quality.domain.recommendations import Answer, Known, Standing
from services.quality.domain.trend import Point
from services.quality.storage.handed_reports import Outcome
from services.quality.storage.history import Recorded


class PeerHistory:
    """Implements the `History` Protocol by calls to the service that keeps the history."""

    def __init__(self, stub: quality_pb2_grpc.QualityStub, timeout_s: float) -> None:
        self._stub = stub
        self._timeout_s = timeout_s

    async def record(self, user: str, project: str, point: Point) -> Recorded:
        request = messages.record_request(project, point)
        answer = await rpc.call(self._stub.Record, request, user=user, timeout_s=self._timeout_s)
        return messages.recorded_point(answer)

    async def points(self, user: str, project: str, limit: int) -> list[Point]:
        request = quality_pb2.HistoryRequest(project=project, limit=limit)
        answer = await rpc.call(self._stub.History, request, user=user, timeout_s=self._timeout_s)
        return [messages.point(each) for each in answer.points]

    async def move(self, user: str, source: str, target: str) -> int:
        request = quality_pb2.MoveProjectRequest(source=source, target=target)
        answer = await rpc.call(self._stub.MoveProject, request, user=user, timeout_s=self._timeout_s)
        return int(answer.points)


class PeerHandedReports:
    """Implements the `HandedReports` Protocol in the same way."""

    def __init__(self, stub: quality_pb2_grpc.QualityStub, timeout_s: float) -> None:
        self._stub = stub
        self._timeout_s = timeout_s

    async def hand_in(self, user: str, project: str, handed: HandIn) -> Outcome:
        request = messages.hand_in_request(project, handed)
        answer = await rpc.call(self._stub.HandIn, request, user=user, timeout_s=self._timeout_s)
        refused = [(each.name, each.reason) for each in answer.refused]
        return Outcome([messages.handed_evidence(each) for each in answer.evidence], refused)

    async def of(self, user: str, project: str) -> Sequence[HandedEvidence]:
        request = quality_pb2.HandedInRequest(project=project)
        answer = await rpc.call(self._stub.HandedIn, request, user=user, timeout_s=self._timeout_s)
        return [messages.handed_evidence(each) for each in answer.evidence]


class PeerRecommendationLog:
    """Implements the `RecommendationLog` Protocol in the same way."""

    def __init__(self, stub: quality_pb2_grpc.QualityStub, timeout_s: float) -> None:
        self._stub = stub
        self._timeout_s = timeout_s

    async def of(self, user: str, project: str, *, shared: bool) -> Known:
        request = quality_pb2.RecommendationsRequest(project=project, shares=shared)
        answer = await rpc.call(self._stub.Recommendations, request, user=user, timeout_s=self._timeout_s)
        return recommendation_messages.knowledge(answer)

    async def note(self, user: str, project: str, standings: Sequence[Standing]) -> None:
        told = [recommendation_messages.standing_message(each) for each in standings]
        request = quality_pb2.NoteRecommendationsRequest(project=project, standings=told)
        await rpc.call(self._stub.NoteRecommendations, request, user=user, timeout_s=self._timeout_s)

    async def answer(self, user: str, project: str, id: str, answer: Answer, days: int | None) -> Standing:
        request = quality_pb2.AnswerRecommendationRequest(project=project, id=id, answer=answer, days=days)
        answered = await rpc.call(self._stub.AnswerRecommendation, request, user=user, timeout_s=self._timeout_s)
        return recommendation_messages.standing(answered)

    async def erase(self, user: str, project: str) -> int:
        request = quality_pb2.EraseRecommendationsRequest(project=project)
        answer = await rpc.call(self._stub.EraseRecommendations, request, user=user, timeout_s=self._timeout_s)
        return int(answer.count)


@asynccontextmanager
async def open_peer_history(
    target: str, timeout_s: float
) -> AsyncIterator[tuple[PeerHistory, PeerHandedReports, PeerRecommendationLog]]:
    """What the quality service at `target` keeps."""
    async with rpc.open_channel(target, quality_pb2.DESCRIPTOR.services_by_name["Quality"]) as channel:
        stub = quality_pb2_grpc.QualityStub(channel)
        yield PeerHistory(stub, timeout_s), PeerHandedReports(stub, timeout_s), PeerRecommendationLog(stub, timeout_s)
