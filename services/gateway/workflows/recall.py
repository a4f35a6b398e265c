"""What is recalled for a conversation that begins, for a prompt, and for the handoff of one that ends."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from services.gateway.arguments.time_expressions import timestamp
from services.gateway.backends import Backends
from services.gateway.workflows.briefing import Section
from services.kit.errors import NotFound, ServiceError
from services.pb import memory_pb2, session_pb2

marked_max = 12
related_max = 20
prompt_max_chars = 2_000
prompt_score_min = 0.2
prompt_similarity_min = 0.25
"""Measured on the questions about coding sessions: nine in ten answers score that much, one in ten of the best matches
in another project; and four in five answers are that similar, one in six of what prompts such as "go on" find."""
ended_lookback = timedelta(hours=2)
left_behind = "what was done and decided"
summary_max_chars = 600
decision_max_chars = 300
decisions_max = 20


@dataclass(frozen=True, slots=True)
class Recalling:
    """Asks memory and session."""

    backends: Backends

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
        lately = memory_pb2.Filter(session_id=conversation, since=timestamp(datetime.now(UTC) - ended_lookback))
        ever = memory_pb2.Filter(session_id=conversation)
        found = await self._search(left_behind, "", 50, lately) or await self._search(left_behind, "", 50, ever)
        said = sorted(found, key=lambda each: each.timestamp.ToNanoseconds())
        asked = [each.content for each in said if each.role == "user"]
        answered = [each.content for each in said if each.role == "assistant"]
        parts = [f"Asked: {_cut(asked[-1], summary_max_chars // 2)}"] if asked else []
        parts += [_cut(answered[-1], summary_max_chars)] if answered else []
        facts.summary = "\n".join(parts)
        decided = [_cut(each.content, decision_max_chars) for each in said if "decision" in each.tags]
        facts.decisions.extend(decided[-decisions_max:])
        return facts

    async def _handoff(self, project: str) -> session_pb2.HandoffDocument | None:
        session = self.backends.session
        request = session_pb2.GetHandoffRequest(project=project)
        try:
            handoff: session_pb2.HandoffDocument = await session.call(session.stub.GetHandoff, request)
        except NotFound:
            return None
        return handoff

    async def _latest_tagged(self, project: str, tag: str) -> list[memory_pb2.StoredMemory]:
        """The latest memories with the tag, newest first."""
        found = await self._search(tag, project, marked_max, memory_pb2.Filter(tags=[tag]))
        return sorted(found, key=lambda each: -each.timestamp.ToNanoseconds())

    async def _search(
        self, query: str, project: str, limit: int, given: memory_pb2.Filter | None = None
    ) -> list[memory_pb2.StoredMemory]:
        return [each.memory for each in await self._search_memories(query, project, limit, given)]

    async def _search_memories(
        self,
        query: str,
        project: str,
        limit: int,
        given: memory_pb2.Filter | None = None,
        min_score: float = 0.0,
    ) -> Sequence[memory_pb2.Found]:
        """Nothing, where memory does not answer: a session goes on without."""
        memory = self.backends.memory
        request = memory_pb2.SearchRequest(
            query=query[:prompt_max_chars],
            limit=limit,
            project=project,
            include_related_projects=True,
            filter=given,
            min_score=min_score,
        )
        try:
            answer: memory_pb2.SearchResponse = await memory.call(memory.stub.Search, request)
        except ServiceError:
            return []
        return answer.results


def _is_like(found: memory_pb2.Found) -> bool:
    """Without a model there is no similarity to go by."""
    return not found.HasField("similarity") or found.similarity >= prompt_similarity_min


def _cut(text: str, most: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
