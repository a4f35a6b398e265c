"""What a server acknowledged, and has to keep."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Promise:
    """A memory that was acknowledged."""

    id: str
    owner: str
    project: str
    kind: str
    word: str
    content: str | None
    """None where redaction changed it."""
    shared: bool = False


def comparable(text: str) -> str:
    """Whatever stands in for what UTF-8 cannot carry."""
    return text.encode("utf-8", "replace").decode().replace("\ufffd", "?")
