"""Whatever happens to conversations, in whatever order, at any gateway: each leaves one handoff, of its own words.

The session service is the real one, and so are two gateways' hooks; what is stored stands in for the memory service.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastmcp.server.http import set_http_request
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from services.gateway.access.identity import LOCAL, current_user
from services.gateway.directory.working_directory import Place
from services.gateway.workflows.background_tasks import Background, drain_on_exit
from services.gateway.workflows.hooks import HookEvent, Hooks
from services.gateway.workflows.sessions import Sessions
from services.kit.errors import NotFound
from services.pb import memory_pb2, quality_pb2, session_pb2
from tests.fuzz.budget import tried
from tests.session_service import SessionClient, open_service

DIRECTORIES = {"/w/a": "a", "/w/a-hotfix": "a", "/w/b": "b"}
"""Each with its project: two working trees of one repository, and another repository."""


@pytest.fixture(autouse=True)
def caller() -> Iterator[None]:
    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": "/v1/hooks/Stop", "headers": []}
    LOCAL.enter(scope)
    with set_http_request(Request(scope)):
        yield


class StoredWords:
    """The memory service, as far as hooks ask it: lists of a session's turns, the newest first."""

    def __init__(self) -> None:
        self.turns: list[memory_pb2.StoredMemory] = []
        self.stub = SimpleNamespace(List="list", Search="search", ListDeleted="deleted", Store="store")

    def say(self, conversation: str, project: str, role: str, content: str) -> None:
        at = len(self.turns) + 1
        turn = memory_pb2.StoredMemory(
            id=f"m{at}", content=content, project=project, session_id=conversation, role=role
        )
        turn.timestamp.FromSeconds(at)
        self.turns.append(turn)

    async def call(self, method: str, request: Any, *_: Any) -> Any:
        if method == "list":
            wanted = request.filter
            found = [
                each
                for each in reversed(self.turns)
                if (not wanted.session_id or each.session_id == wanted.session_id)
                and (not wanted.role or each.role == wanted.role)
                and (not request.project or each.project == request.project)
                and set(wanted.tags) <= set(each.tags)
            ]
            return memory_pb2.ListResponse(memories=found[: request.limit])
        return {"search": memory_pb2.SearchResponse, "deleted": memory_pb2.ListDeletedResponse}[method]()


class SessionCalls:
    """The session service, called as the backend of a gateway does."""

    def __init__(self, client: SessionClient) -> None:
        self.stub, self._client = client._stub, client

    async def call(self, _: Any, request: Any, *__: Any) -> Any:
        return await self._client(request, user=current_user())


class Directories:
    """The working directories, as far as hooks look at them; and the handoffs that are left in them."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}

    async def name(self, asked: Any) -> str:
        return DIRECTORIES[asked.directory]

    async def look(self, asked: Any) -> Place:
        return Place(asked.directory, DIRECTORIES[asked.directory], "out of sight")

    label, find = name, look

    async def where(self, asked: Any) -> tuple[str, str]:
        return asked.directory, DIRECTORIES[asked.directory]

    async def news(self, _: Any) -> str:
        return ""

    async def leave_handoff(self, place: Place, file_name: str, markdown: str) -> str:
        self.files[f"{place.directory}/{file_name}"] = markdown
        return file_name


@dataclass
class Office:
    """Two gateways before one session service, and who speaks where."""

    hooks: list[Hooks]
    session: SessionClient
    memory: StoredWords
    directories: Directories
    places: dict[str, str] = field(default_factory=dict)
    words: dict[str, list[str]] = field(default_factory=dict)
    open: list[str] = field(default_factory=list)

    async def tell(self, gateway: int, event: str, conversation: str, source: str = "") -> Any:
        directory = self.places[conversation]
        told = HookEvent(directory, conversation, source, tokens=1500 if event == "SessionStart" else 0, within_s=5)
        return await self.hooks[gateway % len(self.hooks)].handlers[event](told)

    async def do(self, action: str, number: int, gateway: int) -> None:
        """One thing that happens to a conversation; nothing, where there is none to which it can."""
        if action == "start":
            await self.start(list(DIRECTORIES)[number % len(DIRECTORIES)], gateway, "startup")
        elif self.open:
            meant = self.open[number % len(self.open)]
            await getattr(self, action)(meant, gateway)

    async def start(self, directory: str, gateway: int, source: str) -> str:
        conversation = f"c{len(self.places)}"
        self.places[conversation] = directory
        self.open.append(conversation)
        await self.tell(gateway, "SessionStart", conversation, source)
        return conversation

    async def speak(self, conversation: str, gateway: int) -> None:
        said = self.words.setdefault(conversation, [])
        word = f"item{conversation}n{len(said)}"
        said.append(word)
        project = DIRECTORIES[self.places[conversation]]
        self.memory.say(conversation, project, "user", f"Please count the pears of {word} in the cellar.")
        self.memory.say(conversation, project, "assistant", f"There are seven pears of {word} in the cellar.")
        await self.tell(gateway, "Stop", conversation)

    async def end(self, conversation: str, gateway: int) -> None:
        self.open.remove(conversation)
        await self.tell(gateway, "SessionEnd", conversation)

    async def clear(self, conversation: str, gateway: int) -> None:
        """The client ends one and begins another, and its hooks come in any order."""
        await self.end(conversation, gateway)
        await self.start(self.places[conversation], gateway + 1, "clear")

    async def fork(self, conversation: str, gateway: int) -> None:
        """One goes on as another; clients of before said that the one that is forked begins again."""
        if gateway == 0:
            await self.start(self.places[conversation], gateway, "fork")
        else:
            await self.tell(gateway, "SessionStart", conversation, "resume")
            self.places[f"c{len(self.places)}"] = self.places[conversation]
            self.open.append(list(self.places)[-1])
        self.open.remove(conversation)
        await self.speak(self.open[-1], gateway)

    async def kill(self, conversation: str, _: int) -> None:
        self.open.remove(conversation)

    async def handoffs(self) -> list[session_pb2.HandoffDocument]:
        """All of them, without their texts."""
        page = await self.session(session_pb2.ListHandoffsRequest(), user=current_user())
        return list(page.handoffs)


actions = st.tuples(
    st.sampled_from(["start", "start", "speak", "speak", "speak", "end", "clear", "fork", "kill"]),
    st.integers(0, 9),
    st.integers(0, 1),
)


@pytest.mark.slow
@tried(60)
@given(st.lists(actions, max_size=25))
def test_each_conversation_with_words_is_in_exactly_one_handoff(happens: list[tuple[str, int, int]]) -> None:
    asyncio.run(run(happens))


async def run(happens: list[tuple[str, int, int]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        background = Background()
        async with open_service(Path(directory)) as session, drain_on_exit(background, 30):
            memory, directories = StoredWords(), Directories()
            backends: Any = SimpleNamespace(session=SessionCalls(session), memory=memory, quality=NoQuality())
            sessions = Sessions(backends, directories, "off", 0)  # type: ignore[arg-type]
            office = Office([Hooks(sessions, background) for _ in range(2)], session, memory, directories)
            for action, number, gateway in happens:
                await office.do(action, number, gateway)
            for place in DIRECTORIES:  # the next start in each directory, at the latest
                await office.start(place, 0, "startup")
            await background.drain(30)
            await check(office)


class NoQuality:
    """A quality service that is down."""

    stub = SimpleNamespace(Check="check", Assess="assess", History="history")

    async def call(self, *_: Any) -> quality_pb2.CheckResponse:
        raise NotFound("There is none.")


async def check(office: Office) -> None:
    left = await office.handoffs()
    counted = Counter(each.conversation for each in left)
    assert counted == Counter(dict.fromkeys(office.words, 1))
    whole = list(office.directories.files.values())
    for conversation, words in office.words.items():
        (own,) = (each for each in left if each.conversation == conversation)
        assert own.working_directory == office.places[conversation]
        assert own.project == DIRECTORIES[own.working_directory]
        texts = [text for text in whole if f"Conversation `{conversation}`" in text]
        assert len(texts) == 1
        assert words[-1] in texts[0]
        others = {word for other, said in office.words.items() if other != conversation for word in said}
        assert not [word for word in others if f"{word} " in texts[0]]
