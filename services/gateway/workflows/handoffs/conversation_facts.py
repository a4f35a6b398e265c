"""What is stored of a conversation, as the facts of its handoff: its end, by time, and what it left undone.

The same facts are made when a conversation ends, when `end` is called in it, and when it is not heard of any more.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from services.gateway.backends import Backends
from services.gateway.workflows.handoffs.utterances import (
    Points,
    asks_for_something,
    is_courtesy,
    is_substantial,
    points_of,
    refers_back,
    says_a_little,
    statements,
)
from services.gateway.workflows.repetition import without_headings, without_sentences
from services.pb import memory_pb2, session_pb2

Stored = memory_pb2.StoredMemory

turns_max = 50
decisions_max = 20
failures_max = 5
asked_max_chars = 400
answered_max_chars = 700
found_max_chars = 200
decision_max_chars = 300
made_of_max = 100
_ended_badly = re.compile(r" \((failed|interrupted|refused)(?: after [^)]*)?\)$")


@dataclass(frozen=True, slots=True)
class Talk:
    """What is stored of a conversation; each list the newest first."""

    prompts: Sequence[Stored]
    answers: Sequence[Stored]
    decided: Sequence[Stored]
    failed: Sequence[Stored]
    fixed: Sequence[Stored]


async def facts_of(
    backends: Backends, conversation: str, recap: str = "", *, is_summed_up: bool = False
) -> session_pb2.Facts:
    """The facts of a conversation; empty for one of which nothing is stored. Raises what the memory service raises.

    A conversation that somebody sums up in their own words is the source of these, as a whole."""
    if not conversation:
        return session_pb2.Facts()
    talk = await _talk(backends, conversation)
    facts = read_talk(talk, recap)
    every = [each.id for each in (*talk.prompts, *talk.answers)] if is_summed_up or recap else []
    others = [each for each in dict.fromkeys(every) if each not in facts.made_of]
    facts.made_of.extend(others[: made_of_max - len(facts.made_of)])
    return facts


async def _talk(backends: Backends, conversation: str) -> Talk:
    async def latest(limit: int, **given: Any) -> Sequence[Stored]:
        chosen = memory_pb2.Filter(session_id=conversation, **given)
        request = memory_pb2.ListRequest(filter=chosen, author="mine", limit=limit)
        answer: memory_pb2.ListResponse = await backends.memory.call(backends.memory.stub.List, request)
        return answer.memories

    return Talk(
        *await asyncio.gather(
            latest(turns_max, role="user"),
            latest(turns_max, role="assistant"),
            latest(decisions_max, tags=["decision"], in_force=True),
            latest(decisions_max, tags=["error"]),
            latest(turns_max, tags=["fix"]),
        )
    )


def read_talk(talk: Talk, recap: str = "") -> session_pb2.Facts:
    """The facts in it."""
    prompts = [Turn(each) for each in talk.prompts]
    people = [each for each in prompts if each.is_persons]
    answers = [turn for turn in map(Turn, talk.answers) if turn.is_main_agents]
    asked = _last_request(people or prompts, _last_answer(answers), answers)
    answered = _answer_to(asked, people or prompts, answers)
    closing = _closing_words(answered, answers)
    before = _request_before(asked, people or prompts) if asked else None
    found = _answer_between(before, asked, answers) if asked and before else None
    points = points_of(answered.text) if answered else Points()
    decided = [turn for turn in map(Turn, talk.decided) if turn.is_persons or turn.memory.role != "user"]
    turns = [each for each in (asked, answered, closing, found) if each]
    return session_pb2.Facts(
        asked=f"{_with_before(asked, before)}{_silence(asked, answers)}" if asked else "",
        answered=_what_was_said(answered, found, points, closing) if answered else "",
        next_said=points.next,
        open_said=points.open,
        decisions=[cut(each.text, decision_max_chars) for each in reversed(decided)],
        failed=_not_fixed(talk),
        files_changed=_files(answers),
        is_scripted=bool(prompts) and not people,
        made_of=[each.memory.id for each in (*turns, *decided)][:made_of_max],
        recap=recap,
        git=session_pb2.GitFacts(branch=branch) if (branch := _branch([*answers, *prompts])) else None,
    )


class Turn:
    """A stored turn, with what its metadata says of it."""

    def __init__(self, memory: Stored) -> None:
        self.memory = memory
        self.text = memory.content

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """The metadata; empty if there is none, or no object."""
        try:
            found = json.loads(self.memory.metadata or "{}")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def at(self) -> int:
        """When it was said, in nanoseconds."""
        return self.memory.timestamp.ToNanoseconds()

    @property
    def speaker(self) -> str:
        """Who spoke, if it was not simply the person or the main agent."""
        return str(self.metadata.get("speaker", "") or "")

    @property
    def is_persons(self) -> bool:
        """Whether a person said it."""
        return self.speaker in {"", "person"} and not self.metadata.get("sidechain") and self.is_current

    @property
    def is_main_agents(self) -> bool:
        """Whether the main agent of the conversation said it."""
        return self.speaker in {"", "agent", "assistant"} and not self.metadata.get("sidechain") and self.is_current

    @property
    def is_current(self) -> bool:
        """Whether it was not taken back by going back in the conversation."""
        return not self.metadata.get("rewound")

    @property
    def is_substantial(self) -> bool:
        """Whether it says something by itself, and does not only announce what is done next."""
        return not (self.metadata.get("narration") or self.says_nothing) and is_substantial(self.text)

    @property
    def is_brief(self) -> bool:
        """Whether it says at least a little: it is neither polite alone, nor announces what is done next."""
        return not self.metadata.get("narration") and says_a_little(self.text)

    @property
    def says_nothing(self) -> bool:
        """Whether the memory service is sure that it is an announcement or a courtesy."""
        return self.metadata.get("turn_kind") in {"narration", "small talk"}

    def texts(self, name: str) -> list[str]:
        """A list of texts in the metadata."""
        found = self.metadata.get(name)
        return [each for each in found if isinstance(each, str)] if isinstance(found, list) else []


def _last_request(prompts: Sequence[Turn], answered: Turn | None, answers: Sequence[Turn]) -> Turn | None:
    """The last prompt that asks for something; of those that all ask for nothing, the first one.

    What was decided after the last answer, and only taken note of, is a decision and no request.
    """
    asking = [each for each in prompts if asks_for_something(each.text)]
    for turn in asking:
        is_noted = answered and turn.at > answered.at and any(each.at > turn.at for each in answers)
        if not (is_noted and "decision" in turn.memory.tags):
            return turn
    first = prompts[-1:] if prompts and not is_courtesy(prompts[-1].text) else []
    return next(iter([*asking, *first]), None)


def _request_before(asked: Turn, prompts: Sequence[Turn]) -> Turn | None:
    """The request before it, if it refers to that."""
    earlier = [each for each in prompts if each.at < asked.at and asks_for_something(each.text)]
    if not earlier or not refers_back(asked.text):
        return None
    return next((each for each in earlier if not refers_back(each.text)), earlier[0])


def _answer_between(before: Turn, asked: Turn, answers: Sequence[Turn]) -> Turn | None:
    """What the earlier request came to, which the later one builds on: `Fix it` says less than what was found."""
    between = [each for each in answers if before.at < each.at < asked.at]
    return next((each for each in between if each.is_substantial), None)


def _what_was_said(answered: Turn, found: Turn | None, points: Points, closing: Turn | None) -> str:
    """The answer, without what is told as next or open; after what was found before that, in a sentence, and before the
    words with which it closed."""
    rest = without_sentences(answered.text, [*points.next, *points.open])
    said = without_headings(rest) if is_substantial(without_headings(rest)) else answered.text
    lead = next(iter(statements(found.text)), "") if found and found is not answered else ""
    around = [cut(lead, found_max_chars), cut(closing.text, found_max_chars) if closing else ""]
    room = answered_max_chars - found_max_chars * sum(map(bool, around))
    return " ".join(filter(None, (around[0], cut(said, room), around[1])))


def _with_before(asked: Turn, before: Turn | None) -> str:
    """The request; after the one before it, if it refers to that."""
    if before is None:
        return cut(asked.text, asked_max_chars)
    first = cut(before.text, asked_max_chars // 2)
    stop = "" if first.endswith((".", "?", "!", "…", "。")) else "."
    return f"{first}{stop} {cut(asked.text, asked_max_chars // 2)}"


def _silence(asked: Turn, answers: Sequence[Turn]) -> str:
    """That nobody answered the request any more, where what was said before it may look like an answer."""
    return "" if not answers or any(each.at > asked.at for each in answers) else " (not answered)"


def _answer_to(asked: Turn | None, prompts: Sequence[Turn], answers: Sequence[Turn]) -> Turn | None:
    """The last answer to the request that says something, however little that is; where nobody answered it, the last
    one before it."""
    since = [each for each in answers if asked and each.at > asked.at]
    spoken = [each for each in since if not each.metadata.get("narration")]
    brief = next((each for each in spoken if each.is_brief), None)
    found = next((each for each in since if each.is_substantial), None) or brief
    following = min((each.at for each in prompts if asked and each.at > asked.at), default=None)
    at_once = (each for each in spoken if following is None or each.at < following)
    return found or next(at_once, None) or _last_answer(answers)


def _closing_words(answered: Turn | None, answers: Sequence[Turn]) -> Turn | None:
    """The very last words, if they are not the answer itself and more than polite."""
    last = next(iter(answers), None)
    is_said = answered and last and last.at > answered.at and last.metadata.get("turn_kind") != "small talk"
    return last if is_said and last and last.is_brief else None


def _last_answer(answers: Sequence[Turn]) -> Turn | None:
    """The last one that says something; else the last one that is more than polite."""
    found = next((each for each in answers if each.is_substantial), None)
    return found or next((each for each in answers if not is_courtesy(each.text)), None)


def _not_fixed(talk: Talk) -> list[str]:
    """Commands that failed, the last ones last, and neither succeeded later nor are said to be fixed."""
    turns = {each.memory.id: each for each in map(Turn, [*talk.failed, *talk.fixed, *talk.answers])}
    in_order = sorted(turns.values(), key=lambda turn: turn.at)
    left: dict[str, str] = {}
    for place, turn in enumerate(in_order):
        for command, outcome in map(_outcome, turn.texts("actions")):
            if outcome == "failed":
                fixes = [each for each in in_order[place:] if turn.memory.id in each.texts("fixes")]
                if not any(_fixes(each, turn, command) for each in fixes):
                    left[command] = _why(command, turn)
            elif not outcome:
                left.pop(command, None)
    return list(left.values())[-failures_max:]


def _fixes(fix: Turn, turn: Turn, command: str) -> bool:
    """Whether a turn that fixed a failure of another fixed this one: its only one, or of the program that it ran."""
    if len(turn.texts("failures")) == 1:
        return True
    ran = (each for each, outcome in map(_outcome, fix.texts("actions")) if not outcome)
    return any(_program(each) == _program(command) for each in ran)


def _outcome(action: str) -> tuple[str, str]:
    """The command of a tool call, and how it ended if not well: failed, interrupted, refused."""
    command = action.partition(": ")[2]
    found = _ended_badly.search(command)
    return (command[: found.start()], found[1]) if found else (command, "")


def _why(command: str, turn: Turn) -> str:
    """The command with what it failed with."""
    return next((each for each in turn.texts("failures") if each.startswith(command)), command)


def _program(command: str) -> str:
    return " ".join(command.split()[:1])


def _files(turns: Iterable[Turn]) -> list[str]:
    """The files that tools changed or were asked to, the first ones first."""
    found = [name for turn in turns for name in turn.texts("files")]
    return list(dict.fromkeys(reversed(found)))[-200:]


def _branch(turns: Sequence[Turn]) -> str:
    latest = max(turns, key=lambda turn: turn.at, default=None)
    found = latest.metadata.get("branch") if latest else ""
    return found if isinstance(found, str) else ""


def cut(text: str, most: int) -> str:
    """The text on one line; of a longer one the beginning and the end, where an answer says what is left."""
    line = " ".join(text.split())
    if len(line) <= most:
        return line
    end = most // 3
    return f"{line[: most - end - 3].rstrip()} … {line[-end:].lstrip()}"
