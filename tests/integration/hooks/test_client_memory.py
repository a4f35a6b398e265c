"""The client's own memory files and the memories that follow them, by hooks and by `segue import`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client

from tests.hooked import Hooked
from tests.integration.stack import ROOT, Stack

FACT = "---\nname: money\ndescription: How money is stored\nmetadata:\n  type: project\n---\n\n{}\n"
CENTS, PENNIES = "Money is stored as integers of cents.", "Money is stored as decimal pennies."


class Memories:
    """The client's folder of memories in a project of its own, and Segue's memories of that project."""

    def __init__(self, hooked: Hooked, stack: Stack) -> None:
        self.hooked, self._stack = hooked, stack
        self.folder = hooked.path.parent / "memory"
        self.folder.mkdir(parents=True)

    def write(self, text: str, name: str = "money.md") -> None:
        (self.folder / name).write_text(FACT.format(text))

    def say(self) -> None:
        """A turn of the conversation, with its hooks."""
        self.hooked.say("And now?", "Done.")
        self.hooked.hook("Stop", stop_hook_active=False)
        self.hooked.settle()

    def segue(self, *arguments: str | Path) -> str:
        command = [sys.executable, "-m", "services.cli", *map(str, arguments)]
        environment = {**self.hooked.environment, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            command, env=environment, cwd=self.hooked.project, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    async def call(self, tool: str, **arguments: Any) -> Any:
        async with Client(self._stack.url) as mcp:
            return (await mcp.call_tool(tool, arguments)).structured_content

    async def stored(self) -> list[dict[str, Any]]:
        """The memories of these files, the latest first."""
        listed = await self.call("list_memories", tags=["claude-memory"], project=self.hooked.project.name)
        return list(listed["memories"])


@pytest.fixture
def memories(stack: Stack, tmp_path: Path, project: str) -> Memories:
    hooked = Hooked(tmp_path, project, **{"SEGUE_DATA_DIR": str(tmp_path / "data"), **stack.environment})
    return Memories(hooked, stack)


@pytest.mark.slow
async def test_a_file_of_the_clients_is_a_memory_that_changes_and_is_withdrawn_with_it(memories: Memories) -> None:
    memories.hooked.begin()
    memories.write(CENTS)
    (memories.folder / "MEMORY.md").write_text("- [Money](money.md) — cents\n")
    memories.say()
    (first,) = await memories.stored()
    assert first["content"] == f"How money is stored\n\n{CENTS}"
    assert first["metadata"]["source"] == "claude-memory"

    memories.write(PENNIES)
    before = {path.name: path.read_bytes() for path in memories.folder.iterdir()}
    memories.say()
    (second,) = await memories.stored()
    assert (second["id"], second["content"]) == (first["id"], f"How money is stored\n\n{PENNIES}")
    assert {path.name: path.read_bytes() for path in memories.folder.iterdir()} == before  # only read

    (memories.folder / "money.md").unlink()
    memories.say()
    found = await memories.call("get_memory", id=first["id"])
    assert found["memory"]["withdrawn_at"]

    memories.write(PENNIES)
    memories.say()
    found = await memories.call("get_memory", id=first["id"])
    assert not found["memory"].get("withdrawn_at")


@pytest.mark.slow
async def test_what_the_user_deleted_stays_deleted_whatever_becomes_of_the_file(memories: Memories) -> None:
    memories.write(CENTS)
    memories.hooked.begin()
    memories.say()
    (stored,) = await memories.stored()
    memories.segue("delete", stored["id"], "--yes")

    for text in (PENNIES, CENTS):
        memories.write(text)
        memories.say()
    assert "own memories" not in memories.segue("import", memories.folder)
    assert await memories.stored() == []


@pytest.mark.slow
async def test_import_brings_them_with_the_transcripts_counts_them_first_and_takes_them_back(
    memories: Memories,
) -> None:
    memories.write(CENTS)
    memories.write("The well is nine metres deep.", "well.md")
    memories.hooked.say("Why cents?", "Floats lost some.")
    projects = memories.hooked.home / ".claude" / "projects"
    assert "2 conversations, 2 reflections" in memories.segue("import", projects, "--dry-run")
    said = memories.segue("import", projects)
    assert "Claude Code's own memories: 2 new" in said
    assert len(await memories.stored()) == 2

    memories.write(PENNIES)
    os.utime(memories.folder / "money.md", (2_000_000_000, 2_000_000_000))
    (memories.folder / "well.md").unlink()
    assert "1 changed, 1 withdrawn" in memories.segue("import", projects)
    assert "own memories" not in memories.segue("import", projects)
    assert "Deleted 4 of 4" in memories.segue("import", "--undo", said.partition("--undo ")[2].partition("`")[0])


async def test_links_strangers_folders_and_odd_files_do_no_harm(memories: Memories, tmp_path: Path) -> None:
    secret = tmp_path / "secret.md"
    secret.write_text("The vault is behind the painting.")
    (memories.folder / "link.md").symlink_to(secret)
    (memories.folder / "empty.md").write_text("")
    (memories.folder / "nul.md").write_bytes(b"a\0b")
    (memories.folder / "latin.md").write_bytes(b"caf\xe9 closes at six")
    (memories.folder / "long.md").write_text("word " * 200_000)
    os.mkfifo(memories.folder / "pipe.md")
    memories.write(CENTS)
    memories.hooked.begin()
    memories.say()

    contents = [each["content"] for each in await memories.stored()]
    assert not any("painting" in each for each in contents)
    assert any(CENTS in each for each in contents)
    assert any("closes at six" in each for each in contents)
    assert "not in step" not in memories.hooked.log
