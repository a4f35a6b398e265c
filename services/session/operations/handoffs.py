"""Handoffs after their session: which there are, and clearing one when what it was made of was deleted."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from services.kit.errors import NotFound
from services.session.domain.handoff import write_handoff
from services.session.domain.sessions import Facts, Handoff
from services.session.operations.session_lookup import Finding, page_max, until_first
from services.session.store import Change, SessionStore

CLEARED = "What this session said was deleted."
checkpoints_max = 200


@dataclass(frozen=True, slots=True)
class Handoffs:
    """The handoffs of a user."""

    store: SessionStore
    finding: Finding

    async def page(self, user: str, project: str, cursor: str) -> tuple[list[Handoff], str]:
        """The handoffs of a page of sessions, newest first; and the next page's cursor, empty after the last one."""
        sessions, following = await self.finding.page(user, project, "", page_max, cursor)
        found = [await self.store.handoff(each.id) for each in sessions if each.has_handoff]
        return [each for each in found if each], following

    async def clear(self, user: str, session_id: str) -> Handoff:
        """Writes the session's handoff anew, of facts alone; a cleared one stays as it is."""

        async def attempt() -> Handoff:
            session = await self.finding.mine(user, session_id)
            handoff = await self.store.handoff(session.id)
            if handoff is None:
                raise NotFound("That session has no handoff.")
            if handoff.cleared_digest:
                return handoff
            checkpoints = await self.store.checkpoints(session.id, checkpoints_max)
            wordless = [replace(each, note="", git_message="", decisions=()) for each in checkpoints]
            digest = hashlib.sha256(handoff.markdown.encode()).hexdigest()
            anew = write_handoff(session, wordless, Facts(summary=CLEARED))
            cleared = replace(anew, ended_at=handoff.ended_at, file_name=handoff.file_name, cleared_digest=digest)
            await self.store.commit(Change(session=session, handoff=cleared))
            return cleared

        return await until_first(attempt)
