"""Claude Code's own memory files: which files are some, and what is in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.memory.imports.formats.claude_memory import memory_place, project_directory
from services.memory.imports.sources import SourceFile, find_files
from tests.claude_transcripts import Transcript
from tests.unit.memory.imports.formats.files import entries, memories

FACT = """---
name: money-in-cents
description: Money is stored as integers of cents
metadata:
  type: feedback
  modified: 2026-11-01T09:00:00Z
---

Amounts are cents. **Why:** floats lost a cent in March. See [[orders-table]].
"""


def folder(at: Path, name: str = "-home-ada-orchard") -> Path:
    made = at / ".claude" / "projects" / name / "memory"
    made.mkdir(parents=True)
    return made


def test_a_fact_has_its_description_type_and_project(tmp_path: Path) -> None:
    path = folder(tmp_path) / "money-in-cents.md"
    path.write_text(FACT)
    Transcript(cwd="/home/ada/orchard").user("Hi").save(path.parent.parent / "a.jsonl")
    name, _ = entries(path)
    (fact,) = memories(path)

    assert name == "Claude Code's own memory files"
    assert fact.content.startswith("Money is stored as integers of cents\n\nAmounts are cents. **Why:** floats")
    assert (fact.kind, fact.role, fact.tags) == ("reflection", "assistant", ("claude-memory", "feedback"))
    assert (fact.project, fact.directory) == ("orchard", "/home/ada/orchard")
    assert fact.metadata == {"source": "claude-memory", "note": "money-in-cents.md", "name": "money-in-cents"}


def test_a_file_is_the_same_memory_whatever_is_in_it_and_another_file_is_not(tmp_path: Path) -> None:
    path = folder(tmp_path) / "money.md"
    ids = []
    for text in (FACT, "Just a line, without front matter."):
        path.write_text(text)
        ids.append(memories(path)[0].id)
    other = path.with_name("other.md")
    other.write_text(FACT)

    assert ids[0] == ids[1] != memories(other)[0].id


@pytest.mark.parametrize(
    ("path", "agent"),
    [
        ("/h/.claude/projects/-h-a/memory/x.md", ""),
        ("/h/.claude/projects/-h-a/memory/topics/x.MD", ""),
        ("/h/.claude/agent-memory/reviewer/x.md", "reviewer"),
        ("/h/a/.claude/agent-memory-local/reviewer/deep/x.md", "reviewer"),
    ],
)
def test_the_path_tells_what_is_a_memory_file(path: str, agent: str) -> None:
    place = memory_place(Path(path))
    assert place
    assert place.agent == agent


@pytest.mark.parametrize(
    "path",
    [
        "/h/.claude/projects/-h-a/memory/MEMORY.md",
        "/h/.claude/projects/-h-a/memory/x.txt",
        "/h/.claude/projects/-h-a/x.md",
        "/h/projects/shop/memory/x.md",
        "/h/notes/memory/x.md",
        "/h/.claude/agent-memory/x.md",
        "/x.md",
    ],
)
def test_other_files_are_none(path: str) -> None:
    assert memory_place(Path(path)) is None


def test_an_agents_memory_belongs_to_the_directory_that_it_is_in(tmp_path: Path) -> None:
    found = []
    for project in ("orchard", "shop"):
        path = tmp_path / project / ".claude" / "agent-memory" / "reviewer" / "x.md"
        path.parent.mkdir(parents=True)
        path.write_text(FACT)
        found += memories(path)

    assert [each.project for each in found] == ["orchard", "shop"]
    assert found[0].id != found[1].id
    assert found[0].metadata["agent"] == "reviewer"


def test_without_transcripts_the_disk_tells_the_project(tmp_path: Path) -> None:
    (tmp_path / "a-b" / "c.d").mkdir(parents=True)
    (tmp_path / "a").mkdir()
    name = "".join(each if each.isalnum() else "-" for each in str(tmp_path / "a-b" / "c.d"))

    assert project_directory(tmp_path / name) == str(tmp_path / "a-b" / "c.d")
    assert project_directory(tmp_path / "-no-such-place-anywhere") == ""


def test_they_are_left_out_of_what_is_imported_once(tmp_path: Path) -> None:
    path = folder(tmp_path) / "money.md"
    path.write_text(FACT)
    Transcript(cwd="/home/ada/orchard").user("Hi").save(path.parent.parent / "a.jsonl")
    found = [each.path.name for each in find_files([tmp_path, path]) if isinstance(each, SourceFile)]

    assert found == ["a.jsonl"]
