"""What a person changes of their projects, over all services: another label, two made one, another name.

The registry changes first and remembers what is still to be moved; memory and quality follow, and then it is settled. A
change that was interrupted is finished by repeating it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.gateway.backends import Backends
from services.gateway.directory.project_labels import ProjectLabels
from services.pb import memory_pb2, projects_pb2, quality_pb2

move_timeout_s = 600.0


@dataclass(frozen=True, slots=True)
class ProjectChange:
    """The project as it is now, or would be, and how much was or would be moved to it."""

    project: projects_pb2.Project
    memories: int = 0
    sessions: int = 0
    rules: int = 0


@dataclass(frozen=True, slots=True)
class ProjectWork:
    """The workflows."""

    backends: Backends
    labels: ProjectLabels

    async def page(self, name: str, limit: int, cursor: str) -> projects_pb2.ListResponse:
        """The user's projects, the one seen last first; with a name, those that have it."""
        projects = self.backends.projects
        request = projects_pb2.ListRequest(name=name, limit=limit, cursor=cursor)
        answer: projects_pb2.ListResponse = await projects.call(projects.stub.List, request)
        return answer

    async def rename(self, project: str, label: str) -> ProjectChange:
        """Gives the project another label, and moves what is stored of it there."""
        projects = self.backends.projects
        is_stored = await self.labels.is_stored(project)
        request = projects_pb2.RenameRequest(project=project, label=label, is_stored=is_stored)
        return await self._finish(await projects.call(projects.stub.Rename, request, move_timeout_s))

    async def merge(self, source: str, target: str, *, dry_run: bool) -> ProjectChange:
        """Makes two projects one under the target's label; with `dry_run` counts what would be moved."""
        projects, memory = self.backends.projects, self.backends.memory
        is_stored = await self.labels.is_stored(source)
        request = projects_pb2.MergeRequest(source=source, target=target, dry_run=dry_run, is_stored=is_stored)
        answer: projects_pb2.ChangeResponse = await projects.call(projects.stub.Merge, request, move_timeout_s)
        if not dry_run:
            return await self._finish(answer)
        memories = 0
        for label in answer.project.unmoved:
            counted = memory_pb2.MoveProjectRequest(source=label, target=answer.project.label, dry_run=True)
            memories += (await memory.call(memory.stub.MoveProject, counted)).memories
        return ProjectChange(answer.project, memories, answer.sessions, answer.rules)

    async def alias(self, project: str, alias: str, *, remove: bool) -> ProjectChange:
        """Adds another name for the project, or takes one away."""
        projects = self.backends.projects
        request = projects_pb2.AliasRequest(project=project, alias=alias, remove=remove)
        answer: projects_pb2.ChangeResponse = await projects.call(projects.stub.Alias, request)
        return ProjectChange(answer.project)

    async def _finish(self, changed: projects_pb2.ChangeResponse) -> ProjectChange:
        """Moves memories and quality of the project's earlier labels, and settles each."""
        self.labels.forget()
        memories = await self._move(changed.project, changed.project.unmoved)
        project = changed.project
        for label in changed.project.unmoved:
            settling = projects_pb2.SettleRequest(id=project.id, label=label)
            projects = self.backends.projects
            project = (await projects.call(projects.stub.Settle, settling)).project
        self.labels.forget()
        return ProjectChange(project, memories, changed.sessions, changed.rules)

    async def _move(self, project: projects_pb2.Project, labels: Sequence[str]) -> int:
        memory, quality = self.backends.memory, self.backends.quality
        memories = 0
        for label in labels:
            asked = memory_pb2.MoveProjectRequest(source=label, target=project.label)
            memories += (await memory.call(memory.stub.MoveProject, asked, move_timeout_s)).memories
            points = quality_pb2.MoveProjectRequest(source=label, target=project.label)
            await quality.call(quality.stub.MoveProject, points, move_timeout_s)
        return memories
