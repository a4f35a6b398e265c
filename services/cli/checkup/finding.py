"""The result of one check: its status, in plain words, and the command that fixes it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

OK, DEGRADED, BROKEN = "ok", "degraded", "broken"
MAKE_ROOM = "segue retention PROJECT --days N  # or delete_conversations, or a higher SEGUE_GATEWAY_MEMORIES_MAX"


class Finding(NamedTuple):
    """`remedy` is the command that fixes it, or an instruction if there is none; empty if nothing is to be done."""

    name: str
    status: str
    detail: str
    remedy: str = ""


def modification_times(paths: Iterable[Path]) -> dict[Path, float]:
    """When each file was last written; without files that other processes have removed meanwhile."""
    times = {}
    for path in paths:
        with suppress(FileNotFoundError):
            times[path] = path.lstat().st_mtime
    return times
