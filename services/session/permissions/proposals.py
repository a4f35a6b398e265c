"""What a model may ask for and only a person decides: an allow, or that a deny be taken back. Pure functions.

A proposal holds nothing. What narrows needs none: a deny is recorded and an allow taken back at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import uuid4

from services.kit.errors import InvalidInput, NotFound
from services.session.domain.operation_risk import Level, is_decided_by_target
from services.session.domain.permissions import (
    Ledger,
    Proposal,
    Recorded,
    Request,
    Rule,
    Scope,
    Verdict,
    is_live,
    mask,
    pattern_max_chars,
)
from services.session.domain.rule_learning import (
    drop_expired,
    meaning,
    refuse_what_is_denied,
    revoke,
    rule_of,
    with_rule,
)
from services.session.permissions.naming import canonical_name
from services.session.permissions.operation_kinds import operation_name

proposals_max = 50
"""Of one user; the oldest goes for a new one."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a person was shown of a proposal before they decided; of a revocation the rule, or that it is of `all`."""

    operation: str = ""
    target: str = ""
    scope: str = ""
    exact: bool = False
    rule_id: str = ""
    all: bool = False


def propose(ledger: Ledger, request: Request, recorded: Recorded, now: datetime) -> tuple[Ledger, Rule, bool]:
    """The ledger with the allow as a proposal, the rule it would be, and whether that holds already."""
    is_wide = not recorded.exact and ("*" in request.target or not request.target)
    if recorded.scope is Scope.ALWAYS and is_wide and is_decided_by_target(request.operation):
        raise InvalidInput(
            "A rule for many targets and scope always is for the user to make, not for a tool.",
            f"Use scope=project, name one exact target, or let the user run: segue permit {request.operation} …",
        )
    rule = rule_of(request, recorded, now)
    for other in ledger.rules:
        if meaning(other) == meaning(rule) and is_live(other, now):
            return ledger, other, True
    refuse_what_is_denied(ledger, rule, now)
    return _with(ledger, Proposal(rule.id, rule, False, now)), rule, False


def withdraw(
    ledger: Ledger, rule_id: str, every: bool, project: str, now: datetime
) -> tuple[Ledger, Sequence[Rule], Sequence[Proposal]]:
    """The ledger without what a model may take back by itself, which that is, and what it proposes for the rest."""
    own = [each for each in ledger.proposals if rule_id and each.id == rule_id]
    if own:
        return _without(ledger, own[0]), [own[0].rule], []
    gone = revoke(ledger, rule_id, every, project)[1]
    for rule in gone:
        if rule.verdict is Verdict.ALLOW:
            ledger, _ = revoke(ledger, rule.id, False)
    denies = [rule for rule in gone if rule.verdict is Verdict.DENY]
    proposed = [Proposal(str(uuid4()), rule, True, now) for rule in denies]
    for each in proposed:
        ledger = _with(ledger, each)
    if every:
        kept = tuple(each for each in ledger.proposals if each.revokes or project not in {"", each.rule.place.project})
        ledger = replace(ledger, proposals=kept)
    return ledger, [rule for rule in gone if rule not in denies], proposed


def decide(ledger: Ledger, id: str, accept: bool, now: datetime, shown: Shown | None = None) -> tuple[Ledger, Proposal]:
    """The ledger as the person wants it, and the proposal that was decided. NotFound, or Conflict with a deny.

    Where a dialog `shown` was of something else, the person did not decide on this.
    """
    proposal = _proposal(ledger, id)
    if shown and not _is_about(proposal, shown):
        raise NotFound(f"The dialog was not about the proposal {id[:64]}.", "See `segue permissions`.")
    ledger = _without(ledger, proposal)
    if not accept:
        return ledger, proposal
    if proposal.revokes:
        known = any(rule.id == proposal.rule.id for rule in ledger.rules)
        return (revoke(ledger, proposal.rule.id, False)[0] if known else ledger), proposal
    rule = _from_now_on(proposal, now)
    refuse_what_is_denied(ledger, rule, now)
    ledger, rule = with_rule(ledger, rule)
    return drop_expired(ledger, now), replace(proposal, rule=rule)


def _proposal(ledger: Ledger, id: str) -> Proposal:
    for each in ledger.proposals:
        if each.id == id:
            return each
    raise NotFound(f"There is no proposal {id[:64]}.", "See `segue permissions`.")


def _is_about(proposal: Proposal, shown: Shown) -> bool:
    rule = proposal.rule
    if proposal.revokes:
        return not shown.operation and (shown.all or shown.rule_id == rule.id)
    operation, target = canonical_name(shown.operation, shown.target)
    is_exact = shown.exact or rule.level is Level.CRITICAL  # which is always meant word by word
    named = (operation_name(operation), mask(target, pattern_max_chars), shown.scope or Scope.SESSION, is_exact)
    return (rule.operation, rule.pattern, rule.scope, rule.exact) == named


def _from_now_on(proposal: Proposal, now: datetime) -> Rule:
    """The rule, with its time counted from when it comes to hold."""
    expires_at = proposal.rule.expires_at
    return replace(proposal.rule, created_at=now, expires_at=now + (expires_at - proposal.at) if expires_at else None)


def _with(ledger: Ledger, proposal: Proposal) -> Ledger:
    def subject(of: Proposal) -> tuple[object, ...]:
        return of.revokes, of.rule.id if of.revokes else meaning(of.rule)

    others = [each for each in ledger.proposals if subject(each) != subject(proposal)]
    return replace(ledger, proposals=tuple([*others, proposal][-proposals_max:]))


def _without(ledger: Ledger, proposal: Proposal) -> Ledger:
    return replace(ledger, proposals=tuple(each for each in ledger.proposals if each.id != proposal.id))
