"""The label of a directory's project, under which everything of it is stored: asked of the session service's registry.

A name that was stored before there was a registry is checked first: the directories of its sessions are looked at, as
far as this gateway sees them, and whether memories are stored under it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cachetools import TTLCache

from services.gateway.access.identity import Scope, current_caller
from services.gateway.backends import Backends
from services.kit.errors import InvalidInput, NotFound, ServiceError, Unavailable
from services.pb import memory_pb2, projects_pb2
from services.workspace.git.first_commit import FirstCommits
from services.workspace.project_identity import LOCAL, Sighting, machine, sight_path

kept_max = 10_000
kept_s = 2.0
"""How long a label is taken from here, which is for the calls of one event; it may be changed by another gateway."""
rounds_max = 5
"""Of a repository its roots and its name are checked, and the name of a package in it, before the answer."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A project's label, and the labels of others that have its name."""

    label: str
    namesakes: Sequence[str] = ()


class ProjectLabels:
    """Asks the registry; one instance a gateway."""

    def __init__(self, backends: Backends, roots: Sequence[Path]) -> None:
        self._backends = backends
        self._roots = roots
        self.first_commits = FirstCommits()
        self._known: TTLCache[tuple[str, Sighting], Labelled] = TTLCache(kept_max, kept_s)

    async def of(self, sighting: Sighting) -> Labelled:
        """The label of a sighting's project, which is registered if it is new. Raises the service's errors.

        For a caller that may only read nothing is registered: a new one has its root as its label, which nobody has.
        """
        caller = current_caller()
        if caller.scope < Scope.WRITE:
            return Labelled(await self.known_label(sighting) or sighting.root)
        if (known := self._known.get((caller.user, sighting))) is None:
            known = self._known[caller.user, sighting] = await self._ask(sighting)
        return known

    async def of_or_name(self, sighting: Sighting) -> Labelled:
        """The same; while the registry does not answer, the directory's name as it is."""
        try:
            return await self.of(sighting)
        except Unavailable:
            return Labelled(sighting.name)

    async def known_label(self, sighting: Sighting) -> str:
        """The label of a sighting's project; empty for a new one, which is not registered."""
        try:
            return (await self._ask(sighting, only_known=True)).label
        except NotFound:
            return ""

    async def meant(self, name: str, here: str = "") -> str:
        """The label of the project that a label, name or alias means; an unknown one as it is. InvalidInput with the
        candidates where several have the name, unless the project labelled `here` is one of them."""
        projects = self._backends.projects
        try:
            request = projects_pb2.FindRequest(name=name, here=here)
            found: projects_pb2.Project = await projects.call(projects.stub.Find, request)
        except NotFound:
            return name
        return str(found.label)

    async def stored_label(self, name: str) -> str:
        """The label under which what was exported as `name` is stored: the name itself, if it is no project's alias."""
        found = await self._of_label(name)
        return str(found.label) if found else name

    async def means_same(self, name: str, label: str) -> bool:
        """Whether a label that a project has or had is that of the project now labelled `label`, or nobody's."""
        found = await self._of_label(name)
        return found is None or label in {found.label, name}

    async def _of_label(self, name: str) -> projects_pb2.Project | None:
        """The one project that has or had exactly this label, if there is one."""
        projects = self._backends.projects
        try:
            request = projects_pb2.FindRequest(name=name, exact=True)
            found: projects_pb2.Project = await projects.call(projects.stub.Find, request)
        except (NotFound, InvalidInput):
            return None
        return found

    async def news(self, label: str, sighting: Sighting, *, tells: bool) -> projects_pb2.NewsResponse:
        """What the user has to know of the directory's project; with `tells` it is told, and no news the next time."""
        projects = self._backends.projects
        request = projects_pb2.NewsRequest(label=label, machine=sighting.machine, handoff=sighting.handoff, tells=tells)
        news: projects_pb2.NewsResponse = await projects.call(projects.stub.News, request)
        if not news.likely:
            return news
        is_there = sighting.machine == machine() and await asyncio.to_thread(self._is_any_there, news.likely_roots)
        if is_there:
            news.ClearField("likely")
        if is_there or current_caller().scope < Scope.WRITE:
            return news
        noted = projects_pb2.NewsRequest(
            label=label, machine=sighting.machine, handoff=sighting.handoff, likely=news.likely
        )
        await projects.call(projects.stub.News, noted)
        return news

    def _is_any_there(self, paths: Sequence[str]) -> bool:
        seen = [sight_path(each, self._roots, self.first_commits) for each in paths]
        return any(each and not each.is_gone for each in seen)

    def forget(self) -> None:
        """Drops what is remembered: a label has changed."""
        self._known.clear()

    async def _ask(self, sighting: Sighting, *, only_known: bool = False) -> Labelled:
        request = projects_pb2.ResolveRequest(sighting=message(sighting), only_known=only_known)
        projects = self._backends.projects
        for _ in range(rounds_max):
            answer: projects_pb2.ResolveResponse = await projects.call(projects.stub.Resolve, request)
            if answer.HasField("project"):
                return Labelled(answer.project.label, [_telling_name(each) for each in answer.namesakes])
            is_here = sighting.machine == machine()
            if answer.name_to_check:
                await self._check_name(request, answer, is_here=is_here)
            else:
                await self._check_roots(request, answer.roots_to_check, sighting if is_here else None)
        raise InvalidInput("The project of this directory cannot be told.")

    async def _check_name(
        self, request: projects_pb2.ResolveRequest, answer: projects_pb2.ResolveResponse, *, is_here: bool
    ) -> None:
        found = await asyncio.to_thread(self._look, answer.directories_to_check, is_here=is_here)
        request.checked_name = answer.name_to_check
        del request.others[:]
        request.others.extend(message(each) for each in found)
        request.is_stored = await self.is_stored(answer.name_to_check)

    async def _check_roots(
        self, request: projects_pb2.ResolveRequest, roots: Sequence[str], sighting: Sighting | None
    ) -> None:
        """Tells which roots still have a repository that may be the sighting's; all, where they cannot be seen.

        That the very directory is at two paths, as in a snapshot of a disk, can be told only where they are seen.
        """
        request.are_roots_checked = True
        if sighting is None:
            request.standing_roots.extend(roots)
            request.origins.extend(roots)
            return
        seen = await asyncio.to_thread(lambda: [sight_path(each, self._roots, self.first_commits) for each in roots])
        for path, each in zip(roots, seen, strict=True):
            if each and is_same_directory(each, path, sighting):
                request.same_roots.append(path)
            if each and is_standing(each, sighting, roots):
                request.standing_roots.append(path)
                request.origins.extend([] if each.remote else [path])

    def _look(self, directories: Sequence[str], *, is_here: bool) -> list[Sighting]:
        """Those directories that are there; of another machine's nothing is known, so that each may be another's."""
        if not is_here:
            return [Sighting(Path(each).name or "unnamed", "", each, each, is_gone=True) for each in directories]
        seen = [sight_path(each, self._roots, self.first_commits) for each in directories]
        return [each for each in seen if each and not each.is_gone]

    async def is_stored(self, name: str) -> bool:
        """Whether memories of the caller are stored under the name, registered or not."""
        memory = self._backends.memory
        request = memory_pb2.ListRequest(project=name, author="mine", limit=1)
        try:
            answer: memory_pb2.ListResponse = await memory.call(memory.stub.List, request)
        except NotFound:
            return False
        except ServiceError:
            return True  # what cannot be seen is taken to be there
        return bool(answer.total)


def message(sighting: Sighting) -> projects_pb2.Sighting:
    """The same, for the wire."""
    return projects_pb2.Sighting(**sighting.to_dict())


def _telling_name(project: projects_pb2.Project) -> str:
    return next((each for each in (project.label, *project.aliases) if "/" in each), project.label)


def is_same_directory(root: Sighting, path: str, sighting: Sighting) -> bool:
    """Whether what is seen at a path is the sighting's very directory, and not only a link to where that is now."""
    return bool(sighting.mark) and root.mark == sighting.mark and root.root == path


def is_standing(root: Sighting, sighting: Sighting, roots: Sequence[str]) -> bool:
    """Whether what is seen at one of the roots still belongs there, and may be of the sighting's repository: what tells
    of neither remote nor first commit that it is another."""
    if root.is_gone or not root.is_repository or root.root not in {*roots, sighting.root}:
        return False
    remotes = {each.remote for each in (root, sighting) if each.remote and not each.remote.startswith(LOCAL)}
    commits = {each.first_commit for each in (root, sighting) if each.first_commit}
    return len(remotes) < 2 and len(commits) < 2
