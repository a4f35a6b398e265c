"""The order by relevance: scores, in which a reply comes before the turn that it answers, what follows a question right
after it, and what replaces another before that."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.memory.index.asked import Candidates
from services.memory.search.force import replacements_first
from services.memory.search.scoring import Signals, rank
from services.memory.search.voids import Voids

REPLY_SHARE = 0.5
"""The share of the score of what it answers that a reply must have by itself: one that has less is about something
else."""
FOLLOWING_SHARE = 0.95
"""The same of what follows a question, where nobody says who spoke."""


def relevance(candidates: Candidates, now_s: float, voids: Voids) -> NDArray[np.float64]:
    """The score of each candidate, 0 to 1; `now_s` in seconds since 1970."""
    signals = candidates.signals
    scores = questions_followed(signals, replies_first(signals, rank(signals, now_s)))
    return replacements_first(candidates.sequence, signals.timestamp_s, scores, voids)


def replies_first(signals: Signals, scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """The scores, in which a reply and the turn that it answers have changed places where that would come first.

    An exchange answers as one, and what is looked for stands in the reply, which has the fewer words of the question.
    One that is shorter than what it answers, such as "Noted.", or that asks back, stays where it is.
    """
    replies = np.flatnonzero(signals.replies & ~signals.asks & (signals.before >= 0))
    answered = signals.before[replies]
    comes_later = (scores[replies] < scores[answered]) & (scores[replies] >= REPLY_SHARE * scores[answered])
    exchanged = comes_later & (signals.length[replies] >= signals.length[answered])
    reply, turn = replies[exchanged], answered[exchanged]
    changed = scores.copy()
    changed[reply], changed[turn] = scores[turn], scores[reply]
    return changed


def questions_followed(signals: Signals, scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """The scores, in which what was said after a question comes right after it where it is nearly as good."""
    questions = np.flatnonzero(signals.asks & (signals.after >= 0))
    following = signals.after[questions]
    is_near = (scores[following] < scores[questions]) & (scores[following] >= FOLLOWING_SHARE * scores[questions])
    lifted = is_near & ~signals.asks[following]
    changed = scores.copy()
    changed[following[lifted]] = np.nextafter(scores[questions[lifted]], 0)
    return changed
