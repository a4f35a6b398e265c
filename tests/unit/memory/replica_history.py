"""A random history of several users' memories, written to the memory service and read from any search replica."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from google.protobuf.message import Message

from services.kit.errors import DeadlineExceeded, NotFound, Unavailable
from services.kit.transport import rpc
from services.pb import memory_pb2
from services.pb.memory_pb2_grpc import MemoryStub, SearchStub
from tests.patience import eventually

USERS = ("ada", "bo", "cy")
PROJECTS = ("otter", "badger")
call_s = 15.0


@dataclass(frozen=True)
class Kept:
    """A memory as its user was told that it is."""

    user: str
    content: str
    project: str
    shared: bool = False


class History:
    """Users of one group, who share with each other; others' memories are none of its business.

    A write that fails is repeated until it is acknowledged; each read goes to a replica by chance, and to another one
    if that one is away.
    """

    def __init__(self, group: str, seed: int, memory: MemoryStub, replicas: Sequence[SearchStub]) -> None:
        self._random = random.Random(seed)
        self._memory = memory
        self.replicas = replicas
        self._users = [f"{group}-{each}" for each in USERS]
        self._group = group
        self._number = 0
        self.kept: dict[str, Kept] = {}
        self.gone: dict[str, Kept] = {}
        self.steps = self.asked = self.refused = 0
        self.waited_s = 0.0
        """The longest time from the first try of a call to its answer."""

    async def step(self) -> None:
        """One change, and what its user and another one find then."""
        changes = [self._store, self._store, self._store]
        changes += [self._delete, self._share, self._correct] if self.kept else []
        await self._random.choice(changes)()
        for user in self._random.sample(self._users, 2):
            await self.check(user)
        self.steps += 1

    # --- writes -------------------------------------------------------------------------------------

    async def _store(self) -> None:
        name, user = f"{self._group}-{self._number}", self._random.choice(self._users)
        kept = Kept(user, self._new_content(), self._random.choice(PROJECTS), self._random.random() < 0.2)
        new = memory_pb2.NewMemory(
            content=kept.content,
            kind=memory_pb2.KIND_CONVERSATION,
            project=kept.project,
            id=name,
            shared=kept.shared,
            session_id=f"{user}-{self._random.randrange(3)}",
        )
        new.timestamp.GetCurrentTime()
        await self._write(user, self._memory.Store, memory_pb2.StoreRequest(memories=[new]))
        self.kept[name] = kept

    def _new_content(self) -> str:
        self._number += 1
        return f"{self._group}mark{self._number} was said of the willow and the anvil"

    async def _delete(self) -> None:
        name, kept = self._any()
        request = memory_pb2.DeleteRequest(ids=[name])
        counted = await self._write(kept.user, self._memory.Delete, request)
        if counted.confirmation:  # else an earlier try has removed it
            request.confirmation = counted.confirmation
            await self._write(kept.user, self._memory.Delete, request)
        self.gone[name] = self.kept.pop(name)

    async def _share(self) -> None:
        name, kept = self._any()
        request = memory_pb2.ShareRequest(id=name, shared=not kept.shared)
        await self._write(kept.user, self._memory.Share, request)
        self.kept[name] = replace(kept, shared=not kept.shared)

    async def _correct(self) -> None:
        name, kept = self._any()
        corrected = replace(kept, content=self._new_content(), project=self._random.choice(PROJECTS))
        request = memory_pb2.UpdateRequest(id=name, content=corrected.content, project=corrected.project)
        await self._write(kept.user, self._memory.Update, request)
        self.kept[name] = corrected

    def _any(self) -> tuple[str, Kept]:
        return self._random.choice(sorted(self.kept.items(), key=lambda each: each[0]))

    async def _write(self, user: str, method: Any, request: Message) -> Any:
        return await self._repeat(lambda: rpc.call(method, request, user=user, timeout_s=call_s))

    async def _repeat(self, call: Callable[[], Awaitable[Any]]) -> Any:
        answers: list[Any] = []
        began_s = time.monotonic()

        async def is_answered() -> bool:
            try:
                answers.append(await call())
            except (Unavailable, DeadlineExceeded):
                self.refused += 1
                return False
            return True

        await eventually(is_answered, 0.05)
        self.waited_s = max(self.waited_s, time.monotonic() - began_s)
        return answers[0]

    # --- reads --------------------------------------------------------------------------------------

    async def check(self, user: str) -> None:
        """The user's list has all that they may read and nothing else, and a search finds what it should."""
        allowed = {name: kept for name, kept in self.kept.items() if kept.user == user or kept.shared}
        assert await self._list(user) == {name: kept.content for name, kept in allowed.items()}
        for name, kept in self._random.sample(sorted(allowed.items(), key=lambda each: each[0]), min(2, len(allowed))):
            assert name in await self._found(user, kept.content.split()[0])
        for name, kept in self._random.sample(
            sorted(self.gone.items(), key=lambda each: each[0]), min(2, len(self.gone))
        ):
            assert name not in await self._found(user, kept.content.split()[0])
            with_id = await self._read(user, "Get", memory_pb2.GetRequest(id=name))
            assert with_id is None

    async def _list(self, user: str) -> dict[str, str]:
        found, cursor = dict[str, str](), ""
        while True:
            request = memory_pb2.ListRequest(author="all", limit=50, cursor=cursor)
            page = await self._read(user, "List", request)
            for each in page.memories:
                if each.id.startswith(f"{self._group}-"):
                    found[each.id] = each.content
            cursor = page.next_cursor
            if not cursor:
                return found

    async def _found(self, user: str, word: str) -> list[str]:
        answer = await self._read(user, "Search", memory_pb2.SearchRequest(query=word, limit=10))
        return [each.memory.id for each in answer.results]

    async def _read(self, user: str, method: str, request: Message) -> Any:
        async def ask() -> Any:
            replica = self._random.choice(self.replicas)
            self.asked += 1
            try:
                return await rpc.call(getattr(replica, method), request, user=user, timeout_s=call_s)
            except NotFound:
                return None

        return await self._repeat(ask)
