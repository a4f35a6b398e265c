"""What a model proposes about permissions, put to the user in the client's own dialog where it has one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from uuid import uuid4

from fastmcp import Context
from mcp_types import InputRequiredResult

from services.gateway.access.consent import Consent, code_of, consent_of_person, quotation
from services.gateway.answers import permission_shapes as shapes
from services.gateway.backends import SessionBackend
from services.pb import session_pb2

DECIDED = (Consent.YES, Consent.NO)
conversations_max = 100
_until = re.compile(r", until \d{4}-[-\d]+T[\d:.+]+")


async def decide_allow(
    context: Context, session: SessionBackend, which: session_pb2.Which, directory: str, answer: shapes.RuleAnswer
) -> shapes.RuleAnswer | InputRequiredResult:
    """The answer of `record_permission`: decided, where it was a proposal and the user answered."""
    if answer.status != "proposed" or await _have_hooks_asked(session, which, directory):
        return answer
    said = await consent_of_person(context, *_with_code(allow_question(answer.rule)))
    if isinstance(said, InputRequiredResult):
        return said
    if said not in DECIDED:
        return answer
    is_accepted = said is Consent.YES
    return answer.with_decision(await _decide(session, answer.rule.id, is_accepted), is_accepted)


async def decide_revocations(
    context: Context, session: SessionBackend, answer: shapes.RevokedAnswer
) -> shapes.RevokedAnswer | InputRequiredResult:
    """The answer of `revoke_permission`: the denies are gone, or stay, where the user answered."""
    rules = [each.rule for each in answer.proposed]
    if not rules or await _have_hooks_asked(session, session_pb2.Which(), ""):
        return answer
    said = await consent_of_person(context, *_with_code(revocation_question(rules)))
    if isinstance(said, InputRequiredResult):
        return said
    if said not in DECIDED:
        return answer
    for each in answer.proposed:
        await _decide(session, each.id, said is Consent.YES)
    return shapes.RevokedAnswer(revoked=answer.revoked + (len(rules) if said is Consent.YES else 0), proposed=[])


async def _have_hooks_asked(session: SessionBackend, which: session_pb2.Which, directory: str) -> bool:
    """Whether a conversation with our hooks is at work there, or anywhere: they had the client ask before the call."""
    request = session_pb2.ListConversationsRequest(limit=conversations_max)
    found: session_pb2.ListConversationsResponse = await session.call(session.stub.ListConversations, request)
    at_work = [each for each in found.conversations if each.is_open and not each.is_quiet]
    places = {which.working_directory, directory} - {""}
    if not (which.session_id or places):
        return bool(at_work)
    return any(
        each.working_directory in places or (which.session_id and each.session_id == which.session_id)
        for each in at_work
    )


def _with_code(question: str) -> tuple[str, str]:
    """The question with the number that says yes to it, and the number: the same when the tool is called again."""
    code = code_of(_until.sub("", question))
    return f"{question} Type {code} to do so.", code


def allow_question(rule: shapes.RuleShape) -> str:
    """What the user decides about an allow. A model's words are in it, quoted."""
    return f"May the agent do this without asking: {_description(rule)}?"


def revocation_question(rules: Sequence[shapes.RuleShape]) -> str:
    """What the user decides about denies of theirs."""
    return f"You denied this. Shall it be denied no longer: {'; '.join(map(_description, rules))}?"


def _description(rule: shapes.RuleShape) -> str:
    target = quotation(rule.pattern) if rule.pattern else "anything"
    everywhere = {"always": "in every project", "session": "in this session"}
    where = everywhere.get(rule.scope) or f"in the project {quotation(rule.project or '')}"
    until = f", until {rule.expires_at}" if rule.expires_at else ""  # the one part that differs from call to call
    return f"{quotation(rule.operation)} on {target}, {where}{until}"


async def _decide(session: SessionBackend, id: str, accept: bool) -> session_pb2.Proposal:
    request = session_pb2.DecideProposalRequest(id=id, accept=accept, operation_id=str(uuid4()))
    answer: session_pb2.DecideProposalResponse = await session.call(session.stub.DecideProposal, request)
    return answer.proposal
