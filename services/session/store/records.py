"""The domain's records as JSON, for every store."""

from __future__ import annotations

from pydantic import TypeAdapter

from services.session.domain.conversations import Conversation
from services.session.domain.handoff import Handoff
from services.session.domain.permissions import Audited, Ledger, Proposal, Rule
from services.session.domain.sessions import Answer, Checkpoint, Owed, Session
from services.session.domain.tokens import Token
from services.session.operations.events import Event

SESSION = TypeAdapter(Session)
CONVERSATION = TypeAdapter(Conversation)
CHECKPOINT = TypeAdapter(Checkpoint)
HANDOFF = TypeAdapter(Handoff)
OWED = TypeAdapter(Owed)
ANSWER = TypeAdapter(Answer)
LEDGER = TypeAdapter(Ledger)
RULE = TypeAdapter(Rule)
PROPOSAL = TypeAdapter(Proposal)
AUDITED = TypeAdapter(Audited)
EVENT = TypeAdapter(Event)
TOKEN = TypeAdapter(Token)
