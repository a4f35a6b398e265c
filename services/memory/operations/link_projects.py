"""Links between a user's projects."""

from __future__ import annotations

import asyncio
import difflib
from collections import Counter
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from services.kit.errors import InvalidInput, LimitExceeded, OverQuota, ProjectNotFound, ServiceError
from services.memory.domain import project_links
from services.memory.domain.project_links import Link, checked_link, links_max
from services.memory.domain.store import MemoryStore
from services.memory.search.result_cache import Generations

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Linking:
    """Caches each user's links, which every search needs. A read that overlaps a change is not cached; nor is any where
    another process changes them: `caches` is False then."""

    store: MemoryStore
    generations: Generations
    caches: bool = True
    _links: dict[str, Sequence[Link]] = field(default_factory=dict)
    _changes: Counter[str] = field(default_factory=Counter)
    _under_way: set[asyncio.Task[Any]] = field(default_factory=set)

    async def link(self, user: str, link: Link) -> Link:
        """Stores the link; ProjectNotFound if one of the two projects has no memories."""
        checked_link(link)
        for project in (link.source, link.target):
            await self._require(user, project)
        _require_room(await self.links(user))
        await self._finish(user, self.store.link(user, link))
        return link

    async def restore(self, user: str, links: Sequence[Link]) -> int:
        """Stores exported links that do not exist yet; returns how many were new."""
        outcomes = await self.restore_each(user, links)
        for refused in outcomes:
            if isinstance(refused, ServiceError):
                raise refused
        return sum(each is True for each in outcomes)

    async def restore_each(self, user: str, links: Sequence[Link]) -> list[bool | ServiceError]:
        """The outcome for each link: whether it is new, or what is wrong with it."""
        outcomes: list[bool | ServiceError] = []
        for link in links:
            known = await self.links(user)
            is_known = any((link.source, link.target) == (each.source, each.target) for each in known)
            try:
                checked_link(link)
                if not is_known:
                    _require_room(known)
            except (InvalidInput, LimitExceeded) as refused:
                outcomes.append(refused)
                continue
            if not is_known:
                await self._finish(user, self.store.link(user, link))
            outcomes.append(not is_known)
        return outcomes

    async def unlink(self, user: str, source: str, target: str) -> bool:
        """Removes the link; False if it does not exist."""
        return await self._finish(user, self.store.unlink(user, source, target))

    def forget(self, user: str) -> None:
        """Drops the user's cached links: their projects were moved."""
        self._changes[user] += 1
        self._links.pop(user, None)

    async def links(self, user: str, project: str = "") -> Sequence[Link]:
        """The user's links, oldest first; those of `project` alone unless it is empty."""
        links = self._links.get(user)
        if links is None:
            before = self._changes[user]
            links = await self.store.links(user)
            if self.caches and self._changes[user] == before:
                self._links[user] = links
        return [link for link in links if project in {"", link.source, link.target}]

    async def search_scope(self, user: str, project: str, *, related: bool) -> Sequence[str]:
        """The projects to search: `project` first, then with `related` those linked to it; () for all projects."""
        if not project:
            return ()
        return (project, *(project_links.related_projects(project, await self.links(user)) if related else ()))

    async def similar(self, user: str, project: str) -> Sequence[str]:
        """The user's projects with names like `project`; empty if a project of that name exists."""
        known = await self.store.projects(user)
        return [] if project in known else difflib.get_close_matches(project, known, n=3, cutoff=0.5)

    async def _require(self, user: str, project: str) -> None:
        known = await self.store.projects(user)
        if project not in known:
            like = difflib.get_close_matches(project, known, n=3, cutoff=0.5)
            tip = f"There is {', '.join(like)}." if like else "Store a memory in it first."
            raise ProjectNotFound(f"There are no memories of a project {project[:80]!r}.", tip)

    async def _finish(self, user: str, change: Coroutine[Any, Any, Result]) -> Result:
        """Completes the change and clears the cached links, even if the caller was cancelled."""
        task = asyncio.create_task(self._apply(user, change))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)

    async def _apply(self, user: str, change: Coroutine[Any, Any, Result]) -> Result:
        try:
            return await change
        finally:
            self._changes[user] += 1
            self._links.pop(user, None)
            await self.generations.move(user, [])


def _require_room(links: Sequence[Link]) -> None:
    if len(links) >= links_max:
        raise OverQuota(f"There are {links_max} links already.", "Remove one with unlink_projects.")
