"""ISO 8601 as programs write it: also with a lower case `z`, and with a zone name in brackets (RFC 9557)."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_bracket = re.compile(r"\[!?([A-Za-z][\w+/-]{0,60})\]$")


def parse(text: str) -> datetime:
    """The time, naive if it has no zone; an offset takes precedence over a zone name. ValueError for anything else."""
    bracket = _bracket.search(text)
    plain = text[: bracket.start()] if bracket else text
    if plain.endswith("z"):
        plain = f"{plain[:-1]}Z"
    parsed = datetime.fromisoformat(plain)
    if bracket and parsed.tzinfo is None:
        return parsed.replace(tzinfo=_zone(bracket[1]))
    return parsed


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError) as error:  # OSError: the name is a directory of the zone database
        raise ValueError(f"no time zone of this name: {name}") from error
