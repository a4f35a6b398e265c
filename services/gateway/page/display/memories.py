"""Memories as the tools give them, with the fields that were left out because they are empty."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_all: Mapping[str, Any] = {
    "content_truncated": False,
    "content_chars": 0,
    "excerpt_begin": 0,
    "first_said": None,
    "session_id": None,
    "role": None,
    "tags": (),
    "metadata": {},
    "shared": False,
    "author": None,
    "replaced_by": (),
    "replaces": (),
    "withdrawn_at": None,
    "score": None,
    "similarity_score": None,
    "matched": "",
    "context": {},
    "folded": 0,
    "folded_ids": (),
}
shown_metadata_max = 24


def whole(memory: Mapping[str, Any]) -> dict[str, Any]:
    """The memory with all fields that templates name."""
    made = {**_all, **memory}
    made["context"] = {"before": "", "after": "", **made["context"]}
    return made


def all_whole(memories: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The same for several."""
    return [whole(each) for each in memories]


def tags_of(text: str) -> list[str]:
    """The tags that were typed into one field, separated by commas."""
    return list(dict.fromkeys(each for part in text.split(",") if (each := " ".join(part.split()))))


def metadata_lines(metadata: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    """What a memory's metadata says, a line each; lists and objects are written out."""
    return [(name, _text(value)) for name, value in list(metadata.items())[:shown_metadata_max]]


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_text(each)}" for name, each in value.items())
    return str(value)
