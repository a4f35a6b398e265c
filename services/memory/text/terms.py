"""Splits documents and queries into the terms of the word index.

Made for the memories of coding agents: identifiers, paths, error codes, versions and hashes are found as a whole and by
their parts; English is stemmed; scripts written without spaces become bigrams. Pure functions that read any text in
linear time and never raise. A change of their results makes stored word indexes stale: increment `TERMS_VERSION`
with it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, lru_cache, partial
from itertools import chain, islice

from services.memory.text.compounds import german_stems, german_terms, is_function_word, is_german
from services.memory.text.named_dates import MONTH_NAMES, MONTHS
from services.memory.text.romance import romance_language, romance_stems
from services.memory.text.stemming import suffix_stem
from services.memory.text.word_forms import joined_forms

TERMS_VERSION = 6
QUERY_TERMS_MAX = 128
QUERY_TERMS_READ_MAX = 20_000
TERM_CHARS_MAX = 64  # a longer word is data (base64, minified code): only its beginning is indexed
NAME_CHARS_MAX = 128  # only the parts of a longer name are indexed

# Words without a subject of their own, question words included. Dropped from queries, kept in documents.
STOP_WORDS = frozenset(
    [
        "a",
        "about",
        "am",
        "an",
        "and",
        "any",
        "are",
        "as",
        "at",
        "be",
        "been",
        "being",
        "but",
        "by",
        "can",
        "could",
        "did",
        "do",
        "does",
        "doing",
        "done",
        "for",
        "from",
        "had",
        "has",
        "have",
        "having",
        "he",
        "her",
        "hers",
        "him",
        "his",
        "how",
        "i",
        "if",
        "in",
        "into",
        "is",
        "it",
        "its",
        "just",
        "me",
        "my",
        "of",
        "on",
        "or",
        "our",
        "ours",
        "shall",
        "she",
        "should",
        "so",
        "some",
        "such",
        "than",
        "that",
        "the",
        "their",
        "theirs",
        "them",
        "then",
        "there",
        "these",
        "they",
        "this",
        "those",
        "to",
        "too",
        "us",
        "very",
        "was",
        "we",
        "were",
        "what",
        "when",
        "where",
        "which",
        "while",
        "who",
        "whom",
        "whose",
        "why",
        "will",
        "with",
        "would",
        "you",
        "your",
        "yours",
    ]
)

# Vowel signs and other marks that belong to a word but not to \w: Hebrew, Arabic, Indic and Tibetan scripts, joiners.
_MARKS = "\u0483-\u0487\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0900-\u0963\u0966-\u0dff"
_MARKS += "\u0f18-\u0fbc\u200c\u200d"
# Written without spaces: Thai and Lao, Myanmar, Khmer, kana, Han, Hangul, Han beyond the basic plane.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17d3\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
_UNSPACED += "\U00020000-\U0003134f"

_PICTURES = "[\u2600-\u27bf\U0001f300-\U0001faff]"  # emoji are words of their own

_NAME = re.compile(rf"[\w{_MARKS}{_UNSPACED}]+(?:[-./'][\w{_MARKS}{_UNSPACED}]+)*(?:\+\+|\#(?!\w))?|{_PICTURES}")
_LETTER = re.compile(r"[^\W\d_]")
_SEPARATORS = "/.-'_"  # from the outermost level of a name to the innermost
_SCRIPT_RUN = re.compile(rf"[{_UNSPACED}]+|[^{_UNSPACED}]+")
_STARTS_UNSPACED = re.compile(rf"[{_UNSPACED}]")
_CAMEL_PIECE = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+[a-z]*")
_HASH = re.compile(r"(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{7,64}")
_HASH_SHORT_CHARS = 7  # git's abbreviation: the short form in one text finds the long form in another
_VERSION = re.compile(r"v?([0-9]+(?:\.[0-9]+)+)(.*)")
_THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3}){1,5}(?:\.\d{1,6})?(?![\d,])")
_ISO_DAY = re.compile(r"(?<![\d-])((?:19|20)\d\d)-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])(?![\d-])")
_ENGLISH_SUFFIX = re.compile(r"(?:n't|'(?:s|re|ve|ll|d|m))$", re.IGNORECASE)
_ACCENT = re.compile(r"(?<![\u0418\u0438])[\u0300-\u036f]+")  # й is a letter of its own
_SAME = str.maketrans({"\u2019": "'", "\u02bc": "'", "\\": "/"})


def terms(text: str) -> list[str]:
    """The terms of a whole document in order, with repetitions; what it is found by besides comes last."""
    return counted_terms(text)[0]


def counted_terms(text: str) -> tuple[list[str], int]:
    """The terms of a document, and how many it has by itself: at most two per character.

    The others are no part of its length: numbers without the commas between thousands, days by the name of their month,
    and the parts of German compounds.
    """
    found = list(chain.from_iterable(map(_name_terms, _names(text))))
    return [*found, *_further_terms(text)], len(found)


def _further_terms(text: str) -> Iterator[str]:
    yield from _plain_numbers(text)
    yield from _days_in_words(text)
    if is_german(text):
        yield from german_terms(_names(text))
    elif language := romance_language(text):
        yield from romance_stems(language, _names(text))


def _plain_numbers(text: str) -> Iterator[str]:
    """12,400.50 as 12400.50 and 12400."""
    for match in _THOUSANDS.finditer(text):
        whole, _, rest = match[0].replace(",", "").partition(".")
        yield whole
        if rest:
            yield f"{whole}.{rest}"


def _days_in_words(text: str) -> Iterator[str]:
    """2026-03-04 as march and 4."""
    for match in _ISO_DAY.finditer(text):
        yield _stem(MONTH_NAMES[int(match[2]) - 1])
        yield str(int(match[3]))


def query_terms(query: str) -> list[str]:
    """The distinct terms to search for, at most `QUERY_TERMS_MAX`; stop words only if there are no others."""
    names = list(islice(_names(query), QUERY_TERMS_READ_MAX))
    telling = [name for name in names if name.casefold() not in STOP_WORDS]
    terms_of = _terms_in_language(query)
    if terms_of is _name_terms or not (found := list(chain.from_iterable(map(terms_of, telling)))):
        found = [*chain.from_iterable(map(_name_terms, telling or names)), *_plain_numbers(query)]
    return list(islice(dict.fromkeys(islice(found, QUERY_TERMS_READ_MAX)), QUERY_TERMS_MAX))


def parted_words(query: str, absent: frozenset[str]) -> tuple[list[str], list[str]]:
    """The words of a query all of whose terms are `absent`, and the others in order; none, where they say nothing.

    Numbers and months are among the others: they say when, or which.
    """
    names = list(islice(_names(query), QUERY_TERMS_READ_MAX))
    terms_of = _terms_in_language(query)
    telling = {name for name in names if _has_meaning(name) and any(terms_of(name))}
    missing = {name for name in telling if absent.issuperset(terms_of(name))}
    others = [name for name in names if name not in missing]
    return list(dict.fromkeys(name for name in names if name in missing)), others if telling - missing else []


def _has_meaning(name: str) -> bool:
    folded = name.casefold()
    is_word = len(name) > 1 and _LETTER.search(name) is not None
    return is_word and folded not in STOP_WORDS and folded not in MONTHS and not is_function_word(name)


def _names(text: str) -> Iterator[str]:
    for match in _NAME.finditer(_normalise(text)):
        name = match.group()
        yield (_ENGLISH_SUFFIX.sub("", name) or name) if "'" in name else name  # "n't" alone is a name


def _terms_in_language(query: str) -> Callable[[str], Iterable[str]]:
    """What makes the terms of a query's names, by the language that it seems to be in."""
    if is_german(query):
        return _german_name_terms
    language = romance_language(query)
    return partial(_romance_name_terms, language) if language else _name_terms


def _german_name_terms(name: str) -> Iterable[str]:
    """The stems of a name's words that have a meaning; of identifiers the terms that they have in every language."""
    if not name.isalpha():
        return _name_terms(name)
    return () if is_function_word(name) else german_stems([name])


def _romance_name_terms(language: str, name: str) -> Iterable[str]:
    """The same in French or Spanish, where an article may be a part of a name: d'un, l'index."""
    return romance_stems(language, [name]) if name.replace("'", "").isalpha() else _name_terms(name)


def _normalise(text: str) -> str:
    """NFKC without accents; keeps capitals, which mark the parts of camelCase names."""
    if not text.isascii():
        text = _ACCENT.sub("", unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text)))
        text = unicodedata.normalize("NFC", text)
    return text.translate(_SAME)


def _name_terms(name: str) -> Iterator[str] | tuple[str, ...]:
    return _short_name_terms(name) if len(name) <= NAME_CHARS_MAX else _levels(name, 0)


@lru_cache(maxsize=16_384)
def _short_name_terms(name: str) -> tuple[str, ...]:
    if name[-1] in "+#":  # C++, C#
        return (name.casefold(), *_short_name_terms(name.rstrip("+#")))
    version = _VERSION.fullmatch(name.casefold())
    if version:
        return tuple(dict.fromkeys((name.casefold(), *_version_terms(version[1]), *_levels(version[2], 0))))
    return tuple(dict.fromkeys(_levels(name, 0)))


def _version_terms(version: str) -> list[str]:
    """The prefixes of a version: 3.11.4 is also a 3.11 and a 3."""
    numbers = version.split(".")
    return [".".join(numbers[:count]) for count in range(len(numbers), 0, -1)]


def _levels(name: str, level: int) -> Iterator[str]:
    """The name and the names within it, level by level: path, file, stem, word."""
    if level == len(_SEPARATORS):
        yield from chain.from_iterable(_word_terms(run) for run in _SCRIPT_RUN.findall(name))
        return
    parts = [part for part in name.split(_SEPARATORS[level]) if part]
    if len(parts) > 1 and len(name) <= NAME_CHARS_MAX:
        yield name.casefold()[:TERM_CHARS_MAX]
    for part in parts:
        yield from _levels(part, level + 1)


def _word_terms(word: str) -> Iterator[str]:
    if _STARTS_UNSPACED.match(word):
        yield from (word[at : at + 2] for at in range(max(1, len(word) - 1)))
        return
    whole = word[:NAME_CHARS_MAX].casefold()[:TERM_CHARS_MAX]
    yield _stem(whole)
    if _HASH.fullmatch(whole):
        yield whole[:_HASH_SHORT_CHARS]
    elif len(word) <= TERM_CHARS_MAX and not (word.isalpha() and word.islower()):
        pieces = _CAMEL_PIECE.findall(word)
        yield from (_stem(piece.casefold()) for piece in pieces if 1 < len(piece) < len(word))


@lru_cache(maxsize=16_384)
def _stem(word: str) -> str:
    stem = suffix_stem(word)
    return _forms().get(stem, stem)


@cache
def _forms() -> Mapping[str, str]:
    return joined_forms(suffix_stem)
