"""What the hooks of a coding agent bring about: conversations that begin, go on and end, and briefings.

A briefing that is not ready while the client waits is given at the next hook that can. It is kept in this process:
where it is lost the model goes without one, and nothing else is lost.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta, timezone, tzinfo
from typing import Any

from services.gateway.access.identity import current_user
from services.gateway.arguments.time_expressions import local_zone
from services.gateway.directory.client_reports import Wanted
from services.gateway.directory.whereabouts import whereabouts
from services.gateway.workflows.background_tasks import Background
from services.gateway.workflows.briefing import (
    FILES_HEADING,
    NOTHING,
    QUALITY_HEADING,
    Briefing,
    Reader,
    Standing,
    compose,
)
from services.gateway.workflows.conversations import Conversations, Where
from services.gateway.workflows.deny_copies import copy_of_denies
from services.gateway.workflows.handoffs.conversation_facts import facts_of
from services.gateway.workflows.handoffs.derived_texts import DerivedTexts
from services.gateway.workflows.hook_events import LATER, Handler, HookEvent, Said
from services.gateway.workflows.permission_hooks import PermissionHooks
from services.gateway.workflows.quality import latest_summary
from services.gateway.workflows.recall import Recalling, is_typed, prompt_queries
from services.gateway.workflows.sessions import Sessions
from services.kit.errors import NotFound, ServiceError
from services.pb import session_pb2

__all__ = ["LATER", "Handler", "HookEvent", "Hooks", "Said"]

briefed_after = frozenset({"startup", "clear", "compact", "fork", ""})
"""A conversation that is resumed has its briefing in it already."""
undelivered_max = 200
owed_age_max_s = 900
began_max = 500
echo_s = 2.0
subagent_tokens_max = 400
files_within_s = 0.5
note_before_compaction = "Before the conversation was compacted."


class Hooks:
    """The handlers. One instance a gateway. `zone` is the user's, where a setting says it."""

    def __init__(
        self, sessions: Sessions, background: Background, zone: tzinfo | None = None, *, foresees_files: bool = True
    ) -> None:
        self._sessions = sessions
        self._background = background
        self._zone = zone
        self._foresees_files = foresees_files
        self._conversations = Conversations(sessions.backends, sessions.workplace)
        derived_texts = DerivedTexts(sessions.backends, sessions.workplace)
        self._recalling = Recalling(sessions.backends, self._conversations, derived_texts)
        self._undelivered: OrderedDict[tuple[str, str], asyncio.Task[Briefing]] = OrderedDict()
        self._began: OrderedDict[tuple[str, str, str], float] = OrderedDict()
        permissions = PermissionHooks(sessions)
        self.handlers: Mapping[str, Handler] = {
            "SessionStart": self.session_start,
            "UserPromptSubmit": self.user_prompt_submit,
            "PreToolUse": permissions.pre_tool_use,
            "PermissionRequest": permissions.permission_request,
            "PostToolUse": self.post_tool_use,
            "PostToolUseFailure": self.post_tool_use_failure,
            "SubagentStart": self.subagent_start,
            "PreCompact": self.pre_compact,
            "PostCompact": self.post_compact,
            "Stop": self.stop,
            "SessionEnd": self.session_end,
        }

    async def session_start(self, event: HookEvent) -> Said | None:
        """Begins the conversation and its session; the briefing, if it is there in time, and else at a later hook."""
        user = current_user()
        if self._is_echo(user, event):
            return None
        begun = self._background.begin(user, self._start(event))
        if event.tokens and event.source in briefed_after and event.age_s < owed_age_max_s:
            self._undelivered[user, event.session] = begun
            while len(self._undelivered) > undelivered_max:
                self._undelivered.popitem(last=False)
        if event.delivery:  # by a process that prints nothing: a later hook gives what is owed
            session = await self._sessions.init(event.call_directory, "")
            return Said({"cleared_copies": list(session.cleared_copies)}) if session.cleared_copies else None
        self._background.begin(user, self._begin(event, begun))
        said, denies = await asyncio.gather(self._take_briefing(event, "SessionStart"), self._denies(event))
        return said if denies is None else replace(said or Said({}), denies=denies)

    async def _denies(self, event: HookEvent) -> Mapping[str, Any] | None:
        """The copy of the user's denies that the hook is to keep, where it has another."""
        if event.denies_version is None:
            return None
        where = await whereabouts(self._sessions.backends.session, self._sessions.workplace, event.call_directory)
        return await copy_of_denies(self._sessions, where, event.denies_version)

    def _is_echo(self, user: str, event: HookEvent) -> bool:
        """Whether the client told the same a moment ago: one that has the hooks twice, by a plugin and by hand."""
        key, now = (user, event.session, event.source), asyncio.get_running_loop().time()
        began = self._began.get(key, -echo_s)
        if event.delivery or not event.session:
            return False
        self._began[key] = now
        while len(self._began) > began_max:
            self._began.popitem(last=False)
        return now - began < echo_s

    async def _start(self, event: HookEvent) -> Briefing:
        """Hands off what other conversations left, notes this one, and composes its briefing."""
        where = await self._where(event)
        if not where.project:  # a home directory, or one that may not be looked at
            return NOTHING
        if event.ends_wait:
            await self._conversations.await_end(event.session, where)
        await self._conversations.settle(event.session, where)
        if not event.tokens:
            briefing = NOTHING
        else:
            (handoffs, sections), quality, news = await asyncio.gather(
                self._recalling.for_start(where),
                latest_summary(self._sessions.backends, where.project),
                self._sessions.workplace.news(event.call_directory),
            )
            others = [each for each in handoffs if each.conversation != event.session]
            reader = replace(self._reader(event, where), news=news)
            standing = Standing(QUALITY_HEADING, quality) if quality else None
            briefing = compose(others, sections, event.tokens, reader, standing)
        if event.session and where.directory:
            await self._conversations.hear(event.session, where, begins=True, digests=briefing.digests)
        return briefing

    async def _where(self, event: HookEvent) -> Where:
        return Where(await self._sessions.workplace.label(event.call_directory), event.call_directory)

    def _reader(self, event: HookEvent, where: Where, known: tuple[str, ...] = ()) -> Reader:
        """A setting says in which time zone the user is; else the user's machine, else this one."""
        offset = timezone(timedelta(seconds=event.utc_offset_s)) if event.utc_offset_s else None
        return Reader(where.project, where.directory, self._zone or offset or local_zone(), known)

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
        """What is owed from the start; else what is remembered that belongs to the prompt, where that is wanted: once
        in a conversation, and for what a person typed."""
        owed = await self._take_briefing(event, "UserPromptSubmit")
        if owed or not event.prompt_tokens or not is_typed(event.prompt, event.source):
            return owed
        where = await self._where(event)
        if not where.project:
            return None
        known: tuple[str, ...] = ()
        if event.session and where.directory:
            known = tuple((await self._conversations.hear(event.session, where)).digests)
        queries = prompt_queries(event.prompt, event.error, event.touched)
        sections, files = await asyncio.gather(
            self._recalling.for_prompt(where.project, queries, event.session), self._likely_files(event)
        )
        briefing = compose((), sections, event.prompt_tokens, self._reader(event, where, known), files)
        if briefing.text and event.session and where.directory:
            await self._conversations.hear(event.session, where, digests=briefing.digests)
        return _context("UserPromptSubmit", briefing)

    async def _likely_files(self, event: HookEvent) -> Standing | None:
        """The files that the work may change, before it has touched any; nothing where the project's git is slow."""
        if not self._foresees_files or event.touched:
            return None
        looking = self._sessions.workplace.likely_files(event.call_directory, event.prompt)
        try:
            files = await asyncio.wait_for(looking, files_within_s)
        except TimeoutError:
            return None
        return Standing(FILES_HEADING, ", ".join(files)) if files else None

    async def post_tool_use(self, event: HookEvent) -> Said | None:
        """The conversation lives; and what is owed from the start."""
        await self._heartbeat(event)
        return await self._take_briefing(event, "PostToolUse")

    async def post_tool_use_failure(self, event: HookEvent) -> Said | None:
        """The session lives; and what is owed from the start."""
        await self._heartbeat(event)
        return await self._take_briefing(event, "PostToolUseFailure")

    async def subagent_start(self, event: HookEvent) -> Said | None:
        """What was decided and corrected: a subagent knows nothing of the conversation."""
        where = await self._where(event)
        sections = await self._recalling.for_subagent(where.project)
        briefing = compose((), sections, min(event.tokens, subagent_tokens_max), self._reader(event, where))
        return _context("SubagentStart", briefing)

    async def pre_compact(self, event: HookEvent) -> None:
        """A checkpoint, without a commit: nobody asked for one."""
        operation_id = f"hook-{event.delivery}" if event.delivery else ""
        checkpoint = (event.call_directory, event.which, note_before_compaction, False, operation_id)
        try:
            await self._sessions.checkpoint(*checkpoint)
        except NotFound:
            await self._sessions.init(event.call_directory, "")
            await self._sessions.checkpoint(*checkpoint)

    async def post_compact(self, event: HookEvent) -> None:
        """The conversation lives; and the client's own summary of it is kept for its handoff."""
        await self._heartbeat(event)

    async def stop(self, event: HookEvent) -> None:
        """The conversation lives."""
        await self._heartbeat(event)

    async def session_end(self, event: HookEvent) -> Said | None:
        """Ends the conversation with what is stored of it; with the last one in its directory, the session, too.

        Raises what memory raises, so that the hook is repeated: a handoff without what was said would be none."""
        self._undelivered.pop((current_user(), event.session), None)
        if not event.session or not event.directory:
            return None
        where = await self._where(event)
        known = await self._conversations.hear(event.session, where)
        facts = await facts_of(self._sessions.backends, event.session, known.recap)
        files = dict.fromkeys((*facts.files_changed, *event.files))
        facts.MergeFrom(session_pb2.Facts(files_changed=[each for each in files if each not in facts.files_changed]))
        ended = await self._sessions.end_conversation(event.call_directory, where.project, facts)
        if ended is None:
            return None
        document = ended.handoff
        left = {"handoff_file_created": ended.handoff_path is not None, "handoff_file_name": ended.file_name}
        return Said({**left, "handoff": document.markdown})

    async def _heartbeat(self, event: HookEvent) -> None:
        if not event.session or not event.directory:
            return
        known = await self._conversations.hear(event.session, await self._where(event), recap=event.recap)
        if not known.session_id:
            self._background.begin(current_user(), self._begin(event))


def _context(event: str, briefing: Briefing) -> Said | None:
    if not briefing.text:
        return None
    output = {"hookEventName": event, "additionalContext": briefing.text}
    return Said({"hookSpecificOutput": output, "suppressOutput": True}, briefing)
