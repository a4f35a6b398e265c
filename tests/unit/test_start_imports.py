"""What a start imports: what a feature alone needs is imported with that feature."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SERVING = (
    "import sys, services.cli.commands.serve, services.gateway.config, services.kit.lifecycle, services.embedded\n"
)
OPENING = """
import asyncio, json, sys, urllib.request
from pathlib import Path
from services.embedded import open_embedded
from services.gateway.config import GatewaySettings

HELLO = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}

def ask(url: str, method: str, given: dict, **session: str):
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream", **session}
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": given}
    return urllib.request.urlopen(urllib.request.Request(url, json.dumps(message).encode(), headers))

def call(url: str) -> bytes:
    with ask(url, "initialize", HELLO) as answer:
        session = {"Mcp-Session-Id": answer.headers["Mcp-Session-Id"]}
    with ask(url, "tools/call", {"name": "list_sessions", "arguments": {}}, **session) as answer:
        return answer.read()

async def open_it() -> None:
    async with open_embedded(Path(sys.argv[1]), GatewaySettings(port=0)) as app:
        assert b"sessions" in await asyncio.to_thread(call, app.url)
        print(*sys.modules, flush=True)

asyncio.run(open_it())
"""
OF_THE_GATEWAY = {"fastmcp", "mcp", "mcp_types", "starlette", "uvicorn", "httpx2", "joserfc", "rich"}
"""Imported beside the databases and the model, while these open; before that, nothing could open."""
OF_FEATURES = {
    *("redis", "psycopg", "psycopg_pool", "confluent_kafka"),  # where others keep what is stored, and where events go
    *("jinja2", "dateparser", "nltk", "snowballstemmer", "pytz"),  # the page, times and words of some languages
    *(
        "griffe",
        "httpx",
        "docket",
        "key_value",
        "beartype",
        "cyclopts",
        "keyring",
        "authlib",
        "websockets",
    ),  # FastMCP's own
    *("opentelemetry.exporter.otlp", "docker", "pandas", "onnx", "pyarrow"),
}


def imported(program: str, *arguments: str) -> set[str]:
    """The modules that the program prints, with the packages they are in."""
    return set(printed(program, *arguments).split())


def printed(program: str, *arguments: str) -> str:
    """What the program prints, without a model."""
    environment = os.environ | {"SEGUE_MEMORY_MODEL_BUILD": "false"}
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout


def test_what_takes_longest_to_import_comes_while_the_databases_open() -> None:
    loaded = imported(f"{SERVING}print(*sys.modules)")
    assert {"duckdb", "grpc"} <= loaded
    assert not loaded & (OF_THE_GATEWAY | OF_FEATURES)


def test_a_server_that_answered_a_call_has_not_imported_what_only_features_need(tmp_path: Path) -> None:
    loaded = imported(OPENING, str(tmp_path))
    assert loaded >= OF_THE_GATEWAY
    assert not loaded & OF_FEATURES


def test_a_pattern_that_a_start_does_not_need_is_not_compiled() -> None:
    program = f"""
import services.kit.late_pattern as late
class Refusing(late._Late):
    def __getattr__(self, name):
        raise SystemExit("compiled: " + repr(self))
late._Late = Refusing
{SERVING}
import services.gateway.app
"""
    assert imported(program) == set()


def test_models_of_others_are_built_when_they_are_first_used() -> None:
    program = """
from pydantic import BaseModel
from services.gateway.light_import import import_gateway
usual = BaseModel.model_config
import_gateway()
from mcp.shared.auth import OAuthClientMetadata as Unused
class Ours(BaseModel):
    number: int
before = Unused.__pydantic_complete__
Unused(redirect_uris=["http://localhost/"])
print(before, Unused.__pydantic_complete__, Ours.__pydantic_complete__, BaseModel.model_config is usual)
"""
    assert printed(program).split() == ["False", "True", "True", "True"]
