"""What a word may have been meant to be: those that are one slip of the fingers away from it."""

from __future__ import annotations

from collections.abc import Iterator
from string import ascii_lowercase

from services.memory.text.stemming import suffix_stem

word_min_chars, word_max_chars = 6, 20
"""Of a shorter word too many others are as near; a longer one is data."""
stem_min_chars = 5
"""A shorter stem is that of too many words."""


def meant_terms(word: str) -> frozenset[str]:
    """The terms of the words that differ from it by a letter more, less, other, or by two that changed places."""
    folded = word.casefold()
    if not (word_min_chars <= len(folded) <= word_max_chars and folded.isascii() and folded.isalpha()):
        return frozenset()
    return frozenset(stem for stem in map(suffix_stem, _one_slip_away(folded)) if len(stem) >= stem_min_chars)


def _one_slip_away(word: str) -> Iterator[str]:
    for place in range(len(word) + 1):
        head, tail = word[:place], word[place:]
        yield from (head + letter + tail for letter in ascii_lowercase)
        if tail:
            yield head + tail[1:]
            yield from (head + letter + tail[1:] for letter in ascii_lowercase)
        if len(tail) > 1:
            yield head + tail[1] + tail[0] + tail[2:]
