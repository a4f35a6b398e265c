"""What the suite's scenarios ask a server for by name, behind everything of the gateway's except its tools."""

from __future__ import annotations

import asyncio
import base64
import sys
from contextlib import AsyncExitStack

from fastmcp import Context, FastMCP
from fastmcp.prompts import Message
from mcp_types import (
    AudioContent,
    EmbeddedResource,
    ImageContent,
    TextContent,
    TextResourceContents,
)
from starlette.types import ASGIApp

from services.gateway.app import Activity, _know_tools, _listen, _serve
from services.gateway.arguments.forms import ArgumentForms
from services.gateway.config import GatewaySettings
from services.gateway.errors import ErrorResults
from services.gateway.limits.request_size import BodyLimit
from services.gateway.telemetry.tracing import Tracing
from services.kit.errors import InvalidInput

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
SOUND = base64.b64encode(
    b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0data\0\0\0\0"
).decode()


def resource(uri: str) -> EmbeddedResource:
    text = TextResourceContents(uri=uri, mime_type="text/plain", text="This is an embedded resource.")
    return EmbeddedResource(type="resource", resource=text)


def image() -> ImageContent:
    return ImageContent(type="image", data=PIXEL, mime_type="image/png")


def with_contents(mcp: FastMCP) -> None:
    """The tools that return one kind of content each."""

    @mcp.tool
    async def test_simple_text() -> str:
        return "This is a simple text response for testing."

    @mcp.tool
    async def test_image_content() -> ImageContent:
        return image()

    @mcp.tool
    async def test_audio_content() -> AudioContent:
        return AudioContent(type="audio", data=SOUND, mime_type="audio/wav")

    @mcp.tool
    async def test_embedded_resource() -> EmbeddedResource:
        return resource("test://embedded-resource")

    @mcp.tool
    async def test_multiple_content_types() -> list[TextContent | ImageContent | EmbeddedResource]:
        text = TextContent(type="text", text="Multiple content types test:")
        return [text, image(), resource("test://mixed-content-resource")]


def with_conversations(mcp: FastMCP) -> None:
    """The tools that tell something while they run, or fail."""

    @mcp.tool
    async def test_tool_with_logging(context: Context) -> str:
        for message in ("Tool execution started", "Tool processing data", "Tool execution completed"):
            await context.info(message)
        return "Logged."

    @mcp.tool
    async def test_tool_with_progress(context: Context) -> str:
        for progress in (0, 50, 100):
            await context.report_progress(progress, 100)
        return "Done."

    @mcp.tool
    async def test_error_handling() -> str:
        raise InvalidInput("This tool intentionally returns an error for testing.")


def with_resources(mcp: FastMCP) -> None:
    """The resources."""

    @mcp.resource("test://static-text", mime_type="text/plain")
    async def static_text() -> str:
        return "This is the content of the static text resource."

    @mcp.resource("test://static-binary", mime_type="image/png")
    async def static_binary() -> bytes:
        return base64.b64decode(PIXEL)

    @mcp.resource("test://template/{id}/data", mime_type="application/json")
    async def template(id: str) -> str:
        return f'{{"id": "{id}", "templateTest": true}}'


def with_prompts(mcp: FastMCP) -> None:
    """The prompts."""

    @mcp.prompt
    async def test_simple_prompt() -> str:
        return "This is a simple prompt for testing."

    @mcp.prompt
    async def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
        return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"

    @mcp.prompt
    async def test_prompt_with_embedded_resource(resourceUri: str) -> list[Message]:  # noqa: N803  # the suite's name
        return [Message(resource(resourceUri)), Message("Please process the embedded resource above.")]

    @mcp.prompt
    async def test_prompt_with_image() -> list[Message]:
        return [Message(image()), Message("Please analyse the image above.")]


async def serve() -> None:
    """Prints its address, and serves until stdin ends."""
    settings, tracing = GatewaySettings(port=0), Tracing()
    mcp = FastMCP("segue-conformance", middleware=[tracing, ErrorResults()])
    with_contents(mcp)
    with_conversations(mcp)
    with_resources(mcp)
    with_prompts(mcp)
    await _know_tools(mcp, tracing, ArgumentForms())

    def limited(app: ASGIApp) -> ASGIApp:
        return BodyLimit(app, settings.body_max_bytes)

    async with AsyncExitStack() as stack:
        listening = stack.enter_context(_listen(settings))
        await stack.enter_async_context(_serve(mcp, settings, limited, listening, Activity()))
        print(f"http://127.0.0.1:{listening.getsockname()[1]}/mcp", flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve())
