"""What the page says once after a change, with the way back: carried by a cookie from the change to the next page.

The cookie names what happened, how often, and to which memories. Its words are the page's own: who else may set a
cookie for this host can make the page say nothing of theirs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from starlette.responses import Response
from starlette.types import Scope

from services.gateway.access.browser_sessions import read_cookie, set_cookie

COOKIE = "segue_notice"
kept_s = 120
ids_max = 60
_id = re.compile(r"[A-Za-z0-9_-]{1,80}")
_form = re.compile(r"([a-z_]{1,24})!(\d{1,9})!((?:[A-Za-z0-9_-]{1,80}(?:\.|$)){0,60})")

WORDS: Mapping[str, tuple[str, str]] = {
    "deleted": ("Deleted one memory.", "Deleted {} memories."),
    "restored": ("Brought one memory back.", "Brought {} memories back."),
    "restored_none": ("Nothing came back.", "Nothing came back: its text is erased already, or the same is stored."),
    "withdrawn": ("One memory no longer holds.", "{} memories no longer hold."),
    "in_force": ("One memory holds again.", "{} memories hold again."),
    "shared": ("One memory is shared with everybody here.", "{} memories are shared with everybody here."),
    "private": ("One memory is private again.", "{} memories are private again."),
    "edited": ("The memory was changed; what it was is kept below.", "{} memories were changed."),
    "unchanged": ("Nothing was changed: it was so already.", "Nothing was changed."),
    "replaced": ("The new memory holds now, and the other one no longer.", "{} memories hold now."),
    "stored": ("Stored one memory.", "Stored {} memories."),
    "moved": ("Moved one memory.", "Moved {} memories."),
    "replaces": ("The newer one holds now, and the older no longer.", "{} are replaced."),
    "both_hold": ("Both hold; it is not asked again.", "{} pairs hold."),
    "open_again": ("The one does not replace the other; both hold.", "{} pairs are open again."),
    "done": ("Done.", "Done."),
    "permitted": ("It may be done without asking now.", "{} rules hold now."),
    "denied": ("It is denied from now on.", "{} rules hold now."),
    "declined": ("The proposal was declined.", "{} proposals were declined."),
    "revoked": ("The rule is gone.", "{} rules are gone."),
    "checked": ("Measured just now.", "Measured just now."),
    "answered": ("Your answer is kept.", "Your answers are kept."),
    "backed_up": ("The backup is written.", "The backup is written."),
    "zone": ("Times are shown in that zone now.", "Times are shown in that zone now."),
    "signed_out": ("You are signed out.", "You are signed out."),
}
"""What is said of one, and of several."""
UNDONE_BY: Mapping[str, str] = {
    "deleted": "undelete",
    "withdrawn": "hold",
    "in_force": "withdraw",
    "shared": "unshare",
    "private": "share",
    "replaces": "reopen",
    "both_hold": "reopen",
}
"""The change that takes another one back."""


class Notice(NamedTuple):
    """What happened."""

    kind: str
    number: int = 1
    ids: Sequence[str] = ()

    @property
    def words(self) -> str:
        """As the page says it."""
        one, several = WORDS[self.kind]
        return one if self.number == 1 else several.format(f"{self.number:,}")

    @property
    def undo(self) -> str:
        """The change that takes it back; empty where there is none."""
        return UNDONE_BY.get(self.kind, "") if self.ids else ""


def leave(response: Response, notice: Notice, *, is_secure: bool = False) -> None:
    """Has the next page say it."""
    ids = notice.ids if len(notice.ids) <= ids_max and all(map(_id.fullmatch, notice.ids)) else ()
    value = f"{notice.kind}!{notice.number}!{'.'.join(ids)}"
    set_cookie(response, COOKIE, value, kept_s, is_secure=is_secure)


def take(scope: Scope) -> Notice | None:
    """What is to be said on this page."""
    found = _form.fullmatch(read_cookie(scope, COOKIE))
    if not found or found[1] not in WORDS:
        return None
    return Notice(found[1], int(found[2]), [each for each in found[3].split(".") if each])
