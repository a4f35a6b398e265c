"""The gRPC interface of the memory service: converts messages, calls the domain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from services.kit.errors import InvalidInput, LimitExceeded, ServiceError, TooLarge
from services.kit.names import plain_name
from services.kit.transport import rpc
from services.memory import deletion_messages, messages, part_messages
from services.memory.domain.memories import Chosen, Kind, Outcome, normalise_project_name
from services.memory.domain.rows import ProjectMove
from services.memory.operations.move_project import MovingProject
from services.memory.search_servicer import SearchServicer
from services.memory.serving import Domain
from services.pb import memory_pb2, memory_pb2_grpc

batch_max = 256
Sent = TypeVar("Sent")
Read = TypeVar("Read")


class MemoryServicer(SearchServicer, memory_pb2_grpc.MemoryServicer):
    """Each method implements the rpc of its name in memory.proto."""

    def __init__(self, domain: Domain, share_by_default: bool, *, answers_searches: bool = True) -> None:
        super().__init__(domain if answers_searches else None)
        self._domain = domain
        self._share_by_default = share_by_default

    async def Store(self, request: memory_pb2.StoreRequest, _: Any) -> memory_pb2.StoreResponse:
        count = len(request.memories) + len(request.links)
        if count > batch_max:
            raise TooLarge(f"{count} memories in one call; it takes {batch_max} at most.")
        if request.each:
            return await self._store_each(request)
        memories = [messages.new_memory(each, self._share_by_default) for each in request.memories]
        links = [messages.link(each, each.created_at.ToDatetime(UTC)) for each in request.links]
        how = {"only_known": request.only_known, "deleted_too": request.deleted_too}
        user = rpc.caller.get()
        outcomes = await (await self._domain.of(user)).storing.remember(user, memories, **how)
        links_stored = await self._domain.linking.restore(user, links)
        return memory_pb2.StoreResponse(
            outcomes=[messages.outcome_message(each) for each in outcomes], links_stored=links_stored
        )

    async def _store_each(self, request: memory_pb2.StoreRequest) -> memory_pb2.StoreResponse:
        user = rpc.caller.get()
        memories, unread = _readable_parts(
            request.memories, lambda each: messages.new_memory(each, self._share_by_default)
        )
        links, unread_links = _readable_parts(
            request.links, lambda each: messages.link(each, each.created_at.ToDatetime(UTC))
        )
        how = {"only_known": request.only_known, "deleted_too": request.deleted_too}
        storing = (await self._domain.of(user)).storing
        outcomes = await storing.remember_each(user, list(memories.values()), **how)
        stored = dict(zip(memories, outcomes, strict=True))
        linked = dict(zip(links, await self._domain.linking.restore_each(user, list(links.values())), strict=True))
        return memory_pb2.StoreResponse(
            outcomes=[messages.outcome_message(each) for each in stored.values() if isinstance(each, Outcome)],
            links_stored=sum(each is True for each in linked.values()),
            refused_memories=messages.refusal_messages({**stored, **unread}),
            refused_links=messages.refusal_messages({**linked, **unread_links}),
        )

    async def LinkProjects(self, request: memory_pb2.Link, _: Any) -> memory_pb2.Link:
        link = await self._domain.linking.link(rpc.caller.get(), messages.link(request, datetime.now(UTC)))
        return messages.link_message(link)

    async def UnlinkProjects(self, request: memory_pb2.UnlinkRequest, _: Any) -> memory_pb2.UnlinkResponse:
        unlinked = await self._domain.linking.unlink(
            rpc.caller.get(), plain_name(request.source), plain_name(request.target)
        )
        return memory_pb2.UnlinkResponse(unlinked=unlinked)

    async def ListLinks(self, request: memory_pb2.ListLinksRequest, _: Any) -> memory_pb2.ListLinksResponse:
        links = await self._domain.linking.links(rpc.caller.get(), normalise_project_name(request.project))
        return memory_pb2.ListLinksResponse(links=[messages.link_message(each) for each in links])

    async def MoveProject(self, request: memory_pb2.MoveProjectRequest, _: Any) -> memory_pb2.MoveProjectResponse:
        source, target = normalise_project_name(request.source), normalise_project_name(request.target)
        move = ProjectMove(rpc.caller.get(), source, target, merges=request.merges, splits=request.splits)
        moving = MovingProject(self._domain.storing, self._domain.linking)
        return memory_pb2.MoveProjectResponse(memories=await moving.move(move, dry_run=request.dry_run))

    async def Stats(self, request: memory_pb2.StatsRequest, _: Any) -> memory_pb2.StatsResponse:
        since = request.since.ToDatetime(UTC) if request.HasField("since") else None
        stats = await self._domain.condition.stats(rpc.caller.get(), normalise_project_name(request.project), since)
        total = stats.conversations + stats.reflections
        return memory_pb2.StatsResponse(
            conversations=stats.conversations,
            reflections=stats.reflections,
            projects=stats.projects,
            embedding_coverage=stats.embedded / total if total else 1.0,
            storage_bytes=stats.storage_bytes,
            oldest=messages.time_message(stats.oldest),
            most_recent=messages.time_message(stats.most_recent),
            degraded=stats.degraded,
            shared_by_caller=stats.shared_by_user,
            shared_by_others=stats.shared_by_others,
            retention=await self._domain.retaining.describe(rpc.caller.get(), normalise_project_name(request.project)),
            stored_since=stats.stored_since,
            last_stored=messages.time_message(stats.last_stored),
        )

    async def Usage(self, _: memory_pb2.UsageRequest, __: Any) -> memory_pb2.UsageResponse:
        memories, content_bytes = await self._domain.condition.usage(rpc.caller.get())
        return memory_pb2.UsageResponse(memories=memories, content_bytes=content_bytes)

    async def Check(self, _: memory_pb2.CheckRequest, __: Any) -> memory_pb2.CheckResponse:
        return part_messages.check_message(await self._domain.condition.check())

    async def Delete(self, request: memory_pb2.DeleteRequest, _: Any) -> memory_pb2.DeleteResponse:
        before = request.before.ToDatetime(UTC) if request.HasField("before") else None
        kinds = () if request.ids or request.include_reflections else (Kind.CONVERSATION,)
        chosen = Chosen(tuple(map(str.strip, request.ids)), normalise_project_name(request.project), before, kinds)
        deletion = await self._domain.deleting.forget(rpc.caller.get(), chosen, request.confirmation)
        return deletion_messages.deletion_message(deletion)

    async def Undelete(self, request: memory_pb2.UndeleteRequest, _: Any) -> memory_pb2.UndeleteResponse:
        ids = [each.strip() for each in request.ids]
        undone = await self._domain.deleting.undelete(rpc.caller.get(), ids, last=request.last)
        return deletion_messages.undone_message(ids, undone)

    async def ListDeleted(self, request: memory_pb2.ListDeletedRequest, _: Any) -> memory_pb2.ListDeletedResponse:
        found = await self._domain.deleting.deleted_ids(rpc.caller.get(), request.ids)
        return memory_pb2.ListDeletedResponse(ids=sorted(found))

    async def Update(self, request: memory_pb2.UpdateRequest, _: Any) -> memory_pb2.UpdateResponse:
        user = rpc.caller.get()
        done = await (await self._domain.of(user)).correcting.update(user, request.id.strip(), messages.edit(request))
        return memory_pb2.UpdateResponse(
            memory=messages.memory_message(done.memory), changed=done.changed, redactions=done.redactions
        )

    async def Withdraw(self, request: memory_pb2.WithdrawRequest, _: Any) -> memory_pb2.WithdrawResponse:
        user = rpc.caller.get()
        memory = await (await self._domain.of(user)).correcting.withdraw(
            user, request.id.strip(), withdrawn=request.withdrawn
        )
        return memory_pb2.WithdrawResponse(memory=messages.memory_message(memory))

    async def SettleReplacement(
        self, request: memory_pb2.SettleReplacementRequest, _: Any
    ) -> memory_pb2.SettleReplacementResponse:
        newer, older = request.newer.strip(), request.older.strip()
        user = rpc.caller.get()
        await (await self._domain.of(user)).settling.settle(user, newer, older, messages.verdict(request.verdict))
        return memory_pb2.SettleReplacementResponse()

    async def Export(self, request: memory_pb2.ExportRequest, _: Any) -> memory_pb2.ExportResponse:
        page = await self._domain.exporting.page(rpc.caller.get(), request.after, request.limit)
        memories = [messages.memory_message(each) for each in page.memories]
        return memory_pb2.ExportResponse(memories=memories, next=page.next)

    async def Share(self, request: memory_pb2.ShareRequest, _: Any) -> memory_pb2.ShareResponse:
        await self._domain.storing.share(rpc.caller.get(), request.id, request.shared)
        return memory_pb2.ShareResponse()

    async def Removals(self, request: memory_pb2.RemovalsRequest, _: Any) -> memory_pb2.RemovalsResponse:
        found = await self._domain.deleting.removals(
            rpc.caller.get(), normalise_project_name(request.project), request.limit
        )
        return memory_pb2.RemovalsResponse(removals=[deletion_messages.removal_message(each) for each in found])

    async def SetRetention(self, request: memory_pb2.SetRetentionRequest, _: Any) -> memory_pb2.Retention:
        user, rule = rpc.caller.get(), deletion_messages.rule(request.retention)
        if request.reset:
            return deletion_messages.retention_message(await self._domain.retaining.reset_rule(user, rule.project))
        return deletion_messages.retention_message(await self._domain.retaining.set_rule(user, rule))

    async def ListRetention(self, _: memory_pb2.ListRetentionRequest, __: Any) -> memory_pb2.ListRetentionResponse:
        found = await self._domain.retaining.rules(rpc.caller.get())
        retentions = [deletion_messages.retention_message(each) for each in found]
        return memory_pb2.ListRetentionResponse(retentions=retentions, waiting=self._domain.retaining.trouble)

    async def Backup(self, request: memory_pb2.BackupRequest, _: Any) -> memory_pb2.BackupResponse:
        path, manifest = await self._domain.backups.make(Path(request.directory))
        memories = sum(part.counts.get("memories", 0) for part in manifest.parts.values())
        return memory_pb2.BackupResponse(path=str(path), memories=memories, bytes=manifest.bytes)

    async def ListBackups(self, _: memory_pb2.ListBackupsRequest, __: Any) -> memory_pb2.ListBackupsResponse:
        found, schedule = await self._domain.backups.written(), self._domain.backups.schedule
        return part_messages.backups_message(found, schedule)


def _readable_parts(
    sent: Sequence[Sent], read: Callable[[Sent], Read]
) -> tuple[dict[int, Read], dict[int, ServiceError]]:
    """The items that could be read, and the errors of the others; by position."""
    found: dict[int, Read] = {}
    refused: dict[int, ServiceError] = {}
    for place, each in enumerate(sent):
        try:
            found[place] = read(each)
        except (InvalidInput, LimitExceeded) as error:
            refused[place] = error
    return found, refused
