"""The permission tools towards the session service: each call is an operation of its own, that may be repeated."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from fastmcp import Client, FastMCP

from services.gateway.directory.working_directory import Workplace
from services.gateway.tools import permissions
from services.kit.errors import NotFound
from services.pb import session_pb2


class Session:
    """Stands in for the session service; keeps what it is asked."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        names = ("Get", "RecordPermission", "RevokePermission")
        self.stub = SimpleNamespace(**{name: name for name in names})

    async def call(self, method: str, request: Any) -> Any:
        if method == "Get":
            raise NotFound("There is no active session here.")
        self.requests.append(request)
        return getattr(session_pb2, f"{method}Response")()


async def test_each_decision_has_an_operation_id_of_its_own() -> None:
    session, mcp = Session(), FastMCP("segue")
    permissions.register(mcp, session, Workplace(()))  # type: ignore[arg-type]  # a stand-in
    async with Client(mcp) as client:
        for _ in range(2):
            arguments = {"operation": "bash", "decision": "allow", "target": "make", "scope": "always"}
            await client.call_tool("record_permission", arguments, raise_on_error=False)
            await client.call_tool("revoke_permission", {"all": True}, raise_on_error=False)
    ids = [request.operation_id for request in session.requests]
    assert len(ids) == len(set(ids)) == 4
    assert all(ids)
