"""Which Claude Code is on this machine, and whether Segue has been tried with it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from functools import cache

TRIED = (2, 1, 197), (2, 1, 332)
"""The oldest and the newest client that Segue's tests have driven."""
OLDEST = (2, 0, 0)
"""Older ones have no plugins, and no hook at a session's start and end."""
ASK_TIMEOUT_S = 15
PROGRAM = "SEGUE_CLAUDE_PROGRAM"
"""The client's program, where it is not `claude` in PATH."""


@cache
def client_version() -> tuple[int, ...] | None:
    """The version of the client in PATH; None where there is none, or it does not say."""
    program = os.environ.get(PROGRAM) or shutil.which("claude")
    if not program:
        return None
    try:
        said = subprocess.run(  # noqa: S603  # the user's own client
            [program, "--version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=ASK_TIMEOUT_S, check=False
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return parsed_version(said.decode("ascii", "replace"))


def parsed_version(text: str) -> tuple[int, ...] | None:
    """The first version in the text, as numbers."""
    found = re.search(r"\b(\d{1,6})\.(\d{1,6})\.(\d{1,6})\b", text)
    return tuple(map(int, found.groups())) if found else None


def readable_version(version: tuple[int, ...]) -> str:
    """The version as people write it."""
    return ".".join(map(str, version))
