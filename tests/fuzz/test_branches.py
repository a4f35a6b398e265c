"""Whatever a person takes back, and whenever the transcript is read: that is marked, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.memory.domain.memories import Kind, Memory, joint_memory
from services.memory.imports.json_lines import START, ImportedMemory
from services.memory.imports.sources import read_memories
from tests.claude_transcripts import Transcript, called, said
from tests.fuzz.budget import tried

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
