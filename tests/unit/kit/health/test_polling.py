"""How often health is looked at."""

from __future__ import annotations

from typing import NamedTuple

from services.kit.health import polling
from services.kit.health.polling import HealthPublisher


class State(NamedTuple):
    """A part's."""

    status: str
    reason: str = ""


def test_what_is_healthy_is_looked_at_less_often() -> None:
    publisher = HealthPublisher("quality")
    assert publisher.pause_s == polling.look_every_s
    publisher.publish({"history": State("healthy"), "scan": State("healthy")})
    assert publisher.pause_s == polling.look_healthy_every_s > polling.look_every_s


def test_what_is_not_healthy_or_not_known_is_looked_at_soon() -> None:
    publisher = HealthPublisher("quality")
    publisher.publish({"history": State("degraded", "the disk is full"), "scan": State("healthy")})
    assert publisher.pause_s == polling.look_every_s
    publisher.publish({"scan": State("healthy")})
    assert publisher.pause_s == polling.look_healthy_every_s
    publisher.forget()
    assert publisher.pause_s == polling.look_every_s
