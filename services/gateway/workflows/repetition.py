"""What was told already, sentence by sentence, so that nothing is told twice."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import blake2b

whole_chars = 100
"""So many letters and digits of a sentence tell it from others."""
cut_chars = 40
"""And so many, where it was cut off."""
least_chars = 8
"""What is shorter says nothing that could be repeated."""
_ends = re.compile(r"(?<=[.!?…。！？])\s+|(?<=[。！？])")  # noqa: RUF001  # full-width marks are meant
_wide_end = re.compile(r"[。！？]$")  # noqa: RUF001
CUT = "…"


class KnownSentences:
    """Sentences, as digests: they can be kept without what was said."""

    def __init__(self, digests: Iterable[str] = ()) -> None:
        self._known = set(digests)
        self._added: dict[str, None] = {}

    @property
    def digests(self) -> list[str]:
        """The digests of what was added, in order."""
        return list(self._added)

    def add(self, text: str) -> None:
        """From now on, all of its sentences count as told."""
        for sentence in _sentences(text):
            if digest := _digest(sentence, is_cut=sentence.rstrip().endswith(CUT)):
                self._known.add(digest)
                self._added[digest] = None

    def tells(self, text: str) -> bool:
        """Whether all of it was told."""
        return not any(each.isalnum() for each in self.fresh(text))

    def fresh(self, text: str) -> str:
        """The text without the sentences that were told, and without its own repetitions."""
        kept, seen = [], set[str]()
        if not any(
            self._is_new(each, set()) for each in _ends.split(" ".join(text.split()))
        ):  # broken into other lines
            return ""
        for line in text.splitlines():
            sentences = [each for each in _ends.split(line) if each and self._is_new(each, seen)]
            if sentences or not line.strip():
                kept.append(_line(sentences))
        return "\n".join(kept).strip("\n")

    def _is_new(self, sentence: str, seen: set[str]) -> bool:
        digests = {_digest(sentence, is_cut=False), _digest(sentence, is_cut=True)} - {""}
        is_new = not digests & (self._known | seen)
        seen |= {_digest(sentence, is_cut=False)} - {""}
        return is_new


def without_sentences(text: str, points: Iterable[str]) -> str:
    """The text without the sentences that say little but one of these points, as `Still open: the backfill` does."""
    marked = [plain for each in points if _weight(plain := _plain(each)) >= least_chars]
    lines = []
    for line in text.splitlines():
        kept = [each for each in _ends.split(line) if not any(_is_most_of(mark, _plain(each)) for mark in marked)]
        lines += [_line(kept)] if kept else []
    return "\n".join(lines)


def without_headings(text: str) -> str:
    """The text without what heads nothing any more at its end: `Open questions:`, where these are told elsewhere."""
    lines = text.splitlines()
    while lines:
        kept = [each for each in _ends.split(lines[-1]) if each]
        while kept and kept[-1].rstrip().endswith((":", "\uff1a")):
            kept.pop()
        if kept:
            lines[-1] = _line(kept)
            break
        lines.pop()
    return "\n".join(lines)


def _is_most_of(point: str, sentence: str) -> bool:
    return point in sentence and 2 * len(point) >= len(sentence)


def _line(sentences: Iterable[str]) -> str:
    """The sentences on one line: with a space between them, unless their language has none."""
    return "".join(each if _wide_end.search(each) else f"{each} " for each in sentences).rstrip(" ")


def _plain(text: str) -> str:
    return "".join(each for each in text.casefold() if each.isalnum())


def _weight(plain: str) -> int:
    """Its letters; one of a script in which a word has a letter or two counts twice."""
    return len(plain) + sum(not each.isascii() for each in plain)


def _sentences(text: str) -> list[str]:
    return [each for line in text.splitlines() for each in _ends.split(line)]


def _digest(sentence: str, *, is_cut: bool) -> str:
    """The digest of a sentence, or of its beginning; empty if it is too short to be repeated."""
    plain = _plain(sentence)
    if _weight(plain) < least_chars:
        return ""
    named = f"{CUT}{plain[:cut_chars]}" if is_cut else plain[:whole_chars]
    return blake2b(named.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
