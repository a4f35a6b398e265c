"""The gRPC interface of the integration service: converts messages, calls the domain."""

from __future__ import annotations

from typing import Any

from services.integration.domain.cloud_events import structured_text
from services.integration.operations.health import Condition
from services.integration.operations.intakes import Intakes
from services.integration.storage import dead_letters
from services.integration.storage.dead_letters import Chosen, DeadLetter, DeadLetters
from services.integration.storage.event_log import EventLog, Intake
from services.kit.errors import InvalidInput
from services.kit.events.event_types import BY_SUBJECT
from services.kit.events.outbox import OutgoingEvent
from services.kit.transport import rpc
from services.pb import events_pb2, events_pb2_grpc

listed_max = 200
wait_max_s = 30.0


class IntegrationServicer(events_pb2_grpc.IntegrationServicer):
    """Each method implements the rpc of its name in events.proto."""

    def __init__(self, log: EventLog, intakes: Intakes, condition: Condition) -> None:
        self._log = log
        self._dead_letters = DeadLetters(log)
        self._intakes = intakes
        self._condition = condition

    async def ListEvents(self, request: events_pb2.ListEventsRequest, _: Any) -> events_pb2.ListEventsResponse:
        user, most = rpc.caller.get(), request.most or listed_max
        if not 0 < most <= listed_max or not 0 <= request.wait_s <= wait_max_s:
            raise InvalidInput(f"most is 1 to {listed_max}, wait_s 0 to {wait_max_s:g}.")
        added = self._log.added
        events, reached = await self._log.events_of(user, request.after, most)
        if not events and request.wait_s and request.after >= 0:
            await self._log.wait(added, request.wait_s)
            events, reached = await self._log.events_of(user, reached, most)
        return events_pb2.ListEventsResponse(events=[_event(*each) for each in events], reached=reached)

    async def CreateIntake(self, request: events_pb2.CreateIntakeRequest, _: Any) -> events_pb2.CreateIntakeResponse:
        intake = await self._intakes.create(rpc.caller.get(), request.provider, request.project)
        return events_pb2.CreateIntakeResponse(intake=_intake(intake), secret=intake.secret)

    async def ListIntakes(self, _: events_pb2.ListIntakesRequest, __: Any) -> events_pb2.ListIntakesResponse:
        found = await self._intakes.of(rpc.caller.get())
        return events_pb2.ListIntakesResponse(intakes=[_intake(each) for each in found])

    async def RevokeIntake(self, request: events_pb2.RevokeIntakeRequest, _: Any) -> events_pb2.RevokeIntakeResponse:
        await self._intakes.revoke(rpc.caller.get(), request.id)
        return events_pb2.RevokeIntakeResponse(revoked=1)

    async def ReadReport(self, request: events_pb2.ReadReportRequest, _: Any) -> events_pb2.ReadReportResponse:
        read = await self._intakes.read(request.intake_id, dict(request.headers), request.body)
        answer = events_pb2.ReadReportResponse(
            user=read.intake.user,
            project=read.intake.project,
            delivery_id=read.delivery_id,
            text=read.report.text if read.report else "",
        )
        answer.at.GetCurrentTime()
        return answer

    async def ListDeadLetters(
        self, request: events_pb2.ListDeadLettersRequest, _: Any
    ) -> events_pb2.ListDeadLettersResponse:
        found = await self._dead_letters.list(request.after, request.most or dead_letters.listed_max)
        return events_pb2.ListDeadLettersResponse(letters=map(_dead_letter, found))

    async def ChangeDeadLetters(
        self, request: events_pb2.ChangeDeadLettersRequest, _: Any
    ) -> events_pb2.ChangeDeadLettersResponse:
        chosen = Chosen(tuple(request.ids), request.every, request.sink)
        if request.action == events_pb2.ChangeDeadLettersRequest.ACTION_RETRY:
            changed = await self._dead_letters.retry(chosen)
        elif request.action == events_pb2.ChangeDeadLettersRequest.ACTION_DROP:
            changed = await self._dead_letters.drop(chosen)
        else:
            raise InvalidInput("The action is missing.")
        return events_pb2.ChangeDeadLettersResponse(changed=changed)

    async def Health(self, _: events_pb2.HealthRequest, __: Any) -> events_pb2.HealthResponse:
        parts = await self._condition.check()
        return events_pb2.HealthResponse(
            parts={name: events_pb2.PartHealth(status=each.status, reason=each.reason) for name, each in parts.items()}
        )


def _event(number: int, event: OutgoingEvent) -> events_pb2.CloudEvent:
    kind = BY_SUBJECT[event.subject].type
    return events_pb2.CloudEvent(number=number, id=event.id, type=kind, json=structured_text(event))


def _dead_letter(letter: DeadLetter) -> events_pb2.DeadLetter:
    message = events_pb2.DeadLetter(
        number=letter.number,
        sink=letter.sink,
        id=letter.event.id,
        type=BY_SUBJECT[letter.event.subject].type,
        user=letter.event.user,
        reason=letter.reason,
        waits=letter.waits,
    )
    message.buried_at.FromDatetime(letter.buried_at)
    return message


def _intake(intake: Intake) -> events_pb2.Intake:
    message = events_pb2.Intake(id=intake.id, provider=intake.provider, project=intake.project)
    message.created_at.FromDatetime(intake.created_at)
    return message
