"""The real client's own memory: where it says that its files are, Segue reads what its model writes there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.integration.claude_code.test_conversation import pytestmark  # noqa: F401  # the same marks
from tests.integration.claude_code.test_hooks import PluggedIn
from tests.integration.stack import Stack

FACT = """---
name: crane
description: The crane's name
metadata:
  type: project
---

The crane is called Brunhilde.
"""


@pytest.mark.slow
def test_what_the_clients_model_writes_into_its_memory_is_found_by_segue(stack: Stack, tmp_path: Path) -> None:
    claude = PluggedIn(stack, tmp_path)
    asked = claude.run([{"text": "Hello."}])
    (folder,) = set(
        re.findall(rf"{re.escape(str(claude.hooked.home))}/\.claude/projects/[^\s`\"\\]+/memory", json.dumps(asked))
    )
    path = Path(folder) / "crane.md"
    claude.run([{"tool": "Write", "input": {"file_path": str(path), "content": FACT}}], "go", "--allowedTools", "Write")
    assert path.read_text().endswith("The crane is called Brunhilde.\n")

    name = next(each for each in asked[0]["tools"] if each.endswith("reflect_on_past"))
    query = {"tool": name, "input": {"query": "the crane's name"}}
    found = claude.run([query, {"text": "So."}], "go", "--allowedTools", name)
    told = json.dumps(found[-1]["messages"][-1]["content"])
    assert "The crane is called Brunhilde." in told
    assert "claude-memory" in told
