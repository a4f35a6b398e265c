"""A user's decisions of what may be done, one after the other."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from services.session.domain.permissions import (
    Decision,
    Ledger,
    Place,
    Recorded,
    Rule,
    Scope,
    Verdict,
    check,
    judge_request,
)
from services.session.domain.rule_learning import record, revoke

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HERE = Place("heron", "/work/heron", "s1")
ELSEWHERE = replace(HERE, session_id="another")
PLACES = [HERE, ELSEWHERE, Place("heron", "/a/clone", "s5"), Place("crane", "/work/crane", "s4"), Place()]
LEARN_AFTER = 3


@dataclass
class Book:
    """A ledger that goes on."""

    ledger: Ledger = field(default_factory=lambda: Ledger("ada"))

    def allow(
        self,
        operation: str,
        target: str = "",
        scope: Scope = Scope.SESSION,
        place: Place = HERE,
        exact: bool = False,
    ) -> Rule:
        return self._record(Verdict.ALLOW, operation, target, scope, place, exact)

    def deny(self, operation: str, target: str = "", scope: Scope = Scope.SESSION, place: Place = HERE) -> Rule:
        return self._record(Verdict.DENY, operation, target, scope, place)

    def _record(
        self, verdict: Verdict, operation: str, target: str, scope: Scope, place: Place, exact: bool = False
    ) -> Rule:
        request, recorded = judge_request(operation, target, place), Recorded(verdict, scope, exact=exact)
        self.ledger, rule, _ = record(self.ledger, request, recorded, NOW, LEARN_AFTER)
        return rule

    def revoke(self, rule: Rule) -> None:
        self.ledger, _ = revoke(self.ledger, rule.id, False)

    def check(self, operation: str, target: str = "", place: Place = HERE, now: datetime = NOW) -> Decision:
        return check(self.ledger, judge_request(operation, target, place), now)

    def verdict(self, operation: str, target: str = "", place: Place = HERE) -> str:
        return str(self.check(operation, target, place).verdict)
