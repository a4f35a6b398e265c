"""The wording of a text as a number: equal only for texts that say the same word for word.

Case of ordinary words, white space, and the punctuation that ends a word or quotes it make no difference. All else
does: the order of words, numbers, signs and operators, brackets, a question mark, the case of identifiers, and whatever
stands between backticks.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

Wordings = NDArray[np.uint64]

capitals_max = 3
"""A short word in capitals is a name or an abbreviation: US is not us."""
_quotes = "\"'\u2018\u201c\u201d\u201e\u00ab\u00bb"
_endings = ".,;:…"
_before_ending = re.compile(r"[\w)\]}%]")
_same = str.maketrans({"\u2019": "'", "\u02bc": "'"})


def wording(content: str, tags: Iterable[str] = ()) -> int:
    """64 bits of what is said, tags included; 0 for a text without words. Linear in it."""
    digest = hashlib.blake2b(digest_size=8)
    is_empty = True
    for token in tokens(content):
        digest.update(token.encode("utf-8", "replace") + b"\0")
        is_empty = False
    for tag in sorted({tag.casefold() for tag in tags}):
        digest.update(b"\1" + tag.encode("utf-8", "replace") + b"\0")
    return 0 if is_empty else int.from_bytes(digest.digest(), "little") or 1


def tokens(content: str) -> Iterator[str]:
    """What of a text makes a difference, in its order."""
    parts = unicodedata.normalize("NFC", content).translate(_same).split("`")
    for number, part in enumerate(parts):
        if number % 2:  # code
            yield from part.split()
            continue
        for line in part.splitlines():
            words = line.split()
            for place, word in enumerate(words):
                yield _plain_word(word, is_last=place == len(words) - 1)


def _plain_word(word: str, *, is_last: bool) -> str:
    """The word without its quotes and what ends it, in small letters where it is an ordinary one."""
    kept = word.strip(_quotes).rstrip(_quotes + _endings + ("!" if is_last else ""))
    if kept[-1:].isdigit():  # what follows a number may be its unit or a sign: 5" and 5!
        kept = word.rstrip(_endings)
    if not _before_ending.match(kept[-1:]):
        return word
    return kept.casefold() if _is_ordinary(kept) else kept


def _is_ordinary(word: str) -> bool:
    letters = word.replace("'", "").replace("-", "")
    if not (letters.isalpha() and word[0].isalpha()):
        return False
    if len(letters) == 1:
        return letters in "aA"
    return letters.islower() or letters[1:].islower() or (letters.isupper() and len(letters) > capitals_max)
