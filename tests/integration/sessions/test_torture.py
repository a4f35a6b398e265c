"""SIGKILL of the whole process at any moment of a session: what was acknowledged is there after the restart."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from services.cli import local_server
from tests.integration.stack import ProcessStack, client
from tests.patience import PATIENCE_S

SEEDS = (0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 10)))


@dataclass
class Acknowledged:
    """What Segue said it had done."""

    session_id: str = ""
    checkpoints: list[str] = field(default_factory=list)
    commits: list[str] = field(default_factory=list)
    memories: list[str] = field(default_factory=list)
    handoff: str = ""


def repository(directory: Path) -> Path:
    directory.mkdir()
    for arguments in (["init", "-q"], ["config", "user.name", "Ada"], ["config", "user.email", "ada@example.org"]):
        subprocess.run(["git", *arguments], cwd=directory, check=True)
    (directory / "app.py").write_text("0\n")
    subprocess.run(["git", "add", "."], cwd=directory, check=True)
    subprocess.run(["git", "commit", "-q", "-m", "begin"], cwd=directory, check=True)
    return directory


async def work(stack: ProcessStack, directory: Path, done: Acknowledged) -> None:
    """A whole session, each answer written down when it comes."""
    async with client(stack) as mcp:

        async def call(tool: str, **arguments: Any) -> dict[str, Any]:
            return (await mcp.call_tool(tool, arguments)).structured_content or {}

        done.session_id = (await call("init", working_directory=str(directory)))["session_id"]
        for number in range(3):
            change(directory, number)
            content = f"lesson {number} of {done.session_id}"
            stored = await call("store_reflection", content=content, project=directory.name)
            done.memories.append(stored["reflection_id"])
            recorded = await call("checkpoint", session_id=done.session_id, note=f"step {number}")
            done.checkpoints.append(recorded["checkpoint_id"])
            done.commits.append(recorded["git_checkpoint"]["commit_hash"])
        done.handoff = (await call("end", session_id=done.session_id, summary="All three steps."))["handoff"]


def change(directory: Path, number: int) -> None:
    (directory / "app.py").write_text(f"{number + 1}\n")


async def verify(stack: ProcessStack, directory: Path, done: Acknowledged) -> None:
    async with client(stack) as mcp:
        for name in done.memories:
            found = (await mcp.call_tool("get_memory", {"id": name})).structured_content or {}
            assert found["memory"]["content"].endswith(done.session_id)
        if not done.session_id:
            return
        listed = (await mcp.call_tool("list_sessions", {"project": directory.name})).structured_content or {}
        (session,) = [each for each in listed["sessions"] if each["session_id"] == done.session_id]
        assert session["checkpoints"] >= len(done.checkpoints)
        if done.handoff:
            assert session["state"] == "ended"
        begun = (await mcp.call_tool("init", {"working_directory": str(directory)})).structured_content or {}
        if session["state"] == "ended":
            assert begun["previous_handoff"]["session_id"] == done.session_id
        else:
            assert (begun["session_id"], begun["resumed"]) == (done.session_id, True)


def kill(stack: ProcessStack) -> None:
    assert stack.process
    assert stack.process.stdout
    stack.process.send_signal(signal.SIGKILL)
    stack.process.wait(PATIENCE_S)
    stack.process.stdout.close()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.slow
async def test_what_was_acknowledged_of_a_session_survives_a_kill(
    tmp_path: Path, model_directory: Path, seed: int
) -> None:
    directory = repository(tmp_path / "project")
    (tmp_path / "data" / "memory").mkdir(mode=0o700, parents=True)
    (tmp_path / "data" / "memory" / "model").symlink_to(model_directory)
    stack, done = ProcessStack(tmp_path / "data"), Acknowledged()
    stack.__enter__()
    working = asyncio.create_task(work(stack, directory, done))
    await asyncio.wait([working], timeout=random.Random(seed).uniform(0.05, 1.5))
    await asyncio.to_thread(kill, stack)
    working.cancel()
    with contextlib.suppress(BaseException):
        await working
    with stack:
        assert local_server.read_server(tmp_path / "data") is not None
        await verify(stack, directory, done)
    log = subprocess.run(["git", "log", "--format=%H"], cwd=directory, capture_output=True, text=True, check=True)
    assert set(done.commits) <= set(log.stdout.split())
