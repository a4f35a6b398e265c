"""How long a hook waits for a briefing: as long as it says, and not at all where it says nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from fastmcp.server.http import set_http_request
from starlette.requests import Request

from services.gateway.access.identity import LOCAL
from services.gateway.workflows.background_tasks import Background, drain_on_exit
from services.gateway.workflows.briefing import Briefing
from services.gateway.workflows.hooks import LATER, HookEvent, Hooks


@pytest.fixture(autouse=True)
def caller() -> Iterator[None]:
    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": "/v1/hooks/SessionStart", "headers": []}
    LOCAL.enter(scope)
    with set_http_request(Request(scope)):
        yield


async def never(*_: object) -> Any:
    await asyncio.Event().wait()


@pytest.mark.parametrize("within_s", [0.0, 0.01])
async def test_a_briefing_that_is_not_ready_is_given_later(within_s: float) -> None:
    sessions: Any = SimpleNamespace(
        backends=None, derived_texts=None, workplace=SimpleNamespace(name=never), init=never
    )
    background = Background()
    async with drain_on_exit(background, 0):
        hooks = Hooks(sessions, background)
        event = HookEvent("/work/a", "conversation", "startup", tokens=500, within_s=within_s)
        assert await asyncio.wait_for(hooks.session_start(event), 30) is LATER
        assert await asyncio.wait_for(hooks.user_prompt_submit(event), 30) is LATER


@pytest.mark.parametrize("of", ["memories", "handoff"])
@pytest.mark.parametrize("deleted", [True, False])
async def test_what_was_deleted_while_a_briefing_waited_is_not_given(of: str, deleted: bool) -> None:
    async def deletions_among(ids: list[str]) -> set[str]:
        return {"m1", "h1"} & set(ids) if deleted else set()

    async def brief(_: object) -> Briefing:
        return Briefing("some words", ["m1"] if of == "memories" else [], ["h1"] if of == "handoff" else [])

    derived = SimpleNamespace(deletions_among=deletions_among)
    sessions: Any = SimpleNamespace(backends=None, derived_texts=derived, workplace=None, init=never)
    background = Background()
    async with drain_on_exit(background, 0):
        hooks = Hooks(sessions, background)
        hooks._brief = brief  # type: ignore[method-assign, assignment]
        event = HookEvent("/work/a", "conversation", "startup", tokens=500, within_s=30)
        said = await asyncio.wait_for(hooks.session_start(event), 30)
        assert (said is None) is deleted
