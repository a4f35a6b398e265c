"""What the user's permission rules say to the hooks of a coding agent, and what its dialogs teach."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from dataclasses import replace

from services.gateway.answers.permission_shapes import way_back
from services.gateway.directory.whereabouts import Whereabouts, whereabouts
from services.gateway.workflows.deny_copies import copy_of_denies
from services.gateway.workflows.hook_events import HookEvent, Said
from services.gateway.workflows.sessions import Sessions
from services.kit.errors import Conflict, InvalidInput, LimitExceeded, NotFound
from services.pb import session_pb2

learned_of = frozenset({"Bash", "PowerShell", "WebFetch", "Read"})
"""Tools whose target is all that the user was asked about."""
deciding_tools = ("__record_permission", "__revoke_permission")
unasked_modes = frozenset({"bypassPermissions", "dontAsk"})
"""Of the client: the user chose that nothing is asked."""
LEVELS = {"low": 1, "medium": 2, "high": 3, "critical": 4}


class PermissionHooks:
    """The handlers of PreToolUse and PermissionRequest."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def pre_tool_use(self, event: HookEvent) -> Said | None:
        """What the user's rules say: allow or deny. What is critical is asked about unless it was allowed in so many
        words, and so is what may be denied; what no rule covers is the client's to decide. Where the user turned
        dialogs off, only denies hold."""
        if not event.tool:
            return None
        where = await whereabouts(self._sessions.backends.session, self._sessions.workplace, event.call_directory)
        checked = await self._check_permission(event, where)
        said = _answer(event, checked)
        if event.denies_version in {None, checked.denies_version}:
            return said
        copy = await copy_of_denies(self._sessions, where, event.denies_version)
        return replace(said or Said({}), denies=copy) if copy else said

    async def permission_request(self, event: HookEvent) -> None:
        """Counts that the user allowed a command, an address or a file to read in the client's own dialog. One time is
        leave for that time alone; it takes as many as the session service learns after to make a rule, for this very
        target in this project."""
        if event.delivery and event.tool.endswith(deciding_tools):
            await self._accept_proposal(event)
        is_learned = event.delivery and event.tool in learned_of and event.target and "*" not in event.target
        if not is_learned:
            return
        where = await whereabouts(self._sessions.backends.session, self._sessions.workplace, event.call_directory)
        said = await self._check_permission(event, where)
        if said.HasField("rule") or said.is_persons or said.security_level == "critical":
            return
        session = self._sessions.backends.session
        allowed = session_pb2.RecordPermissionRequest(
            operation=event.tool,
            target=event.target,
            decision="allow",
            scope="project",
            project=where.project,
            root=where.root,
            only_counted=True,
            which=where.which,
            operation_id=f"hook-{event.delivery}",
            by_person=True,
        )
        with suppress(Conflict, LimitExceeded, InvalidInput):  # a rule came between, it is too long, or of no project
            await session.call(session.stub.RecordPermission, allowed)

    async def _accept_proposal(self, event: HookEvent) -> None:
        """The client showed its user what the model proposes, and they let it: what that very call proposed."""
        session, told = self._sessions.backends.session, event.tool_input
        for number, proposal in enumerate(event.proposals):
            request = session_pb2.DecideProposalRequest(
                id=proposal,
                is_shown=True,
                operation=told.get("operation", ""),
                target=told.get("target", ""),
                scope=told.get("scope", ""),
                exact=told.get("exact") == "true",
                rule_id=told.get("rule_id", ""),
                all=told.get("all") == "true",
                accept=True,
                operation_id=f"hook-{event.delivery}-{number}",
            )
            with suppress(NotFound, Conflict, LimitExceeded):  # it was decided already, or is denied meanwhile
                await session.call(session.stub.DecideProposal, request)

    async def _check_permission(self, event: HookEvent, where: Whereabouts) -> session_pb2.CheckPermissionResponse:
        """What the rules say of the call; a deny also of the file that a link leads to, where the gateway sees it."""
        said = await self._check(event.tool, event.target, where)
        if said.decision == "deny" or not event.is_on_file:
            return said
        real = await asyncio.to_thread(os.path.realpath, os.path.join(event.directory, event.target))  # noqa: PTH118  # not of this machine's user
        if real == event.target:
            return said
        behind = await self._check(event.tool, real, where)
        return (
            behind if behind.decision == "deny" or LEVELS[behind.security_level] > LEVELS[said.security_level] else said
        )

    async def _check(self, tool: str, target: str, where: Whereabouts) -> session_pb2.CheckPermissionResponse:
        session = self._sessions.backends.session
        request = session_pb2.CheckPermissionRequest(
            operation=tool, target=target, which=where.which, project=where.project, root=where.root
        )
        said: session_pb2.CheckPermissionResponse = await session.call(session.stub.CheckPermission, request)
        return said


def _answer(event: HookEvent, said: session_pb2.CheckPermissionResponse) -> Said | None:
    if said.decision == "deny":
        return _permission("deny", f"Segue: {said.reason}. {way_back(said)}")
    if said.is_persons or _widens(event):
        return _permission("ask", "Segue: it changes what may be done without asking, which only you decide.")
    return None if event.mode in unasked_modes else _opinion(said)


def _opinion(said: session_pb2.CheckPermissionResponse) -> Said | None:
    is_allowed = said.decision == "allow" and said.HasField("rule")
    if said.may_be_denied or (said.security_level == "critical" and not is_allowed):
        return _permission("ask", f"Segue: {said.reason}.")
    return _permission("allow", f"Segue: {said.reason}.") if is_allowed else None


def _widens(event: HookEvent) -> bool:
    """Whether the call is to one of our own tools that propose to widen what may be done."""
    return event.tool.endswith(deciding_tools) and event.tool_input.get("decision") != "deny"


def _permission(decision: str, reason: str) -> Said:
    told = {"hookEventName": "PreToolUse", "permissionDecision": decision, "permissionDecisionReason": reason}
    return Said({"hookSpecificOutput": told, "suppressOutput": True})
