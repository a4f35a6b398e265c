"""Whatever users do, in whatever order: nobody reads what another does not share, and nobody removes another's."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from services.kit.background_task import Supervisor
from services.kit.errors import Conflict, Denied, NotFound, ProjectNotFound
from services.kit.transport import rpc
from services.memory.domain.retention_policy import Rule
from services.memory.domain.store import MemoryStore
from services.memory.embedder import DIMENSIONS
from services.memory.index.cells.cells import Cells
from services.memory.index.cells.indexes import Indexes
from services.memory.index.maintenance import Indexing
from services.memory.index.memory_index import MemoryIndex
from services.memory.operations.backups import Backups
from services.memory.operations.export import Exporting
from services.memory.operations.health import Condition, ModelTrial
from services.memory.operations.link_projects import Linking
from services.memory.operations.retention_job import Retaining
from services.memory.operations.store_memories import Storing
from services.memory.search.memory_list import Listing
from services.memory.search.result_cache import Generations, SearchCache
from services.memory.search.search import Searching
from services.memory.servicer import MemoryServicer
from services.memory.serving import Domain
from services.memory.storage.duckdb.store import StoreSettings
from services.memory.storage.sharded_store import open_shards
from services.pb import memory_pb2 as pb
from tests.fakes import FakeEmbedder, FakeShared
from tests.fuzz.budget import sequences

Answer = TypeVar("Answer", bound=Message)

USERS = ("ann", "bob", "eve")
WORDS = ("walrus", "lantern", "quarry", "saffron", "turbine", "glacier")
PROJECTS = ("shop", "blog")
users, words, projects = st.sampled_from(USERS), st.sampled_from(WORDS), st.sampled_from(PROJECTS)
sessions, flags = st.sampled_from(("", "s1")), st.booleans()
numbers = st.integers(0, 11)
maybe_project = st.sampled_from(("", *PROJECTS))


@dataclass
class Stored:
    """A memory as the test knows it."""

    owner: str
    id: str
    content: str
    project: str
    session: str
    shared: bool


async def served(stack: AsyncExitStack, home: Path) -> MemoryServicer:
    """The memory service behind its gRPC face, on a real store and index."""
    store = await stack.enter_async_context(open_shards(home, 2, StoreSettings(readers=1, threads=1)))
    index = stack.enter_context(MemoryIndex(DIMENSIONS))
    indexing = Indexing(store, index, FakeEmbedder.model, None)
    await indexing.start()
    return servicer_of(store, index, index, indexing, home)


def servicer_of(
    store: MemoryStore, index: MemoryIndex, indexes: Indexes, indexing: Indexing | Cells, home: Path
) -> MemoryServicer:
    """The service's face of a store and the indexes of its users."""
    embedder, shared = FakeEmbedder(), FakeShared()
    generations = Generations(shared)
    linking, storing = Linking(store, generations), Storing(store, index, embedder, generations)
    condition = Condition(store, embedder, "", home, None, indexing, {}, Supervisor(), ModelTrial(embedder))
    searching = Searching(store, index, embedder, linking, SearchCache(shared, generations))
    retaining = Retaining(store, storing, Rule(is_default=True))
    listing = Listing(store, index, linking)
    backups = Backups([], None, "00c0ffee")
    derived = (searching, listing, condition, indexes)
    domain = Domain(*derived, storing, linking, Exporting(store), backups, retaining)
    return MemoryServicer(domain, share_by_default=False)


class Isolation(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.home = tempfile.TemporaryDirectory()
        self.known: list[Stored] = []
        self.gone: list[Stored] = []
        self.cursors: list[tuple[str, str]] = []
        self.links: set[tuple[str, str, str]] = set()
        self.kept: set[tuple[str, str]] = set()
        self.said = 0

    @initialize()
    def serve(self) -> None:
        self.memory = self.runner.run(served(self.stack, Path(self.home.name)))

    def teardown(self) -> None:
        self.everyone_sees_their_own_and_what_is_shared()
        self.runner.run(self.stack.aclose())
        self.runner.close()
        self.home.cleanup()

    def ask(self, user: str, method: Callable[[Any, Any], Awaitable[Answer]], request: Message) -> Answer:
        async def call() -> Answer:
            rpc.caller.set(user)
            return await method(request, None)

        return self.runner.run(call())

    def seen_by(self, user: str, project: str = "") -> list[Stored]:
        return [m for m in self.known if (m.owner == user or m.shared) and project in {"", m.project}]

    def own(self, user: str) -> list[Stored]:
        return [m for m in self.known if m.owner == user]

    def must_see(self, user: str, found: pb.StoredMemory) -> None:
        owner = found.author or user
        assert found.author != user
        matching = [m for m in self.known if (m.owner, m.id, m.content) == (owner, found.id, found.content)]
        assert matching, "it is another's, or gone"
        assert owner == user or matching[0].shared, "it is not shared"
        assert found.shared == matching[0].shared

    # --- what users do ----------------------------------------------------------------------------

    @rule(
        user=users, word=words, project=projects, session=st.sampled_from(("", "s1")), shared=st.booleans(), n=numbers
    )
    def store(self, user: str, word: str, project: str, session: str, shared: bool, n: int) -> None:
        self.said += 1
        new = pb.NewMemory(
            content=f"The {word} of page {n}",
            kind=pb.KIND_CONVERSATION,
            project=project,
            session_id=session,
            timestamp=Timestamp(seconds=1_760_000_000 + self.said),
            shared=shared,
            id=f"00000000-0000-4000-8000-{n:012}" if n % 3 else "",
        )
        same = [m for m in self.own(user) if (m.content, m.project) == (new.content, project)]
        taken = next((m for m in self.own(user) if new.id and m.id == new.id), None)
        # In another session it is another memory, unless it comes under its id, as when a session is forked.
        mine = taken if taken in same else next((m for m in same if m.session == session), None)
        try:
            outcome = self.ask(user, self.memory.Store, pb.StoreRequest(memories=[new])).outcomes[0]
        except Conflict:
            assert taken
            assert taken != mine  # another memory of the same user has that id, never another user's
            return
        if outcome.was_deleted:  # it does not come back, neither under its id nor in the same words
            its = [m for m in self.gone if m.owner == user]
            assert not mine
            assert any(m.id == new.id or (m.content, m.project) == (new.content, project) for m in its)
            return
        assert outcome.duplicate == (mine is not None)  # whatever others have stored
        if mine:
            assert outcome.id == mine.id
        else:
            assert outcome.id == new.id or not new.id
            self.known.append(Stored(user, outcome.id, new.content, project, session, shared))

    @rule(user=users, n=numbers, shared=flags)
    def share(self, user: str, n: int, shared: bool) -> None:
        if not self.known:
            return
        meant = self.known[n % len(self.known)]
        mine = next((m for m in self.own(user) if m.id == meant.id), None)
        try:
            self.ask(user, self.memory.Share, pb.ShareRequest(id=meant.id, shared=shared))
        except Denied:
            assert not mine
            assert any(m.shared for m in self.known if m.id == meant.id)
        except NotFound:
            assert not [m for m in self.seen_by(user) if m.id == meant.id]
        else:
            assert mine
            mine.shared = shared

    @rule(user=users, ns=st.lists(numbers, max_size=3), project=maybe_project)
    def delete(self, user: str, ns: list[int], project: str) -> None:
        ids = sorted({self.known[n % len(self.known)].id for n in ns}) if self.known else []
        if not ids and not project:
            return
        meant = [m for m in self.own(user) if (not ids or m.id in ids) and project in {"", m.project}]
        asked = pb.DeleteRequest(ids=ids, project=project)
        preview = self.ask(user, self.memory.Delete, asked)
        assert preview.would_delete == len(meant)
        for other in USERS:
            if other != user:  # a token is of no use to anybody else
                try:
                    asked.confirmation = preview.confirmation
                    assert self.ask(other, self.memory.Delete, asked).deleted == 0
                except Conflict:
                    pass
        assert self.ask(user, self.memory.Delete, asked).deleted == len(meant)
        self.gone += meant
        self.known = [m for m in self.known if m not in meant]

    @rule(user=users, one=projects, other=projects)
    def link(self, user: str, one: str, other: str) -> None:
        link = pb.Link(source=one, target=other, type="related")
        seen = {m.project for m in self.seen_by(user)}
        if one == other:
            return
        try:
            self.ask(user, self.memory.LinkProjects, link)
        except ProjectNotFound:
            assert not {one, other} <= seen
        else:
            assert {one, other} <= seen
            self.links.add((user, one, other))

    @rule(user=users, one=projects, other=projects)
    def unlink(self, user: str, one: str, other: str) -> None:
        answer = self.ask(user, self.memory.UnlinkProjects, pb.UnlinkRequest(source=one, target=other))
        assert answer.unlinked == ((user, one, other) in self.links)
        self.links.discard((user, one, other))

    @rule(user=users, project=projects, days=st.integers(1, 100), reset=flags)
    def keep(self, user: str, project: str, days: int, reset: bool) -> None:
        asked = pb.SetRetentionRequest(retention=pb.Retention(project=project, days=days), reset=reset)
        self.ask(user, self.memory.SetRetention, asked)
        (self.kept.discard if reset else self.kept.add)((user, project))

    # --- what users see ---------------------------------------------------------------------------

    @rule(
        user=users,
        word=words,
        project=maybe_project,
        related=st.booleans(),
        newest=st.booleans(),
        session=st.booleans(),
    )
    def search(self, user: str, word: str, project: str, related: bool, newest: bool, session: bool) -> None:
        request = pb.SearchRequest(
            query=f"the {word}",
            limit=3,
            project=project,
            include_related_projects=related,
            newest_first=newest,
            paged=True,
            facets=True,
            filter=pb.Filter(session_id="s1" if session else ""),
        )
        seen = self.seen_by(user) if related else self.seen_by(user, project)
        for _ in range(2):  # the second time from the cache
            answer = self.ask(user, self.memory.Search, request)
            assert answer.total_found <= len(seen)
            assert sum(each.count for each in answer.facets["project"].counts) <= len(seen)
            for found in answer.results:
                self.must_see(user, found.memory)
                for beside in ("before", "after"):
                    if found.HasField(beside):
                        self.must_see(user, getattr(found, beside))
        holding = [m for m in seen if word in m.content and project in {"", m.project} and (m.session or not session)]
        assert answer.results or not holding

    @rule(user=users, project=maybe_project, author=st.sampled_from(("", "mine", "shared", "all")), oldest=flags)
    def list(self, user: str, project: str, author: str, oldest: bool) -> None:
        request = pb.ListRequest(project=project, author=author, oldest_first=oldest, limit=50)
        answer = self.ask(user, self.memory.List, request)
        seen = [
            each
            for each in self.seen_by(user, project)
            if author in {"", "all"} or (each.owner == user) == (author == "mine")
        ]
        assert sorted(each.id for each in answer.memories) == sorted(each.id for each in seen)[: len(answer.memories)]
        assert answer.total == len(seen)
        for listed in answer.memories:
            self.must_see(user, listed)
        if answer.next_cursor:
            self.cursors.append((user, answer.next_cursor))

    @rule(user=users, n=numbers)
    def more(self, user: str, n: int) -> None:
        if not self.cursors:
            return
        owner, cursor = self.cursors[n % len(self.cursors)]
        try:
            answer = self.ask(user, self.memory.More, pb.MoreRequest(cursor=cursor, limit=20))
        except NotFound:
            assert owner != user
            return
        assert owner == user
        for found in answer.results:
            self.must_see(user, found.memory)

    @rule(user=users, n=numbers)
    def get(self, user: str, n: int) -> None:
        every = self.known + self.gone
        if not every:
            return
        meant = every[n % len(every)]
        try:
            answer = self.ask(user, self.memory.Get, pb.GetRequest(id=meant.id, neighbours=5))
        except NotFound:
            assert not [m for m in self.seen_by(user) if m.id == meant.id]
            return
        for memory in (answer.memory, *answer.before, *answer.after):
            self.must_see(user, memory)

    @rule()
    def everyone_sees_their_own_and_what_is_shared(self) -> None:
        for user in USERS:
            exported = self.ask(user, self.memory.Export, pb.ExportRequest(limit=256)).memories
            assert sorted(each.id for each in exported) == sorted(m.id for m in self.own(user))
            stats = self.ask(user, self.memory.Stats, pb.StatsRequest())
            seen = self.seen_by(user)
            assert stats.conversations == len(seen)
            assert stats.projects == len({m.project for m in seen})
            assert stats.shared_by_caller == sum(m.shared for m in self.own(user))
            assert stats.shared_by_others == sum(m.owner != user for m in seen)
            links = self.ask(user, self.memory.ListLinks, pb.ListLinksRequest()).links
            assert {(user, each.source, each.target) for each in links} == {
                link for link in self.links if link[0] == user
            }
            removed = self.ask(user, self.memory.Removals, pb.RemovalsRequest(limit=1000)).removals
            assert sum(each.count for each in removed) == sum(m.owner == user for m in self.gone)
            rules = self.ask(user, self.memory.ListRetention, pb.ListRetentionRequest()).retentions
            assert {each.project for each in rules[1:]} == {project for owner, project in self.kept if owner == user}


Isolation.TestCase.settings = sequences(16, 30)
TestIsolation = Isolation.TestCase
