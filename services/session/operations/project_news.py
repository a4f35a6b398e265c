"""What a user has to know of a directory's project: that the directory has moved, or that it may be one that has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.session.domain.projects import Project, RegistryChange, alias_key
from services.session.operations.project_registry import telling_name
from services.session.operations.session_lookup import until_first
from services.session.store import SessionStore

own_looked_at_max = 10
looked_at_max = 200
"""Handoffs of the user that a name is looked for in."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A directory's project, by its label, and the name of the last handoff that was left in the directory."""

    label: str
    machine: str = ""
    handoff: str = ""
    tells: bool = False
    """Whether the user is told: the same is no news the next time."""
    likely: str = ""
    """The project of an earlier answer, if none of its roots is there any more."""


@dataclass(frozen=True, slots=True)
class News:
    """Where the directory was, and what is split from its project if that is wrong; or the project that its own may be,
    and where that was."""

    name: str = ""
    """The label or alias that means the project alone."""
    moved_from: str = ""
    part: str = ""
    likely: str = ""
    roots: Sequence[str] = ()


class ProjectNews:
    """Looks in the registry, and among the handoffs."""

    def __init__(self, store: SessionStore) -> None:
        self._store = store

    async def news(self, user: str, asked: Asked) -> News:
        """What is new of the project."""

        async def attempt() -> News:
            registered = await self._store.projects.find(user, [alias_key(asked.label)])
            project = next(iter(registered.at(alias_key(asked.label))), None)
            likely = await self._likely(user, asked)
            found = News(
                name=telling_name(project) if project else "",
                moved_from=project.moved_from if project else "",
                part=project.merged[-1].project.label if project and project.merged else "",
                likely=telling_name(likely) if likely else "",
                roots=_roots(likely, asked.machine) if likely else (),
            )
            if project and (following := _project_after(project, asked, found)) != project:
                await self._store.projects.commit(RegistryChange(user, registered.version, [following]))
            return found

        return await until_first(attempt)

    async def _likely(self, user: str, asked: Asked) -> Project | None:
        """Another project, of which a handoff was left in the directory; only one that the user has counts."""
        is_own = asked.label and await self._handoff_of(user, asked.label, asked.handoff, own_looked_at_max)
        if not asked.handoff or is_own:
            return None
        label = await self._handoff_of(user, "", asked.handoff, looked_at_max)
        found = (await self._store.projects.find(user, [alias_key(label)])).at(alias_key(label)) if label else ()
        others = [each for each in found if each.label != asked.label and not each.is_contested]
        return next(iter(others), None)

    async def _handoff_of(self, user: str, label: str, name: str, most: int) -> str:
        """The project of the handoff of that name, in one project or in all."""
        found = await self._store.handoffs(user, label, most)
        return next((each.project for each in found if each.file_name == name), "")


def _project_after(project: Project, asked: Asked, found: News) -> Project:
    """The project, as its user has been told and what it may be was checked."""
    likely = found.likely if found.likely == asked.likely else project.likely
    return replace(project, moved_from="" if asked.tells else project.moved_from, likely=likely)


def _roots(project: Project, machine: str) -> list[str]:
    return [each.path for each in project.roots if each.machine == machine and not each.is_left]
