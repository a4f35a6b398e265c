"""What an export says of a memory's corrections: what it replaces, that it was withdrawn, and what it was before.

Standard library only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from services.kit.errors import InvalidInput

LISTS = ("replaces", "made_of")
TIMES = ("replaced_at", "withdrawn_at")
VERSIONS = "versions"


def corrections_of(fields: Mapping[str, Any], aware: Callable[[str], str]) -> dict[str, Any]:
    """The keys of a line that say so, checked; InvalidInput, which never quotes the line. `aware` reads a time."""
    found: dict[str, Any] = {name: _words(fields, name) for name in LISTS}
    found |= {name: aware(_text(fields, name)) for name in TIMES}
    versions = fields.get(VERSIONS) or []
    if not isinstance(versions, list) or not all(isinstance(each, dict) for each in versions):
        raise InvalidInput("versions is not a list of objects")
    found[VERSIONS] = [_version(each, aware) for each in versions]
    return {name: value for name, value in found.items() if value}


def _version(fields: Mapping[str, Any], aware: Callable[[str], str]) -> dict[str, Any]:
    texts = {name: _text(fields, name) for name in ("content", "project")}
    changed_at = aware(_text(fields, "changed_at"))
    if not changed_at:
        raise InvalidInput("changed_at is missing")
    return {**texts, "tags": list(_words(fields, "tags")), "changed_at": changed_at}


def _words(fields: Mapping[str, Any], key: str) -> Sequence[str]:
    words = fields.get(key) or []
    if not isinstance(words, list) or not all(isinstance(each, str) for each in words):
        raise InvalidInput(f"{key} is not a list of strings")
    return words


def _text(fields: Mapping[str, Any], key: str) -> str:
    value = fields.get(key) or ""
    if not isinstance(value, str):
        raise InvalidInput(f"{key} is not a string")
    return value
