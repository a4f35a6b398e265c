"""The session service's gRPC interface: protobuf in, domain calls, protobuf out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from services.kit.errors import InvalidInput
from services.kit.names import plain_name
from services.kit.transport import rpc
from services.pb import session_pb2 as pb
from services.pb import session_pb2_grpc
from services.session import messages
from services.session.domain.conversations import Heard, Reason
from services.session.domain.permissions import Recorded, Scope, Verdict, denies_version
from services.session.domain.sessions import NewCheckpoint, Opening
from services.session.operations.conversation_log import Closing, checkpoints_handed_off_max
from services.session.operations.health import Condition
from services.session.operations.lifecycle import Lifecycle
from services.session.operations.permission_service import Asked, Deciding
from services.session.operations.session_lookup import Finding
from services.session.permissions.operation_kinds import rule_text
from services.session.permissions.proposals import Shown


class SessionServicer(session_pb2_grpc.SessionServicer):
    """Each method implements the rpc of its name in session.proto."""

    def __init__(self, lifecycle: Lifecycle, finding: Finding, deciding: Deciding, condition: Condition) -> None:
        self._lifecycle = lifecycle
        self._log = lifecycle.conversations
        self._handoffs = lifecycle.handoffs
        self._finding = finding
        self._deciding = deciding
        self._condition = condition

    async def Init(self, request: pb.InitRequest, _: Any) -> pb.InitResponse:
        which = messages.which(request.which)
        facts = messages.facts(request.abandoned)
        opening = Opening(which, request.project, request.root, facts, request.conversation.strip())
        opened = await self._lifecycle.init(rpc.caller.get(), opening, request.operation_id)
        return pb.InitResponse(
            session=messages.session(opened.session),
            resumed=opened.resumed,
            previous_handoff=messages.handoff(opened.previous) if opened.previous else None,
            handoffs=[messages.handoff(each) for each in opened.handoffs],
        )

    async def CompleteInit(self, request: pb.CompleteInitRequest, _: Any) -> pb.SessionResponse:
        which, quality = messages.which(request.which), messages.quality_of(request)
        session = await self._lifecycle.complete_init(rpc.caller.get(), which, quality, request.operation_id)
        return pb.SessionResponse(session=messages.session(session))

    async def Checkpoint(self, request: pb.CheckpointRequest, _: Any) -> pb.CheckpointResponse:
        new = NewCheckpoint(
            note=request.note,
            quality=messages.quality_of(request),
            git_commit=request.git_commit,
            git_message=request.git_message,
            git_skipped_reason=request.git_skipped_reason,
            files_changed=tuple(request.files_changed),
            decisions=tuple(request.decisions),
        )
        which = messages.which(request.which)
        session, checkpoint = await self._lifecycle.checkpoint(rpc.caller.get(), which, new, request.operation_id)
        return pb.CheckpointResponse(checkpoint=messages.checkpoint(checkpoint), session=messages.session(session))

    async def End(self, request: pb.EndRequest, _: Any) -> pb.EndResponse:
        which, facts = messages.which(request.which), messages.facts(request.facts)
        session, handoff = await self._lifecycle.end(
            rpc.caller.get(), which, facts, request.operation_id, request.conversation.strip()
        )
        return pb.EndResponse(session=messages.session(session), handoff=messages.handoff(handoff))

    async def Get(self, request: pb.GetRequest, _: Any) -> pb.GetResponse:
        if not 0 <= request.checkpoints <= checkpoints_handed_off_max:
            raise InvalidInput(f"checkpoints takes 0 to {checkpoints_handed_off_max}.")
        which = messages.which(request.which)
        session, checkpoints = await self._lifecycle.get(rpc.caller.get(), which, request.checkpoints)
        return pb.GetResponse(
            session=messages.session(session), checkpoints=[messages.checkpoint(each) for each in checkpoints]
        )

    async def List(self, request: pb.ListRequest, _: Any) -> pb.ListResponse:
        found, cursor = await self._finding.page(
            rpc.caller.get(), plain_name(request.project), request.state, request.limit, request.cursor
        )
        return pb.ListResponse(sessions=[messages.session(each) for each in found], next_cursor=cursor)

    async def GetHandoff(self, request: pb.GetHandoffRequest, _: Any) -> pb.HandoffDocument:
        found = await self._lifecycle.handoff(rpc.caller.get(), request.session_id, plain_name(request.project))
        return messages.handoff(found)

    async def ListHandoffs(self, request: pb.ListHandoffsRequest, _: Any) -> pb.ListHandoffsResponse:
        project = plain_name(request.project)
        found, cursor = await self._handoffs.page(rpc.caller.get(), project, request.cursor)
        return pb.ListHandoffsResponse(handoffs=[messages.handoff_entry(each) for each in found], next_cursor=cursor)

    async def ClearHandoff(self, request: pb.ClearHandoffRequest, _: Any) -> pb.HandoffDocument:
        return messages.handoff(await self._handoffs.clear(rpc.caller.get(), request.id or request.session_id))

    async def Hear(self, request: pb.HearRequest, _: Any) -> pb.HearResponse:
        heard = Heard(
            request.conversation.strip(),
            request.working_directory,
            request.project,
            request.begins,
            tuple(request.digests),
            request.recap,
        )
        conversation, session_id = await self._log.hear(rpc.caller.get(), heard)
        return pb.HearResponse(conversation=messages.conversation(replace(conversation, session_id=session_id)))

    async def CloseConversation(self, request: pb.CloseConversationRequest, _: Any) -> pb.CloseConversationResponse:
        if request.reason not in set(Reason):
            raise InvalidInput(f"reason is none of {', '.join(Reason)}.")
        facts, reason = messages.facts(request.facts), Reason(request.reason)
        closing = Closing(request.conversation.strip(), request.working_directory, request.project, facts, reason)
        closed = await self._log.close(rpc.caller.get(), closing)
        return pb.CloseConversationResponse(
            handoff=messages.handoff(closed.handoff) if closed.handoff else None,
            is_written=closed.is_written,
            session_ended=closed.session_ended,
        )

    async def ListConversations(self, request: pb.ListConversationsRequest, _: Any) -> pb.ListConversationsResponse:
        found = await self._log.open_in(rpc.caller.get(), request.project, request.limit)
        return pb.ListConversationsResponse(
            conversations=[messages.conversation(each, is_quiet=is_quiet) for each, is_quiet in found]
        )

    async def ListRecentHandoffs(self, request: pb.ListRecentHandoffsRequest, _: Any) -> pb.ListRecentHandoffsResponse:
        project, directory = plain_name(request.project), request.working_directory
        found = await self._log.handoffs(rpc.caller.get(), project, directory)
        return pb.ListRecentHandoffsResponse(handoffs=[messages.handoff(each) for each in found])

    async def Owe(self, request: pb.OweRequest, _: Any) -> pb.OweResponse:
        which = messages.which(request.which)
        deferred = await self._lifecycle.defer(rpc.caller.get(), which, request.id, request.kind, request.payload)
        return pb.OweResponse(owed=messages.pending_message(deferred))

    async def Paid(self, request: pb.PaidRequest, _: Any) -> pb.PaidResponse:
        return pb.PaidResponse(
            paid=await self._lifecycle.settle_pending(rpc.caller.get(), request.session_id, request.id)
        )

    async def ListPending(self, request: pb.ListPendingRequest, _: Any) -> pb.ListPendingResponse:
        found = await self._lifecycle.pending(rpc.caller.get(), request.limit)
        return pb.ListPendingResponse(pending=[messages.pending_message(each) for each in found])

    async def CheckPermission(self, request: pb.CheckPermissionRequest, _: Any) -> pb.CheckPermissionResponse:
        decision = await self._deciding.check(rpc.caller.get(), _permission_question(request))
        return pb.CheckPermissionResponse(
            decision=decision.verdict,
            security_level=decision.level.name.lower(),
            reason=decision.reason,
            rule=messages.rule(decision.rule) if decision.rule else None,
            is_persons=decision.is_persons,
            may_be_denied=decision.may_be_denied,
            denies_version=decision.denies_version,
        )

    async def DeniesAt(self, request: pb.DeniesAtRequest, _: Any) -> pb.DeniesAtResponse:
        asked = Asked("", "", messages.which(request.which), plain_name(request.project), request.root)
        rules = await self._deciding.denies_at(rpc.caller.get(), asked)
        return pb.DeniesAtResponse(version=denies_version(rules), rules=[messages.rule(rule) for rule in rules])

    async def RecordPermission(self, request: pb.RecordPermissionRequest, _: Any) -> pb.RecordPermissionResponse:
        if request.decision not in {Verdict.ALLOW, Verdict.DENY}:
            raise InvalidInput("decision is neither allow nor deny.")
        scope = request.scope or Scope.SESSION
        if scope not in set(Scope):
            raise InvalidInput(f"scope is none of {', '.join(Scope)}.")
        verdict = Verdict(request.decision)
        is_counted = request.only_counted and request.by_person
        recorded = Recorded(verdict, Scope(scope), request.expires_in_s, request.exact, request.by_person, is_counted)
        made = await self._deciding.record(
            rpc.caller.get(), _permission_question(request), recorded, request.operation_id
        )
        return pb.RecordPermissionResponse(
            rule=messages.rule(made.rule),
            status="proposed" if made.is_proposed else "recorded",
            warnings=made.warnings,
        )

    async def PermissionStatus(self, request: pb.PermissionStatusRequest, _: Any) -> pb.PermissionStatusResponse:
        where = messages.which(request.which)
        asked = Asked("", "", where, plain_name(request.project), request.root)
        status = await self._deciding.status(rpc.caller.get(), asked, request.history)
        allows = [rule for rule in status.rules if rule.verdict is Verdict.ALLOW]
        return pb.PermissionStatusResponse(
            trusted_operations=sorted({rule.operation for rule in allows if not rule.pattern}),
            auto_approve_patterns=sorted({rule_text(rule.operation, rule.pattern) for rule in allows if rule.pattern}),
            history=[messages.audit_line(line) for line in status.history],
            security_level=status.level.name.lower(),
            rules=[messages.rule(rule) for rule in status.rules],
            proposals=[messages.proposal(each) for each in status.proposals],
        )

    async def RevokePermission(self, request: pb.RevokePermissionRequest, _: Any) -> pb.RevokePermissionResponse:
        revoke = self._deciding.revoke if request.by_person else self._deciding.withdraw
        revoked = await revoke(
            rpc.caller.get(), request.rule_id.strip(), request.all, plain_name(request.project), request.operation_id
        )
        return pb.RevokePermissionResponse(
            revoked=revoked.count, proposed=[messages.proposal(each) for each in revoked.proposed]
        )

    async def DecideProposal(self, request: pb.DecideProposalRequest, _: Any) -> pb.DecideProposalResponse:
        shown = Shown(request.operation, request.target, request.scope, request.exact, request.rule_id, request.all)
        decided = await self._deciding.decide(
            rpc.caller.get(), request.id, request.accept, request.operation_id, shown if request.is_shown else None
        )
        return pb.DecideProposalResponse(proposal=messages.proposal(decided))

    async def Check(self, _: pb.CheckRequest, __: Any) -> pb.CheckResponse:
        parts, active = await self._condition.check()
        return pb.CheckResponse(
            parts={name: pb.Part(status=part.status, reason=part.reason) for name, part in parts.items()},
            active_sessions=active,
        )


def _permission_question(request: pb.CheckPermissionRequest | pb.RecordPermissionRequest) -> Asked:
    which = messages.which(request.which)
    return Asked(request.operation, request.target, which, plain_name(request.project), request.root)
