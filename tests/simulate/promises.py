"""What Segue acknowledged to all users, and whether it is so: by id, by searching, for its owner and for others."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

from tests.simulate.caller import Caller


@dataclass(frozen=True, slots=True)
class Memory:
    """What somebody stored."""

    id: str
    user: int
    project: str
    content: str


@dataclass
class Promises:
    """Memories by id. What is in `deleting` may be gone or not; `deleted` is."""

    stored: dict[str, Memory] = field(default_factory=dict)
    shared: set[str] = field(default_factory=set)
    deleting: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)

    def store(self, memory: Memory) -> None:
        """Notes an acknowledged one."""
        self.stored[memory.id] = memory

    @property
    def alive(self) -> list[Memory]:
        """Those that have to be there."""
        return [memory for name, memory in self.stored.items() if name not in self.deleting]


@dataclass
class Verdict:
    """How much was looked at, and what is not as it was promised: a line for each."""

    looked_at: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def note(self, what: str, is_so: bool | None, memory: Memory) -> None:
        """`is_so` is None where no answer came."""
        self.looked_at[what if is_so is not None else f"{what}: no answer"] += 1
        if is_so is False:
            self.broken.append(f"{memory.id} of user {memory.user}: not {what}")


async def is_found(caller: Caller, memory: Memory, kind: str = "search") -> bool | None:
    """Whether the caller's search for its text brings it; None where there was no answer."""
    asked = {"query": memory.content, "project": memory.project, "limit": 20}
    answer = await caller.tool(kind, "reflect_on_past", **asked)
    return None if answer is None else memory.id in [each["id"] for each in answer["results"]]


async def verify_one(
    callers: list[Caller], memory: Memory, promises: Promises, verdict: Verdict, searched: bool
) -> None:
    """A memory, as its owner finds it, and another user where it is shared."""
    own = callers[memory.user]
    if memory.id in promises.deleted:
        verdict.note("deleted", await own.refusal("get_memory", id=memory.id) == "NOT_FOUND", memory)
        if searched:
            found = await is_found(own, memory, VERIFYING)
            verdict.note("kept out of searches once deleted", None if found is None else not found, memory)
        return
    known = await own.tool(VERIFYING, "get_memory", id=memory.id)
    verdict.note("there by its id", ((known or {}).get("memory") or {}).get("content") == memory.content, memory)
    if searched:
        verdict.note("found by its owner", await is_found(own, memory, VERIFYING), memory)
    if searched and memory.id in promises.shared:
        other = callers[(memory.user + 1) % len(callers)]
        verdict.note("found by another user", await is_found(other, memory, VERIFYING), memory)


VERIFYING = "verification"


def chosen(promises: Promises, most: int, seed: int) -> list[Memory]:
    """All that was deleted, all that was shared, and of the others the last ones and a sample, up to so many."""
    alive = promises.alive
    first = [promises.stored[name] for name in promises.deleted if name in promises.stored]
    first += [memory for memory in alive if memory.id in promises.shared]
    others = [memory for memory in alive if memory.id not in promises.shared]
    if len(others) > most:
        others = random.Random(seed).sample(others[: -most // 4], most - most // 4) + others[-most // 4 :]
    return first + others
