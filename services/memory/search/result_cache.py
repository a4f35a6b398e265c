"""The search cache: pages in this process, rankings and cursors also in a shared cache; and generations.

A key includes the caller, every parameter and the generation of what was searched. A write changes the generation, so
an earlier result is never returned again. The shared cache holds no content of memories.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, Protocol, TypeAlias

from cachetools import TTLCache

from services.kit.errors import InvalidInput, NotFound, Unavailable
from services.kit.observability import telemetry
from services.memory.search.result_list import Ranking, unpack

pages_max_bytes = 16 * 1024 * 1024
"""The size of all cached pages; each is kept as one piece of bytes, so that the count is exact."""
entry_bytes = 1_000
"""The approximate overhead of an entry besides its content."""
pages_ttl_s = 5 * 60.0
cursors_max_bytes = 8 * 1024 * 1024
rankings_ttl_s = 30 * 60.0
cursor_texts_max = 1_000
"""Queries whose words are known to excerpts on later pages."""
_digest_bytes = 16
_form = 5
"""Moves on when rankings are packed in another way: a shared cache may have those of the program before."""


class Shared(Protocol):
    """The second level, one for all replicas. Every method raises Unavailable while it cannot be reached."""

    async def get(self, key: str) -> bytes | None:
        """The value under the key, None if there is none or it has expired."""
        ...

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        """Stores the value for `ttl_s`."""
        ...

    async def generations(self, names: Sequence[str]) -> list[int | None]:
        """The generation of each name, None if there is none."""
        ...

    async def begin(self, names: Sequence[str]) -> None:
        """Gives each name without a generation a new one that was never used before."""
        ...

    async def move(self, names: Sequence[str]) -> None:
        """Removes the generation of each name; the next one will be different."""
        ...


Projects: TypeAlias = Callable[[str], Awaitable[Sequence[str]]]


class Generations:
    """Counts the writes to a user's projects, in the shared cache for all replicas if there is one.

    `projects` returns a user's projects: others get no generation, so that requests for arbitrary names take no space.
    """

    def __init__(self, shared: Shared | None, projects: Projects | None = None) -> None:
        self._shared = shared
        self._projects = projects
        self._local: Counter[str] = Counter()
        self._pending: set[str] = {_all}  # other processes may not know of writes before this process began

    async def of(self, user: str, projects: Sequence[str]) -> str | None:
        """Identifies the state of the user's projects (of all if none are given); None if the shared cache fails."""
        names = [_all, *(_version_key(user, project) for project in projects or [""])]
        if self._shared is None:
            return ",".join(str(self._local[name]) for name in names)
        try:
            await self._move_pending(self._shared)
            found = await self._shared.generations(names)
            if None in found and await self._exist(user, projects):
                await self._shared.begin([name for name, each in zip(names, found, strict=True) if each is None])
                found = await self._shared.generations(names)
        except Unavailable:
            return None
        return None if None in found else ",".join(map(str, found))

    async def _exist(self, user: str, projects: Sequence[str]) -> bool:
        return not projects or self._projects is None or set(projects) <= set(await self._projects(user))

    async def move(self, user: str, projects: Sequence[str]) -> None:
        """After a write to these projects of the user."""
        await self._move(
            [_version_key(user, ""), *(_version_key(user, project) for project in dict.fromkeys(projects))]
        )

    async def move_all(self) -> None:
        """After a change that any search may show."""
        await self._move([_all])

    async def _move(self, names: Sequence[str]) -> None:
        self._local.update(names)
        if self._shared is None:
            return
        self._pending.update(names)
        try:
            await self._move_pending(self._shared)
        except Unavailable:
            return  # moves that failed are made up for before the shared cache is used again

    async def _move_pending(self, shared: Shared) -> None:
        if pending := list(self._pending):
            await shared.move(pending)
            self._pending.difference_update(pending)


_all = "all"


def _version_key(user: str, project: str) -> str:
    return _key("generation", user, project)


def _key(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


class EncodedPage(NamedTuple):
    """A serialised response, and the strategy of its search."""

    content: bytes
    strategy: str


class SearchCache:
    """Two levels of cached search results; any entry may be lost at any time."""

    def __init__(self, shared: Shared | None, generations: Generations) -> None:
        self.generations = generations
        self._shared = shared
        self._pages: TTLCache[str, EncodedPage] = TTLCache(pages_max_bytes, pages_ttl_s, getsizeof=_page_size)
        self._cursors: TTLCache[str, bytes] = TTLCache(cursors_max_bytes, rankings_ttl_s, getsizeof=_size)
        self._texts: TTLCache[str, str] = TTLCache(cursor_texts_max, rankings_ttl_s)

    def page(self, key: str) -> EncodedPage | None:
        """The page cached under the key in this process; an empty key caches nothing."""
        if not key:
            return None
        found = self._pages.get(key)
        telemetry.looked_up("l1", hit=found is not None)
        return found

    def keep_page(self, key: str, page: EncodedPage) -> None:
        """Caches a page, unless it alone exceeds the limit of the cache."""
        if key and _page_size(page) <= pages_max_bytes:
            self._pages[key] = page

    async def ranking(self, key: str) -> Ranking | None:
        """The ranking that any replica cached under the key."""
        if self._shared is None or not key:
            return None
        content = await self._get(f"ranking:{key}")
        telemetry.looked_up("l2", hit=content is not None)
        return unpack(content) if content else None

    async def keep_ranking(self, key: str, ranking: Ranking) -> None:
        """Caches a ranking for all replicas."""
        if key:
            await self._put(f"ranking:{key}", ranking.pack())

    async def open_cursor(self, user: str, query: str, ranking: Ranking, text: str = "") -> str:
        """Stores the ranking; returns the cursor under which the user finds it. `query` is the key of the query.

        Its text stays in this process; the shared cache has the ranking alone.
        """
        name = secrets.token_urlsafe(9)
        key, content = _cursor_key(user, name), query.encode()[:_digest_bytes] + ranking.pack()
        self._cursors[key] = content
        self._texts[key] = text
        await self._put(key, content)
        return name

    def cursor_text(self, user: str, name: str) -> str:
        """The text of a cursor's query, where this process has made it; empty otherwise."""
        return self._texts.get(_cursor_key(user, name), "")

    async def at_cursor(self, user: str, name: str, query: str = "") -> Ranking:
        """The ranking of a cursor; NotFound if it has expired, InvalidInput if it belongs to another query."""
        key = _cursor_key(user, name)
        content = self._cursors.get(key) or await self._get(key)
        if content is None:
            raise NotFound("That cursor is unknown or has expired.", "Search again; a cursor lives half an hour.")
        if query and query.encode()[:_digest_bytes] != content[:_digest_bytes]:
            raise InvalidInput("That cursor belongs to another query.", "Repeat the query that it came from.")
        return unpack(content[_digest_bytes:])

    async def _get(self, key: str) -> bytes | None:
        if self._shared is None:
            return None
        try:
            return await self._shared.get(key)
        except Unavailable:
            return None  # searches are slower without it, not wrong

    async def _put(self, key: str, content: bytes) -> None:
        if self._shared is None:
            return
        try:
            await self._shared.put(key, content, rankings_ttl_s)
        except Unavailable:
            return  # searches are slower without it, not wrong


def _size(content: bytes) -> int:
    """The size of an entry in bytes."""
    return entry_bytes + len(content)


def _page_size(page: EncodedPage) -> int:
    return _size(page.content)


def query_key(*parts: object) -> str:
    """Names what was asked: equal for equal parts, and says nothing of them."""
    return _key("query", _form, *parts)


def _cursor_key(user: str, name: str) -> str:
    return "cursor:" + _key(_form, user, name)
