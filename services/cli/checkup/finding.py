"""What was found of one thing: how it is, in plain words, and the one command that mends it."""

from __future__ import annotations

from typing import NamedTuple

OK, DEGRADED, BROKEN = "ok", "degraded", "broken"


class Finding(NamedTuple):
    """`mend` is a command, or says what to do where there is none; empty where nothing is to be done."""

    name: str
    status: str
    detail: str
    mend: str = ""
