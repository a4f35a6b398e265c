"""Removes sessions some time after they ended, with their checkpoints and handoffs, in the background.

The session with a project's last handoff stays, as do sessions with deferred stores or without their handoff.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from services.kit.background_task import report_success
from services.session.domain.sessions import Session
from services.session.operations.session_lookup import Finding
from services.session.store import SessionStore, Stale

logger = logging.getLogger(__name__)

look_every_s = 3600.0
first_look_after_s = 600.0
portion = 100


@dataclass(frozen=True, slots=True)
class Retention:
    """Removes sessions that ended longer ago than `keep`."""

    store: SessionStore
    finding: Finding
    keep: timedelta

    async def run(self) -> None:
        """Until cancelled: migrates old data at once, and removes due sessions some time after the start, so that a
        wrong setting can be corrected until then."""
        await self.store.tidy()
        report_success()
        await asyncio.sleep(first_look_after_s)
        while True:
            if removed := await self.remove_due():
                logger.info("retention removed %d sessions", removed)
            report_success()
            await asyncio.sleep(look_every_s)

    async def remove_due(self) -> int:
        """Removes all due sessions; returns their number."""
        removed = 0
        async for session in self.due_sessions():
            with suppress(Stale):  # somebody resumed it
                await self.store.remove_session(session)
                removed += 1
        return removed

    async def due_sessions(self) -> AsyncIterator[Session]:
        """The sessions that may be removed now, longest ended first."""
        before, after = self.finding.now() - self.keep, None
        while page := await self.store.finished_before(before, portion, after):
            after = page[-1].last_seen_at, page[-1].id
            for session in page:
                if await self._may_go(session):
                    yield session

    async def _may_go(self, session: Session) -> bool:
        latest = await self.store.latest_handoff(session.user, session.project)
        if session.deferred or latest is None or latest.session_id == session.id:
            return False
        return session.has_handoff or latest.ended_at >= session.last_seen_at
