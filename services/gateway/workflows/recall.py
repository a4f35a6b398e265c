"""What is recalled for a conversation that begins, and for a prompt."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass

from services.gateway.backends import Backends
from services.gateway.workflows.briefing import Section
from services.gateway.workflows.conversations import Conversations, Where
from services.gateway.workflows.handoffs.conversation_facts import Stored, Turn
from services.gateway.workflows.handoffs.derived_texts import DerivedTexts
from services.gateway.workflows.handoffs.utterances import asks_for_something
from services.gateway.workflows.reversals import reversed_places
from services.kit.errors import ServiceError
from services.pb import memory_pb2, session_pb2

marked_max = 12
marked_looked_at_max = 50
related_max = 8
related_looked_at_max = 40
prompt_max_chars = 2_000
prompt_looked_at_max = 20
prompt_score_min = 0.2
prompt_similarity_min = 0.25
"""Measured on the questions about coding sessions: nine in ten answers score that much, one in ten of the best matches
in another project; and four in five answers are that similar, one in six of what prompts such as "go on" find."""
_machine = re.compile(
    r"\s*(?:<[a-z]+[-_][\w-]*(?:\s[^>]*)?>|another claude session sent|\[request interrupted|caveat: the messages below"
    r"|this session is being continued from)",
    re.IGNORECASE,
)
"""How clients begin what they put in a prompt's place: with an element of their own, or in their own words."""
related_similarity_min, related_score_min = 0.3, 0.7
"""What belongs to open work is told unasked, so it takes more: in the twenty days of `test_working_days.py` most of
what scored from 0.2 to 0.7 did not belong, and most above it did."""
PERSONS_SOURCES = frozenset({"", "user"})
"""Where a prompt comes from, as the client says it, if a person typed it; clients of before say nothing."""


@dataclass(frozen=True, slots=True)
class Recalling:
    """Asks memory and session."""

    backends: Backends
    conversations: Conversations
    derived_texts: DerivedTexts

    async def for_start(self, where: Where) -> tuple[Sequence[session_pb2.HandoffDocument], Sequence[Section]]:
        """What was left since the directory was last open; what the user decided and corrected; and what belongs to
        what was left to do."""
        handoffs, decided, corrected = await asyncio.gather(
            self._handoffs(where),
            self._latest_tagged(where.project, "decision"),
            self._latest_tagged(where.project, "correction"),
        )
        subject = _subject(handoffs)
        found = await self._search(subject or where.project, where.project, related_looked_at_max)
        likely = [
            each.memory for each in found if not subject or _is_like(each, related_similarity_min, related_score_min)
        ]
        related = [each for each in likely if _says_something(Turn(each))][:related_max]
        return handoffs, [
            _decisions(decided),
            Section("What the user corrected:", corrected),
            Section("Related:", related),
        ]

    async def _handoffs(self, where: Where) -> list[session_pb2.HandoffDocument]:
        return await self.derived_texts.current(await self.conversations.handoffs(where))

    async def for_subagent(self, project: str) -> Sequence[Section]:
        """What the user decided and corrected."""
        decided, corrected = await asyncio.gather(
            self._latest_tagged(project, "decision"), self._latest_tagged(project, "correction")
        )
        return [_decisions(decided), Section("What the user corrected:", corrected)]

    async def for_prompt(self, project: str, queries: Sequence[str], conversation: str) -> Sequence[Section]:
        """What is remembered that answers to any of the queries, of other conversations."""
        answers = await asyncio.gather(
            *(self._search(each, project, prompt_looked_at_max, min_score=prompt_score_min) for each in queries)
        )
        likely = [
            each.memory
            for each in _best_of(answers)
            if _is_like(each) and each.memory.session_id != conversation and _says_something(Turn(each.memory))
        ]
        return [Section("What may belong to this prompt:", likely[:5])]

    async def _latest_tagged(self, project: str, tag: str) -> Sequence[Stored]:
        """The latest memories with the tag that are in force, newest first; nothing, where memory does not answer."""
        memory = self.backends.memory
        given = memory_pb2.Filter(tags=[tag], in_force=True)
        request = memory_pb2.ListRequest(
            project=project, include_related_projects=True, filter=given, limit=marked_looked_at_max
        )
        try:
            answer: memory_pb2.ListResponse = await memory.call(memory.stub.List, request)
        except ServiceError:
            return []
        turns = map(Turn, answer.memories)
        said = [turn.memory for turn in turns if turn.is_current and (turn.memory.role != "user" or turn.is_persons)]
        return said[:marked_max]

    async def _search(self, query: str, project: str, limit: int, min_score: float = 0.0) -> Sequence[memory_pb2.Found]:
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


def prompt_queries(prompt: str, error: str, touched: Sequence[str]) -> list[str]:
    """What is searched for a prompt: its words; and these with what failed last and the files at hand, if any are.

    The words by themselves, too, as a prompt may be about something else than what was done before it.
    """
    at_hand = " ".join([error, *touched]).strip()[: prompt_max_chars // 2]
    with_work = f"{prompt[: prompt_max_chars // 2]} {at_hand}"
    return [prompt, with_work] if at_hand else [prompt]


def _best_of(answers: Sequence[Sequence[memory_pb2.Found]]) -> list[memory_pb2.Found]:
    """What several searches found, each memory once with the best of its scores, best first."""
    best: dict[str, memory_pb2.Found] = {}
    for each in (found for answer in answers for found in answer):
        known = best.get(each.memory.id)
        if known is None or each.score > known.score:
            best[each.memory.id] = each
    return sorted(best.values(), key=lambda found: -found.score)


def _decisions(decided: Sequence[Stored]) -> Section:
    places = reversed_places([each.content for each in decided])
    return Section("What was decided:", decided, outdated=frozenset(decided[each].id for each in places))


def is_typed(prompt: str, source: str) -> bool:
    """Whether a person typed the prompt: not the client, a script, a schedule or another agent."""
    return source in PERSONS_SOURCES and bool(prompt.strip()) and not _machine.match(prompt)


def _subject(handoffs: Sequence[session_pb2.HandoffDocument]) -> str:
    """What was being worked on last: what is unfinished, else the last one's words."""
    first = next((each for each in handoffs if each.unfinished), next(iter(handoffs), None))
    if first is None:
        return ""
    own = first.summary if first.has_own_words or not first.asked else ""
    return " ".join(filter(None, [own, first.asked, *first.next_steps[:3], *first.open_questions[:3]]))


def _is_like(
    found: memory_pb2.Found, similarity_min: float = prompt_similarity_min, score_min: float = prompt_score_min
) -> bool:
    """Whether it is about the same. Without a model there is no similarity to go by."""
    if found.score < score_min:
        return False
    return not found.HasField("similarity") or found.similarity >= similarity_min


def _says_something(turn: Turn) -> bool:
    """Whether a turn is worth telling by itself: no announcement, courtesy or handoff, and a person's or an agent's."""
    if "handoff" in turn.memory.tags or not turn.is_current:
        return False
    if turn.memory.role == "user":
        return turn.is_persons and not turn.says_nothing and asks_for_something(turn.text)
    return turn.memory.role != "assistant" or turn.is_substantial
