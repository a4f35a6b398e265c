"""Writes what `segue connect` answers while a server starts: `python -m tests.integration.connect.stored_lists`."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from typing import Any

from services.cli.bridge.messages import VERSION_META
from services.cli.bridge.stored_lists import DISCOVER, LISTS, SHIPPED
from services.gateway.app import open_gateway
from services.gateway.config import GatewaySettings

STANDALONE = "2026-07-28"
VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
CLIENT = {"name": "segue", "version": "0"}

Answers = dict[str, Any]


def ask(url: str, method: str, params: Answers, **headers: str) -> Answers:
    """A gateway's result."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    json_alone = {"Content-Type": "application/json", "Accept": "application/json", **headers}
    with urllib.request.urlopen(urllib.request.Request(url, body, json_alone), timeout=60) as answer:
        result: Answers = json.load(answer)["result"]
        return result


def initialized(url: str, version: str) -> Answers:
    return ask(url, "initialize", {"protocolVersion": version, "capabilities": {}, "clientInfo": CLIENT})


def listed(url: str, method: str) -> Answers:
    return ask(url, method, {}, **{"MCP-Protocol-Version": VERSIONS[-1]})


def standalone(url: str, method: str) -> Answers:
    prefix = VERSION_META.rpartition("/")[0]
    meta = {VERSION_META: STANDALONE, f"{prefix}/clientInfo": CLIENT, f"{prefix}/clientCapabilities": {}}
    return ask(url, method, {"_meta": meta}, **{"MCP-Protocol-Version": STANDALONE, "Mcp-Method": method})


def content(url: str) -> str:
    """What the file says of the gateway at `url`; each tool has a line, so that changes of several merge."""
    lists = {method: listed(url, method) for method in LISTS}
    more = standalone(url, LISTS[0])
    answers = {
        "versions": VERSIONS,
        "initialize": initialized(url, VERSIONS[-1]),
        DISCOVER: standalone(url, DISCOVER),
        "standalone": {name: value for name, value in more.items() if name not in lists[LISTS[0]]},
    }
    lines = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in answers.items()]
    for method, result in lists.items():
        ((name, items),) = result.items()
        rows = ",\n".join(json.dumps(each) for each in items)
        lines.append(
            f"{json.dumps(method)}: {{{json.dumps(name)}: [\n{rows}\n]}}" if rows else f'"{method}": {{"{name}": []}}'
        )
    return "{\n" + ",\n".join(lines) + "\n}\n"


async def main() -> None:
    async with open_gateway(GatewaySettings(port=0)) as gateway:
        SHIPPED.write_text(await asyncio.to_thread(content, gateway.url), encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main())
