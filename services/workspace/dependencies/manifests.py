"""Manifests and locks: size limits, reading, and the results of a comparison."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from services.kit.systems import PLAIN
from services.workspace.text import text_of

LOCK_MAX_BYTES = 8 << 20
MANIFEST_MAX_BYTES = 1 << 20

LockStatus = Literal["agrees", "stale", "missing lock", "unknown"]


@dataclass(frozen=True)
class DependencyFile:
    """A manifest, its lock, and whether they agree; if not, the reason."""

    ecosystem: str
    manifest: str
    lock: str | None
    status: LockStatus
    reason: str | None = None


class Manifest(NamedTuple):
    """A manifest's requirements; without content if it cannot be read."""

    ecosystem: str
    name: str
    content: dict[str, Any]


class Verdict(NamedTuple):
    """The result of a comparison."""

    status: LockStatus
    reason: str | None = None


@dataclass(frozen=True)
class Where:
    """Where a manifest is from its lock: `member` is its directory below the lock's, empty if they are beside each
    other; `root` is the manifest beside the lock, and `packages` the names of the workspace's own packages."""

    member: str = ""
    root: Mapping[str, Any] = field(default_factory=dict)
    packages: frozenset[str] = frozenset()


BESIDE = Where()
Compare = Callable[[dict[str, Any], str, Where], Verdict]
NOT_A_MEMBER = Verdict("missing lock", "the lock above does not have it")


def read_text(file: Path, most_bytes: int) -> str | None:
    """The text of a regular file of at most that size; None for anything else."""
    try:
        descriptor = os.open(file, os.O_RDONLY | PLAIN)
    except (OSError, ValueError):
        return None
    with os.fdopen(descriptor, "rb") as opened:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size > most_bytes:
            return None
        return text_of(opened.read(most_bytes))
