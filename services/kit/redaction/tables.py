"""Secrets in tables, Markdown's and CSV's: the heading of a column says what its cells are."""

from __future__ import annotations

import re
from collections.abc import Iterator

from services.kit.redaction import values
from services.kit.redaction.values import lazy_pattern

_ROWS_MAX = 500
_LINE_CHARS_MAX = 4_000
_SEPARATORS = "|\t;,"
_PASSWORDS = r"[\w ]{0,40}(?:passw(?:or)?d|passphrase|passwort|pwd|contraseña|пароль|密码|パスワード)s?"
_TOKENS = r"[\w ]{0,40}(?:secret|token|(?:api|access|secret|private)[ _-]?key)s?"
_HEADING = r"passw|passphrase|pwd|contraseña|пароль|密码|パスワード|secret|token|key"

_JUDGES = {"password": values.password, "token": values.token}

Span = tuple[int, int]


def table_cells(text: str, folded: str) -> Iterator[tuple[str, Span]]:
    """The kind and place of each cell below a heading such as `password` that looks like one."""
    read_to = 0
    for heading in lazy_pattern(_HEADING).finditer(folded):
        if heading.start() < read_to:
            continue
        start, read_to = _line_at(text, heading.start())
        separator = next((each for each in _SEPARATORS if text.find(each, start, read_to) >= 0), "")
        if not separator or read_to - start > _LINE_CHARS_MAX:
            continue
        headings = _cells(text, (start, read_to), separator)
        columns = {number: kind for number, span in enumerate(headings) if (kind := _kind(folded[slice(*span)]))}
        for row in _rows_below(text, read_to, len(headings), separator) if columns else ():
            read_to = row[-1][1]  # a row is no heading, so that each line is read once
            for number, kind in columns.items():
                if _JUDGES[kind](text[slice(*row[number])], True):
                    yield kind, row[number]


def _rows_below(text: str, at: int, columns: int, separator: str) -> Iterator[list[Span]]:
    """The cells of each line below, as long as there are so many."""
    for _ in range(_ROWS_MAX):
        if (at := text.find("\n", at) + 1) == 0:
            return
        row = _line_at(text, at)
        if row[1] - row[0] > _LINE_CHARS_MAX or len(cells := _cells(text, row, separator)) != columns:
            return
        yield cells


def _kind(heading: str) -> str:
    for kind, names in (("password", _PASSWORDS), ("token", _TOKENS)):
        if lazy_pattern(names, re.IGNORECASE).fullmatch(heading):
            return kind
    return ""


def _line_at(text: str, at: int) -> Span:
    end = text.find("\n", at)
    return text.rfind("\n", 0, at) + 1, len(text) if end < 0 else end


def _cells(text: str, line: Span, separator: str) -> list[Span]:
    """The cells of a line, without the space, quotes and emphasis around what is in them."""
    found, start = [], line[0]
    for part in text[line[0] : line[1]].split(separator):
        left = len(part) - len(part.lstrip(" \t\r*_`\"'"))
        right = len(part.rstrip(" \t\r*_`\"'"))
        found.append((start + min(left, right), start + right))
        start += len(part) + 1
    return found
