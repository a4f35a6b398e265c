"""The user's projects and the links between them."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field

from services.kit.errors import OverQuota, ProjectNotFound
from services.memory import projects
from services.memory.cache import Generations
from services.memory.memory_store import MemoryStore
from services.memory.projects import Link, checked_link, links_max


@dataclass(frozen=True, slots=True)
class Linking:
    """Reads a user's links once; every search asks for them."""

    store: MemoryStore
    generations: Generations
    _links: dict[str, Sequence[Link]] = field(default_factory=dict)

    async def link(self, user: str, link: Link) -> Link:
        """Keeps the link; ProjectNotFound where one of the two has no memories."""
        checked_link(link)
        for project in (link.source, link.target):
            await self._require(user, project)
        _require_room(await self.links(user))
        await self.store.link(user, link)
        await self._changed(user)
        return link

    async def restore(self, user: str, links: Sequence[Link]) -> int:
        """Keeps links as they were exported, but for those that are there already; how many were kept."""
        stored = 0
        for link in links:
            checked_link(link)
            known = await self.links(user)
            if any((link.source, link.target) == (each.source, each.target) for each in known):
                continue
            _require_room(known)
            await self.store.link(user, link)
            await self._changed(user)
            stored += 1
        return stored

    async def unlink(self, user: str, source: str, target: str) -> bool:
        """Takes the link away; False where there is none."""
        unlinked = await self.store.unlink(user, source, target)
        await self._changed(user)
        return unlinked

    async def links(self, user: str, project: str = "") -> Sequence[Link]:
        """The user's links, oldest first; those of `project` alone unless it is empty."""
        if user not in self._links:
            self._links[user] = await self.store.links(user)
        return [link for link in self._links[user] if project in {"", link.source, link.target}]

    async def searched(self, user: str, project: str, *, related: bool) -> Sequence[str]:
        """What a search for `project` looks in: itself first, then with `related` what is linked to it; () for all."""
        if not project:
            return ()
        return (project, *(projects.related(project, await self.links(user)) if related else ()))

    async def similar(self, user: str, project: str) -> Sequence[str]:
        """The user's projects whose names are like `project`; nothing where there is a project of that name."""
        known = await self.store.projects(user)
        return [] if project in known else difflib.get_close_matches(project, known, n=3, cutoff=0.5)

    async def _require(self, user: str, project: str) -> None:
        known = await self.store.projects(user)
        if project not in known:
            like = difflib.get_close_matches(project, known, n=3, cutoff=0.5)
            tip = f"There is {', '.join(like)}." if like else "Store a memory in it first."
            raise ProjectNotFound(f"There are no memories of a project {project[:80]!r}.", tip)

    async def _changed(self, user: str) -> None:
        self._links.pop(user, None)
        await self.generations.move(user, [])


def _require_room(links: Sequence[Link]) -> None:
    if len(links) >= links_max:
        raise OverQuota(f"There are {links_max} links already.", "Take one away with unlink_projects.")
