"""A stand-in for `segue serve`: a real FastMCP server with tools that show what passes through a bridge, and what not.

Run as a script it serves the data directory of `SEGUE_DATA_DIR`, on `STAND_IN_PORT` where that is set, by TLS with the
certificate and key in `STAND_IN_TLS`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn
from fastmcp import Context, FastMCP
from fastmcp.server.dependencies import get_http_request
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ToolsListChanged
from mcp_types import (
    CreateMessageRequest,
    CreateMessageRequestParams,
    ElicitRequest,
    ElicitRequestFormParams,
    InputRequiredResult,
    ListRootsRequest,
    SamplingMessage,
    SubscriptionsListenRequestParams,
    TextContent,
    ToolAnnotations,
)

from services.cli.local_server import ServerInfo, hold, publish

STAND_IN = (sys.executable, __file__)


def stand_in() -> FastMCP:
    server = FastMCP("stand-in")
    bus = InMemorySubscriptionBus()
    server._mcp_server.add_request_handler(
        "subscriptions/listen", SubscriptionsListenRequestParams, ListenHandler(bus).__call__
    )

    @server.tool
    async def announce(ctx: Context) -> None:
        await ctx.session.send_tool_list_changed()
        await bus.publish(ToolsListChanged())

    asking = (ask, ask_model, ask_roots, ask_standing_alone, ask_model_standing_alone, ask_roots_standing_alone)
    tools: tuple[Callable[..., Any], ...] = (echo, repeat, caller, count, say, wait, *asking)
    for tool in tools:
        server.tool(tool)
    for name, marks in PERISHING.items():
        server.tool(perish, name=name, annotations=marks)
    return server


PERISHING = {
    "perish_reading": ToolAnnotations(read_only_hint=True),
    "perish_storing": ToolAnnotations(read_only_hint=False, idempotent_hint=True),
    "perish_writing": ToolAnnotations(read_only_hint=False),
}


async def perish(name: str, times: int, ctx: Context, say_first: bool = False) -> int:
    """The server dies of so many of these calls; then how many there were."""
    calls = directory() / f"{name}.calls"
    with calls.open("a") as file:
        file.write(".")
    if say_first:
        await ctx.report_progress(1, 2)
        await asyncio.sleep(0.1)  # until it is on its way
    if (made := calls.stat().st_size) <= times:
        os.kill(os.getpid(), signal.SIGKILL)
    return made


def echo(text: str) -> str:
    return text


def repeat(text: str, times: int) -> str:
    return text * times


def caller() -> dict[str, str]:
    return dict(get_http_request().headers)


async def count(steps: int, ctx: Context) -> int:
    for step in range(steps):
        await ctx.report_progress(step + 1, steps)
    return steps


async def say(text: str, ctx: Context) -> None:
    await ctx.warning(text)


async def wait(name: str) -> None:
    (directory() / f"{name}.started").touch()
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        (directory() / f"{name}.cancelled").touch()
        raise


async def ask(question: str, ctx: Context) -> str:
    answer = await ctx.elicit(question, str)
    return str(getattr(answer, "data", answer.action))


async def ask_model(question: str, ctx: Context) -> str:
    asked = [SamplingMessage(role="user", content=TextContent(type="text", text=question))]
    content = (await ctx.session.create_message(asked, max_tokens=10)).content
    return str(getattr(content, "text", content))


async def ask_roots(ctx: Context) -> list[str]:
    return [str(root.uri) for root in (await ctx.session.list_roots()).roots]


async def ask_standing_alone(question: str, ctx: Context) -> str | InputRequiredResult:
    if answered := answer_to("answer", ctx, "content"):
        return str(answered["value"])
    schema = {"type": "object", "properties": {"value": {"type": "string"}}, "required": ["value"]}
    form = ElicitRequestFormParams(message=question, requested_schema=schema)
    return InputRequiredResult(input_requests={"answer": ElicitRequest(params=form)})


async def ask_model_standing_alone(question: str, ctx: Context) -> str | InputRequiredResult:
    if answered := answer_to("sample", ctx, "content"):
        return str(answered.text)
    message = SamplingMessage(role="user", content=TextContent(type="text", text=question))
    asked = CreateMessageRequestParams(messages=[message], max_tokens=10)
    return InputRequiredResult(input_requests={"sample": CreateMessageRequest(params=asked)})


async def ask_roots_standing_alone(ctx: Context) -> list[str] | InputRequiredResult:
    if answered := answer_to("roots", ctx, "roots"):
        return [str(root.uri) for root in answered]
    return InputRequiredResult(input_requests={"roots": ListRootsRequest()})


def answer_to(key: str, ctx: Context, field: str) -> Any:
    return getattr((ctx.input_responses or {}).get(key), field, None)


def directory() -> Path:
    return Path(os.environ["SEGUE_DATA_DIR"])


def serve() -> None:
    host = os.environ.get("STAND_IN_HOST", "127.0.0.1")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, int(os.environ.get("STAND_IN_PORT", "0"))), family=family)
    certificate, _, key = os.environ.get("STAND_IN_TLS", "").partition(":")
    scheme = "https" if certificate else "http"
    named = f"[{host}]" if ":" in host else host
    url = f"{scheme}://{named}:{listener.getsockname()[1]}/mcp"
    tls = {"ssl_certfile": certificate, "ssl_keyfile": key} if certificate else {}
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # uvicorn raises it again when it has closed
    with hold(directory()):
        publish(directory(), ServerInfo(os.getpid(), url, "0", ""))
        uvicorn.Server(uvicorn.Config(stand_in().http_app(), **tls)).run(sockets=[listener])  # type: ignore[arg-type]


if __name__ == "__main__":
    serve()
