"""`/v1/permissions`: what a person sees of the rules, and decides, by `segue permissions`, `permit`, `deny`, `revoke`.

The tools of a model only propose what widens; this is the other door, and no tool leads to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.gateway.answers.permission_shapes import PermissionsAnswer, ProposalShape, RuleAnswer, RuleShape
from services.gateway.backends import SessionBackend
from services.gateway.directory.client_reports import Asked, Client
from services.gateway.directory.whereabouts import Whereabouts, whereabouts
from services.gateway.directory.working_directory import Workplace
from services.gateway.endpoints.json_requests import caller_mistakes, fields, json_value
from services.kit.errors import InvalidInput
from services.pb import session_pb2
from services.workspace.directory_identity import PROJECT_META

history_max = 20
TEXTS = ("action", "id", "operation", "target", "scope", "operation_id")


class Decisions:
    """The endpoints."""

    def __init__(self, session: SessionBackend, workplace: Workplace) -> None:
        self._session = session
        self._workplace = workplace

    async def rules(self, request: Request) -> Response:
        """`?directory=` → what holds there, or everywhere without it, and what is proposed."""
        return JSONResponse(await self._rules(request))

    async def check(self, request: Request) -> Response:
        """`{"operation", "target", "directory"}` → what the rules say, and why."""
        with caller_mistakes("The question"):
            texts, given = _read(await fields(request))
        return JSONResponse(await self.answer(texts, _directory_of(given)))

    async def decide(self, request: Request) -> Response:
        """`{"action": permit|deny|revoke, "id"}`, or for a new rule its operation, target, scope and directory. What is
        sent again with the same `operation_id` is done once."""
        with caller_mistakes("The decision"):
            texts, given = _read(await fields(request))
        return JSONResponse(await self.carry_out(texts, given))

    async def _rules(self, request: Request) -> dict[str, Any]:
        where = await self._where(_directory_of(request.query_params))
        asked = session_pb2.PermissionStatusRequest(
            project=where.project, root=where.root, which=where.which, history=history_max
        )
        return PermissionsAnswer.of(await self._session.call(self._session.stub.PermissionStatus, asked)).model_dump(
            mode="json"
        )

    async def answer(self, texts: Mapping[str, str], place: Asked) -> dict[str, Any]:
        """What the rules say of an `operation` on a `target` there, and why."""
        where = await self._where(place)
        asked = session_pb2.CheckPermissionRequest(
            operation=texts["operation"],
            target=texts["target"],
            which=where.which,
            project=where.project,
            root=where.root,
        )
        answer = await self._session.call(self._session.stub.CheckPermission, asked)
        rule = RuleShape.of(answer.rule).model_dump(mode="json") if answer.HasField("rule") else None
        said = {"decision": answer.decision, "security_level": answer.security_level, "reason": answer.reason}
        return {**said, "rule": rule}

    async def carry_out(self, texts: Mapping[str, str], given: Mapping[str, Any]) -> dict[str, Any]:
        """What a person decides: `texts` has all of TEXTS, `given` what else the decision says."""
        if texts["action"] not in {"permit", "deny", "revoke"}:
            raise InvalidInput("action is permit, deny or revoke.")
        if texts["action"] == "revoke":
            return await self._revoke(texts, given)
        if texts["id"]:
            return await self._decide_proposal(texts, accept=texts["action"] == "permit")
        return await self._record(texts, given)

    async def _record(self, texts: Mapping[str, str], given: Mapping[str, Any]) -> dict[str, Any]:
        where = await self._where(_directory_of(given))
        asked = session_pb2.RecordPermissionRequest(
            operation=texts["operation"],
            target=texts["target"],
            decision="allow" if texts["action"] == "permit" else "deny",
            scope=texts["scope"] or "project",
            expires_in_s=float(given.get("expires_in_s") or 0.0),
            which=where.which,
            project=where.project,
            root=where.root,
            operation_id=_operation_id(texts),
            by_person=True,
            exact=given.get("exact") is True,
        )
        answer = await self._session.call(self._session.stub.RecordPermission, asked)
        return RuleAnswer.of(answer).model_dump(mode="json")

    async def _decide_proposal(self, texts: Mapping[str, str], *, accept: bool) -> dict[str, Any]:
        asked = session_pb2.DecideProposalRequest(id=texts["id"], accept=accept, operation_id=_operation_id(texts))
        answer = await self._session.call(self._session.stub.DecideProposal, asked)
        return {"proposal": ProposalShape.of(answer.proposal).model_dump(mode="json"), "accepted": accept}

    async def _revoke(self, texts: Mapping[str, str], given: Mapping[str, Any]) -> dict[str, Any]:
        asked = session_pb2.RevokePermissionRequest(
            rule_id=texts["id"], all=given.get("all") is True, by_person=True, operation_id=_operation_id(texts)
        )
        answer = await self._session.call(self._session.stub.RevokePermission, asked)
        return {"revoked": answer.revoked}

    async def _where(self, place: Asked) -> Whereabouts:
        if not place.directory:
            return Whereabouts(session_pb2.Which())
        return await whereabouts(self._session, self._workplace, place)


def _operation_id(texts: Mapping[str, str]) -> str:
    """The caller's own, so that a repetition is the same decision; else a new one."""
    return f"person-{texts['operation_id']}" if texts.get("operation_id") else str(uuid4())


def _directory_of(given: Mapping[str, Any]) -> Asked:
    """The directory, with what the client sees of its project, if it tells."""
    directory, identity, place = (given.get(name) or "" for name in ("directory", "identity", "place"))
    if isinstance(place, str) and place:
        place = json_value(place.encode("utf-8", "replace"), "place")
    if not isinstance(directory, str) or not isinstance(identity, str):
        raise InvalidInput("directory and identity are texts.")
    directory = directory.encode("utf-8", "replace").decode()
    client = Client(directory, identity, {PROJECT_META: place}) if identity and place else None
    return Asked(directory, client)


def _read(given: Mapping[str, Any]) -> tuple[dict[str, str], Mapping[str, Any]]:
    """The texts of the body, empty where they are missing, and all of it. InvalidInput for another kind of value."""
    texts = {name: given.get(name) or "" for name in TEXTS}
    if not all(isinstance(each, str) for each in texts.values()):
        raise InvalidInput(f"{', '.join(TEXTS)} are texts.")
    expires_in_s = given.get("expires_in_s") or 0
    if isinstance(expires_in_s, bool) or not isinstance(expires_in_s, int | float):
        raise InvalidInput("expires_in_s is a number of seconds.")
    return {name: text.encode("utf-8", "replace").decode() for name, text in texts.items()}, given
