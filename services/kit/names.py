"""Names that people and machines give: of projects, sessions, tags."""

from __future__ import annotations

import unicodedata


def plain_name(name: str) -> str:
    """The name as it is kept and asked for: without space around it, and in NFC, which macOS does not write."""
    return unicodedata.normalize("NFC", name).strip()
