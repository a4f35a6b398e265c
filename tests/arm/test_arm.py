"""On 64-bit ARM: the packages that are compiled, and the server with its own command line."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastmcp import Client

from services.cli.local_server import read_server
from tests.arm.emulation import ARM
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.arm

ROOT = Path(__file__).parents[2]
NATIVE = {
    "cryptography": "kit/encryption/test_encryption.py",
    "DuckDB": "memory/storage/test_usage_counts.py",
    "gRPC": "kit/test_error_classes.py",
    "numkong": "memory/index/test_vectors.py",
    "tantivy": "memory/text/test_terms.py",
    "tree-sitter": "session/domain/test_command_risk.py",
}
"""What is quick enough for an emulated processor; onnxruntime, tokenizers and SQLite are what the server runs on."""
on_one_server = pytest.mark.xdist_group("server")
SLOW_S = 540
"""Less than a test may take, so that what hangs is ended with it."""


def test_the_packages_that_are_compiled_pass_the_tests_of_what_uses_them() -> None:
    files = [f"tests/unit/{name}" for name in NATIVE.values()]
    options = ["-q", "-x", "-p", "no:cacheprovider", "-m", "not containers and not slow", "-k", "not postgres"]
    # A directory of its own, else it tidies up what other runs have in /tmp; a short one, for the names of sockets.
    with tempfile.TemporaryDirectory(prefix="arm-") as directory:
        done = subprocess.run(
            ARM.python("-m", "pytest", *options, f"--basetemp={directory}/t", *files),
            cwd=ROOT,
            env=ARM.environment,
            capture_output=True,
            text=True,
            timeout=SLOW_S,
            check=False,
        )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]


def test_the_model_that_is_built_is_the_same_to_the_byte(tmp_path: Path, model_directory: Path) -> None:
    command = ARM.python("-m", "services.memory.embedder.build", str(tmp_path / "model"))
    subprocess.run(command, cwd=ROOT, env=ARM.environment, capture_output=True, timeout=SLOW_S, check=True)
    for name in ("model.onnx", "tokenizer.json"):
        assert (tmp_path / "model" / name).read_bytes() == (model_directory / name).read_bytes()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, model_directory: Path) -> Iterator[Path]:
    """The data directory of a server that runs there."""
    directory = tmp_path_factory.mktemp("arm") / "data"
    with subprocess.Popen(
        ARM.python("-m", "services.cli", "serve", "--port", "0"),
        cwd=ROOT,
        env=ARM.environment | {"SEGUE_DATA_DIR": str(directory), "SEGUE_MEMORY_MODEL_DIRECTORY": str(model_directory)},
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout
        too_late = threading.Timer(SLOW_S, server.kill)
        too_late.start()
        line = server.stdout.readline()
        too_late.cancel()
        assert line.startswith("Segue is ready"), line
        yield directory
        server.send_signal(signal.SIGTERM)
        assert server.wait(PATIENCE_S) == 0


@on_one_server
def test_doctor_finds_nothing_wrong_with_a_server(data: Path) -> None:
    done = subprocess.run(
        ARM.python("-m", "services.cli", "doctor", "--json"),
        cwd=ROOT,
        env=ARM.environment | {"SEGUE_DATA_DIR": str(data), "HOME": str(data.parent)},
        capture_output=True,
        text=True,
        timeout=SLOW_S,
        check=False,
    )
    told = {each["name"]: each for each in json.loads(done.stdout)["findings"]}
    assert not [each for each in told.values() if each["status"] == "broken"], done.stderr
    assert "hybrid" in told["probe"]["detail"]


@on_one_server
async def test_what_is_stored_is_found_by_its_meaning(data: Path) -> None:
    server = await asyncio.to_thread(read_server, data)
    assert server
    async with Client(server.url, timeout=SLOW_S) as mcp:
        for content in ("The heron waits in shallow water for fish.", "The deploy of Friday was rolled back."):
            await mcp.call_tool("store_reflection", {"content": content})
        answer = await mcp.call_tool("reflect_on_past", {"query": "a bird that hunts in a pond", "limit": 1})
    assert answer.structured_content
    assert answer.structured_content["search_strategy"] == "hybrid"
    assert [each["content"] for each in answer.structured_content["results"]] == [
        "The heron waits in shallow water for fish."
    ]
