"""One round: load, SIGKILL at a random moment, perhaps damage to the index's snapshot, restart, verify."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import shutil
import signal
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from fastmcp import Client

from tests.integration.stack import ProcessStack
from tests.integration.whole import index_settled

writers, load_max_s, checked_max = 4, 1.2, 40
index_within_s = 60.0
_subjects = ("otter", "lantern", "quarry", "saffron", "turbine", "willow", "harpoon", "glacier", "violet", "anvil")


@dataclass
class Counts:
    """What was promised, and what came of it."""

    acknowledged: int = 0
    verified: int = 0
    deleted: int = 0
    lost: int = 0
    duplicated: int = 0
    undead: int = 0

    @property
    def clean(self) -> bool:
        """Whether every promise was kept, and anything was promised at all."""
        return self.acknowledged > 0 and not (self.lost or self.duplicated or self.undead)

    def __str__(self) -> str:
        return (
            f"acknowledged {self.acknowledged}, verified {self.verified}, deleted {self.deleted}, "
            f"lost = {self.lost}, duplicated = {self.duplicated}, come back = {self.undead}"
        )


@dataclass
class Promises:
    """What Segue acknowledged: contents by id; `deleting` may be gone or not, `deleted` is."""

    stored: dict[str, str] = field(default_factory=dict)
    deleting: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)


class Tortured(ProcessStack):
    """Writes snapshots of its index often, and its database anew after every deletion."""

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | {
            "SEGUE_MEMORY_SNAPSHOT_EVERY_CHANGES": "10",
            "SEGUE_MEMORY_ERASE_WITHIN_S": "0.05",
        }


class Torture:
    """The same data directory through all rounds; everything ever acknowledged is remembered here."""

    def __init__(self, data: Path, seed: int, settings: Mapping[str, str] | None = None) -> None:
        self._data = data
        self._settings = dict(settings or {})
        self._random = random.Random(seed)
        self._promises = Promises()
        self._fresh: list[str] = []
        self._number = 0
        self.counts = Counts()
        self.losses: list[str] = []

    async def round(self) -> None:
        """One kill."""
        stack = Tortured(self._data, **self._settings)
        await asyncio.to_thread(stack.__enter__)
        self._fresh = []
        self._acknowledged = asyncio.Event()
        working = [asyncio.create_task(self._write(stack, number)) for number in range(writers)]
        working.append(asyncio.create_task(self._delete(stack)))
        if self._random.random() < 0.9:  # else perhaps before anything is acknowledged
            await asyncio.wait_for(self._acknowledged.wait(), 60)
        await asyncio.sleep(self._random.uniform(0.05, load_max_s))
        await asyncio.to_thread(kill, stack)
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)
        self._damage()
        await asyncio.to_thread(stack.__enter__)
        try:
            await self._verify(stack)
        finally:
            await asyncio.to_thread(stack.__exit__, None, None, None)

    async def _write(self, stack: ProcessStack, writer: int) -> None:
        async with Client(stack.url) as mcp:
            while True:
                contents = [self._content(writer) for _ in range(self._random.choice((1, 1, 1, 8)))]
                if len(contents) > 1:
                    names = [str(UUID(int=self._random.getrandbits(128), version=4)) for _ in contents]
                    await asyncio.to_thread(_post, stack, names, contents)
                else:
                    asked = {"content": contents[0], "project": "torture", "session_id": f"writer-{writer}"}
                    answer = await mcp.call_tool("store_conversation", asked)
                    names = [(answer.structured_content or {})["conversation_id"]]
                for name, content in zip(names, contents, strict=True):
                    self._promises.stored[name] = content
                    self._fresh.append(name)
                    self.counts.acknowledged += 1
                    self._acknowledged.set()

    def _content(self, writer: int) -> str:
        self._number += 1
        words = " ".join(self._random.choices(_subjects, k=4))
        return f"unique{self._number} by writer {writer}: {words}"

    async def _delete(self, stack: ProcessStack) -> None:
        async with Client(stack.url) as mcp:
            while True:
                await asyncio.sleep(self._random.uniform(0.05, 0.3))
                known = sorted(set(self._promises.stored) - self._promises.deleting - self._promises.deleted)
                if not known or self._random.random() < 0.5:  # some runs have no deletion, and so keep their snapshots
                    continue
                name = self._random.choice(known)
                asked = (await mcp.call_tool("delete_conversations", {"ids": [name]})).structured_content or {}
                self._promises.deleting.add(name)
                confirmed = {"ids": [name], "confirm": True, "confirmation_token": asked["confirmation_token"]}
                await mcp.call_tool("delete_conversations", confirmed)
                self._promises.deleted.add(name)
                self.counts.deleted += 1

    def _damage(self) -> None:
        """Sometimes, something happens to the snapshot of the index while nothing runs."""
        snapshot = self._data / "memory" / "index.snapshot"
        aside = snapshot.with_name("older.snapshot")
        if not snapshot.exists():
            return
        damages: list[Callable[[], object]] = [
            lambda: None,
            lambda: snapshot.write_bytes(snapshot.read_bytes()[: self._random.randrange(snapshot.stat().st_size)]),
            lambda: _flip(snapshot, self._random.randrange(snapshot.stat().st_size)),
            snapshot.unlink,
            lambda: shutil.copyfile(snapshot, aside),
            lambda: aside.exists() and shutil.copyfile(aside, snapshot),
        ]
        self._random.choice(damages)()

    async def _verify(self, stack: ProcessStack) -> None:
        """All of this round and some of earlier ones: by id, by words and by meaning, once."""
        alive = sorted(set(self._promises.stored) - self._promises.deleting)
        older = self._random.sample(alive, min(checked_max, len(alive)))
        async with Client(stack.url) as mcp:
            async with asyncio.timeout(index_within_s):  # `degraded` says until then that it is being built again
                await index_settled(mcp)
            for name in dict.fromkeys([*(each for each in self._fresh if each in alive), *older]):
                await self._verify_one(mcp, name)
            for name in self._random.sample(sorted(self._promises.deleted), min(10, len(self._promises.deleted))):
                found = await _search(mcp, self._promises.stored[name])
                known = await mcp.call_tool("get_memory", {"id": name}, raise_on_error=False)
                self.counts.undead += name in [each["id"] for each in found] or not known.is_error

    async def _verify_one(self, mcp: Client[Any], name: str) -> None:
        content = self._promises.stored[name]
        known = await mcp.call_tool("get_memory", {"id": name}, raise_on_error=False)
        memory = (known.structured_content or {}).get("memory", {})
        found = [each for each in await _search(mcp, content) if each["content"] == content]
        if known.is_error or memory.get("content") != content:
            self._lost(name, "by its id")
        elif not found:
            self._lost(name, "by searching")
        elif len(found) > 1 or found[0]["id"] != name:
            self.counts.duplicated += 1
        elif found[0]["matched"] != "both" or found[0]["similarity_score"] < 0.9:
            self._lost(name, f"by words and by meaning, but {found[0]['matched']}")
        else:
            self.counts.verified += 1

    def _lost(self, name: str, how: str) -> None:
        self.counts.lost += 1
        self.losses.append(f"{name} is not found {how}")


async def _search(mcp: Client[Any], content: str) -> list[dict[str, Any]]:
    answer = await mcp.call_tool("reflect_on_past", {"query": content, "project": "torture", "limit": 20})
    results: list[dict[str, Any]] = (answer.structured_content or {})["results"]
    return results


def _post(stack: ProcessStack, names: list[str], contents: list[str]) -> None:
    """Stores a batch under given ids, twice: a call that is repeated stores once."""
    lines = [
        {"id": name, "content": content, "project": "torture"} for name, content in zip(names, contents, strict=True)
    ]
    body = "".join(json.dumps(line) + "\n" for line in lines).encode()
    for _ in range(2):
        request = urllib.request.Request(stack.url.removesuffix("/mcp") + "/v1/memories", body, method="POST")
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert not json.load(answer)["rejected"]


def kill(stack: ProcessStack) -> None:
    assert stack.process
    assert stack.process.stdout
    stack.process.send_signal(signal.SIGKILL)
    stack.process.wait(30)
    with contextlib.suppress(OSError):
        stack.process.stdout.close()


def _flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1 << (place % 8)
    path.write_bytes(content)
