"""`segue doctor`, `segue status` and `segue stop` against a real server, which lacks its model."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.cli.hooks import state_files
from services.cli.local_server import ensure_server, read_server, serving_pid
from tests.integration.stack import ROOT, ProcessStack, client
from tests.patience import PATIENCE_S
from tests.stand_in_server import STAND_IN


@pytest.fixture(scope="module")
def lacking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessStack]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SEGUE_MEMORY_MODEL_BUILD", "false")
        with ProcessStack(tmp_path_factory.mktemp("lacking") / "data") as stack:
            yield stack


def segue(data_dir: Path, *arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "services.cli", *arguments]
    settings = {**os.environ, "SEGUE_DATA_DIR": str(data_dir), "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(command, env=settings, input=stdin, capture_output=True, text=True, check=False)


def test_doctor_says_what_is_degraded_and_what_mends_it(lacking: ProcessStack) -> None:
    done = segue(lacking.data_dir, "doctor")
    assert done.returncode == 0
    line = next(line for line in done.stdout.splitlines() if "embedding_service" in line)
    assert line.startswith("[degraded]")
    assert "Searches go by words alone" in line
    assert "→ segue stop" in line


async def test_status_counts_what_there_is_and_says_what_the_model_was_given(
    lacking: ProcessStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop" / "src").mkdir(parents=True)
    (tmp_path / "shop" / "pyproject.toml").write_text("[project]")
    monkeypatch.chdir(tmp_path / "shop" / "src")
    before = segue(lacking.data_dir, "status").stdout
    assert lacking.url in before
    assert "injected  nothing yet" in before
    async with client(lacking) as mcp:
        await mcp.call_tool("store_reflection", {"content": "We chose gRPC.", "project": "shop", "tags": ["decision"]})
        await mcp.call_tool("init", {"working_directory": str(tmp_path / "shop")})
        await mcp.call_tool("checkpoint")
    monkeypatch.setenv("SEGUE_DATA_DIR", str(lacking.data_dir))
    state_files.record_run("SessionStart")
    state_files.record_injection("SessionStart", "tokens=1180 memories=7")
    after = segue(lacking.data_dir, "status").stdout
    assert "1 today, 1 in all; the last just now" in after
    assert "sessions  1 active" in after
    measured = r"^quality   \d+ of the \d+ points that were measured \(\d+ %\).* in (\S+/)?shop, measured just now$"
    assert re.search(measured, after, re.MULTILINE)
    assert "injected  1,180 tokens, 7 memories, by SessionStart just now" in after
    assert "degraded  embedding_service" in after


def test_status_is_of_use_while_no_server_runs(tmp_path: Path) -> None:
    done = segue(tmp_path / "data", "status")
    assert (done.returncode, done.stdout.splitlines()[0]) == (
        0,
        "server    none runs; it is started when a client needs it",
    )
    elsewhere = segue(tmp_path / "data", "status", SEGUE_URL="http://127.0.0.1:1/mcp")
    assert elsewhere.returncode == 1
    assert "127.0.0.1:1 does not answer" in elsewhere.stdout


def test_status_imports_nothing_heavy(lacking: ProcessStack) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "services.cli", "status"]
    done = subprocess.run(command, env=os.environ | lacking.environment, capture_output=True, text=True, check=True)
    imported = {line.split("|")[2].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert not imported & {"fastmcp", "mcp", "pydantic", "grpc", "duckdb", "asyncio", "urllib.request"}


@pytest.fixture
def short() -> Iterator[Path]:
    """A directory whose sockets have a name that is short enough; pytest's own are not."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="s") as name:
        yield Path(name)


@pytest.mark.slow
def test_a_server_that_is_killed_again_and_again_leaves_nothing_outside_of_its_directory(short: Path) -> None:
    command = [sys.executable, "-m", "services.cli", "serve", "--host", "::1", "--port", "0"]
    settings = {"SEGUE_DATA_DIR": str(short / "data"), "TMPDIR": str(short / "tmp"), "SEGUE_MEMORY_MODEL_BUILD": "no"}
    (short / "tmp").mkdir()
    for _ in range(2):
        with subprocess.Popen(command, env=os.environ | settings, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            assert process.stdout.readline().startswith("Segue is ready at http://[::1]:")
            assert "server    http://[::1]:" in segue(short / "data", "status").stdout
            process.kill()
        assert not list((short / "data").rglob("*.sock"))
    assert not list((short / "tmp").iterdir())


@pytest.mark.slow
def test_a_server_that_is_ended_at_its_terminal_says_nothing_more(tmp_path: Path) -> None:
    """Not even of a library that finds its objects alive at the end of the process."""
    command = [sys.executable, "-m", "services.cli", "serve", "--port", "0"]
    settings = {"SEGUE_DATA_DIR": str(tmp_path / "data"), "SEGUE_MEMORY_MODEL_BUILD": "no"}
    with subprocess.Popen(
        command, env=os.environ | settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline().startswith("Segue is ready")
        process.send_signal(signal.SIGINT)
        _, problems = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert "leak" not in problems, problems


@pytest.mark.slow
@pytest.mark.parametrize("state", [signal.SIGCONT, signal.SIGSTOP])
def test_stop_ends_a_server_also_one_that_hangs(tmp_path: Path, state: signal.Signals) -> None:
    server = ensure_server(tmp_path / "data", PATIENCE_S, STAND_IN)
    os.kill(server.pid, state)
    done = segue(tmp_path / "data", "stop")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"process {server.pid}" in done.stdout
    assert serving_pid(tmp_path / "data") is None
    assert read_server(tmp_path / "data") is None
    assert segue(tmp_path / "data", "stop").stdout == "No server runs here.\n"
