"""A JSON document of any length, read value by value: the elements of a list, or of the list under one of its keys."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from typing import Any, BinaryIO

from services.memory.imports.containers.unreadable import Unreadable

value_max_chars = 64 * 1024 * 1024
opening_max_bytes, chunk_max_bytes = 64 * 1024, 1024 * 1024
"""Read at the beginning, by which many files are recognised, and from then on."""
keys_max = 1000
WHITE = " \t\r\n"
BYTE_ORDER_MARK = "\ufeff"


class Malformed(ValueError):
    """The document is not JSON, or ends too early."""


class JsonDocument:
    """Reads a document once, from its beginning. `name` is for messages. Raises Malformed, and Unreadable."""

    def __init__(self, name: str, file: BinaryIO, encoding: str = "utf-8") -> None:
        self.bytes_read = 0
        self._name = name
        self._file = file
        self._decode = codecs.getincrementaldecoder(encoding)("replace").decode
        self._parse = json.JSONDecoder(parse_constant=_refuse_constant).raw_decode
        self._text, self._at, self._is_whole = "", 0, False

    def opening(self) -> str:
        """The first character that is no space: `[`, `{`, or another; empty for an empty file."""
        self._more(min(opening_max_bytes, chunk_max_bytes))
        self._text = self._text.removeprefix(BYTE_ORDER_MARK)
        return self._next_character()

    def elements(self) -> Iterator[Any]:
        """The elements of the list that begins here."""
        self._expect("[")
        while (character := self._next_character()) != "]":
            yield self._value()
            character = self._next_character()
            if character == ",":
                self._at += 1
            elif character != "]":
                raise Malformed("a list goes on without a comma")
        self._at += 1

    def members(self) -> Iterator[str]:
        """The keys of the object that begins here. Of each, `value` or `elements` is to be read before the next."""
        self._expect("{")
        for _ in range(keys_max):
            if self._next_character() == "}":
                return
            key = self._value()
            self._expect(":")
            yield str(key)
            character = self._next_character()
            if character not in (",", "}"):
                raise Malformed("an object goes on without a comma")
            self._at += character == ","
        raise Malformed("an object with too many keys")

    def value(self) -> Any:
        """The value that begins here."""
        self._next_character()
        return self._value()

    def begins_list(self) -> bool:
        """Whether the value that begins here is a list."""
        return self._next_character() == "["

    def _value(self) -> Any:
        size = chunk_max_bytes
        while True:
            try:
                value, end = self._parse(self._text, self._at)
            except RecursionError:
                raise Unreadable(f"{self._name}: nested too deeply") from None
            except ValueError as problem:
                if self._is_whole:
                    raise Malformed(str(problem)) from None
            else:
                if end < len(self._text) or self._is_whole:
                    self._at = end
                    return value
            if len(self._text) - self._at > value_max_chars:
                raise Unreadable(f"{self._name}: a value of over {value_max_chars:,} characters, or not JSON")
            self._more(size)
            size *= 2

    def _expect(self, character: str) -> None:
        if self._next_character() != character:
            raise Malformed(f"no {character} where one should be")
        self._at += 1

    def _next_character(self) -> str:
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in WHITE:
                    return self._text[self._at]
                self._at += 1
            if self._is_whole:
                return ""
            self._more(chunk_max_bytes)

    def _more(self, size: int) -> None:
        data = self._file.read(size)
        self.bytes_read += len(data)
        self._is_whole = not data
        self._text = self._text[self._at :] + self._decode(data, final=not data)
        self._at = 0


def _refuse_constant(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
