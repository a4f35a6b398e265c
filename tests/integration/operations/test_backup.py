"""The restore drill, and the round trip of an export: what a user does to move, or to get everything back."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from pathlib import Path
from urllib.error import HTTPError

import pytest
from fastmcp import Client

from tests.integration.calls import ask
from tests.integration.stack import ProcessStack, Stack, client, segue

WORDS = ["amber", "basalt", "cedar", "delta", "ember", "fjord", "garnet", "harbour", "indigo", "juniper"]


async def remember(mcp: Client, number: int) -> str:  # type: ignore[type-arg]
    """Stores a memory that one rare word finds; its id."""
    content = f"The code word of lamp {number} is zebra{number}{WORDS[number % 10]}."
    stored = await mcp.call_tool(
        "store_conversation",
        {
            "content": content,
            "project": f"lamps-{number % 3}",
            "session_id": "s-1",
            "role": "assistant",
            "timestamp": f"2026-01-02T03:{number % 60:02}:05.678901+05:30",
            "metadata": {"number": number, "ratio": 0.5, "nested": {"é": [None, True]}},
        },
    )
    return str((stored.structured_content or {})["conversation_id"])


@pytest.mark.slow
async def test_a_backup_made_while_serving_gives_everything_back_elsewhere(tmp_path: Path) -> None:
    meanwhile: list[str] = []
    (tmp_path / "project").mkdir()
    with ProcessStack(tmp_path / "here") as stack:
        async with client(stack) as mcp:
            before = [await remember(mcp, number) for number in range(40)]
            deleted = before.pop(7)
            token = (await ask(stack, "delete_conversations", ids=[deleted]))["confirmation_token"]
            await ask(stack, "delete_conversations", ids=[deleted], confirm=True, confirmation_token=token)
            project = tmp_path / "project"
            begun = (await mcp.call_tool("init", {"working_directory": str(project)})).structured_content or {}
            await mcp.call_tool("checkpoint", {"session_id": begun["session_id"]})
            backup = asyncio.create_task(asyncio.to_thread(segue, stack, "backup", tmp_path / "backups"))
            while not backup.done():
                meanwhile.append(await remember(mcp, 40 + len(meanwhile)))
        done = await backup
    assert done.returncode == 0, done.stderr
    made = Path(done.stdout.splitlines()[-1])
    assert private(tmp_path / "backups")
    assert not any(b"zebra7harbour" in path.read_bytes() for path in files(made))  # as good as never stored

    elsewhere = ProcessStack(tmp_path / "there")
    restored = segue(elsewhere, "restore", made)
    assert restored.returncode == 0, restored.stderr
    assert private(tmp_path / "there")
    with elsewhere:
        for number, stored in zip([n for n in range(40) if n != 7], before, strict=True):
            memory = (await ask(elsewhere, "get_memory", id=stored))["memory"]
            assert f"lamp {number} " in memory["content"]
        found = await ask(elsewhere, "reflect_on_past", query="zebra23delta", limit=1)
        assert found["results"][0]["id"] == before[22]
        asked = {"query": "which password belongs to the lantern", "min_score": 0}
        similar = await ask(elsewhere, "reflect_on_past", **asked, limit=1)
        assert similar["results"][0]["matched"] in {"semantic", "both"}
        stats = await ask(elsewhere, "reflection_stats")
        assert 39 <= stats["total_conversations"] <= 39 + len(meanwhile)
        assert stats["embedding_coverage"] == 1.0
        assert stats["degraded"] == []
        sessions = await ask(elsewhere, "list_sessions")
        assert [each["session_id"] for each in sessions["sessions"]] == [begun["session_id"]]
        assert len((await ask(elsewhere, "quality_history", project=sessions["sessions"][0]["project"]))["points"]) >= 1
        async with client(elsewhere) as mcp:  # and it goes on from there
            assert await remember(mcp, 999) not in before


def files(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]


def private(directory: Path) -> bool:
    return all(path.stat().st_mode & 0o077 == 0 for path in [directory, *directory.rglob("*")])


async def fill(stack: Stack) -> None:
    async with client(stack) as mcp:
        for number in range(12):
            await remember(mcp, number)
        reflection = {"content": "Line\none \u2028 \u0085 \x1f ☃", "tags": ["a", "b c"], "project": "lamps-1"}
        await mcp.call_tool("store_reflection", reflection)
        await mcp.call_tool("store_reflection", reflection)  # said again
        link = {"source_project": "lamps-0", "target_project": "lamps-1", "dependency_type": "related"}
        await mcp.call_tool("link_projects", link | {"description": "both give light"})


def page_status(stack: Stack, query: str) -> int:
    try:
        with urllib.request.urlopen(f"{stack.url.removesuffix('/mcp')}/v1/memories?{query}") as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code


@pytest.mark.slow
async def test_an_export_imported_elsewhere_exports_the_same(tmp_path: Path) -> None:
    with ProcessStack(tmp_path / "here") as stack:
        await fill(stack)
        assert page_status(stack, "limit=0") == page_status(stack, "after=-1") == page_status(stack, "after=x") == 400
        assert segue(stack, "backup", "/dev/null/below").returncode == 1
        done = segue(stack, "export", tmp_path / "all.jsonl")
        assert done.returncode == 0, done.stderr
        assert "Exported 14 lines" in done.stderr
        piped = segue(stack, "export", "-")
    first = (tmp_path / "all.jsonl").read_bytes()
    assert piped.stdout.encode() == first
    assert (tmp_path / "all.jsonl").stat().st_mode & 0o077 == 0
    with ProcessStack(tmp_path / "there") as other:
        for said in ("Imported 14 memories (0 already there, 0 skipped)", "1 file unchanged"):
            done = segue(other, "import", tmp_path / "all.jsonl")
            assert done.returncode == 0, done.stderr
            assert said in done.stdout + done.stderr
        assert segue(other, "export", tmp_path / "again.jsonl").returncode == 0
        links = await ask(other, "list_project_links")
    assert (tmp_path / "again.jsonl").read_bytes() == first
    assert [json.loads(line)["id"] for line in first.splitlines()[:-1]]
    assert sum("first_said" in json.loads(line) for line in first.splitlines()) == 1
    assert json.loads(first.splitlines()[-1])["link"]["created_at"] == links["links"][0]["created_at"]


@pytest.mark.slow
async def test_an_export_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "all.jsonl").write_text("older\n")
    done = segue(Nowhere(tmp_path), "export", tmp_path / "all.jsonl")
    assert done.returncode == 1
    assert "cannot be reached" in done.stderr
    assert names(tmp_path) == ["all.jsonl"]
    assert (tmp_path / "all.jsonl").read_text() == "older\n"


class Nowhere(ProcessStack):
    @property
    def environment(self) -> dict[str, str]:
        return {"SEGUE_URL": "http://127.0.0.1:1/mcp"}


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())
