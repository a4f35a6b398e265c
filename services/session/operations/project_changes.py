"""What a person changes of their projects: another label, two made one, one split into two again, another name.

The registry changes first, and remembers under `unmoved` what other services still have to move. Sessions, handoffs and
rules follow; a call that was interrupted is gone on with by repeating it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import uuid4

from services.kit.errors import AlreadyExists, InvalidInput, NotFound, OverQuota
from services.session.domain.project_mergers import (
    Separation,
    aliases_beside,
    labels_to_move,
    merged_project,
    merger_of,
    separation,
)
from services.session.domain.projects import (
    Merger,
    Project,
    RegistryChange,
    Relabelling,
    alias_key,
    aliases_max,
    check_label,
    check_new_name,
    merged_max,
    package_key,
)
from services.session.operations.project_registry import ProjectRegistry
from services.session.operations.session_lookup import until_first
from services.session.store import SessionStore


@dataclass(frozen=True, slots=True)
class Changed:
    """The project as it is after a change, and how many sessions and rules were or would be moved."""

    project: Project
    sessions: int = 0
    rules: int = 0
    packages: Sequence[Project] = ()
    """Packages that were merged along, of which other services still have to move something, too."""


@dataclass(frozen=True, slots=True)
class Split:
    """What was or would be split from a project: the labels that memories are filed under again, the project's own
    first, and the labels where they are until then."""

    projects: Sequence[Project]
    sources: Sequence[str]
    sessions: int = 0
    rules: int = 0


class ProjectChanges:
    """The changes; `registry` finds the projects that are meant."""

    def __init__(self, store: SessionStore, registry: ProjectRegistry, now: Callable[[], datetime]) -> None:
        self._store = store
        self._registry = registry
        self._now = now

    async def rename(self, user: str, name: str, label: str, *, is_stored: bool = False) -> Changed:
        """Files the project under another label; the old one stays as an alias. AlreadyExists for another's label.

        `is_stored`: something is stored under the name even if nothing is registered of it.
        """
        label = check_new_name(label)

        async def attempt() -> Project:
            found = await self._store.projects.find(user, [alias_key(label)])
            project = await self._meant(user, name, is_stored=is_stored)
            if any(each.id != project.id for each in found.at(alias_key(label))):
                raise AlreadyExists(f"Another project is called {label}.", "Choose another name, or merge the two.")
            if project.label == label:
                return project
            following = replace(
                project,
                label=label,
                name=label,
                names=tuple(dict.fromkeys([*project.names, project.name]))[-aliases_max:],
                aliases=aliases_beside([*project.aliases, project.label], label),
                unmoved=labels_to_move([*project.unmoved, project.label], label),
                is_contested=False,
            )
            await self._store.projects.commit(RegistryChange(user, found.version, [following]))
            return following

        project = await until_first(attempt)
        return await self._refile(project)

    async def merge(self, user: str, source: str, target: str, *, dry_run: bool, is_stored: bool = False) -> Changed:
        """Makes two projects one under the target's label; with `dry_run` only says what would be moved. `is_stored`:
        something is stored under the source's name even if nothing is registered of it."""

        async def attempt() -> Changed:
            version = (await self._store.projects.find(user, [])).version
            one, other = await self._meant(user, source, is_stored=is_stored), await self._registry.find(user, target)
            if one.id == other.id:
                return Changed(other)
            if one.repository == other.id or other.repository == one.id:
                raise InvalidInput("A package and its repository cannot be merged.", "Merge two of one kind.")
            following = merged_project(one, other)
            if dry_run:
                sessions = sum((await self._store.projects.session_roots(user, one.label)).values())
                return Changed(following, sessions, await self._rules(user, one.label))
            return Changed(following, packages=await self._commit_merge(version, one, following))

        changed = await until_first(attempt)
        if dry_run:
            return changed
        for package in changed.packages:
            await self._refile(package)
        return replace(await self._refile(changed.project), packages=changed.packages)

    async def split(self, user: str, name: str, part: str, *, dry_run: bool) -> Split:
        """Takes a project out again that was merged into another one, with the keys that it brought, and the sessions,
        handoffs and rules of its directories; with `dry_run` only says what would be moved."""

        async def attempt() -> Split:
            version = (await self._store.projects.find(user, [])).version
            whole = await self._registry.find(user, name)
            separations = await self._separations(whole, merger_of(whole, part))
            await self._check_free(user, whole, separations[0].one)
            moved = [each for each in separations if each.source]
            split = Split([each.one for each in moved], [each.source for each in moved])
            if dry_run:
                return replace(split, sessions=await self._sessions_of(moved))
            counted = [await self._relabel(each.relabelling) for each in moved]
            put = [each.rest for each in moved] + [each.one for each in separations]
            await self._store.projects.commit(RegistryChange(user, version, put))
            return replace(split, sessions=sum(each[0] for each in counted), rules=sum(each[1] for each in counted))

        return await until_first(attempt)

    async def _separations(self, whole: Project, merger: Merger) -> list[Separation]:
        """Of the project, and of the packages that went with it."""
        made = [separation(whole, merger)]
        for package in await self._packages(whole.user, whole):
            along = [each for each in package.merged if each.project.repository == merger.project.id]
            made += [separation(package, each) for each in along]
        return made

    async def _check_free(self, user: str, whole: Project, one: Project) -> None:
        found = await self._store.projects.find(user, [alias_key(one.label)])
        if any(each.id != whole.id for each in found.at(alias_key(one.label))):
            raise AlreadyExists(f"Another project is called {one.label} now.", "Give that one another name first.")

    async def _sessions_of(self, separations: Sequence[Separation]) -> int:
        count = 0
        for each in separations:
            roots = await self._store.projects.session_roots(each.one.user, each.source)
            count += sum(number for root, number in roots.items() if each.relabelling.takes(root))
        return count

    async def alias(self, user: str, name: str, alias: str, *, remove: bool) -> Changed:
        """Adds another name for the project, which no other has, or takes one away."""
        alias = check_new_name(alias)

        async def attempt() -> Project:
            found = await self._store.projects.find(user, [alias_key(alias)])
            project = await self._registry.find(user, name)
            if any(each.id != project.id for each in found.at(alias_key(alias))):
                raise AlreadyExists(f"Another project is called {alias}.")
            if remove and alias not in project.aliases:
                raise NotFound(f"{project.label} has no alias {alias}.")
            if not remove and len(project.aliases) >= aliases_max:
                raise OverQuota(f"A project has {aliases_max} aliases at most.", "Remove one first.")
            kept = [each for each in project.aliases if each != alias]
            following = replace(project, aliases=aliases_beside(kept if remove else [*kept, alias], project.label))
            await self._store.projects.commit(RegistryChange(user, found.version, [following]))
            return following

        return Changed(await until_first(attempt))

    async def settle(self, user: str, project_id: str, label: str) -> Changed:
        """Notes that nothing is stored under an earlier label any more."""

        async def attempt() -> Project:
            version = (await self._store.projects.find(user, [])).version
            project = await self._store.projects.project(user, project_id)
            if project is None:
                raise NotFound("There is no such project.")
            if label not in project.unmoved:
                return project
            following = replace(project, unmoved=tuple(each for each in project.unmoved if each != label))
            await self._store.projects.commit(RegistryChange(user, version, [following]))
            return following

        return Changed(await until_first(attempt))

    async def _meant(self, user: str, name: str, *, is_stored: bool) -> Project:
        """The project of that name; one that is not registered yet, where something is stored under the name."""
        try:
            return await self._registry.find(user, name)
        except NotFound:
            label = check_label(name)
            if not is_stored and not await self._store.projects.session_roots(user, label):
                raise
            return Project(str(uuid4()), user, label, label, self._now(), self._now())

    async def _commit_merge(self, version: int, one: Project, following: Project) -> list[Project]:
        """Writes the merged project, and takes the packages of the one that goes to it; returns those that were merged
        with one of its own."""
        user = one.user
        put, twins, remove = [following], [], [one.id]
        for package in await self._packages(user, one):
            twin = (await self._store.projects.find(user, [key := package_key(following.id, package.inside)])).at(key)
            if twin:
                twins.append(merged_project(package, twin[0]))
                remove.append(package.id)
            else:
                before = (*package.merged, Merger(package))[-merged_max:]
                put.append(replace(package, repository=following.id, merged=before))
        await self._store.projects.commit(RegistryChange(user, version, [*put, *twins], remove))
        return twins

    async def _packages(self, user: str, repository: Project) -> list[Project]:
        page = await self._store.projects.page(user, 20_000)
        return [each for each in page.projects if each.repository == repository.id]

    async def _refile(self, project: Project) -> Changed:
        """After sessions, handoffs and rules of its earlier labels are filed under the project's."""
        sessions, rules = 0, 0
        for label in project.unmoved:
            moved = await self._relabel(Relabelling(project.user, label, project.label))
            sessions, rules = sessions + moved[0], rules + moved[1]
        return Changed(project, sessions, rules)

    async def _relabel(self, asked: Relabelling) -> tuple[int, int]:
        """Files sessions, handoffs and rules under another label; returns how many sessions and rules."""
        ledger = await self._store.ledger(asked.user)
        rules = sum(each.place.project == asked.source and asked.takes(each.place.root) for each in ledger.rules)
        return await until_first(lambda: self._store.projects.relabel(asked)), rules

    async def _rules(self, user: str, label: str) -> int:
        ledger = await self._store.ledger(user)
        return sum(rule.place.project == label for rule in ledger.rules)
