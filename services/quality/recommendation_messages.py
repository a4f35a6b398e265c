"""Conversion between what is known of recommendations and the messages of quality.proto."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from services.pb import quality_pb2
from services.quality.domain.recommendations import Known, Standing
from services.quality.domain.scoring import Recommendation

_optional = frozenset({"first_share", "share", "answered_share"})
_times = frozenset({"shown_at", "last_shown_at", "answered_at", "until"})


def recommendation_message(recommendation: Recommendation, *, answers: bool) -> quality_pb2.Recommendation:
    """The message of one; with its id where it can be answered."""
    return quality_pb2.Recommendation(
        component=recommendation.component,
        text=recommendation.text,
        points=recommendation.points,
        measured=recommendation.is_measured,
        id=recommendation.id if answers else "",
        why=recommendation.why,
    )


def standing_message(standing: Standing) -> quality_pb2.RecommendationStanding:
    """The message of a standing."""
    message = quality_pb2.RecommendationStanding()
    for name in (each.name for each in fields(Standing)):
        value = getattr(standing, name)
        if isinstance(value, datetime):
            time = Timestamp()
            time.FromDatetime(value)
            getattr(message, name).CopyFrom(time)
        elif value is not None:
            setattr(message, name, value)
    return message


def standing(message: quality_pb2.RecommendationStanding) -> Standing:
    """The standing in a message."""
    values = {}
    for name in (each.name for each in fields(Standing)):
        if name in _optional | _times and not message.HasField(name):  # type: ignore[arg-type]  # its own names
            continue
        value = getattr(message, name)
        values[name] = value.ToDatetime(UTC) if name in _times else value
    return Standing(**values)


def known_message(known: Known) -> quality_pb2.RecommendationsResponse:
    """The message of what is known."""
    return quality_pb2.RecommendationsResponse(
        standings=[standing_message(each) for each in known.standings.values()],
        totals=[
            quality_pb2.RecommendationTotal(id=name, followed=followed, refused=refused)
            for name, (followed, refused) in known.totals.items()
        ],
        helped=known.helped,
    )


def knowledge(message: quality_pb2.RecommendationsResponse) -> Known:
    """What is known, in a message."""
    return Known(
        {each.id: standing(each) for each in message.standings},
        {each.id: (each.followed, each.refused) for each in message.totals},
        dict(message.helped),
    )
