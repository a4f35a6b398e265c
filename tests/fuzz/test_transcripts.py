"""Whatever a transcript or a file to import holds: it gives entries, or is Unreadable.

And whatever a person takes back, and whenever the transcript is read: that is marked, and nothing else.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.memory.domain.memories import Kind, Memory, joint_memory
from services.memory.imports.containers.unreadable import Unreadable
from services.memory.imports.json_lines import START, ImportedMemory, Position
from services.memory.imports.sources import read_memories
from services.memory.text.file_mentions import file_paths
from tests.claude_transcripts import Transcript, called, said
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


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.integers(0, 3)),
        st.tuples(st.just("back"), st.integers(0, 6)),
        st.tuples(st.just("compact"), st.just(0)),
        st.tuples(st.just("read"), st.just(0)),
    ),
    max_size=25,
)


class Talk:
    """A conversation of which turns are taken back; it knows which are."""

    def __init__(self) -> None:
        self.transcript = Transcript()
        self.live: list[tuple[str, str | None]] = []  # each turn's prompt, and the line before it
        self.taken_back: set[str] = set()
        self._compacted = 0
        self._number = 0

    def say(self, calls: int) -> None:
        """A turn with so many calls at once, whose results are side branches but the last."""
        self._number += 1
        text = f"From now on rule {self._number} holds."
        before = self.transcript._parent
        self.transcript.user(text)
        self.live.append((text, before))
        uses = []
        for call in range(calls):
            self.transcript.assistant({**called("Bash", command=f"make {call}"), "id": f"toolu_{self._number}_{call}"})
            uses.append(self.transcript.lines[-1]["uuid"])
        for call, use in enumerate(uses):
            result = {"tool_use_id": f"toolu_{self._number}_{call}", "type": "tool_result", "content": "done"}
            self.transcript.user([result], parentUuid=use)
        self.transcript.assistant(said(f"Rule {self._number} is noted."))

    def back(self, turns: int) -> None:
        """Takes the last turns back, not beyond a compaction; it shows when something else is said."""
        for _ in range(min(turns, len(self.live) - self._compacted)):
            text, before = self.live.pop()
            self.taken_back.add(text)
            self.transcript._parent = before

    def compact(self) -> None:
        if not self.live:
            return
        leaf = self.transcript._parent
        self.transcript.line(type="system", subtype="compact_boundary", parentUuid=None, logicalParentUuid=leaf)
        self.transcript.user("This session is being continued.", isCompactSummary=True)
        self._compacted = len(self.live)


def stored(memory: ImportedMemory) -> Memory:
    return Memory(
        content=memory.content,
        kind=Kind(memory.kind),
        project=memory.project,
        timestamp=datetime.fromisoformat(memory.timestamp).astimezone(UTC),
        tags=memory.tags,
        metadata=memory.metadata,
        id=memory.id,
    )


@tried(60)
@given(steps=STEPS)
def test_what_was_taken_back_is_marked_and_nothing_else(tmp_path_factory: Any, steps: list[tuple[str, int]]) -> None:
    path: Path = tmp_path_factory.getbasetemp() / "branches.jsonl"
    talk, store, end = Talk(), dict[str, Memory](), START

    def read() -> None:
        nonlocal end
        for entry in read_memories(talk.transcript.save(path), end):
            end = entry.resume
            if entry.memory:
                fresh = stored(entry.memory)
                store[fresh.id] = joint_memory(store[fresh.id], fresh) if fresh.id in store else fresh

    for step, count in steps:
        if step == "say":
            talk.say(count)
        elif step == "back":
            talk.back(count)
        elif step == "compact":
            talk.compact()
        else:
            read()
    talk.say(0)
    read()
    rules = [each for each in store.values() if each.content.startswith("From now on")]
    assert {each.content for each in rules if each.metadata.get("rewound")} == talk.taken_back
    assert {each.content for each in rules if each.tags == ("decision",)} == {text for text, _ in talk.live}
