"""How rules come about and go: from what the user decides, and from deciding the same again and again. Pure functions.

Learned is what the user allowed often enough in a project and never denied. What is revoked or denied
counts from nought again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

from services.kit.errors import Conflict, InvalidInput, NotFound, OverQuota, TooLarge
from services.session.domain.operation_risk import Level, is_learned_as_a_whole
from services.session.domain.permissions import (
    Ledger,
    Place,
    Recorded,
    Request,
    Rule,
    Scope,
    Source,
    Tally,
    Verdict,
    denies,
    holds_at,
    is_live,
    mask,
    pattern_max_chars,
)
from services.session.permissions.operation_kinds import is_same_file_operation

rules_max = 500
"""What one user may have; denies stay in them after they expire, for what was denied is never learned."""
tallies_max = 1000
digest_chars = 32
expires_max_s = 365 * 24 * 3600


def record(
    ledger: Ledger, request: Request, recorded: Recorded, now: datetime, learn_after: int
) -> tuple[Ledger, Rule, Rule | None]:
    """The ledger with this decision in it, the rule it made, and a rule that was learned by it."""
    rule = rule_of(request, recorded, now)
    if recorded.verdict is Verdict.DENY:
        ledger, rule = with_rule(_without_what_is_denied(ledger, rule), rule)
        return drop_expired(ledger, now), rule, None
    refuse_what_is_denied(ledger, rule, now)
    ledger = ledger if recorded.is_only_counted else with_rule(ledger, rule)[0]
    ledger, learned = _count_allow(ledger, request, recorded.is_only_counted, now, learn_after)
    return drop_expired(ledger, now), rule, learned


def refuse_what_is_denied(ledger: Ledger, allow: Rule, now: datetime) -> None:
    """Raises Conflict where a rule in the same place denies what `allow` names."""
    for other in ledger.rules:
        same_place = is_live(other, now) and holds_at(other, allow.place)
        if (
            same_place
            and other.verdict is Verdict.DENY
            and denies(other, allow.operation, allow.pattern, allow.place.root)
        ):
            raise Conflict(f"The rule {other.id} denies it, and a deny beats an allow.", "Revoke that rule first.")


def revoke(ledger: Ledger, rule_id: str, every: bool, project: str = "") -> tuple[Ledger, Sequence[Rule]]:
    """The ledger without that rule, or without every one (of `project`); what led to them counts from nought again."""
    if bool(rule_id) == every:
        raise InvalidInput("Name a rule_id, or all=true.")
    gone = [rule for rule in ledger.rules if rule.id == rule_id or (every and project in {"", rule.place.project})]
    if rule_id and not gone:
        raise NotFound(f"There is no rule {rule_id[:64]}.", "permission_status lists the rules.")
    operations = {(rule.operation, rule.place.project) for rule in gone}
    kept = tuple(
        tally
        for tally in ledger.tallies
        if (tally.operation, tally.project) not in operations and not (every and project in {"", tally.project})
    )
    return replace(ledger, rules=tuple(rule for rule in ledger.rules if rule not in gone), tallies=kept), gone


def rule_of(request: Request, recorded: Recorded, now: datetime) -> Rule:
    """The rule that a decision makes; InvalidInput where it would hold nowhere, or grant what it must not."""
    is_critical = request.level is Level.CRITICAL
    if recorded.verdict is Verdict.ASK:
        raise InvalidInput("A decision is allow or deny.")
    if recorded.scope is Scope.SESSION and not request.place.session_id:
        raise InvalidInput("There is no session for a rule of scope session.", "Call init, or use scope=project.")
    if recorded.scope is Scope.PROJECT and not request.place.project:
        raise InvalidInput("There is no project for a rule of scope project.", "Name the working_directory.")
    if not 0 <= recorded.expires_in_s <= expires_max_s:
        raise InvalidInput(f"expires_in_s takes 0 (never) to {expires_max_s:,}.")
    if len(request.target) > pattern_max_chars:
        raise TooLarge(f"A rule's target has at most {pattern_max_chars} characters.", "Use * for the rest.")
    pattern = mask(request.target, pattern_max_chars)
    if is_critical and recorded.verdict is Verdict.ALLOW and (not pattern or pattern != request.target):
        raise InvalidInput(
            f"{request.operation} is critical: it is allowed only for one exact target, that holds no secret.",
            "Name the target.",
        )
    return Rule(
        id=str(uuid4()),
        operation=request.operation,
        pattern=pattern,
        exact=recorded.exact or (is_critical and recorded.verdict is Verdict.ALLOW),
        scope=recorded.scope,
        verdict=recorded.verdict,
        level=request.level,
        source=Source.USER,
        place=request.place,
        created_at=now,
        expires_at=now + timedelta(seconds=recorded.expires_in_s) if recorded.expires_in_s else None,
    )


def with_rule(ledger: Ledger, rule: Rule) -> tuple[Ledger, Rule]:
    """The ledger with the rule, in place of one that says the same, and the rule. Of two denies the longer holds."""
    same = [other for other in ledger.rules if meaning(other) == meaning(rule)]
    if rule.verdict is Verdict.DENY and same:
        ends = [each.expires_at for each in (*same, rule)]
        rule = replace(rule, expires_at=None if None in ends else max(filter(None, ends)))
    others = tuple(other for other in ledger.rules if other not in same)
    return replace(ledger, rules=(*others, rule)), rule


def meaning(rule: Rule) -> tuple[object, ...]:
    """What two rules share that say the same of the same."""
    places = {Scope.SESSION: rule.place, Scope.PROJECT: (rule.place.project, rule.place.root), Scope.ALWAYS: None}
    return rule.operation, rule.pattern, rule.exact, rule.scope, rule.verdict, rule.source, places[rule.scope]


def _count_allow(
    ledger: Ledger, request: Request, is_exact: bool, now: datetime, learn_after: int
) -> tuple[Ledger, Rule | None]:
    """One more allow of the same; with enough of them and never a deny, a rule for the project."""
    place = Place(request.place.project, request.place.root)
    is_whole = is_learned_as_a_whole(request.operation, request.level) and not is_exact
    subject = "" if is_whole else request.target
    holds_secret = mask(subject, pattern_max_chars) != subject
    if request.level is Level.CRITICAL or not place.project or holds_secret or _was_denied(ledger, request, subject):
        return ledger, None
    key = (request.operation, _digest(subject), request.level, place.project, place.root)
    before = next((each for each in ledger.tallies if _key(each) == key), None)
    allows = (before.allows if before else 0) + 1
    others = tuple(each for each in ledger.tallies if each is not before and len(each.subject) in {0, digest_chars})
    if allows < learn_after:
        tally = Tally(request.operation, _digest(subject), request.level, place.project, place.root, allows, now)
        return replace(ledger, tallies=(*others, tally)[-tallies_max:]), None
    learned = Rule(
        id=str(uuid4()),
        operation=request.operation,
        pattern=subject,
        exact=not is_whole,
        scope=Scope.PROJECT,
        verdict=Verdict.ALLOW,
        level=request.level,
        source=Source.LEARNED,
        place=place,
        created_at=now,
    )
    return with_rule(replace(ledger, tallies=others), learned)


def _digest(subject: str) -> str:
    return hashlib.sha256(subject.encode("utf-8", "surrogatepass")).hexdigest()[:digest_chars] if subject else ""


def _key(tally: Tally) -> tuple[object, ...]:
    return tally.operation, tally.subject, tally.level, tally.project, tally.root


def _was_denied(ledger: Ledger, request: Request, subject: str) -> bool:
    """Whether the user ever denied this here, be the rule expired or of another session; revoking forgets it."""
    return any(
        rule.verdict is Verdict.DENY and _touches(rule, request.operation, request.place, subject)
        for rule in ledger.rules
    )


def _touches(deny: Rule, operation: str, place: Place, subject: str) -> bool:
    here = (deny.place.project, deny.place.root) == (place.project, place.root) or deny.scope is Scope.ALWAYS
    if not subject:
        return here and is_same_file_operation(deny.operation, operation)
    return here and denies(deny, operation, subject, place.root)


def _without_what_is_denied(ledger: Ledger, deny: Rule) -> Ledger:
    """Learned rules that the deny contradicts are gone for good, and all counts of what it is about."""
    rules = tuple(
        rule
        for rule in ledger.rules
        if not (rule.source is Source.LEARNED and _touches(deny, rule.operation, rule.place, rule.pattern))
    )
    tallies = tuple(
        tally for tally in ledger.tallies if not _touches(deny, tally.operation, Place(tally.project, tally.root), "")
    )
    return replace(ledger, rules=rules, tallies=tallies)


def drop_expired(ledger: Ledger, now: datetime) -> Ledger:
    """Without allows that have expired; LimitExceeded where there are still too many rules."""
    kept = tuple(rule for rule in ledger.rules if rule.verdict is Verdict.DENY or is_live(rule, now))
    if len(kept) > rules_max:
        raise OverQuota(f"There are {rules_max} rules already.", "Revoke some: permission_status lists them.")
    return replace(ledger, rules=kept)
