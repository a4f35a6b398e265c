"""The working directory of a call: its location, its state, and changes to it, if the gateway can see it.

The calls here block, so they run in threads and the event loop does not wait for a disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from services.gateway.directory.client_reports import Asked, Client, Wanted
from services.gateway.directory.project_labels import Labelled, ProjectLabels
from services.gateway.directory.project_news import project_news
from services.kit import redaction
from services.kit.errors import Denied, InvalidInput, NotFound, ServiceError
from services.workspace import serialization
from services.workspace.allowed_roots import inside, printable_path, resolve_directory
from services.workspace.dependencies.lock_status import dependency_files
from services.workspace.dependencies.manifests import DependencyFile
from services.workspace.developer_tools import find_tools
from services.workspace.git.checkpoint import Checkpoint, CheckpointRequest, create_checkpoint
from services.workspace.git.likely_files import likely_files
from services.workspace.git.state import GitFacts, git_facts
from services.workspace.handoff_files import remove_handoff, write_handoff
from services.workspace.project import NAME_MAX_CHARS, Project, find_project
from services.workspace.project_identity import Sighting, is_no_project, sight
from services.workspace.serialization import readable

OUT_OF_SIGHT = "the gateway does not see this directory; connect through `segue connect` on its machine"


@dataclass(frozen=True, slots=True)
class Place:
    """A working directory; without `project` nothing is known of it, and `trouble` says why.

    With `client` the gateway does not see it and relies on the client's report; `evidence` is for the quality service.
    `name` is the label of its project, under which everything is stored; `namesakes` are other projects of its name.
    """

    directory: str
    name: str
    trouble: str = ""
    project: Project | None = None
    git: GitFacts | None = None
    dependencies: Sequence[DependencyFile] = ()
    tools: Sequence[str] = ()
    client: Client | None = None
    evidence: str = ""
    sighting: Sighting | None = None
    namesakes: Sequence[str] = ()
    is_anothers: bool = False
    """Whether another project than that of the session is there now: nothing of it is seen then."""

    @property
    def root(self) -> str:
        """The project's root; the directory itself if it cannot be seen."""
        return self.project.root if self.project else self.directory


@dataclass(frozen=True, slots=True)
class Workplace:
    """Reads and changes directories inside `roots`; `labels` tells their projects."""

    roots: Sequence[Path]
    labels: ProjectLabels

    async def look(self, asked: Asked) -> Place:
        """The state of the directory; InvalidInput, NotFound or Denied if it cannot be worked in.

        Raises Wanted if the client must report on it first.

        """
        if not asked.directory:
            raise InvalidInput("Which directory?", "Send working_directory, as an absolute path.")
        place = await asyncio.to_thread(self._look, asked)
        return _place_under(place, await self.labels.of(_sighting_of(place)))

    async def find(self, asked: Asked) -> Place:
        """Like `look`, but for a visible directory only its path and project: git is not run.

        While the registry of projects does not answer, the project has the directory's name.
        """
        place = await self.locate(asked)
        return _place_under(place, await self.labels.of_or_name(_sighting_of(place)))

    async def locate(self, asked: Asked) -> Place:
        """The same with its name for a label: no project is looked up, and none is registered."""
        if not asked.directory:
            raise InvalidInput("Which directory?", "Send working_directory, as an absolute path.")
        return await asyncio.to_thread(self._find, asked)

    async def label(self, asked: Asked) -> str:
        """The label of the directory's project alone; empty for a directory that is none, or for no directory."""
        sighting = await asyncio.to_thread(self._sighting, asked) if asked.directory else None
        return (await self.labels.of(sighting)).label if sighting else ""

    async def news(self, asked: Asked) -> str:
        """What the user is told now of the directory's project: see project_news."""
        sighting = await asyncio.to_thread(self._sighting, asked) if asked.directory else None
        return await project_news(self.labels, sighting, tells=True)

    async def likely_files(self, asked: Asked, text: str) -> list[str]:
        """Files of the directory that such work may change; none where the gateway does not see it, or git is slow."""
        return await asyncio.to_thread(self._likely_files, asked, text)

    def _likely_files(self, asked: Asked, text: str) -> list[str]:
        if not asked.directory or (asked.client and not asked.client.is_here()):
            return []
        try:
            return likely_files(resolve_directory(asked.directory, self.roots), self.roots, text)
        except (InvalidInput, NotFound, Denied):
            return []

    async def where(self, asked: Asked) -> tuple[str, str]:
        """The directory with its links resolved, as sessions have it, and the label of the project that is there now;
        the label is empty where that is not known."""
        if asked.client and not await asyncio.to_thread(asked.client.is_here):
            is_told = asked.client.sighting(asked.directory) is not None
            return asked.directory, await self._label_or_nothing(asked) if is_told else ""
        directory = await asyncio.to_thread(self._real_directory, asked.directory)
        return directory, await self._label_or_nothing(asked)

    async def _label_or_nothing(self, asked: Asked) -> str:
        with suppress(ServiceError):
            return await self.label(asked)
        return ""

    def _real_directory(self, directory: str) -> str:
        try:
            return str(resolve_directory(directory, self.roots))
        except (InvalidInput, NotFound, Denied):
            return directory

    async def label_or_name(self, asked: Asked) -> str:
        """The same; while the registry of projects does not answer, the directory's name."""
        sighting = await asyncio.to_thread(self._sighting, asked) if asked.directory else None
        return (await self.labels.of_or_name(sighting)).label if sighting else ""

    def _sighting(self, asked: Asked) -> Sighting | None:
        if asked.client and not asked.client.is_here():
            return asked.client.sighting(asked.directory) or _sighting_of_path(asked.directory)
        try:
            return sight(resolve_directory(asked.directory, self.roots), self.roots, self.labels.first_commits)
        except (InvalidInput, Denied):
            return None
        except NotFound:
            return None if is_no_project(Path(asked.directory)) else _sighting_of_path(asked.directory)

    def _look(self, asked: Asked) -> Place:
        place = self._find(asked)
        if place.project is None or place.client:
            return place
        directory = Path(place.directory)
        return replace(
            place,
            git=git_facts(directory, self.roots, datetime.now(UTC)),
            dependencies=dependency_files(Path(place.project.root), self.roots),
            tools=sorted(find_tools(directory)),
        )

    def _find(self, asked: Asked) -> Place:
        directory, client = asked.directory, asked.client
        if client and not client.is_here():
            return _reported_place(directory, client)
        try:
            resolved = resolve_directory(directory, self.roots)
        except NotFound:
            parent = Path(directory).parent
            if parent.exists() and inside(parent, self.roots):
                raise
            return Place(directory, Path(directory).name, OUT_OF_SIGHT)  # on another machine, or not mounted here
        project = find_project(resolved, self.roots)
        sighting = sight(resolved, self.roots, self.labels.first_commits)
        return Place(str(resolved), project.name, project=project, sighting=sighting)

    async def commit(self, place: Place, request: CheckpointRequest) -> Checkpoint | None:
        """Makes a checkpoint in the place's repository; None if the place cannot be seen.

        If only the client sees it, the client makes the checkpoint: raises Wanted until it has.

        """
        if place.project is None:
            return None
        if place.client and (made := place.client.committed_checkpoint()):
            return made[1]
        if place.client and request.policy != "off":
            note = serialization.readable(request.note) if request.note else None
            raise Wanted({"commit": serialization.to_dict(replace(request, note=note))})
        directory = Path(place.directory)
        return await asyncio.to_thread(
            create_checkpoint, directory, self.roots, request, redaction.find, datetime.now(UTC)
        )

    async def leave_handoff(self, place: Place, file_name: str, markdown: str) -> str | None:
        """Writes the handoff's copy into the project; returns its path, or None if it cannot be written."""
        if place.project is None or place.client:  # `segue connect` writes it on its machine
            return None
        try:
            path = await asyncio.to_thread(write_handoff, Path(place.project.root), self.roots, file_name, markdown)
        except (OSError, InvalidInput):
            return None
        return str(path)

    async def remove_handoff(self, root: str, file_name: str, digest: str) -> bool:
        """Removes a handoff's copy from the project, if it is to be seen here and has these contents."""
        try:
            return await asyncio.to_thread(remove_handoff, Path(root), self.roots, file_name, digest)
        except (OSError, InvalidInput, Denied):
            return False


def _place_under(place: Place, labelled: Labelled) -> Place:
    return replace(place, name=labelled.label, namesakes=labelled.namesakes)


def _sighting_of(place: Place) -> Sighting:
    return place.sighting or _sighting_of_path(place.directory)


def _reported_place(directory: str, client: Client) -> Place:
    """A place as the client reports it; if the report is unusable, with the reason. Raises as `look` does."""
    if directory != client.directory:
        works_in, asked = printable_path(client.directory), printable_path(directory)
        where = f"`segue connect` works in {works_in}, so nothing is known of {asked}"
        return Place(directory, Path(directory).name, where)
    try:
        report = client.report()
    except (InvalidInput, NotFound, Denied):
        raise
    except ServiceError as problem:
        return Place(directory, Path(directory).name, f"{problem.message} (reported by client)")
    found = report.workspace
    return Place(
        directory=found.directory,
        name=found.project.name,
        project=found.project,
        git=found.git,
        dependencies=found.dependencies,
        tools=sorted(found.tools),
        client=client,
        evidence=report.evidence,
        sighting=client.sighting(directory) or _sighting_of_path(found.project.root),
    )


def _sighting_of_path(directory: str) -> Sighting:
    """A directory of which nothing but its path is known, on some machine."""
    return Sighting(readable(Path(directory).name, NAME_MAX_CHARS) or "unnamed", "", directory, directory)
