"""The working directory of a call: where it is, what is known of it, and what is done in it, where it can be seen.

The calls here block; they run in threads, so that the event loop does not wait for a disk.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from fastmcp.server.context import Context

from services.kit import redaction
from services.kit.errors import InvalidInput, NotFound
from services.workspace.checkpoint import Checkpoint, CheckpointRequest, create_checkpoint
from services.workspace.dependencies import DependencyFile, dependency_files
from services.workspace.git import GitFacts, git_facts
from services.workspace.handoffs import write_handoff
from services.workspace.project import Project, find_project
from services.workspace.roots import inside, resolve_directory
from services.workspace.tools import find_tools

DIRECTORY_META = "segue/working_directory"
"""Where `segue connect` says, in a request's `_meta`, in which directory it runs."""


@dataclass(frozen=True, slots=True)
class Place:
    """A working directory; without `project` it is not one that this gateway can see."""

    directory: str
    name: str
    project: Project | None = None
    git: GitFacts | None = None
    dependencies: Sequence[DependencyFile] = ()
    tools: Sequence[str] = ()

    @property
    def root(self) -> str:
        """Of the project; the directory where it cannot be seen."""
        return self.project.root if self.project else self.directory


def asked_directory(given: str | None, context: Context) -> str:
    """The directory that is meant: the argument's, else the one in which the client's `segue connect` runs; or ""."""
    if given:
        return given
    request = context.request_context
    meta = dict(request.meta or {}) if request else {}
    reported = meta.get(DIRECTORY_META)
    return reported if isinstance(reported, str) and len(reported) < os.pathconf("/", "PC_PATH_MAX") else ""


@dataclass(frozen=True, slots=True)
class Workplace:
    """Looks at and works in directories inside `roots`."""

    roots: Sequence[Path]

    async def look(self, directory: str) -> Place:
        """What is known of the directory; InvalidInput, NotFound or Denied where it cannot be worked in."""
        if not directory:
            raise InvalidInput("Which directory?", "Send working_directory, as an absolute path.")
        return await asyncio.to_thread(self._look, directory)

    def _look(self, directory: str) -> Place:
        try:
            resolved = resolve_directory(directory, self.roots)
        except NotFound:
            parent = Path(directory).parent
            if parent.exists() and inside(parent, self.roots):
                raise
            return Place(directory, Path(directory).name)  # on another machine, or not mounted here
        project = find_project(resolved, self.roots)
        return Place(
            directory=str(resolved),
            name=project.name,
            project=project,
            git=git_facts(resolved, self.roots, datetime.now(UTC)),
            dependencies=dependency_files(Path(project.root)),
            tools=sorted(find_tools(resolved)),
        )

    async def commit(self, place: Place, request: CheckpointRequest) -> Checkpoint | None:
        """A checkpoint in the place's repository; None where the place cannot be seen."""
        if place.project is None:
            return None
        directory = Path(place.directory)
        return await asyncio.to_thread(
            create_checkpoint, directory, self.roots, request, redaction.find, datetime.now(UTC)
        )

    async def leave_handoff(self, place: Place, file_name: str, markdown: str) -> str | None:
        """The path of the handoff's copy in the project; None where it cannot be written."""
        if place.project is None:
            return None
        try:
            path = await asyncio.to_thread(write_handoff, Path(place.project.root), self.roots, file_name, markdown)
        except (OSError, InvalidInput):
            return None
        return str(path)
