"""Questions whose answer has a form: a version has a number, a domain has dots. Where nothing that is found has it, the
answer is not there, however near what is found comes to the question."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import takewhile

from services.memory.text.terms import STOP_WORDS

chars_read_max = 20_000
"""Of each text."""
words_between_max = 4
"""Between a thing and its version: "Node is pinned to 20", "Postgres went from 15 to 16"."""
alike_min_chars = 4
"""Names of which one begins the other are the same, if it has so many: Postgres, PostgreSQL."""

_version_question = re.compile(r"\b(?:what|which)\b[^.?!]*\bversions?\b", re.IGNORECASE)
_domain_question = re.compile(r"\b(?:what|which)\b[^.?!]*\bdomain names?\b", re.IGNORECASE)
_word = re.compile(r"[A-Za-z][\w.+#-]*|v?\d[\w.]*|[,;()\n]")
_address = re.compile(r"\w+://\S+")
_number = re.compile(r"v?\d+(?:\.\w+)*")
_number_in_name = re.compile(r"[a-z]\W?v?\d")
_domain = re.compile(
    r"\b(?:[a-z0-9-]{1,63}\.){1,8}(?:com|org|net|io|dev|ai|co|cloud|gov|edu|local|internal|de|uk|eu|fr|ch|at|us|ca|jp)\b"
    r"|\b(?:[a-z0-9-]{1,63}\.){2,8}app\b",
    re.IGNORECASE,
)
_of_any_version = """
being current currently exact exactly had has have install installed latest need needed needs pin pinned project
projects remember require required requires run running runs same ship shipped support tell use used uses using
version versions
"""
_no_names = STOP_WORDS | frozenset(_of_any_version.split())


class Form(StrEnum):
    """What an answer must have."""

    VERSION = "version"
    DOMAIN = "domain name"


@dataclass(frozen=True, slots=True)
class AnswerForm:
    """The form, and of a version the names that the question has, casefolded."""

    form: Form
    names: Sequence[str] = ()

    def is_in(self, texts: Iterable[str]) -> bool:
        """Whether any of the texts has it."""
        return any(self._is_in(text[:chars_read_max]) for text in texts)

    def _is_in(self, text: str) -> bool:
        if self.form is Form.DOMAIN:
            return bool(_domain.search(text))
        words = [each.casefold() for each in _word.findall(_address.sub(" ", text))]
        named = [place for place, word in enumerate(words) if any(_is_alike(word, name) for name in self.names)]
        return any(_tells_version(words, place) for place in named)


def answer_form(query: str) -> AnswerForm | None:
    """The form that the answer to a question must have; None where it may have any."""
    if _domain_question.search(query):
        return AnswerForm(Form.DOMAIN)
    if not _version_question.search(query):
        return None
    names = [word for each in _word.findall(query) if (word := each.casefold().strip(".-")) not in _no_names]
    return AnswerForm(Form.VERSION, names) if names else None


def _is_alike(word: str, name: str) -> bool:
    if word == name:
        return True
    return min(len(word), len(name)) >= alike_min_chars and (word.startswith(name) or name.startswith(word))


def _tells_version(words: Sequence[str], place: int) -> bool:
    """Whether a number stands in the thing's name or soon after it, or somebody speaks of its version."""
    if _number_in_name.search(words[place]):
        return True
    after = list(takewhile(lambda word: word not in ",;()\n", words[place + 1 : place + words_between_max + 2]))
    around = (*words[max(place - words_between_max, 0) : place], *after)
    return any(map(_number.fullmatch, after)) or any(word.startswith("version") for word in around)
