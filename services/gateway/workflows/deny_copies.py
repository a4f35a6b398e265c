"""The copy of the user's denies that a hook keeps, so that they hold while no gateway answers it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.gateway.directory.whereabouts import Whereabouts
from services.gateway.workflows.sessions import Sessions
from services.kit.errors import ServiceError
from services.pb import session_pb2


async def copy_of_denies(sessions: Sessions, where: Whereabouts, known: str | None) -> Mapping[str, Any] | None:
    """The denies that hold there; None for a hook that has these already, or keeps none, or where nobody tells them."""
    if known is None:
        return None
    session = sessions.backends.session
    request = session_pb2.DeniesAtRequest(which=where.which, project=where.project, root=where.root)
    try:
        answer: session_pb2.DeniesAtResponse = await session.call(session.stub.DeniesAt, request)
    except ServiceError:  # what was asked is answered all the same
        return None
    if answer.version == known:
        return None
    return {"version": answer.version, "denies": [_deny(rule) for rule in answer.rules]}


def _deny(rule: session_pb2.Rule) -> dict[str, Any]:
    return {
        "operation": rule.operation,
        "pattern": rule.pattern,
        "exact": rule.exact,
        "root": rule.root,
        "everywhere": rule.scope == "always",
        "expires_at": rule.expires_at.ToMilliseconds() / 1e3 if rule.HasField("expires_at") else None,
    }
