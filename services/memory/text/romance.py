"""French and Spanish words: which texts seem to be in one of these languages, and the stems of their words.

English texts are left alone; their words have other stems.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from services.memory.text.stemming import stem_in

_read_chars = 20_000
_sure = 2
"""Different telling words that make a text one of the language; one is enough in a short one."""
_short_words = 12
# By these a language is told: words without a meaning of their own that are no English words and not the other's.
_TELLING: Mapping[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "french": """
        aux avant avec après apres cette ces chez dans des donc dont du elle elles est et il ils jamais le les leur lors
        mais nous où pourquoi quand quel quelle qui sans sont une été être à
        """,
        "spanish": """
        al con como cómo cual cuál cuando cuándo del donde dónde el ella esta está este esto hasta hay las los muy nunca
        pero por porque qué quién se según sin sobre también un una y ya
        """,
    }.items()
}
_UNTELLING = frozenset("au de des du est et le se sur un una y ya al con como este por sin sobre il".split())  # noqa: SIM905
"""Of those, what English texts have as well: names, abbreviations, commands. They tell with others alone."""
_SAYS_NOTHING = frozenset(
    """
    a au ce cet comment d de en es j je l la lo m me n ne nos notre on ou par pas plus pour qu quoi s sa se ses si son
    su sur sus t te tu un vos votre vous c comme alors fait ont entonces fue ha han le les mi no nos o para que si
    son tan tu
    """.split()  # noqa: SIM905  # a list of quoted words takes a page
)
_function_words = {language: telling | _SAYS_NOTHING for language, telling in _TELLING.items()}
_MARKED = {
    "french": re.compile(r"[àâèêîôùûœ]|\b[dl]['\u2019][aeiouyéèêh]", re.IGNORECASE),
    "spanish": re.compile(r"[ñ¿¡áíóú]", re.IGNORECASE),
}
"""What else a language is told by, beside a word without a meaning: naïve façades are English."""
_letters = re.compile(r"[^\W\d_]+")


def romance_language(text: str) -> str:
    """`french`, `spanish`, or nothing: what a text seems to be in."""
    words = [word.casefold() for word in _letters.findall(text[:_read_chars])]
    present = frozenset(words)
    found = {language: telling & present | _marks(language, text, present) for language, telling in _TELLING.items()}
    best = max(found, key=lambda language: len(found[language]))
    enough = 1 if len(words) <= _short_words else _sure
    return best if len(found[best]) >= enough and found[best] - _UNTELLING else ""


def _marks(language: str, text: str, present: frozenset[str]) -> frozenset[str]:
    """Its own letters count as one of the telling words."""
    marked = _MARKED[language].search(text, 0, _read_chars) if present & _function_words[language] else None
    return frozenset([marked[0]]) if marked else frozenset()


def romance_stems(language: str, names: Iterable[str]) -> Iterator[str]:
    """The stems of the words that have a meaning of their own."""
    for name in names:
        yield from _name_stems(language, name)


@lru_cache(maxsize=16_384)
def _name_stems(language: str, name: str) -> tuple[str, ...]:
    words = [word.casefold() for word in _letters.findall(name)]
    return tuple(stem_in(language, word) for word in words if word not in _function_words[language])
