"""`/v1/intakes`: makes, lists and revokes intakes; and `/v1/intake/{id}`, where GitHub and GitLab report.

Whoever reports proves it by a signature, which the integration service checks, and acts as the user who made the
intake. What was pushed or merged becomes a memory of the project, so that it is on its timeline; the event of it has
no text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.gateway.access.identity import Caller, Scope
from services.gateway.answers.memory_results import iso
from services.gateway.backends import Backends
from services.gateway.directory.project_labels import ProjectLabels
from services.gateway.endpoints.ci_reports import known_label
from services.gateway.endpoints.events import integration_of
from services.gateway.endpoints.json_requests import caller_mistakes, fields
from services.kit.errors import InvalidInput, TooLarge
from services.pb import events_pb2, memory_pb2

body_max_bytes = 1024 * 1024
HEADERS = (
    *("x-github-event", "x-github-delivery", "x-hub-signature-256"),
    *("x-gitlab-token", "x-gitlab-event", "x-gitlab-event-uuid"),
    *("webhook-id", "webhook-timestamp", "webhook-signature"),
)
header_max_chars = 500
_uncached = {"cache-control": "no-store"}


class IntakeEndpoints:
    """The endpoints."""

    def __init__(self, backends: Backends, labels: ProjectLabels) -> None:
        self._backends = backends
        self._labels = labels

    async def create(self, request: Request) -> Response:
        """`{"provider": "github" or "gitlab", "project"}` → the path to report to, and the secret, shown this once."""
        integration, given = integration_of(self._backends), await fields(request)
        provider, project = given.get("provider"), given.get("project")
        if not isinstance(provider, str) or not isinstance(project, str):
            raise InvalidInput("provider and project are texts.")
        label = await known_label(self._backends, self._labels, project)
        with caller_mistakes("The body"):
            asked = events_pb2.CreateIntakeRequest(provider=provider, project=label)
        made: events_pb2.CreateIntakeResponse = await integration.call(integration.stub.CreateIntake, asked)
        return JSONResponse({**_shown(made.intake), "secret": made.secret}, headers=_uncached)

    async def list(self, _: Request) -> Response:
        """The caller's, oldest first, without their secrets."""
        integration = integration_of(self._backends)
        found: events_pb2.ListIntakesResponse = await integration.call(
            integration.stub.ListIntakes, events_pb2.ListIntakesRequest()
        )
        return JSONResponse({"intakes": [_shown(each) for each in found.intakes]}, headers=_uncached)

    async def revoke(self, request: Request) -> Response:
        """`{"id"}` → how many were revoked."""
        integration, which = integration_of(self._backends), (await fields(request)).get("id")
        if not isinstance(which, str):
            raise InvalidInput("id is a text.")
        with caller_mistakes("id"):
            asked = events_pb2.RevokeIntakeRequest(id=which)
        answer: events_pb2.RevokeIntakeResponse = await integration.call(integration.stub.RevokeIntake, asked)
        return JSONResponse({"revoked": answer.revoked})

    async def receive(self, request: Request) -> Response:
        """Answers once what happened is stored; a report of anything else is taken, and leaves nothing."""
        integration, body = integration_of(self._backends), await request.body()
        if len(body) > body_max_bytes:
            raise TooLarge(f"The report is over {body_max_bytes:,} bytes.")
        sent = {name: request.headers.get(name, "")[:header_max_chars] for name in HEADERS if name in request.headers}
        with caller_mistakes("The report"):
            asked = events_pb2.ReadReportRequest(intake_id=request.path_params["id"], body=body, headers=sent)
        read: events_pb2.ReadReportResponse = await integration.call(integration.stub.ReadReport, asked, user="nobody")
        if read.text:
            Caller(read.user, Scope.WRITE).enter(request.scope)
            memory = self._backends.memory
            await memory.call(memory.stub.Store, memory_pb2.StoreRequest(memories=[_memory(read)]))
        return JSONResponse({"taken": bool(read.text)})


def _memory(read: events_pb2.ReadReportResponse) -> memory_pb2.NewMemory:
    """What the report says, as said by a tool: nothing in it was decided here."""
    return memory_pb2.NewMemory(
        id=read.delivery_id,
        content=read.text,
        kind=memory_pb2.KIND_CONVERSATION,
        project=read.project,
        timestamp=read.at,
        role="tool",
        metadata=json.dumps({"source": "repository"}),
        shared=False,
    )


def _shown(intake: events_pb2.Intake) -> Mapping[str, Any]:
    named = {"id": intake.id, "provider": intake.provider, "project": intake.project}
    return {**named, "path": f"/v1/intake/{intake.id}", "created_at": iso(intake.created_at)}
