"""What a person says of recommendations, lists of their answers, and has forgotten."""

from __future__ import annotations

from services.gateway.backends import Backends
from services.gateway.workflows.quality import shares_memories
from services.pb import quality_pb2


async def answer(
    backends: Backends, project: str, name: str, said: str, days: int | None
) -> quality_pb2.RecommendationStanding:
    """Keeps what is said of the recommendation with that id; where it stands then."""
    request = quality_pb2.AnswerRecommendationRequest(project=project, id=name, answer=said, days=days)
    standing: quality_pb2.RecommendationStanding = await backends.quality.call(
        backends.quality.stub.AnswerRecommendation, request
    )
    return standing


async def standings(backends: Backends, project: str) -> quality_pb2.RecommendationsResponse:
    """What is known of the caller's in the project."""
    shares = await shares_memories(backends, project)
    request = quality_pb2.RecommendationsRequest(project=project, shares=shares)
    found: quality_pb2.RecommendationsResponse = await backends.quality.call(
        backends.quality.stub.Recommendations, request
    )
    return found


async def erase(backends: Backends, project: str) -> int:
    """Forgets the caller's in the project, of all projects if it is empty; returns how many."""
    request = quality_pb2.EraseRecommendationsRequest(project=project)
    erased: quality_pb2.EraseRecommendationsResponse = await backends.quality.call(
        backends.quality.stub.EraseRecommendations, request
    )
    return int(erased.count)
