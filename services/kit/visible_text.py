"""Whether a text has anything to see."""

from __future__ import annotations

import unicodedata

_unseen = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})
_unseen_letters = frozenset("\u115f\u1160\u2800\u3164\uffa0\ufe0e\ufe0f")
"""Fillers, the blank of Braille, and what only chooses how the character before it looks."""


def is_blank(text: str) -> bool:
    """Whether the text is empty, or only space, control characters and marks that nobody sees."""
    return all(each in _unseen_letters or unicodedata.category(each) in _unseen for each in text)
