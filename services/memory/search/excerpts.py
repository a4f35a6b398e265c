"""Excerpts: of a long memory the part in which what was asked for stands."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from services.memory.text.chunks import Span, chunks
from services.memory.text.terms import query_terms

lead_chars = 40
"""An excerpt begins so far before what was found at most, where a line or a sentence begins there."""
_telling_share = 0.3
"""The share of the query that must stand in an excerpt; otherwise the part that is nearest by meaning is shown."""
_ending_chars = 2
"""By so much a word in the text may differ at its end from a term of the query."""
_least_stem_chars = 4


@dataclass(frozen=True)
class Sought:
    """What excerpts are to show: the query's terms, each with its share of the query's weight."""

    shares: Mapping[str, float]

    @cached_property
    def stems(self) -> Mapping[str, float]:
        """How words begin that count as one of the terms; a name counts for the terms within it, too."""
        return {
            _stem_of(term): sum(share for part, share in self.shares.items() if part in term) for term in self.shares
        }

    @cached_property
    def is_ascii(self) -> bool:
        """Whether all of them are."""
        return all(map(str.isascii, self.stems))

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Finds where such words begin."""
        begins = "|".join(re.escape(stem) for stem in sorted(self.stems, key=len, reverse=True))
        return re.compile(rf"(?:(?<![^\W_])|(?<=[^\x00-\x7f]))(?:{begins})", re.IGNORECASE)


def _stem_of(term: str) -> str:
    return term if not term.isalpha() else term[: max(len(term) - _ending_chars, _least_stem_chars)]


NOTHING_SOUGHT = Sought({})


def sought_of(query: str) -> Sought:
    """What excerpts for a query are to show; nothing in particular for an empty one."""
    terms = query_terms(query)
    return Sought({term: 1 / len(terms) for term in terms})


def excerpt(text: str, chars_max: int, sought: Sought = NOTHING_SOUGHT, chunk: int = -1) -> Span:
    """The stretch of at most `chars_max` characters that shows best what was sought; all of a short text.

    `chunk` is the number of the chunk nearest by meaning, -1 for the text's beginning.
    """
    if len(text) <= chars_max:
        return Span(0, len(text))
    hits = list(_hits(text, sought))
    share, first, last = _densest(hits, chars_max)
    if share < _telling_share and (part := _chunk(text, chunk)):
        inside = [hit for hit in hits if part.begin <= hit.begin < part.end]
        _, first, last = _densest(inside, chars_max) if inside else (0.0, part.begin, part.begin)
    elif not hits:
        return _whole_words(text, 0, chars_max)
    lead = max(min(lead_chars, chars_max - (last - first)), chars_max - (len(text) - first), 0)
    return _whole_words(text, _begin(text, max(first - lead, 0), first), chars_max)


@dataclass(frozen=True, slots=True)
class _Hit:
    begin: int
    end: int
    stem: str
    share: float


def _hits(text: str, sought: Sought) -> Iterator[_Hit]:
    if not sought.shares:
        return
    if text.isascii() and sought.is_ascii:
        yield from _ascii_hits(text.lower(), sought.stems)
        return
    for match in sought.pattern.finditer(text):
        stem = match[0].casefold()
        yield _Hit(match.start(), match.end(), stem, sought.stems.get(stem, 0.0))


def _ascii_hits(text: str, stems: Mapping[str, float]) -> Iterator[_Hit]:
    """The same as by the pattern, which would take longer to compile than all excerpts of a page to make."""
    found = []
    for stem in stems:
        begin = text.find(stem)
        while begin >= 0:
            if not begin or not text[begin - 1].isalnum():
                found.append((begin, -len(stem), stem))
            begin = text.find(stem, begin + 1)
    end = 0
    for begin, _, stem in sorted(found):
        if begin >= end:  # of those that begin at the same place the longest comes first
            end = begin + len(stem)
            yield _Hit(begin, end, stem, stems[stem])


def _densest(hits: Sequence[_Hit], chars_max: int) -> tuple[float, int, int]:
    """The stretch that holds most of the query: its share, and where its first and last term begin and end."""
    best = (0.0, 0, 0)
    window: deque[_Hit] = deque()
    counts: Counter[str] = Counter()
    share = 0.0
    for hit in hits:
        window.append(hit)
        share += hit.share * (not counts[hit.stem])
        counts[hit.stem] += 1
        while hit.end - window[0].begin > chars_max or min(share - _only(window[0], counts), 1.0) >= min(share, 1.0):
            if len(window) == 1:
                break
            share -= _only(window[0], counts)
            counts[window.popleft().stem] -= 1
        if min(share, 1.0) > best[0] + _rounding:
            best = (min(share, 1.0), window[0].begin, hit.end)
    return best


_rounding = 1e-9


def _only(hit: _Hit, counts: Mapping[str, int]) -> float:
    """What a stretch loses without this hit."""
    return hit.share if counts[hit.stem] == 1 else 0.0


def _chunk(text: str, number: int) -> Span | None:
    parts = chunks(text) if number >= 0 else []
    return parts[number] if 0 <= number < len(parts) else None


def _begin(text: str, begin: int, latest: int) -> int:
    """Where the excerpt begins: after the last line or sentence that ends between the two, else at a word."""
    for mark in ("\n", ". ", " "):
        place = text.find(mark, begin, latest)
        if place >= 0:
            return place + len(mark)
    return latest


def _whole_words(text: str, begin: int, chars_max: int) -> Span:
    """`chars_max` characters from `begin` on, without the half of a word at the end."""
    end = min(begin + chars_max, len(text))
    if end < len(text) and not text[end].isspace():
        space = max(text.rfind(mark, begin + chars_max // 2, end) for mark in (" ", "\n"))
        end = space if space > 0 else end
    return Span(begin, end)
