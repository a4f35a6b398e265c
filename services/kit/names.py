"""Names given by people and programs: of projects, sessions, tags."""

from __future__ import annotations

import unicodedata


def plain_name(name: str) -> str:
    """The name as it is stored and compared: without surrounding space, in NFC (macOS writes NFD)."""
    return unicodedata.normalize("NFC", name).strip()
