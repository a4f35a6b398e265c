"""Whether a gateway has work: calls that are answered, what they began in passing, but no client that only listens."""

from __future__ import annotations

import asyncio
import time

import pytest

from services.gateway.app import Activity, GatewayApp
from services.gateway.backends import open_backends
from services.gateway.config import GatewaySettings
from services.gateway.telemetry.readiness import Readiness
from tests.patience import until


def request(method: str, path: str) -> dict[str, str]:
    return {"type": "http", "method": method, "path": path}


def let_the_clock_go_on() -> None:
    began = time.monotonic()
    until(lambda: time.monotonic() > began)


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/mcp"), ("POST", "/v1/memories"), ("GET", "/v1/memories"), ("POST", "/v1/hooks/SessionEnd")],
)
async def test_a_gateway_is_not_idle_while_it_answers(method: str, path: str) -> None:
    activity = Activity()
    with activity.request(request("POST", "/mcp")):
        with pytest.raises(ValueError, match="fails"), activity.request(request(method, path)):
            raise ValueError("fails")
        let_the_clock_go_on()
        assert activity.idle_s() == 0
    until(activity.idle_s)


@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
async def test_who_only_listens_asks_for_nothing(path: str) -> None:
    activity = Activity()
    with activity.request(request("GET", path)):
        until(activity.idle_s)


async def test_a_gateway_is_not_idle_while_something_is_under_way_in_the_background() -> None:
    done = asyncio.Event()
    async with open_backends(GatewaySettings()) as backends:
        app = GatewayApp("http://127.0.0.1/mcp", Activity(), Readiness(backends), 0)
        app.background.begin("ada", done.wait())
        let_the_clock_go_on()
        assert app.idle_s() == 0
        done.set()
        await app.background.drain(30)
        until(app.idle_s)
