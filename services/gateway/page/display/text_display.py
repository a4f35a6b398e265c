"""Stored text as it is shown: every character of it is text, and those that are invisible or turn others around are
shown as what they are. Nothing in it is ever HTML, a link, or a command for a terminal that it is copied into."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import NamedTuple

from markupsafe import Markup, escape

_odd = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff"
    "\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_fence = re.compile(r"^ {0,3}(`{3,}|~{3,})[ \t]*([\w+#.-]{0,20})[^\n`]*$")
_fences = re.compile(r"^ {0,3}(?:`{3,}|~{3,})[^`\n]*$", re.MULTILINE)
_gaps = re.compile(r"\n\s*\n")
_word = re.compile(r"[^\W_]{2,}")
query_words_max = 24
stem_max_chars = 6


class Block(NamedTuple):
    """A stretch of a text: prose, or a fenced block of code with the language that it names."""

    is_code: bool
    language: str
    text: str


def plain(text: object) -> str:
    """The text with what is invisible written out: an escape as [ESC], a right-to-left override as [U+202E]."""
    return _odd.sub(_name, str(text))


def _name(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code == 0x0D:
        return ""  # the end of a line, as Windows writes it
    return "[ESC]" if code == 0x1B else f"[U+{code:04X}]"


def one_line(text: object, most: int = 200) -> str:
    """The beginning of a text, on one line."""
    words = " ".join(plain(str(text)[: most * 4]).split())
    return words if len(words) <= most else f"{words[: most - 1].rstrip()}…"


def blocks(text: str) -> list[Block]:
    """The text as prose and code; a fence that is never closed goes on to the end."""
    made: list[Block] = []
    lines: list[str] = []
    fence, language = "", ""
    for line in plain(text).split("\n"):
        opened = _fence.match(line)
        if not fence and opened:
            made += _block(lines, is_code=False)
            fence, language, lines = opened[1], opened[2], []
        elif fence and line.strip().startswith(fence) and not line.strip().strip(fence[0]):
            made += _block(lines, is_code=True, language=language)
            fence, lines = "", []
        else:
            lines.append(line)
    return [*made, *_block(lines, is_code=bool(fence), language=language)]


def _block(lines: Sequence[str], *, is_code: bool, language: str = "") -> Iterable[Block]:
    text = "\n".join(lines).strip("\n")
    return [Block(is_code, language if is_code else "", text)] if text.strip() else []


def highlight(text: str, query: str) -> Markup:
    """An excerpt as HTML, with the words of a query marked, also in other forms of them; without fences."""
    words = (each for each in _word.findall(query.casefold()) if len(each) > 2 or not each.isascii())
    wanted = {_stem(each) for each in islice(words, query_words_max)}
    shown = _gaps.sub("\n", _fences.sub("", plain(text))).strip()
    if not wanted:
        return escape(shown)
    parts: list[str] = []
    end = 0
    for found in _word.finditer(shown):
        if _stem(found[0].casefold()) in wanted:
            parts += [escape(shown[end : found.start()]), Markup("<mark>"), escape(found[0]), Markup("</mark>")]
            end = found.end()
    return Markup("").join([*parts, escape(shown[end:])])


def _stem(word: str) -> str:
    return word[:stem_max_chars] if len(word) > stem_max_chars else word.removesuffix("s")
