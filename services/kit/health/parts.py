"""The health of a service's parts, and the check of the data directory's file system that every service needs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

DISK_FREE_MIN_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class PartHealth:
    """One part's health: `healthy`, `degraded` or `unhealthy`, and why."""

    status: str
    reason: str = ""


def file_system(directory: Path, free_min_bytes: int = DISK_FREE_MIN_BYTES) -> PartHealth:
    """Whether `directory` is writable and has room."""
    if not os.access(directory, os.W_OK):
        return PartHealth("unhealthy", "the data directory cannot be written")
    status = os.statvfs(directory)
    free = status.f_bavail * status.f_frsize
    if free < free_min_bytes:
        return PartHealth("degraded", f"{free / 1e6:.0f} MB left on the disk")
    return PartHealth("healthy")
