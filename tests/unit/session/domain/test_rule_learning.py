"""A rule comes from the user's decision, or from the same allow again and again; a deny and a revocation undo it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.kit.errors import Conflict, InvalidInput, NotFound
from services.session.domain.operation_risk import Level
from services.session.domain.permissions import Ledger, Place, Recorded, Request, Scope, Source, Verdict
from services.session.domain.rule_learning import record, revoke

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PLACE = Place("shop", "/srv/shop", "s1")
EDIT = Request("edit", "app.py", PLACE, Level.MEDIUM, "")
ALLOW, DENY = Recorded(Verdict.ALLOW), Recorded(Verdict.DENY)


def allowed(times: int, request: Request = EDIT, learn_after: int = 3) -> tuple[Ledger, list[str]]:
    """The ledger after so many allows, and the ids of what was learned on the way."""
    ledger, ids = Ledger("alice"), []
    for at in range(times):
        ledger, _, learned = record(ledger, request, ALLOW, NOW + timedelta(hours=at), learn_after)
        ids += [learned.id] if learned else []
    return ledger, ids


def test_the_same_allow_often_enough_makes_one_rule_for_the_project() -> None:
    assert not allowed(2)[1]
    ledger, (learned,) = allowed(3)
    rule = next(rule for rule in ledger.rules if rule.id == learned)
    assert (rule.source, rule.scope, rule.place) == (Source.LEARNED, Scope.PROJECT, Place("shop", "/srv/shop"))


@pytest.mark.parametrize(
    "request_",
    [
        Request("delete_file", "app.py", PLACE, Level.CRITICAL, ""),
        Request("edit", "app.py", Place(session_id="s1"), Level.MEDIUM, ""),
        Request("bash", "deploy --password=hunter22", PLACE, Level.HIGH, ""),
    ],
    ids=["critical", "no project", "a secret"],
)
def test_what_must_not_be_learned_never_is(request_: Request) -> None:
    assert not allowed(10, request_)[1]


COUNTED = Recorded(Verdict.ALLOW, Scope.PROJECT, is_only_counted=True)


@pytest.mark.parametrize(
    "request_",
    [Request("bash", "make pears", PLACE, Level.HIGH, ""), Request("read", "/srv/a", PLACE, Level.LOW, "")],
    ids=["a command", "a file"],
)
def test_what_is_only_counted_leaves_a_digest_until_exactly_that_is_learned(request_: Request) -> None:
    ledger = Ledger("alice")
    for _ in range(2):
        ledger, _, learned = record(ledger, request_, COUNTED, NOW, 3)
        assert learned is None
        assert request_.target not in repr(ledger)
    ledger, _, learned = record(ledger, request_, COUNTED, NOW, 3)
    assert learned is not None
    assert (learned.pattern, learned.exact, ledger.rules) == (request_.target, True, (learned,))


def test_a_deny_forgets_what_was_learned_and_nothing_is_learned_after_it() -> None:
    ledger, _ = allowed(3)
    ledger, deny, _ = record(ledger, EDIT, DENY, NOW, 3)
    assert not [rule for rule in ledger.rules if rule.source is Source.LEARNED]
    with pytest.raises(Conflict, match=deny.id):
        record(ledger, EDIT, ALLOW, NOW, 3)


def test_what_was_revoked_counts_from_nought() -> None:
    ledger, (learned,) = allowed(3)
    ledger, gone = revoke(ledger, learned, every=False)
    assert [rule.id for rule in gone] == [learned]
    assert record(ledger, EDIT, ALLOW, NOW, 3)[2] is None


def test_revoking_names_a_rule_or_all() -> None:
    for rule_id, every in (("", False), ("x", True)):
        with pytest.raises(InvalidInput):
            revoke(Ledger("alice"), rule_id, every)
    with pytest.raises(NotFound):
        revoke(Ledger("alice"), "x", every=False)
    assert revoke(allowed(3)[0], "", every=True)[0].rules == ()
