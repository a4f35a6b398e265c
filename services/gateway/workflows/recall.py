"""What is recalled for a conversation that begins, for a prompt, and for the handoff of one that ends."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from services.gateway.backends import Backends
from services.gateway.workflows.briefing import Section
from services.gateway.workflows.derived_texts import DerivedTexts
from services.kit.errors import NotFound, ServiceError
from services.pb import memory_pb2, session_pb2

marked_max = 12
related_max = 20
prompt_max_chars = 2_000
prompt_score_min = 0.2
prompt_similarity_min = 0.25
"""Measured on the questions about coding sessions: nine in ten answers score that much, one in ten of the best matches
in another project; and four in five answers are that similar, one in six of what prompts such as "go on" find."""
answers_max = 10
"""Among so many of the last answers the last one is looked for that says something: "Done." does not."""
answer_min_chars = 20
summary_max_chars = 600
decision_max_chars = 300
decisions_max = 20


@dataclass(frozen=True, slots=True)
class Recalling:
    """Asks memory and session."""

    backends: Backends
    derived: DerivedTexts

    async def for_start(self, project: str) -> tuple[session_pb2.HandoffDocument | None, Sequence[Section]]:
        """The project's last handoff; what the user decided and corrected; and what belongs to what was left to do."""
        handoff, decided, corrected = await asyncio.gather(
            self._handoff(project), self._latest_tagged(project, "decision"), self._latest_tagged(project, "correction")
        )
        subject = " ".join([handoff.summary, *handoff.next_steps][:5]) if handoff else project
        related = await self._search(subject or project, project, related_max)
        return handoff, [
            Section("What was decided:", decided, again=True),
            Section("What the user corrected:", corrected, again=True),
            Section("Related:", related),
        ]

    async def for_prompt(self, project: str, prompt: str) -> Sequence[Section]:
        """What is remembered that answers to the prompt."""
        found = await self._search_memories(prompt, project, 5, min_score=prompt_score_min)
        likely = [each.memory for each in found if _is_like(each)]
        return [Section("What may belong to this prompt:", likely)]

    async def facts(self, conversation: str, files: Sequence[str]) -> session_pb2.Facts:
        """What a conversation left in memory, for the handoff: what was asked and said last, and what was decided."""
        facts = session_pb2.Facts(files_changed=files)
        if not conversation:
            return facts
        asked, answered, decided = await asyncio.gather(
            self._latest(1, memory_pb2.Filter(session_id=conversation, role="user")),
            self._latest(answers_max, memory_pb2.Filter(session_id=conversation, role="assistant")),
            self._latest(decisions_max, memory_pb2.Filter(session_id=conversation, tags=["decision"], in_force=True)),
        )
        parts = [f"Asked: {_cut(each.content, summary_max_chars // 2)}" for each in asked]
        answer = next((each for each in answered if _is_substantial(each)), answered[0] if answered else None)
        parts += [_cut(answer.content, summary_max_chars)] if answer else []
        facts.summary = "\n".join(parts)
        facts.decisions.extend(_cut(each.content, decision_max_chars) for each in reversed(decided))
        facts.made_of.extend(each.id for each in (*asked, *([answer] if answer else []), *decided))
        return facts

    async def _latest(self, limit: int, given: memory_pb2.Filter) -> Sequence[memory_pb2.StoredMemory]:
        """The user's own, newest first."""
        return await self._list(memory_pb2.ListRequest(filter=given, author="mine", limit=limit))

    async def _handoff(self, project: str) -> session_pb2.HandoffDocument | None:
        session = self.backends.session
        request = session_pb2.GetHandoffRequest(project=project)
        try:
            handoff: session_pb2.HandoffDocument = await session.call(session.stub.GetHandoff, request)
        except NotFound:
            return None
        return await self.derived.current(handoff)

    async def _latest_tagged(self, project: str, tag: str) -> Sequence[memory_pb2.StoredMemory]:
        """The latest memories with the tag, newest first."""
        given = memory_pb2.Filter(tags=[tag], in_force=True)
        request = memory_pb2.ListRequest(project=project, include_related_projects=True, filter=given, limit=marked_max)
        return await self._list(request)

    async def _list(self, request: memory_pb2.ListRequest) -> Sequence[memory_pb2.StoredMemory]:
        """Nothing, where memory does not answer: a session goes on without."""
        memory = self.backends.memory
        try:
            answer: memory_pb2.ListResponse = await memory.call(memory.stub.List, request)
        except ServiceError:
            return []
        return answer.memories

    async def _search(self, query: str, project: str, limit: int) -> list[memory_pb2.StoredMemory]:
        return [each.memory for each in await self._search_memories(query, project, limit)]

    async def _search_memories(
        self,
        query: str,
        project: str,
        limit: int,
        min_score: float = 0.0,
    ) -> Sequence[memory_pb2.Found]:
        """Nothing, where memory does not answer: a session goes on without."""
        memory = self.backends.memory
        request = memory_pb2.SearchRequest(
            query=query[:prompt_max_chars],
            limit=limit,
            project=project,
            include_related_projects=True,
            min_score=min_score,
            filter=memory_pb2.Filter(in_force=True),
        )
        try:
            answer: memory_pb2.SearchResponse = await memory.call(memory.stub.Search, request)
        except ServiceError:
            return []
        return answer.results


def _is_like(found: memory_pb2.Found) -> bool:
    """Without a model there is no similarity to go by."""
    return not found.HasField("similarity") or found.similarity >= prompt_similarity_min


def _is_substantial(answer: memory_pb2.StoredMemory) -> bool:
    return len(" ".join(answer.content.split())) >= answer_min_chars


def _cut(text: str, most: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
