"""What was found of one thing: how it is, in plain words, and the one command that mends it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

OK, DEGRADED, BROKEN = "ok", "degraded", "broken"
MAKE_ROOM = "segue retention PROJECT --days N  # or delete_conversations, or a higher SEGUE_GATEWAY_MEMORIES_MAX"


class Finding(NamedTuple):
    """`mend` is a command, or says what to do where there is none; empty where nothing is to be done."""

    name: str
    status: str
    detail: str
    mend: str = ""


def modification_times(paths: Iterable[Path]) -> dict[Path, float]:
    """When each was last written; without what is gone meanwhile, for others work beside the one who looks."""
    times = {}
    for path in paths:
        with suppress(FileNotFoundError):
            times[path] = path.lstat().st_mtime
    return times
