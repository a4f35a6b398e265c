"""Decisions that a later one reversed in the same words but one, as people do: `Actually, let's use MySQL for the
orders table` after `Let's use Postgres for the orders table`.

Only what says that it reverses something does: of two plain choices for the same thing both may hold.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

read_max_chars = 400
_chooses = (
    r"(?:use|go with|go back to|switch (?:back )?to|move (?:back )?to|stay with|stick (?:with|to)|take|choose|pick)"
)
_choice = re.compile(
    rf"\b{_chooses}\s+(?P<chosen>[\w.+#/-]+(?:\s+[\w.+#/-]+){{0,3}}?)"
    r"\s+(?P<subject>(?:for|as|in|on)\s+(?:the|our|all|every)\s+[\w -]{3,60}?)"
    r"(?=[.,;:!?]|\s+(?:after all|instead|again|from now on|now|too|and|because|since)\b|\s*$)",
    re.IGNORECASE,
)
_reverses = re.compile(
    r"^\W*(?:no|actually|instead|wait|sorry|on second thoughts?|correction|scratch that)\b"
    r"|\b(?:after all|instead|no longer|not any ?more|back to)\b",
    re.IGNORECASE,
)


def reversed_places(decisions: Sequence[str]) -> set[int]:
    """The places of those that a later one reversed; the decisions are the newest first."""
    found: set[int] = set()
    reversed_since: dict[str, str] = {}
    for place, text in enumerate(decisions):
        choice = _choice.search(text[:read_max_chars])
        if not choice:
            continue
        subject, chosen = (" ".join(choice[each].casefold().split()) for each in ("subject", "chosen"))
        if reversed_since.get(subject, chosen) != chosen:
            found.add(place)
        elif _reverses.search(text[:read_max_chars]):
            reversed_since.setdefault(subject, chosen)
    return found
