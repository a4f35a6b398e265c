"""The registry of projects: resolves sightings, registers what is new, finds projects by name.

Every change is computed from the registry as it was read, checked by its version, and repeated if another was first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from uuid import uuid4

from services.kit.errors import InvalidInput, NotFound, OverQuota
from services.kit.names import plain_name
from services.session.domain.project_labels import possible_labels, telling_labels
from services.session.domain.project_matching import (
    earlier_roots,
    grown_project,
    is_same_project,
    lookup_keys,
    marked_paths,
    marked_project,
    matching_package,
    matching_project,
    moved_project,
    package_root,
    paths_upwards,
    roots_elsewhere,
    without_left_roots,
    without_mark,
    without_roots,
)
from services.session.domain.project_mergers import merged_project
from services.session.domain.projects import (
    NOBODYS,
    Page,
    Project,
    ProjectStore,
    Registered,
    RegistryChange,
    Sighting,
    alias_key,
    check_label,
    check_sighting,
    left_key,
    name_key,
    package_key,
    path_key,
    projects_max,
    root_key,
)
from services.session.domain.sessions import name_max_chars
from services.session.operations.session_lookup import until_first

candidates_shown_max = 20
directories_checked_max = 100
EARLIER = "earlier"
"""Stands before the name of what was stored before projects had identities, and is nobody's."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What the gateway found of a name under which something may have been stored before there was a registry: the
    directories in which its sessions worked, as far as they are there, and whether there are memories.

    Of the roots that were to be checked, `standing_roots` still have a repository with the sighting's remote or first
    commit, and `origins` are those of them that are no clones; at `same_roots` the sighting's very directory is, too.
    All are None where nobody looked.
    """

    name: str = ""
    others: Sequence[Sighting] = ()
    is_stored: bool = False
    standing_roots: frozenset[str] | None = None
    origins: frozenset[str] | None = None
    same_roots: frozenset[str] | None = None
    only_known: bool = False
    """Whether nothing is to be registered."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """A sighting's project; without one something is to be checked first: see Checked."""

    project: Project | None
    namesakes: Sequence[Project] = ()
    name: str = ""
    directories: Sequence[str] = ()
    roots: Sequence[str] = ()
    is_new: bool = False


class ProjectRegistry:
    """The operations on every user's registry. `now` gives the current time, with a zone."""

    def __init__(self, store: ProjectStore, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now

    async def resolve(self, user: str, sighting: Sighting, checked: Checked) -> Resolved:
        """The project of a sighting; it is registered, if it is new and checked, and learns what is new of it."""
        asked = check_sighting(sighting)

        async def attempt() -> Resolved:
            return await self._resolve(user, await self._visible(user, asked), checked)

        return await until_first(attempt)

    async def find(self, user: str, name: str, here: str = "", *, exact: bool = False) -> Project:
        """The project that a label, name or alias means: the one labelled `here` where it has that name; InvalidInput
        with the candidates where several have it, NotFound where none has. `exact`: by label or alias alone."""
        name = plain_name(name)[: name_max_chars + 1]  # longer or odder than any that a project may have: NotFound
        found = await self._store.find(user, [alias_key(name), name_key(name), alias_key(here)])
        candidates = [*found.at(alias_key(name))] if exact else _candidates(found, name)
        own = next((each for each in candidates if here and each in found.at(alias_key(here))), None)
        if own or len(candidates) == 1:
            return own or candidates[0]
        if not candidates:
            raise NotFound("There is no such project.", "`segue project list` shows yours.")
        names = sorted(telling_name(each) for each in candidates)
        raise InvalidInput(
            f"Which project? {len(names)} are called that: {', '.join(names[:candidates_shown_max])}.",
            *(f"project={each}" for each in names[:candidates_shown_max]),
        )

    async def page(self, user: str, name: str, most: int, after: tuple[datetime, str] | None) -> Page:
        """The user's projects, the one seen last first; with a name, those that have it."""
        if not name.strip():
            return await self._store.page(user, most, after)
        found = await self._store.find(user, [alias_key(check_label(name)), name_key(check_label(name))])
        every = {each.id: each for projects in found.by_key.values() for each in projects}
        return Page(sorted(every.values(), key=lambda each: each.seen_at, reverse=True)[:most], len(every))

    # --- one attempt ----------------------------------------------------------------------------

    async def _visible(self, user: str, sighting: Sighting) -> Sighting:
        """Of a directory that is gone: the project that was seen there, or in what contained it."""
        if not sighting.machine and not sighting.is_gone:
            return await self._on_some_machine(user, sighting)
        if not sighting.is_gone:
            return sighting
        paths = paths_upwards(sighting.directory)
        keys = [key(sighting.machine, path) for path in paths for key in (root_key, left_key)]
        found = await self._store.find(user, keys)
        for path in paths:
            if len(path) <= len(sighting.root) and sighting.root != sighting.directory:
                break  # the repository that is still there is nearer
            there = [*found.at(root_key(sighting.machine, path)), *found.at(left_key(sighting.machine, path))]
            if _is_within(there, is_itself=path == sighting.directory):
                return replace(sighting, root=path, directory=path, is_first_commit_unknown=True)
        return replace(sighting, directory=sighting.root, is_gone=sighting.root == sighting.directory)

    async def _on_some_machine(self, user: str, sighting: Sighting) -> Sighting:
        """Of a path alone, from a client that tells no more: the one project that was seen there on a machine."""
        paths = paths_upwards(sighting.directory)
        found = await self._store.find(user, map(path_key, paths))
        for path in paths:
            there = found.at(path_key(path))
            if not _is_within(there, is_itself=path == sighting.directory):
                continue
            machines = {root.machine for each in there for root in each.roots if root.path == path}
            if len(there) > 1 or len(machines) > 1 or "" in machines:
                break
            return replace(sighting, machine=machines.pop(), root=path, directory=path, is_gone=True)
        return sighting

    async def _resolve(self, user: str, sighting: Sighting, checked: Checked) -> Resolved:
        registered = await self._store.find(user, lookup_keys(sighting))
        places = [key(sighting.machine, sighting.root) for key in (root_key, left_key)]
        if sighting.is_gone and (seen := [each for key in places for each in registered.at(key)]):
            return Resolved(max(seen, key=lambda each: each.seen_at))
        whole = matching_project(sighting, registered) or moved_project(sighting, registered, checked.origins)
        if not whole:
            marked = marked_project(sighting, registered)
            paths = marked_paths(marked, sighting) if marked else []
            roots = [*paths, *earlier_roots(sighting, registered)]
            if roots and checked.standing_roots is None:
                return Resolved(None, roots=roots[:directories_checked_max])
            if marked and not set(paths) & (checked.same_roots or frozenset()):
                moved = await self._follow(marked, _of_repository(sighting), registered, only_known=checked.only_known)
                return moved if not sighting.inside else await self._package(user, sighting, moved, checked)
            new = await self._register(user, _of_repository(sighting), registered, checked)
            return new if not (new.project and sighting.inside) else await self._package(user, sighting, new, checked)
        others = roots_elsewhere(whole, sighting)
        if others and checked.standing_roots is None:
            return Resolved(None, roots=others[:directories_checked_max])
        if others and checked.standing_roots is not None:
            whole = without_left_roots(whole, sighting.machine, checked.standing_roots)
        whole = await self._grow(registered, whole, _of_repository(sighting))
        resolved = Resolved(whole, _namesakes(registered, whole))
        return resolved if not sighting.inside else await self._package(user, sighting, resolved, checked)

    async def _package(self, user: str, sighting: Sighting, whole: Resolved, checked: Checked) -> Resolved:
        """The project of a package within the repository's."""
        if not whole.project:
            return whole
        key = package_key(whole.project.id, sighting.inside)
        registered = await self._store.find(user, [*lookup_keys(sighting), key])
        package = matching_package(sighting, whole.project, registered)
        if package:
            return Resolved(await self._grow(registered, package, sighting))
        return await self._register(user, sighting, registered, checked, whole.project)

    async def _grow(self, registered: Registered, project: Project, sighting: Sighting) -> Project:
        following = grown_project(project, sighting, self._now())
        if following is not project:
            changes = {**_without_its_roots(registered, following, sighting), following.id: following}
            await self._store.commit(RegistryChange(project.user, registered.version, [*changes.values()]))
        return following

    async def _follow(
        self, project: Project, sighting: Sighting, registered: Registered, *, only_known: bool
    ) -> Resolved:
        """The project of a directory that has moved, with its new place; as if another project had been merged into it,
        so that a person can split it again."""
        if only_known:
            return Resolved(project)
        user, now = project.user, self._now()
        here = (sighting.machine, sighting.root)
        following = without_mark(project, sighting)
        if any((each.machine, each.path) == here for each in following.roots):  # it is back
            following = grown_project(following, sighting, now)
        else:
            label = await self._free_label(user, possible_labels(sighting), {NOBODYS})
            new = grown_project(_new_project(user, label, sighting, None, now), sighting, now)
            moved_from = marked_paths(project, sighting)[0]
            merged = merged_project(new, following)
            mergers = (
                *(each for each in following.merged if not each.is_move),
                replace(merged.merged[-1], is_move=True),
            )
            following = replace(merged, unmoved=following.unmoved, merged=mergers, moved_from=moved_from, seen_at=now)
        changes = _without_its_roots(registered, following, sighting)
        await self._store.commit(RegistryChange(user, registered.version, [*changes.values(), following]))
        return Resolved(following, _namesakes(registered, following))

    async def _register(
        self, user: str, sighting: Sighting, registered: Registered, checked: Checked, repository: Project | None = None
    ) -> Resolved:
        if checked.only_known:
            raise NotFound("Nothing is registered of this directory.")
        earlier = await self._earlier(user, sighting, repository)
        if earlier and checked.name != earlier.name:
            return Resolved(None, (), earlier.name, earlier.directories[:directories_checked_max])
        if (await self._store.page(user, 1)).total >= projects_max:
            raise OverQuota(f"There are {projects_max:,} projects, which is as many as there may be.")
        label, contested = "", None
        if earlier and is_contested(sighting, checked.others):
            contested = _contested_project(user, earlier.name, self._now())
        elif earlier and earlier.is_taken_over(sighting, checked):
            label = earlier.name
        is_others = bool(earlier and (earlier.directories or checked.is_stored))
        used = {NOBODYS, *([earlier.name] if earlier and is_others else [])}
        label = label or await self._free_label(user, possible_labels(sighting, repository), used)
        new = grown_project(_new_project(user, label, sighting, repository, self._now()), sighting, self._now())
        namesakes = _namesakes(registered, new)
        changes = _without_its_roots(registered, new, sighting)
        for each in namesakes:
            changes[each.id] = await self._with_telling_alias(user, changes.get(each.id, each), {label, *used})
        held = [contested] if contested else []
        await self._store.commit(RegistryChange(user, registered.version, [*changes.values(), *held, new]))
        return Resolved(new, namesakes, is_new=True)

    async def _earlier(self, user: str, sighting: Sighting, repository: Project | None) -> Earlier | None:
        """What may be stored under the project's name since before there was a registry; None where that is nothing,
        or where the name is somebody's already."""
        name = sighting.package if repository else sighting.given_name or sighting.name
        if name == NOBODYS or (await self._store.find(user, [alias_key(name)])).at(alias_key(name)):
            return None
        directories = sorted(await self._store.session_roots(user, name))
        is_plain = not repository and name == sighting.name
        return None if is_plain and not directories else Earlier(name, directories, is_plain)

    async def _free_label(self, user: str, labels: Iterator[str], used: set[str]) -> str:
        """The first label that nobody has."""
        while batch := list(islice(labels, 16)):
            found = await self._store.find(user, map(alias_key, batch))
            free = [each for each in batch if each not in used and not found.at(alias_key(each))]
            if free:
                return free[0]
        raise AssertionError("labels do not end")

    async def _with_telling_alias(self, user: str, project: Project, used: set[str]) -> Project:
        """The project with an alias that tells it from others of its name, where its label does not."""
        if "/" in project.label or any("/" in each for each in project.aliases):
            return project
        path = project.roots[0].path if project.roots else ""
        remote = project.remotes[-1] if project.remotes else ""
        labels = iter([*telling_labels(project.name, remote, path), f"{project.label}-1"])
        for label in labels:
            is_taken = label in used or (await self._store.find(user, [alias_key(label)])).at(alias_key(label))
            if not is_taken:
                return replace(project, aliases=(*project.aliases, label))
        return project


@dataclass(frozen=True, slots=True)
class Earlier:
    """What was stored under a name before there was a registry: the directories of its sessions."""

    name: str
    directories: Sequence[str]
    is_plain: bool
    """Whether the name is the directory's own, as it was then."""

    def is_taken_over(self, sighting: Sighting, checked: Checked) -> bool:
        """Whether the sighting's project goes on with it."""
        if self.is_plain:
            return True
        fits = any(is_same_project(each, sighting) for each in checked.others)
        return fits or (checked.is_stored and not self.directories and bool(sighting.inside))


def is_contested(sighting: Sighting, others: Sequence[Sighting]) -> bool:
    """Whether something was stored under the name by a directory that is not of the sighting's project."""
    return any(not is_same_project(each, sighting) for each in others)


def telling_name(project: Project) -> str:
    """The label or alias that tells a project from others of its name."""
    return next((each for each in (project.label, *project.aliases) if "/" in each), project.label)


def _is_within(projects: Sequence[Project], *, is_itself: bool) -> bool:
    """Whether something at or below a root of these is theirs: a plain directory has only what is in itself."""
    return any(is_itself or each.remotes or each.first_commits or each.repository for each in projects)


def _candidates(found: Registered, name: str) -> list[Project]:
    """The projects that a name means: of packages only where no repository or directory has it."""
    every = {each.id: each for key in (alias_key(name), name_key(name)) for each in found.at(key)}
    whole = [each for each in every.values() if not each.repository]
    exact = [each for each in found.at(alias_key(name)) if "/" in name]
    return exact or whole or [*every.values()]


def _namesakes(registered: Registered, project: Project) -> list[Project]:
    """Other repositories and directories of the project's name."""
    if project.repository:
        return []
    found = {each.id: each for each in registered.at(name_key(project.name))}
    return [each for each in found.values() if each.id != project.id and not each.repository]


def _without_its_roots(registered: Registered, project: Project, sighting: Sighting) -> dict[str, Project]:
    """The projects that had one of its directories, without it."""
    paths = [package_root(sighting)] if project.repository else [sighting.root, sighting.directory]
    holders = [each for path in paths for each in registered.at(root_key(sighting.machine, path))]
    return {each.id: without_roots(each, sighting.machine, paths) for each in holders if each.id != project.id}


def _new_project(user: str, label: str, sighting: Sighting, repository: Project | None, now: datetime) -> Project:
    name = sighting.package if repository else sighting.given_name or sighting.name
    return Project(
        id=str(uuid4()),
        user=user,
        label=label,
        name=name or label,
        created_at=now,
        seen_at=now,
        aliases=() if not repository or "/" in label else (f"{repository.label}/{name}",),
        repository=repository.id if repository else "",
        inside=sighting.inside,
    )


def _contested_project(user: str, name: str, now: datetime) -> Project:
    """What was stored under a name that several fit; it keeps the label, and has an alias that means it alone."""
    return Project(str(uuid4()), user, name, name, now, now, aliases=(f"{EARLIER}/{name}",), is_contested=True)


def _of_repository(sighting: Sighting) -> Sighting:
    return replace(sighting, inside="", package="")
