"""What one process must do beyond the scenarios: faults of the data directory, a missing model."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.error import HTTPError

import duckdb
import pytest
from fastmcp import Client

from services.embedded import open_embedded
from services.gateway.app import GatewayApp
from services.gateway.config import GatewaySettings
from tests.integration.stack import ROOT, ProcessStack, segue
from tests.model import shared_model
from tests.patience import PATIENCE_S, eventually


@asynccontextmanager
async def embedded(data_dir: Path) -> AsyncIterator[GatewayApp]:
    async with open_embedded(data_dir, GatewaySettings(port=0)) as app:
        yield app


async def test_without_a_model_words_alone_answer_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGUE_MEMORY_MODEL_BUILD", "false")
    async with embedded(tmp_path) as app, Client(app.url) as mcp:
        stored = await mcp.call_tool("store_reflection", {"content": "The walrus signs the invoices."})
        found = (await mcp.call_tool("reflect_on_past", {"query": "who signs invoices"})).structured_content or {}
        stats = (await mcp.call_tool("reflection_stats")).structured_content or {}
        health = (await mcp.call_tool("health_check")).structured_content or {}
    assert (stored.structured_content or {})["embedding_generated"] is False
    assert found["search_strategy"] == "text_fallback"
    assert found["results"][0]["content"] == "The walrus signs the invoices."
    assert "similarity_score" not in found["results"][0]
    assert "embedding_service" in stats["degraded"][0]
    assert health["status"] == "degraded"


@pytest.mark.slow
async def test_what_was_stored_without_a_model_gets_its_embedding_once_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setenv("SEGUE_MEMORY_MODEL_BUILD", "false")
        async with embedded(tmp_path) as app, Client(app.url) as mcp:
            await mcp.call_tool("store_reflection", {"content": "Puffins nest in burrows."})
    async with embedded(tmp_path) as app, Client(app.url) as mcp:
        await eventually(lambda: coverage(mcp))
        asked = {"query": "where do seabirds live", "min_score": 0}  # however far it is from the question
        found = (await mcp.call_tool("reflect_on_past", asked)).structured_content or {}
    assert found["results"][0]["matched"] == "semantic"


async def coverage(mcp: Client) -> float:  # type: ignore[type-arg]
    stats = (await mcp.call_tool("reflection_stats")).structured_content or {}
    return float(stats["embedding_coverage"])


@pytest.mark.parametrize("damage", ["truncated", "altered"])
async def test_a_damaged_model_is_not_used_and_the_way_out_is_said(
    tmp_path: Path, model_directory: Path, damage: str
) -> None:
    shutil.copytree(model_directory, tmp_path / "memory" / "model")
    model = tmp_path / "memory" / "model" / "model.onnx"
    content = model.read_bytes()
    model.write_bytes(content[:1000] if damage == "truncated" else content[:-1] + bytes([content[-1] ^ 1]))
    async with embedded(tmp_path) as app, Client(app.url) as mcp:
        health = (await mcp.call_tool("health_check")).structured_content or {}
    assert health["checks"]["embedding_service"]["status"] == "degraded"
    assert str(model.parent) in health["checks"]["embedding_service"]["reason"]


def serve(data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "services.cli", "serve", "--port", "0", *arguments]
    environment = os.environ | {"SEGUE_DATA_DIR": str(data_dir), "SEGUE_MEMORY_MODEL_DIRECTORY": str(shared_model())}
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False, cwd=ROOT
    )


@pytest.mark.slow
def test_a_second_server_says_who_holds_the_data_and_exits_3(tmp_path: Path) -> None:
    with ProcessStack(tmp_path) as first:
        second = serve(tmp_path)
        assert second.returncode == 3
        assert first.process
        assert str(first.process.pid) in second.stderr
        assert first.url in second.stderr


@pytest.mark.slow
def test_a_port_in_use_is_said_with_the_way_out(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = serve(tmp_path, "--port", str(taken.getsockname()[1]))
    assert done.returncode == 1
    assert "is not free" in done.stderr
    assert "--port" in done.stderr


@pytest.mark.slow
def test_a_database_from_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "memory").mkdir()
    with duckdb.connect(tmp_path / "memory" / "memory.duckdb") as database:
        database.execute("CREATE TABLE schema_version (version INTEGER)")
        database.execute("INSERT INTO schema_version VALUES (99)")
    done = serve(tmp_path)
    assert done.returncode == 1
    assert "schema 99" in done.stderr


@pytest.mark.slow
def test_a_database_held_by_another_process_is_said(tmp_path: Path) -> None:
    (tmp_path / "memory").mkdir()
    with duckdb.connect(tmp_path / "memory" / "memory.duckdb"):
        done = serve(tmp_path)
    assert done.returncode == 1
    assert "cannot be opened" in done.stderr
    assert f"PID {os.getpid()}" in done.stderr
    with ProcessStack(tmp_path, SEGUE_MEMORY_MODEL_BUILD="false"):
        pass  # once it is free, it starts


def test_a_data_directory_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = serve(tmp_path / "file")
    assert done.returncode == 1
    assert "SEGUE_DATA_DIR" in done.stderr


@pytest.mark.parametrize("name", ["?", "\\"])
def test_a_data_directory_that_can_have_no_database_is_said(tmp_path: Path, name: str) -> None:
    done = serve(tmp_path / name)
    assert done.returncode == 1
    assert "a path with ? or \\ in it can have no database. Set SEGUE_DATA_DIR." in done.stderr


@pytest.fixture
def named(data: Path) -> Path:
    """A data directory below one with a long and odd name."""
    above = data.parent / """Doe, J. O'Neil: 100% of "#1" ü;=&""".ljust(120, "x")
    above.mkdir()
    return data.rename(above / "data")


@pytest.mark.slow
async def test_a_data_directory_may_have_nearly_any_name(named: Path) -> None:
    with ProcessStack(named) as stack:
        async with Client(stack.url) as mcp:
            await mcp.call_tool("store_reflection", {"content": "The walrus signs the invoices."})
        done = await asyncio.to_thread(segue, stack, "backup", named.parent)
        assert done.returncode == 0, done.stderr
        stack.restart()
        async with Client(stack.url) as mcp:
            found = (await mcp.call_tool("reflect_on_past", {"query": "who signs invoices"})).structured_content or {}
        assert [each["matched"] for each in found["results"]] == ["both"]
    made = Path(done.stdout.splitlines()[-1])
    restored = segue(ProcessStack(named.parent / "restored"), "restore", made)
    assert restored.returncode == 0, restored.stderr


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with ProcessStack(tmp_path_factory.mktemp("running")) as stack:
        yield stack.url.removesuffix("/mcp")


def status(url: str, method: str = "GET", **headers: str) -> int:
    body = b"{}" if method == "POST" else None
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers, method=method)) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code


def test_the_probes_answer(running: str) -> None:
    assert status(f"{running}/health") == 200
    assert status(f"{running}/ready") == 200
    with urllib.request.urlopen(f"{running}/metrics") as answer:
        text = answer.read().decode()
    assert "# TYPE" in text


@pytest.mark.parametrize("path", ["/mcp", "/v1/memories", "/health"])
def test_a_host_or_origin_that_is_not_local_is_refused(running: str, path: str) -> None:
    assert status(f"{running}{path}", "POST", Host="evil.example") == 421
    assert status(f"{running}{path}", "POST", Origin="http://evil.example") == 403


def test_a_body_that_is_too_large_is_answered_and_not_cut_off(running: str) -> None:
    body = json.dumps({"content": "x" * 5_000_000}).encode()
    request = urllib.request.Request(f"{running}/mcp", body, {"content-type": "application/json"}, method="POST")
    with pytest.raises(HTTPError) as refused:
        urllib.request.urlopen(request)
    answer = json.loads(refused.value.read())
    assert refused.value.code == 413
    assert answer["error_code"] == "LIMIT_EXCEEDED"
    assert answer["suggestions"]


@pytest.mark.slow
def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    with ProcessStack(tmp_path / "data"):
        for path in [tmp_path / "data", *(tmp_path / "data").rglob("*")]:
            if "model" not in path.parts:
                assert path.stat().st_mode & 0o077 == 0, path
