"""A client in a few lines: stores what was learned, and asks for it in other words."""

import asyncio
import os

from mcp import Client
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client

URL = os.environ.get("SEGUE_URL", "http://127.0.0.1:8377/mcp")
TOKEN = os.environ.get("SEGUE_TOKEN")


async def main() -> None:
    """Says what was found, the likeliest first."""
    headers = {"Authorization": f"Bearer {TOKEN}"} if TOKEN else None
    async with create_mcp_http_client(headers) as http, Client(streamable_http_client(URL, http_client=http)) as segue:
        fact = {"content": "We use Postgres, not MySQL: the team knows it.", "project": "shop", "tags": ["decision"]}
        stored = await segue.call_tool("store_reflection", fact)
        if stored.is_error:
            raise SystemExit(stored.content[0].text)
        asked = {"query": "which database did we choose?", "project": "shop"}
        found = await segue.call_tool("reflect_on_past", asked)
        for result in found.structured_content["results"]:
            print(f"{result['score']:.2f}  {result['content']}")


asyncio.run(main())
