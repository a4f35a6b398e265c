"""The gRPC interface of the registry of projects."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from services.kit.errors import InvalidInput
from services.kit.transport import rpc
from services.pb import projects_pb2 as pb
from services.pb import projects_pb2_grpc
from services.session.domain.projects import Project, Sighting
from services.session.operations.project_changes import Changed, ProjectChanges
from services.session.operations.project_news import Asked, ProjectNews
from services.session.operations.project_registry import Checked, ProjectRegistry

page_max = 1_000
others_max = 100


class ProjectsServicer(projects_pb2_grpc.ProjectsServicer):
    """Each method implements the rpc of its name in projects.proto."""

    def __init__(self, registry: ProjectRegistry, changes: ProjectChanges, news: ProjectNews) -> None:
        self._registry = registry
        self._changes = changes
        self._news = news

    async def Resolve(self, request: pb.ResolveRequest, _: Any) -> pb.ResolveResponse:
        checked = Checked(
            request.checked_name,
            [_sighting(each) for each in request.others],
            request.is_stored,
            frozenset(request.standing_roots) if request.are_roots_checked else None,
            frozenset(request.origins) if request.are_roots_checked else None,
            frozenset(request.same_roots) if request.are_roots_checked else None,
            request.only_known,
        )
        resolved = await self._registry.resolve(rpc.caller.get(), _sighting(request.sighting), checked)
        return pb.ResolveResponse(
            project=project_message(resolved.project) if resolved.project else None,
            name_to_check=resolved.name,
            directories_to_check=resolved.directories[:others_max],
            roots_to_check=resolved.roots,
            namesakes=[project_message(each) for each in resolved.namesakes],
            is_new=resolved.is_new,
        )

    async def News(self, request: pb.NewsRequest, _: Any) -> pb.NewsResponse:
        asked = Asked(request.label, request.machine, request.handoff, request.tells, request.likely)
        news = await self._news.news(rpc.caller.get(), asked)
        return pb.NewsResponse(
            name=news.name, moved_from=news.moved_from, part=news.part, likely=news.likely, likely_roots=news.roots
        )

    async def Find(self, request: pb.FindRequest, _: Any) -> pb.Project:
        found = await self._registry.find(rpc.caller.get(), request.name, request.here, exact=request.exact)
        return project_message(found)

    async def List(self, request: pb.ListRequest, _: Any) -> pb.ListResponse:
        if not 1 <= request.limit <= page_max:
            raise InvalidInput(f"limit is {request.limit}; it takes 1 to {page_max}.")
        after = _after(request.cursor)
        page = await self._registry.page(rpc.caller.get(), request.name, request.limit, after)
        is_more = not request.name and len(page.projects) == request.limit
        return pb.ListResponse(
            projects=[project_message(each) for each in page.projects],
            next_cursor=_cursor(page.projects[-1]) if is_more else "",
            total=page.total,
        )

    async def Rename(self, request: pb.RenameRequest, _: Any) -> pb.ChangeResponse:
        renaming = self._changes.rename(rpc.caller.get(), request.project, request.label, is_stored=request.is_stored)
        return _change(await renaming)

    async def Merge(self, request: pb.MergeRequest, _: Any) -> pb.ChangeResponse:
        merging = self._changes.merge(
            rpc.caller.get(), request.source, request.target, dry_run=request.dry_run, is_stored=request.is_stored
        )
        return _change(await merging)

    async def Split(self, request: pb.SplitRequest, _: Any) -> pb.SplitResponse:
        splitting = self._changes.split(rpc.caller.get(), request.project, request.part, dry_run=request.dry_run)
        split = await splitting
        parts = [
            pb.Part(project=project_message(each), source=source)
            for each, source in zip(split.projects, split.sources, strict=True)
        ]
        return pb.SplitResponse(parts=parts, sessions=split.sessions, rules=split.rules)

    async def Alias(self, request: pb.AliasRequest, _: Any) -> pb.ChangeResponse:
        changing = self._changes.alias(rpc.caller.get(), request.project, request.alias, remove=request.remove)
        return _change(await changing)

    async def Settle(self, request: pb.SettleRequest, _: Any) -> pb.ChangeResponse:
        return _change(await self._changes.settle(rpc.caller.get(), request.id, request.label))


def project_message(project: Project) -> pb.Project:
    """The same, without its user, who is the caller."""
    return pb.Project(
        id=project.id,
        label=project.label,
        name=project.name,
        remotes=project.remotes,
        first_commits=project.first_commits,
        roots=[pb.Root(machine=each.machine, path=each.path, seen_at=_time(each.seen_at)) for each in project.roots],
        aliases=project.aliases,
        repository=project.repository,
        inside=project.inside,
        created_at=_time(project.created_at),
        seen_at=_time(project.seen_at),
        unmoved=project.unmoved,
        is_contested=project.is_contested,
        merged=[each.project.label for each in project.merged],
        likely=project.likely,
    )


def _sighting(message: pb.Sighting) -> Sighting:
    return Sighting(
        name=message.name,
        machine=message.machine,
        root=message.root,
        directory=message.directory,
        is_repository=message.is_repository,
        remote=message.remote,
        first_commit=message.first_commit,
        is_first_commit_unknown=message.is_first_commit_unknown,
        inside=message.inside,
        package=message.package,
        given_name=message.given_name,
        is_gone=message.is_gone,
        mark=message.mark,
        handoff=message.handoff,
        written_remote=message.written_remote,
    )


def _change(changed: Changed) -> pb.ChangeResponse:
    return pb.ChangeResponse(
        project=project_message(changed.project),
        sessions=changed.sessions,
        rules=changed.rules,
        packages=[project_message(each) for each in changed.packages],
    )


def _cursor(last: Project) -> str:
    return base64.urlsafe_b64encode(f"{last.seen_at.isoformat()} {last.id}".encode()).decode()


def _after(cursor: str) -> tuple[datetime, str] | None:
    if not cursor:
        return None
    try:
        time, _, last = base64.urlsafe_b64decode(cursor.encode()).decode().partition(" ")
        seen_at = datetime.fromisoformat(time)
    except (ValueError, binascii.Error) as error:
        raise InvalidInput("That cursor was not made here.", "Leave it out to begin again.") from error
    if seen_at.tzinfo is None or len(last) > 200:
        raise InvalidInput("That cursor was not made here.", "Leave it out to begin again.")
    return seen_at, last


def _time(time: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(time.astimezone(UTC))
    return message
