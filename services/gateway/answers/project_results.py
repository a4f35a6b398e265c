"""Answers of the project tools."""

from __future__ import annotations

from pydantic import BaseModel, Field

from services.gateway.answers.memory_results import Result, iso
from services.pb import projects_pb2

roots_shown_max = 10


class ProjectShape(BaseModel):
    """A project, as it is told from others."""

    label: str = Field(description="What to send as `project`; unique")
    name: str = Field(description="Several projects may have it")
    aliases: list[str]
    remote: str | None = Field(description="The address of its repository; null without one")
    first_commit: str | None = Field(description="Of its repository, where it is known")
    roots: list[str] = Field(description="Directories it was seen in, the last one first")
    package: str | None = Field(description="Its path in its repository; null for a whole repository or directory")
    seen_at: str
    unmoved: list[str] = Field(description="Earlier labels under which something is still to be moved")
    contested: bool = Field(description="Stored before projects had identities, and several fit")
    merged: list[str] = Field(description="Labels of projects that were merged into it, which a person can split again")
    likely: str | None = Field(None, description="The project that it may really be, moved")

    @classmethod
    def of(cls, project: projects_pb2.Project) -> ProjectShape:
        """The same project."""
        return cls(
            label=project.label,
            name=project.name,
            aliases=list(project.aliases),
            remote=project.remotes[-1] if project.remotes else None,
            first_commit=project.first_commits[-1] if project.first_commits else None,
            roots=list(dict.fromkeys(each.path for each in project.roots))[:roots_shown_max],
            package=project.inside or None,
            seen_at=iso(project.seen_at),
            unmoved=list(project.unmoved),
            contested=project.is_contested,
            merged=list(project.merged),
            likely=project.likely or None,
        )


class ProjectsAnswer(Result):
    """Answer of `list_projects`."""

    projects: list[ProjectShape]
    total: int
    next_cursor: str | None = Field(description="For the next page: the same call with this cursor")


class ProjectAnswer(Result):
    """Answer of `name_project`."""

    project: ProjectShape
    memories_moved: int
