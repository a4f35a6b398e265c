"""The domain's records as JSON, for every store."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, TypeAdapter

from services.session.domain.permissions import Audited, Ledger, Proposal, Rule
from services.session.domain.sessions import Answer, Checkpoint, DeferredStore, Handoff, Session
from services.session.domain.tokens import Token
from services.session.operations.events import Event


def _renamed_fields(stored: Any) -> Any:
    """A session's record with today's names: its deferred stores were called `owed`."""
    if not isinstance(stored, dict) or "owed" not in stored:
        return stored
    return {"deferred": stored["owed"], **{name: value for name, value in stored.items() if name != "owed"}}


SESSION: TypeAdapter[Session] = TypeAdapter(Annotated[Session, BeforeValidator(_renamed_fields)])
CHECKPOINT = TypeAdapter(Checkpoint)
HANDOFF = TypeAdapter(Handoff)
DEFERRED_STORE = TypeAdapter(DeferredStore)
ANSWER = TypeAdapter(Answer)
LEDGER = TypeAdapter(Ledger)
RULE = TypeAdapter(Rule)
PROPOSAL = TypeAdapter(Proposal)
AUDITED = TypeAdapter(Audited)
EVENT = TypeAdapter(Event)
TOKEN = TypeAdapter(Token)
