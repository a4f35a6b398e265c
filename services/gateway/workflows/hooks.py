"""What the hooks of a coding agent bring about: sessions that begin and end by themselves, briefings, permissions.

A briefing that is not ready while the client waits is given at the next hook that can. It is kept in this process:
where it is lost the model goes without one, and nothing else is lost.
"""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from services.gateway.access.identity import current_user
from services.gateway.directory.client_reports import Asked, Client, Wanted
from services.gateway.directory.whereabouts import Whereabouts, whereabouts
from services.gateway.workflows.background_tasks import Background
from services.gateway.workflows.briefing import NOTHING, Briefing, compose
from services.gateway.workflows.recall import Recalling
from services.gateway.workflows.sessions import Sessions
from services.kit.errors import Conflict, LimitExceeded, NotFound, ServiceError
from services.pb import session_pb2
from services.workspace.directory_identity import IDENTITY_META

briefed_after = frozenset({"startup", "clear", "compact", ""})
"""A conversation that is resumed has its briefing in it already."""
undelivered_max = 200
owed_age_max_s = 900
clients_max = 500
echo_s = 2.0
learned_of = frozenset({"Bash"})
"""Tools whose target is all that the user was asked about."""
deciding_tools = ("__record_permission", "__revoke_permission")
unasked_modes = frozenset({"bypassPermissions", "dontAsk"})
"""Of the client: the user chose that nothing is asked."""
counted_for_s = 1e-3
"""How long one allow in a dialog holds beyond it: it is only counted."""
_PATHS = ("file_path", "notebook_path", "path")
LEVELS = {"low": 1, "medium": 2, "high": 3, "critical": 4}
note_before_compaction = "Before the conversation was compacted."


@dataclass(frozen=True, slots=True)
class HookEvent:
    """What a hook told; what it did not is empty."""

    directory: str = ""
    session: str = ""
    source: str = ""
    mode: str = ""
    tool: str = ""
    tool_input: Mapping[str, str] = field(default_factory=dict)
    prompt: str = ""
    delivery: str = ""
    files: Sequence[str] = ()
    tokens: int = 0
    prompt_tokens: int = 0
    within_s: float = 0.0
    age_s: int = 0
    meta: Mapping[str, Any] = field(default_factory=dict)

    @property
    def which(self) -> session_pb2.Which:
        """The session of the directory in which the conversation began."""
        return session_pb2.Which(working_directory=self.directory)

    @property
    def call_directory(self) -> Asked:
        """The directory, and what the client says of it."""
        identity = self.meta.get(IDENTITY_META)
        known = isinstance(identity, str) and identity and self.directory
        return Asked(self.directory, Client(self.directory, str(identity), self.meta) if known else None)

    @property
    def is_on_file(self) -> bool:
        """Whether the target is a path."""
        return not self.tool_input.get("command") and self.target in {self.tool_input.get(key) for key in _PATHS}

    @property
    def target(self) -> str:
        """What the tool is to work on."""
        named = (self.tool_input.get(key, "") for key in ("command", "file_path", "notebook_path", "url", "path"))
        return next((each for each in named if each), "")


@dataclass(frozen=True, slots=True)
class Said:
    """What the client is to do, as it wants it told; and what the model is given with it."""

    answer: dict[str, Any]
    briefing: Briefing = NOTHING


LATER = Said({})
"""The briefing is not ready: ask again."""
Handler = Callable[[HookEvent], Awaitable[Said | None]]


class Hooks:
    """The handlers. One instance a gateway."""

    def __init__(self, sessions: Sessions, background: Background) -> None:
        self._sessions = sessions
        self._background = background
        self._recalling = Recalling(sessions.backends, sessions.derived_texts)
        self._undelivered: OrderedDict[tuple[str, str], asyncio.Task[Briefing]] = OrderedDict()
        self._began: OrderedDict[tuple[str, str, str], float] = OrderedDict()
        self._clients: OrderedDict[tuple[str, str], set[str]] = OrderedDict()
        self.handlers: Mapping[str, Handler] = {
            "SessionStart": self.session_start,
            "UserPromptSubmit": self.user_prompt_submit,
            "PreToolUse": self.pre_tool_use,
            "PermissionRequest": self.permission_request,
            "PostToolUse": self.post_tool_use,
            "PreCompact": self.pre_compact,
            "Stop": self.stop,
            "SessionEnd": self.session_end,
        }

    async def session_start(self, event: HookEvent) -> Said | None:
        """Begins the session; the briefing, if it is there in time, and else at a later hook."""
        user = current_user()
        self._note_client(user, event)
        if self._is_echo(user, event):
            return None
        briefing = None
        if event.tokens and event.source in briefed_after and event.age_s < owed_age_max_s:
            briefing = self._undelivered[user, event.session] = self._background.begin(user, self._brief(event))
            while len(self._undelivered) > undelivered_max:
                self._undelivered.popitem(last=False)
        if event.delivery:  # by a process that prints nothing: a later hook gives what is owed
            begun = await self._sessions.init(event.call_directory, "")
            return Said({"cleared_copies": list(begun.cleared_copies)}) if begun.cleared_copies else None
        self._background.begin(user, self._begin(event, briefing))
        return await self._take_briefing(event, "SessionStart")

    def _is_echo(self, user: str, event: HookEvent) -> bool:
        """Whether the client told the same a moment ago: one that has the hooks twice, by a plugin and by hand."""
        key, now = (user, event.session, event.source), asyncio.get_running_loop().time()
        began = self._began.get(key, -echo_s)
        if event.delivery or not event.session:
            return False
        self._began[key] = now
        while len(self._began) > clients_max:
            self._began.popitem(last=False)
        return now - began < echo_s

    async def _brief(self, event: HookEvent) -> Briefing:
        project = await self._sessions.workplace.name(event.call_directory)
        handoff, sections = await self._recalling.for_start(project)
        return compose(handoff, sections, event.tokens)

    async def _begin(self, event: HookEvent, after: asyncio.Task[Briefing] | None = None) -> None:
        """Begins the session, where the gateway sees its directory; where not, the hook has it begun with a report.
        The client waits for the briefing: what is looked at here comes `after` it."""
        if after:
            await asyncio.wait({after})
        with suppress(Wanted):
            await self._sessions.init(event.call_directory, "")

    async def _take_briefing(self, event: HookEvent, name: str) -> Said | None:
        """The briefing that is owed to the conversation, where it is ready in time; it is given once."""
        key = (current_user(), event.session)
        task = self._undelivered.get(key)
        if task is None:
            return None
        if not (await asyncio.wait({task}, timeout=event.within_s))[0]:
            return LATER
        try:
            briefing = task.result()
        except ServiceError:
            self._undelivered.pop(key, None)
            raise
        if self._undelivered.pop(key, None) is None:  # another hook was first
            return None
        return _context(name, await self._without_deleted(briefing))

    async def _without_deleted(self, briefing: Briefing) -> Briefing:
        """The briefing; nothing, if something of it was deleted while it waited."""
        ids = [*briefing.memory_ids, *briefing.handoff_made_of]
        try:
            return NOTHING if await self._sessions.derived_texts.deletions_among(ids) else briefing
        except ServiceError:  # nobody deletes while memory is away
            return briefing

    async def user_prompt_submit(self, event: HookEvent) -> Said | None:
        """What is owed from the start; else what is remembered that belongs to the prompt, where that is wanted."""
        owed = await self._take_briefing(event, "UserPromptSubmit")
        if owed or not event.prompt_tokens or not event.prompt.strip():
            return owed
        project = await self._sessions.workplace.name(event.call_directory)
        briefing = compose(None, await self._recalling.for_prompt(project, event.prompt), event.prompt_tokens)
        return _context("UserPromptSubmit", briefing)

    async def pre_tool_use(self, event: HookEvent) -> Said | None:
        """What the user's rules say: allow or deny. What is critical is asked about unless it was allowed in so many
        words; what no rule covers is the client's to decide. Where the user turned dialogs off, only denies hold."""
        if not event.tool:
            return None
        said = await self._check_permission(event)
        if said.decision == "deny":
            return _permission("deny", f"Segue: {said.reason}. The user takes the rule back: segue revoke.")
        if said.is_persons or _widens(event):
            return _permission("ask", "Segue: it changes what may be done without asking, which only you decide.")
        return None if event.mode in unasked_modes else _opinion(said)

    async def permission_request(self, event: HookEvent) -> None:
        """Counts that the user allowed a command in the client's own dialog. One time is leave for that time alone; it
        takes as many as the session service learns after to make a rule, for this very command in this project."""
        if event.delivery and event.tool.endswith(deciding_tools):
            await self._accept_proposal(event)
        is_learned = event.delivery and event.tool in learned_of and event.target and "*" not in event.target
        if not is_learned:
            return
        said = await self._check_permission(event)
        if said.decision != "ask" or said.security_level == "critical":
            return
        session = self._sessions.backends.session
        allowed = session_pb2.RecordPermissionRequest(
            operation=event.tool,
            target=event.target,
            decision="allow",
            scope="session",
            expires_in_s=counted_for_s,
            which=event.which,
            operation_id=f"hook-{event.delivery}",
            by_person=True,
        )
        with suppress(Conflict, LimitExceeded):  # a rule that came between, too long a command, or too many rules
            await session.call(session.stub.RecordPermission, allowed)

    async def _accept_proposal(self, event: HookEvent) -> None:
        """The client showed its user what the model proposes, and they let it."""
        session, told = self._sessions.backends.session, event.tool_input
        request = session_pb2.DecideProposalRequest(
            operation=told.get("operation", ""),
            target=told.get("target", ""),
            scope=told.get("scope", ""),
            rule_id=told.get("rule_id", ""),
            accept=True,
            operation_id=f"hook-{event.delivery}",
        )
        with suppress(NotFound, Conflict, LimitExceeded):  # nothing was to be decided, or it was already
            await session.call(session.stub.DecideProposal, request)

    async def _check_permission(self, event: HookEvent) -> session_pb2.CheckPermissionResponse:
        """What the rules say of the call; a deny also of the file that a link leads to, where the gateway sees it."""
        where = await whereabouts(self._sessions.backends.session, self._sessions.workplace, event.call_directory)
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

    async def post_tool_use(self, event: HookEvent) -> Said | None:
        """The session lives; and what is owed from the start."""
        await self._heartbeat(event)
        return await self._take_briefing(event, "PostToolUse")

    async def pre_compact(self, event: HookEvent) -> None:
        """A checkpoint, without a commit: nobody asked for one."""
        operation_id = f"hook-{event.delivery}" if event.delivery else ""
        try:
            await self._sessions.checkpoint(
                event.call_directory, event.which, note_before_compaction, False, operation_id
            )
        except NotFound:
            await self._sessions.init(event.call_directory, "")
            await self._sessions.checkpoint(
                event.call_directory, event.which, note_before_compaction, False, operation_id
            )

    async def stop(self, event: HookEvent) -> None:
        """The session lives."""
        await self._heartbeat(event)

    async def session_end(self, event: HookEvent) -> Said | None:
        """Ends the session with what the conversation left in memory, unless another conversation is still in it."""
        user = current_user()
        self._undelivered.pop((user, event.session), None)
        others = self._clients.get((user, event.which.working_directory), set())
        others.discard(event.session)
        if others:
            return None
        facts = await self._recalling.facts(event.session, event.files)
        try:
            ended = await self._sessions.end(event.call_directory, event.which, facts)
        except (NotFound, Conflict):  # the model ended it, or it was never begun
            return None
        document = ended.handoff
        left = {"handoff_file_created": ended.handoff_path is not None, "handoff_file_name": document.file_name}
        return Said({**left, "handoff": document.markdown})

    async def _heartbeat(self, event: HookEvent) -> None:
        self._note_client(current_user(), event)
        session = self._sessions.backends.session
        try:
            await session.call(session.stub.Get, session_pb2.GetRequest(which=event.which))
        except NotFound:
            self._background.begin(current_user(), self._begin(event))

    def _note_client(self, user: str, event: HookEvent) -> None:
        """Which conversations are at work in a directory: its session ends with the last of them."""
        key = (user, event.which.working_directory)
        self._clients.setdefault(key, set()).add(event.session)
        self._clients.move_to_end(key)
        while len(self._clients) > clients_max:
            self._clients.popitem(last=False)


def _opinion(said: session_pb2.CheckPermissionResponse) -> Said | None:
    is_allowed = said.decision == "allow" and said.HasField("rule")
    if said.security_level == "critical" and not is_allowed:
        return _permission("ask", f"Segue: {said.reason}.")
    return _permission("allow", f"Segue: {said.reason}.") if is_allowed else None


def _widens(event: HookEvent) -> bool:
    """Whether the call is to one of our own tools that propose to widen what may be done."""
    return event.tool.endswith(deciding_tools) and event.tool_input.get("decision") != "deny"


def _context(event: str, briefing: Briefing) -> Said | None:
    if not briefing.text:
        return None
    told = {"hookEventName": event, "additionalContext": briefing.text}
    return Said({"hookSpecificOutput": told, "suppressOutput": True}, briefing)


def _permission(decision: str, reason: str) -> Said:
    told = {"hookEventName": "PreToolUse", "permissionDecision": decision, "permissionDecisionReason": reason}
    return Said({"hookSpecificOutput": told, "suppressOutput": True})
