"""Names given by people and programs: of projects, sessions, tags."""

from __future__ import annotations

import unicodedata

PROBE_PROJECT = "segue-doctor"
"""The project of memories that `segue doctor` stores and deletes, which no user looks for."""


def plain_name(name: str) -> str:
    """The name as it is stored and compared: without surrounding space, in NFC (macOS writes NFD)."""
    return unicodedata.normalize("NFC", name).strip()
