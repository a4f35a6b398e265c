"""What the embedding model is given of a text: a long one in chunks, and a memory together with what was said before.

The model reads 256 tokens. Tokens are estimated from the characters, so that nothing here needs the model's tokenizer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

text_tokens_max = 230
"""What the model reads of a text, with room for an estimate that is too low."""
chunk_tokens_max = 200
overlap_tokens_max = 30
"""How much of a chunk the next one repeats, at most: a sentence or a line."""
chunks_max = 16
"""Of a longer text so many are embedded, spread over all of it. Its words are indexed to the end anyway."""
before_tokens_max = 80
"""How much of what was said before is embedded with a memory: its end."""
_least_before_tokens = 8
_piece_chars = 100

_token = re.compile(r"[^\W\d_]{1,6}|\d{1,2}|[^\w\s]|_")
_boundary = re.compile(r"[.!?…][\"')\]]{0,3}\s+|[。！？]\s*|\n\s*")  # noqa: RUF001  # full-width marks are meant
_words = re.compile(r"\S+\s*")


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a text, in characters."""

    begin: int
    end: int


def estimated_tokens(text: str) -> int:
    """About how many tokens the model makes of a text: rather too many than too few."""
    spelled = 0 if text.isascii() else sum(not character.isascii() for character in text)
    return sum(1 for _ in _token.finditer(text)) + (spelled * 3 + 3) // 4


def end_of(text: str, tokens_max: int) -> str:
    """The end of a text, in whole words, of at most about so many tokens."""
    begin, left = len(text), tokens_max
    for word in reversed(list(_words.finditer(text, max(0, len(text) - 8 * tokens_max)))):
        left -= estimated_tokens(word[0])
        if left < 0:
            break
        begin = word.start()
    return text[begin:]


def in_context(before: str, content: str) -> str:
    """A memory and what was said before it, for one embedding; the memory goes first where there is no room for all.

    What was said before comes first if it is short, as in talk; of a longer text only the end is taken, after the
    memory: so a memory after a long one is found as well as any other.
    """
    if not before:
        return content
    room = min(before_tokens_max, text_tokens_max - estimated_tokens(content[: 8 * text_tokens_max]))
    if room < _least_before_tokens:
        return content
    end = end_of(before, room)
    return f"{before}\n{content}" if end == before else f"{content}\n{end}" if end else content


def chunks(text: str) -> list[Span]:
    """What is embedded of a long text beside its beginning: at most `chunks_max` chunks; none of a short text.

    Chunks end where sentences or lines do, and overlap a little.
    """
    if estimated_tokens(text[: 8 * text_tokens_max]) <= text_tokens_max and len(text) <= 8 * text_tokens_max:
        return []
    found = _all_chunks(text)[1:]
    if len(found) <= chunks_max:
        return found
    return [found[place * (len(found) - 1) // (chunks_max - 1)] for place in range(chunks_max)]


def _all_chunks(text: str) -> list[Span]:
    found: list[Span] = []
    units: list[tuple[Span, int]] = []
    size = 0
    for unit, tokens in _units(text):
        if units and size + tokens > chunk_tokens_max:
            found.append(Span(units[0][0].begin, units[-1][0].end))
            units = units[-1:] if units[-1][1] <= overlap_tokens_max else []
            size = sum(its for _, its in units)
        units.append((unit, tokens))
        size += tokens
    return [*found, Span(units[0][0].begin, units[-1][0].end)] if units else found


def _units(text: str) -> Iterator[tuple[Span, int]]:
    """Sentences and lines; what has no end is divided at words, and a very long word anywhere."""
    begin = 0
    for end in (*(match.end() for match in _boundary.finditer(text)), len(text)):
        tokens = estimated_tokens(text[begin:end])
        if tokens > chunk_tokens_max:
            yield from _pieces(text, begin, end)
        elif tokens:
            yield Span(begin, end), tokens
        begin = end


def _pieces(text: str, begin: int, end: int) -> Iterator[tuple[Span, int]]:
    """A stretch without ends of sentences, in short pieces."""
    while begin < end:
        stop = min(begin + _piece_chars, end)
        space = text.rfind(" ", begin + 1, stop) if stop < end else -1
        stop = space + 1 if space > 0 else stop
        yield Span(begin, stop), estimated_tokens(text[begin:stop])
        begin = stop
