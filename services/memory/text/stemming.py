"""Stems of words: English ones in ASCII, and those of other scripts by the language that most texts in them have.

English, German, Russian, Arabic and Greek by tantivy's stemmers, Hindi by snowballstemmer (tantivy has none for it).
Both have the same algorithms: where tantivy is missing snowballstemmer gives the same stems, in fifty times as long.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache, lru_cache
from threading import Lock
from typing import Any

try:
    import tantivy
except ImportError:  # it may be missing, see stemming_slowness
    tantivy = None  # type: ignore[assignment]

_ARABIC_MARKS = re.compile(r"[\u0640\u064b-\u065f\u0670]")
_ARABIC_SAME = str.maketrans({0x649: 0x64A, 0x671: 0x627})  # alef maqsura is ya, alef wasla is alef
_SCRIPTS = (
    (re.compile(r"[\u0400-\u052f]+"), "russian"),
    (re.compile(r"[\u0600-\u06ff\u0750-\u077f]+"), "arabic"),
    (re.compile(r"[\u0370-\u03ff]+"), "greek"),
    (re.compile(r"[\u0900-\u097f\u200c\u200d]+"), "hindi"),
)


def suffix_stem(word: str) -> str:
    """The stem of a casefolded word; the word itself where there is no stemmer for it."""
    if word.isascii():
        return stem_in("english", word) if word.isalpha() else word
    return _stem_in_script(word)


@lru_cache(maxsize=16_384)
def _stem_in_script(word: str) -> str:
    language = next((name for letters, name in _SCRIPTS if letters.fullmatch(word)), "")
    if language == "arabic":
        return _arabic_stem(word)
    if language == "hindi":
        return _by_snowball("hindi")(word)
    return stem_in(language, word) if language else word


def _arabic_stem(word: str) -> str:
    """Alef with hamza and without, ya and alef maqsura are one; vowel marks say nothing."""
    plain = _ARABIC_MARKS.sub("", unicodedata.normalize("NFD", word)).translate(_ARABIC_SAME)
    stem = stem_in("arabic", plain)
    return stem or plain


def stem_in(language: str, word: str) -> str:
    """The stem of a casefolded word by the stemmer of that language."""
    return _stemmer(language)(word)


def stemming_slowness() -> str:
    """Why words are stemmed more slowly than they could be; empty where they are not."""
    return "" if tantivy else "tantivy is not installed. Stores and starts are slower, not wrong."


@cache
def _stemmer(language: str) -> Callable[[str], str]:
    if tantivy is None:
        return _by_snowball(language)
    raw = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.raw())
    analyzer = raw.filter(tantivy.Filter.stemmer(language)).build()

    def stem(word: str) -> str:
        stems: list[str] = analyzer.analyze(word)
        return stems[0] if stems else word

    return stem


@cache
def _by_snowball(language: str) -> Callable[[str], str]:
    import snowballstemmer  # for texts in Hindi alone, and where tantivy is missing

    stemmer: Any = snowballstemmer.stemmer(language)
    one_at_a_time = Lock()  # it notes in itself what it is at

    @lru_cache(maxsize=16_384)
    def stem(word: str) -> str:
        with one_at_a_time:
            return str(stemmer.stemWord(word))

    return stem
