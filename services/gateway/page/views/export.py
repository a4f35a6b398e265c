"""Export: all memories of whoever is signed in, as a file that `segue import` takes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from services.gateway.page.parts import Parts
from services.gateway.page.policy import HEADERS
from services.gateway.page.tool_calls import Refused


class ExportPage:
    """The page, and the file."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def show(self, request: Request) -> Response:
        """What is in it, and how to get it."""
        try:
            stats = await self._parts.tools.call("reflection_stats")
        except Refused:
            stats = None
        return self._parts.show(request, "export.html", stats=stats)

    async def download(self, request: Request) -> Response:
        """The file, as it is made."""
        first = await self._parts.workflows.export.page(0)  # what is wrong is a page yet
        day = f"{datetime.now(self._parts.viewer(request).zone):%Y-%m-%d}"
        headers = {**HEADERS, "content-disposition": f'attachment; filename="segue-{day}.jsonl"'}
        return StreamingResponse(self._lines(*first), headers=headers, media_type="application/x-ndjson")

    async def _lines(self, body: bytes, following: int) -> AsyncIterator[bytes]:
        yield body
        while following:
            body, following = await self._parts.workflows.export.page(following)
            yield body
