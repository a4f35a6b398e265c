"""Values for the wire: printable text, and bounded, checked reading of clients' data."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, NewType, TypeVar

from services.kit.errors import InvalidInput

TEXT_MAX_CHARACTERS = 256
ITEMS_MAX = 64
NUMBER_MAX = 2**53
LATER = "later"
"""Marks a field, in its metadata, that peers of earlier versions do not send; it has a default."""
LINES_MAX_CHARACTERS = 4096

# Text of several lines; any other text is one line.
Lines = NewType("Lines", str)
T = TypeVar("T")


def readable(name: bytes | str, most: int = TEXT_MAX_CHARACTERS) -> str:
    """A name as one line of printable text: other characters are escaped, and a long name loses its middle."""
    text = name.decode("utf-8", "backslashreplace") if isinstance(name, bytes) else name
    text = text if text.isprintable() else "".join(_escape(character) for character in text[: most * 2])
    return text if len(text) <= most else f"{text[: most // 2]}…{text[-(most - most // 2 - 1) :]}"


def to_dict(value: Any) -> Any:
    """A dataclass, with nested ones, as a JSON object."""
    if dataclasses.is_dataclass(value):
        return {field.name: to_dict(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [to_dict(item) for item in value]
    if isinstance(value, Mapping):
        return {key: to_dict(item) for key, item in value.items()}
    return value.isoformat() if isinstance(value, datetime) else value


def from_dict(kind: type[T], value: object) -> T:
    """The inverse of `to_dict`. Values of another type, or over the limits of text, list and number, raise InvalidInput
    naming the field; unknown fields are ignored; one marked as LATER may be left out."""
    made: T = _check_value(kind, value, kind.__name__.lower())
    return made


def _escape(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()


def _check_value(kind: Any, value: object, place: str) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in {types.UnionType, typing.Union}:
        return None if value is None else _check_value(arguments[0], value, place)
    if origin is Literal:
        return _expect(isinstance(value, str) and value in arguments, value, place, "one of " + ", ".join(arguments))
    if origin is tuple:
        items: Any = _expect(isinstance(value, list) and len(value) <= ITEMS_MAX, value, place, "a short list")
        return tuple(_check_value(arguments[0], item, f"{place}[{number}]") for number, item in enumerate(items))
    if origin in {dict, Mapping}:
        pairs: Any = _expect(isinstance(value, dict) and len(value) <= ITEMS_MAX, value, place, "a small object")
        return {
            _check_value(str, key, place): _check_value(arguments[1], item, f"{place} value")
            for key, item in pairs.items()
        }
    if dataclasses.is_dataclass(kind):
        return _object(kind, value, place)
    return _scalar(kind, value, place)


def _object(kind: Any, value: object, place: str) -> Any:
    fields: Any = _expect(isinstance(value, dict), value, place, "an object")
    hints = typing.get_type_hints(kind)
    known = dataclasses.fields(kind)
    missing = next((field.name for field in known if field.name not in fields and LATER not in field.metadata), None)
    _expect(missing is None, value, f"{place}.{missing}", "present")
    sent = [field.name for field in known if field.name in fields]
    return kind(**{name: _check_value(hints[name], fields[name], f"{place}.{name}") for name in sent})


def _scalar(kind: Any, value: object, place: str) -> Any:
    if kind is bool:
        return _expect(isinstance(value, bool), value, place, "true or false")
    if kind is int:
        is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= NUMBER_MAX
        return _expect(is_count, value, place, "a count")
    if kind is float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= NUMBER_MAX
        return _expect(is_number, value, place, "a number")
    if kind is datetime:
        return _time(value, place)
    if kind is Lines:
        is_short = isinstance(value, str) and len(value) <= LINES_MAX_CHARACTERS
        is_text = is_short and str(value).replace("\n", "").isprintable()
        return _expect(is_text, value, place, f"printable lines of at most {LINES_MAX_CHARACTERS} characters")
    is_text = isinstance(value, str) and len(value) <= TEXT_MAX_CHARACTERS and value.isprintable()
    return _expect(is_text, value, place, f"printable text of at most {TEXT_MAX_CHARACTERS} characters")


def _time(value: object, place: str) -> Any:
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) and len(value) <= 40 else None
    except ValueError:
        time = None
    return _expect(time is not None and time.tzinfo is not None, time, place, "a time in ISO 8601 with an offset")


def _expect(holds: bool, value: object, place: str, what: str) -> object:
    if not holds:
        raise InvalidInput(f"{place} must be {what}", "Use a client of the same version as the server.")
    return value
