"""Quotas for each user's memories, in number and bytes, as counted by the memory service and cached briefly."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from cachetools import TTLCache
from google.protobuf.message import Message

from services.gateway.access.identity import current_user
from services.gateway.backends import MemoryBackend
from services.kit.errors import OverQuota
from services.pb import memory_pb2

known_for_s = 10.0
users_max = 10_000
_way_out = "delete some by delete_conversations first"
"""Part of the message, too: many clients show a model nothing else."""
_advice = ("Delete what you no longer need: delete_conversations.", "Or ask whoever runs this Segue for more.")
"""The suggestions. Memories that are already stored need no room and are answered as duplicates."""


@dataclass(slots=True)
class _Usage:
    memories: int
    size_bytes: int
    asked_s: float


class Quotas:
    """Raises OverQuota for a store that would exceed a quota; 0 means no limit."""

    def __init__(self, memory: MemoryBackend, memories_max: int, size_max_bytes: int) -> None:
        self._memory = memory
        self._memories_max = memories_max
        self._size_max_bytes = size_max_bytes
        self._known: TTLCache[str, _Usage] = TTLCache(users_max, known_for_s)

    async def admit(self, request: Message) -> None:
        """Lets a call to memory through if it stores nothing or fits into the quota; counts it as stored."""
        if not isinstance(request, memory_pb2.StoreRequest) or not request.memories or request.only_known:
            return
        memories, size_bytes = len(request.memories), sum(_bytes(each) for each in request.memories)
        user, began_s = current_user(), asyncio.get_running_loop().time()
        usage = self._known.get(user) or await self._ask(user)
        problem = self._problem(usage, memories, size_bytes)
        if problem and usage.asked_s < began_s:  # some may have been deleted since
            usage = await self._ask(user)
            problem = self._problem(usage, memories, size_bytes)
        if problem:
            await self._refuse_new(request, problem)
            return
        usage.memories += memories
        usage.size_bytes += size_bytes

    def _problem(self, usage: _Usage, memories: int, size_bytes: int) -> str:
        if self._memories_max and usage.memories + memories > self._memories_max:
            return f"You may keep {self._memories_max:,} memories, and have {usage.memories:,}: {_way_out}."
        if self._size_max_bytes and usage.size_bytes + size_bytes > self._size_max_bytes:
            return (
                f"You may keep {self._size_max_bytes:,} bytes of memories, and have {usage.size_bytes:,}: {_way_out}."
            )
        return ""

    async def _refuse_new(self, request: memory_pb2.StoreRequest, problem: str) -> None:
        """Raises OverQuota unless all of it is already stored."""
        asked = memory_pb2.StoreRequest(memories=request.memories, each=request.each, only_known=True)
        try:
            await self._memory.call(self._memory.stub.Store, asked)
        except OverQuota as error:
            raise OverQuota(problem, *_advice) from error

    async def _ask(self, user: str) -> _Usage:
        answer = await self._memory.call(self._memory.stub.Usage, memory_pb2.UsageRequest())
        now_s = asyncio.get_running_loop().time()
        usage = self._known[user] = _Usage(answer.memories, answer.content_bytes, now_s)
        return usage


def _bytes(memory: memory_pb2.NewMemory) -> int:
    """The bytes that memory will count for it, or slightly more: memory removes secrets first."""
    metadata = "" if memory.metadata == "{}" else memory.metadata
    return len(memory.content.encode()) + len(metadata.encode())
