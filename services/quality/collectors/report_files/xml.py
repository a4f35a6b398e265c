"""XML reports, parsed as a stream. Hardened: refuses entities, fetches nothing, limits depth.

The standard library's expat suffices: a parser that refuses every entity declaration has nothing to expand or fetch.
A DOCTYPE alone is allowed, as in Cobertura reports; expat does not fetch it.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Mapping
from typing import TypeAlias
from xml.parsers import expat

from services.quality.collectors.directory import Unmeasured
from services.workspace.text import text_of

_control = re.compile(
    rb"[\x01-\x08\x0b\x0c\x0e-\x1f]|&#(?:x0*(?:[1-8bcef]|1[0-9a-f])|0*(?:[1-8]|1[124-9]|2\d|3[01]));", re.IGNORECASE
)
depth_max = 100
elements_max = 2_000_000
OnElement: TypeAlias = Callable[[str, Mapping[str, str]], None]


def read_xml(content: bytes, on_element: OnElement, on_text: Callable[[str, str], None] | None = None) -> None:
    """Calls `on_element(name, attributes)` for each element and `on_text(name of its element, text)` for each text.

    Raises Unmeasured if the XML is invalid or unsafe.
    """
    reader = _Reader(on_element, on_text)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.EntityDeclHandler = _refuse
    parser.ExternalEntityRefHandler = _refuse
    if on_text:
        parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(_with_what_xml_allows(content), True)
    except (expat.ExpatError, ValueError, LookupError) as error:  # also an unknown encoding
        raise Unmeasured("is not valid XML") from error


def _with_what_xml_allows(content: bytes) -> bytes | str:
    """XML as tools and shells write it: after an empty line, in UTF-16 whatever it declares, with control characters
    that a test printed, which XML does not allow."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE)):
        return text_of(content)
    return _control.sub(b"?", content.lstrip(b" \t\r\n"))


class _Found(Exception):
    """The first element was read."""


def first_element(content: bytes) -> tuple[str, Mapping[str, str]]:
    """The name and the attributes of the outermost element. Raises what `read_xml` does."""
    first: list[tuple[str, Mapping[str, str]]] = []

    def element(name: str, attributes: Mapping[str, str]) -> None:
        first.append((name, attributes))
        raise _Found

    try:
        read_xml(content, element)
    except _Found:
        return first[0]
    raise Unmeasured("is not valid XML")


class _Reader:
    def __init__(self, on_element: OnElement, on_text: Callable[[str, str], None] | None) -> None:
        self._on_element = on_element
        self._on_text = on_text
        self._open: list[str] = []
        self._seen = 0

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        self._open.append(name)
        self._seen += 1
        if len(self._open) > depth_max or self._seen > elements_max:
            raise Unmeasured("is deeper or longer than any report")
        self._on_element(name, attributes)

    def end(self, _: str) -> None:
        self._open.pop()

    def text(self, text: str) -> None:
        if self._on_text and self._open:
            self._on_text(self._open[-1], text)


def _refuse(*_: object) -> int:
    raise Unmeasured("declares entities, which no report does")
