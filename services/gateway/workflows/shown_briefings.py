"""What models were shown of late, word by word, for the user whose it is: in this process alone, and not for long.

Nothing of it is written to a disk or a log. What was made of a memory that is deleted since is not shown any more.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from services.gateway.workflows.briefing import Briefing
from services.gateway.workflows.handoffs.derived_texts import DerivedTexts

users_max, briefings_max = 200, 10


@dataclass(frozen=True, slots=True)
class ShownBriefing:
    """One briefing, when and where it was given; without its text, if something of it was deleted since."""

    at: datetime
    event: str
    directory: str
    conversation: str
    tokens: int
    memory_ids: Sequence[str]
    text: str
    sources: Sequence[str] = ()


class ShownBriefings:
    """The latest of each user."""

    def __init__(self) -> None:
        self.began_at = datetime.now(UTC)
        self._by_user: OrderedDict[str, deque[ShownBriefing]] = OrderedDict()

    def note(self, user: str, event: str, directory: str, conversation: str, briefing: Briefing) -> None:
        """Keeps a briefing that was given; the eldest go."""
        shown = ShownBriefing(
            datetime.now(UTC),
            event,
            directory,
            conversation,
            briefing.tokens,
            tuple(briefing.memory_ids),
            briefing.text,
            (*briefing.memory_ids, *briefing.handoff_made_of),
        )
        self._by_user.setdefault(user, deque(maxlen=briefings_max)).appendleft(shown)
        self._by_user.move_to_end(user)
        while len(self._by_user) > users_max:
            self._by_user.popitem(last=False)

    async def latest(self, user: str, derived: DerivedTexts) -> list[ShownBriefing]:
        """The user's, the last one first. Raises what the memory service raises: without it nobody knows what of them
        was deleted."""
        kept = self._by_user.get(user, deque())
        gone = await derived.deletions_among(each for shown in kept for each in shown.sources)
        for place, shown in enumerate(kept):
            if gone.intersection(shown.sources):
                kept[place] = _without_text(shown)
        return list(kept)


def _without_text(shown: ShownBriefing) -> ShownBriefing:
    return ShownBriefing(shown.at, shown.event, shown.directory, shown.conversation, shown.tokens, (), "")
