"""Handoffs after their session: which there are, and clearing one when what it was made of was deleted."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from services.kit.errors import InvalidInput, NotFound
from services.session.domain.handoff import Ending, Handoff, OwnWords, write_handoff
from services.session.domain.sessions import Facts
from services.session.store import Change, SessionStore

CLEARED = "What this session said was deleted."
page_max = 100
checkpoints_max = 200


@dataclass(frozen=True, slots=True)
class Handoffs:
    """The handoffs of a user."""

    store: SessionStore

    async def page(self, user: str, project: str, cursor: str) -> tuple[list[Handoff], str]:
        """A page of handoffs, newest first, of all projects if none is named; and the next page's cursor, empty after
        the last one."""
        if cursor and not cursor.isdecimal():
            raise InvalidInput("That cursor was not made here.", "Leave it out to begin again.")
        found = await self.store.handoffs(user, project, page_max, before=int(cursor or 0))
        return found, str(found[-1].place) if len(found) == page_max else ""

    async def clear(self, user: str, id: str) -> Handoff:
        """Writes the handoff anew, of facts alone; a cleared one stays as it is."""
        handoff = await self.store.handoff(id)
        if handoff is None or handoff.user != user:
            raise NotFound("There is no such handoff.")
        if handoff.cleared_digest:
            return handoff
        checkpoints = await self.store.checkpoints(handoff.session_id, checkpoints_max)
        wordless = [replace(each, note="", git_message="", decisions=()) for each in checkpoints]
        digest = hashlib.sha256(handoff.markdown.encode()).hexdigest()
        facts = Facts(is_scripted=handoff.is_scripted)
        anew = write_handoff(Ending.of_handoff(handoff), wordless, facts, OwnWords(CLEARED))
        cleared = replace(anew, own=None, file_name=handoff.file_name, cleared_digest=digest)
        await self.store.commit(Change(handoff=cleared))
        return cleared
