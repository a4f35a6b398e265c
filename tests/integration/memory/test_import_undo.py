"""One import of another program's files, and its undoing, as a user types them, against a whole Segue."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from fastmcp import Client

from tests.integration.stack import Stack, segue
from tests.unit.memory.imports.formats import files

Made = Callable[[Path], Path]


def copied(sample: Path) -> Made:
    def made(at: Path) -> Path:
        return Path(shutil.copytree(sample, at / sample.name) if sample.is_dir() else shutil.copy(sample, at))

    return made


FILES: dict[str, tuple[Made, str]] = {
    "mcp-memory-service": (files.service_database, "the orchard waters its pears at dawn"),
    "server-memory": (copied(files.GRAPH), "the ladder stands at the south wall"),
    "basic-memory": (copied(files.BASIC_MEMORY), "the well is nine metres deep"),
    "Codex CLI": (copied(files.CODEX), "we keep the ladder on the south wall"),
    "Gemini CLI": (copied(files.GEMINI), "we keep the ladder on the south wall"),
}


def command(stack: Stack, *arguments: str | Path) -> str:
    done = segue(stack, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


async def contents(stack: Stack, query: str, project: str) -> list[str]:
    async with Client(stack.url) as mcp:
        found = await mcp.call_tool("reflect_on_past", {"query": query, "project": project})
        return [each["content"] for each in found.structured_content["results"]] if found.structured_content else []


@pytest.mark.parametrize(
    "program", [pytest.param(each, marks=[] if each == "server-memory" else pytest.mark.slow) for each in FILES]
)
async def test_what_an_import_brought_is_found_and_undoing_it_leaves_what_was_there_before(
    stack: Stack, tmp_path: Path, project: str, program: str
) -> None:
    make, query = FILES[program]
    path = make(tmp_path)
    before = tmp_path / "before.jsonl"
    before.write_text(json.dumps({"content": f"Before: {query} (a note of one's own)", "project": project}) + "\n")
    command(stack, "import", before)

    counted = command(stack, "import", path, "--project", project, "--dry-run")
    assert "Nothing was stored" in counted
    said = command(stack, "import", path, "--project", project)
    (name,) = re.findall(r"segue import --undo (\S+?)`", said)
    found = await contents(stack, query, project)
    assert len(found) > 1
    assert any(not each.startswith("Before:") for each in found)
    assert name in command(stack, "import", "--list")

    undone = command(stack, "import", "--undo", name)
    count, of = re.findall(r"Deleted ([\d,]+) of ([\d,]+) memories\.", undone)[0]
    assert count == of != "0"
    assert await contents(stack, query, project) == [f"Before: {query} (a note of one's own)"]
    assert "(undone)" in next(line for line in command(stack, "import", "--list").splitlines() if name in line)
    assert segue(stack, "import", "--undo", name).returncode == 1

    again = command(stack, "import", path, "--project", project, "--deleted-too")
    assert "Imported 0 memories" not in again
    assert len(await contents(stack, query, project)) == len(found)
