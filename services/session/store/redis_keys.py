"""How the Redis store calls its keys, and how it writes times so that they sort."""

from __future__ import annotations

import hashlib
from datetime import datetime

from services.session.domain.sessions import State

TAG = "{segue}"


def key(kind: str, *names: str) -> str:
    """The key of a kind of record; names may hold anything, so they are hashed."""
    if not names:
        return f"{TAG}:{kind}"
    digest = hashlib.blake2b("\0".join(names).encode("utf-8", "surrogatepass"), digest_size=16)
    return f"{TAG}:{kind}:{len(names)}:{digest.hexdigest()}"


def index(user: str, project: str, state: State | None) -> str:
    """The index of a user's sessions in a project and a state, where they are named."""
    return key("sessions", user, project, state or "")


def without_handoff(user: str, project: str) -> str:
    """The index of a user's abandoned sessions that have left no handoff."""
    return key("sessions-without-handoff", user, project)


def place(created_at: datetime, id: str) -> str:
    """Sorts as (created_at, id) does."""
    return f"{score(created_at):0>20} {id}"


def score(time: datetime) -> str:
    """Microseconds since 1970: exact in a double until the year 2255."""
    return str(round(time.timestamp() * 1_000_000))
