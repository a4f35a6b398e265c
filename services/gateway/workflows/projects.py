"""What a person changes of their projects, over all services: another label, two made one or two again, another name.

The registry changes first and remembers what is still to be moved; memory and quality follow, and then it is settled.
To split a project memory changes first. A change that was interrupted is finished by repeating it.
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

    async def split(self, project: str, part: str, *, dry_run: bool) -> ProjectChange:
        """Takes a project out again that was merged into another one, with the memories that came with it."""
        projects, memory = self.backends.projects, self.backends.memory
        request = projects_pb2.SplitRequest(project=project, part=part, dry_run=True)
        would: projects_pb2.SplitResponse = await projects.call(projects.stub.Split, request)
        memories = 0
        for each in would.parts:
            move = memory_pb2.MoveProjectRequest(
                source=each.source, target=each.project.label, splits=True, dry_run=dry_run
            )
            memories += (await memory.call(memory.stub.MoveProject, move, move_timeout_s)).memories
        if dry_run:
            return ProjectChange(would.parts[0].project, memories, would.sessions, would.rules)
        request.dry_run = False
        done: projects_pb2.SplitResponse = await projects.call(projects.stub.Split, request, move_timeout_s)
        self.labels.forget()
        return ProjectChange(done.parts[0].project, memories, done.sessions, done.rules)

    async def alias(self, project: str, alias: str, *, remove: bool) -> ProjectChange:
        """Adds another name for the project, or takes one away."""
        projects = self.backends.projects
        request = projects_pb2.AliasRequest(project=project, alias=alias, remove=remove)
        answer: projects_pb2.ChangeResponse = await projects.call(projects.stub.Alias, request)
        return ProjectChange(answer.project)

    async def _finish(self, changed: projects_pb2.ChangeResponse) -> ProjectChange:
        """Moves memories and quality of earlier labels, of the project and of packages merged along with it."""
        self.labels.forget()
        memories = sum([await self._settle(each) for each in changed.packages])
        memories += await self._settle(changed.project)
        self.labels.forget()
        project = projects_pb2.Project()
        project.CopyFrom(changed.project)
        del project.unmoved[:]
        return ProjectChange(project, memories, changed.sessions, changed.rules)

    async def _settle(self, project: projects_pb2.Project) -> int:
        memories = await self._move(project, project.unmoved)
        for label in project.unmoved:
            settling = projects_pb2.SettleRequest(id=project.id, label=label)
            await self.backends.projects.call(self.backends.projects.stub.Settle, settling)
        return memories

    async def _move(self, project: projects_pb2.Project, labels: Sequence[str]) -> int:
        memory, quality = self.backends.memory, self.backends.quality
        memories = 0
        for label in labels:
            asked = memory_pb2.MoveProjectRequest(source=label, target=project.label, merges=label in project.merged)
            memories += (await memory.call(memory.stub.MoveProject, asked, move_timeout_s)).memories
            points = quality_pb2.MoveProjectRequest(source=label, target=project.label)
            await quality.call(quality.stub.MoveProject, points, move_timeout_s)
        return memories
