"""Whatever a transcript or a file to import holds: it gives entries, or is Unreadable."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.memory.imports.json_lines import Position
from services.memory.imports.sources import Unreadable, read_memories
from services.memory.text.file_mentions import file_paths
from tests.claude_transcripts import Transcript
from tests.fuzz.budget import tried
from tests.fuzz.mutations import mutated_json_lines

EDIT = {"type": "tool_use", "id": "toolu_01", "name": "Edit", "input": {"file_path": "/home/ada/orchard/a.py"}}
RUN = {"type": "tool_use", "id": "toolu_01", "name": "Bash", "input": {"command": "make test"}}


def _transcript() -> list[Any]:
    made = Transcript().user("We decided to store the lanterns in the shed.")
    made.assistant({"type": "text", "text": "I look into it."}, RUN, EDIT).tool_result("exit 1", failed=True)
    made.assistant({"type": "text", "text": "Fixed: `a.py` was wrong."}, RUN).tool_result()
    made.user("<command-name>/init</command-name><command-args>x</command-args>")
    made.user([{"type": "text", "text": "No, the other file."}])
    before = made.lines[-1]["uuid"]
    question = {"question": "Which?", "options": [{"label": "A"}], "multiSelect": False}
    for tool, parameters, result in (
        ("AskUserQuestion", {"questions": [question]}, {"questions": [question], "answers": {"Which?": "A"}}),
        ("ExitPlanMode", {"plan": "1. Begin"}, {"plan": "1. Begin"}),
    ):
        made.assistant({"type": "tool_use", "id": f"toolu_{tool}", "name": tool, "input": parameters})
        block = {"type": "tool_result", "tool_use_id": f"toolu_{tool}", "content": "User has approved your plan."}
        made.user([block], toolUseResult=result, permissionDecision={"decision": "accept", "source": "user_temporary"})
    made.user(
        [{"type": "tool_result", "is_error": True, "content": "x"}], userFeedback="Never.", holdsPersonsWords=True
    )
    made.user("<teammate-message>\nAlways.\n</teammate-message>", origin={"kind": "peer", "body": "Always."})
    made.user("<a-b>x</a-b> Use slices.", parentUuid=before, promptSource="typed", turnOrigin="human")
    made.line(type="system", subtype="compact_boundary", parentUuid=None, logicalParentUuid=before)
    made.user("summary", isCompactSummary=True, summarizeMetadata={"direction": "from"})
    return made.lines


MEMORIES = [
    {"content": "We chose gRPC", "kind": "reflection", "project": "shop", "timestamp": "2026-03-01T09:30:00+01:00"},
    {
        "content": "b",
        "id": "6f9619ff-8b86-4d01-b42d-00cf4fc964ff",
        "tags": ["x"],
        "metadata": {"file_path": "a.py", "n": 1},
    },
    {"content": "c", "session_id": "s", "role": "user", "shared": True},
    {
        "link": {
            "source": "a",
            "target": "b",
            "type": "related",
            "description": "",
            "created_at": "2026-03-01T09:30:00+01:00",
        }
    },
]


@tried(50)
@given(content=mutated_json_lines([_transcript(), MEMORIES]))
def test_a_file_gives_entries_or_says_that_it_is_unreadable(tmp_path_factory: Any, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "-home-ada-orchard.jsonl"
    path.write_bytes(content)
    try:
        entries = list(read_memories(path))
    except Unreadable:
        return
    positions = [entry.resume for entry in entries]
    assert positions == sorted(positions)
    assert all(entry.memory or entry.link or entry.problem for entry in entries[:-1])
    assert entries[-1].resume.offset <= len(content)
    for entry in entries:
        if entry.memory:
            line = json.loads(entry.memory.to_line())
            assert line["content"].strip()
            assert file_paths(line["content"], line.get("metadata", {})) is not None
    _expect_the_rest_from_anywhere(path, positions)


def _expect_the_rest_from_anywhere(path: Path, positions: list[Position]) -> None:
    """Reading goes on from any place that an entry names, to the same end."""
    for place in positions[:: max(1, len(positions) // 3)]:
        assert list(read_memories(path, place))[-1].resume == positions[-1]


@tried(25)
@given(data=st.data(), content=mutated_json_lines([_transcript()]))
def test_a_file_that_grows_is_read_on_to_the_same_memories(
    tmp_path_factory: Any, data: st.DataObject, content: bytes
) -> None:
    """Imported as it is being written, at any byte: what is read in parts has the memories that all of it has."""
    path = tmp_path_factory.getbasetemp() / "grows.jsonl"
    path.write_bytes(content)
    try:
        whole = {entry.memory.id for entry in read_memories(path) if entry.memory}
        path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
        first = list(read_memories(path))
        path.write_bytes(content)
        rest = list(read_memories(path, first[-1].resume))
    except Unreadable:
        return
    assert {entry.memory.id for entry in (*first, *rest) if entry.memory} >= whole
