"""The Redis store's keys, and its sortable times."""

from __future__ import annotations

import hashlib
from datetime import datetime

from services.session.domain.sessions import State

TAG = "{segue}"


def key(kind: str, *names: str) -> str:
    """The key of a record of this kind; names may hold anything, so they are hashed."""
    if not names:
        return f"{TAG}:{kind}"
    digest = hashlib.blake2b("\0".join(names).encode("utf-8", "surrogatepass"), digest_size=16)
    return f"{TAG}:{kind}:{len(names)}:{digest.hexdigest()}"


def index(user: str, project: str, state: State | None) -> str:
    """The index of a user's sessions, by project and state if given."""
    return key("sessions", user, project, state or "")


def without_handoff(user: str, project: str) -> str:
    """The index of a user's abandoned sessions without a handoff."""
    return key("sessions-without-handoff", user, project)


def place(created_at: datetime, id: str) -> str:
    """Sorts as (created_at, id) does."""
    return f"{score(created_at):0>20} {id}"


def score(time: datetime) -> str:
    """Microseconds since 1970: exact in a double until the year 2255."""
    return str(round(time.timestamp() * 1_000_000))
