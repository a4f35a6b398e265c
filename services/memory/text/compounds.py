"""German words: their stems, and the parts of compounds, which stand at the beginning or the end of a longer word.

There is no dictionary: a part is any beginning or end of a long word; a query's word decides which of them is meant.
English texts are left alone, since their words would match by chance.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from services.memory.text.stemming import stem_in

compound_min_chars = 9
compound_max_chars = 30
part_min_chars = 4
_read_chars = 20_000
_sure = 2
"""Different German words without a meaning of their own that make a text German; one is enough in a short one."""
_short_words = 12
_function_words = frozenset(
    """
    aber alle als auch auf bei dann dass dein dem der dieser dieses doch durch ein eine einem einen einer für fur gegen
    hatte ich ihr immer ist jeder kann kein keine muss nach nicht noch nur oder ohne sich sie sind soll und uns unser
    unter vom vor warum weil wenn werden wie wieder wir wird zum zur zwischen über uber
    """.split()  # noqa: SIM905  # a list of quoted words takes a page
)
"""Those that are no English words, with their accents and without."""
_letters = re.compile(r"[^\W\d_]+")
_marked = re.compile(r"[äöüß]", re.IGNORECASE)


def is_german(text: str) -> bool:
    """Whether a text seems to be German."""
    words = [word.casefold() for word in _letters.findall(text[:_read_chars])]
    found = len(_function_words.intersection(words))
    if _marked.search(text, 0, _read_chars):
        return found >= 1 or len(words) <= _short_words
    return found >= _sure or (found == 1 and len(words) <= _short_words)


def is_function_word(word: str) -> bool:
    """Whether it is a German word without a meaning of its own, with its accents or without."""
    return word.casefold() in _function_words


def german_terms(names: Iterable[str]) -> Iterator[str]:
    """The stems of the words, and the parts of those that may be compounds."""
    for name in names:
        for word in _letters.findall(name):
            yield from _word_terms(word.casefold())


@lru_cache(maxsize=16_384)
def _word_terms(word: str) -> tuple[str, ...]:
    terms = {stem_in("german", word): None}
    if compound_min_chars <= len(word) <= compound_max_chars:
        for place in range(part_min_chars, len(word) - part_min_chars + 1):
            head, tail = word[:place], word[place:]
            terms |= dict.fromkeys((head, tail, stem_in("german", tail)))
    return tuple(terms)


def german_stems(names: Iterable[str]) -> Iterator[str]:
    """The stems of a query's words."""
    for name in names:
        yield from (stem_in("german", word.casefold()) for word in _letters.findall(name))
