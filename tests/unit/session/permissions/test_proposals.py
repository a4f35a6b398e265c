"""Nothing that a model does without a person widens what may be done."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.errors import Conflict, InvalidInput, NotFound
from services.session.domain.permissions import Ledger, Place, Recorded, Scope, Verdict, check, judge_request
from services.session.domain.rule_learning import record
from services.session.permissions.proposals import Shown, decide, proposals_max, propose, withdraw
from tests.fuzz.budget import tried
from tests.unit.session.book import HERE, LEARN_AFTER, NOW, PLACES, Book

COMMANDS = ["make", "make *", "*", "", "git push o", "rm -rf x", "ls", "git *"]
OPERATIONS = ["Bash", "Edit", "mcp__x", "mcp__x__y", "git_commit"]
ASKED = [(operation, target) for operation in OPERATIONS for target in (*COMMANDS, "git push", "make x")]
steps = st.tuples(
    st.sampled_from(["allow", "deny", "revoke", "revoke all"]),
    st.sampled_from(OPERATIONS),
    st.sampled_from(COMMANDS),
    st.sampled_from(list(Scope)),
    st.sampled_from(PLACES),
    st.sampled_from([0.0, 5.0, 0.001]),
    st.integers(0, 20),
    st.sampled_from([0, 0, 1, 4, 3600]),
)
STRENGTH = {Verdict.DENY: 0, Verdict.ASK: 1, Verdict.ALLOW: 2}


def decided_by_a_person() -> Ledger:
    book = Book()
    book.allow("Bash", "make *", Scope.PROJECT)
    book.allow("Bash", "git *", Scope.ALWAYS)
    book.deny("Bash", "git push *", Scope.PROJECT)
    book.deny("Edit", "a", Scope.SESSION)
    book.deny("mcp__x", "", Scope.ALWAYS)
    ledger = book.ledger
    for verdict, target in ((Verdict.DENY, "make x"), (Verdict.DENY, "rm *"), (Verdict.ALLOW, "rm -rf x")):
        recorded = Recorded(verdict, Scope.PROJECT, 5.0)
        with suppress(Conflict):
            ledger = record(ledger, judge_request("Bash", target, HERE), recorded, NOW, LEARN_AFTER)[0]
    return ledger


def act(ledger: Ledger, step: tuple[object, ...], now: datetime) -> Ledger:
    """What a tool does, for a model."""
    action, operation, target, scope, place, expires_in_s, which, _ = step
    request = judge_request(str(operation), str(target), place)  # type: ignore[arg-type]  # drawn as a place
    verdict = Verdict.DENY if action == "deny" else Verdict.ALLOW
    recorded = Recorded(verdict, scope, expires_in_s, by_person=False)  # type: ignore[arg-type]  # drawn so
    if action == "allow":
        return propose(ledger, request, recorded, now)[0]
    if action == "deny":
        return record(ledger, request, recorded, now, LEARN_AFTER)[0]
    every = action == "revoke all"
    known = [*(rule.id for rule in ledger.rules), *(proposal.id for proposal in ledger.proposals)]
    rule_id = "" if every or not known else known[int(str(which)) % len(known)]
    return withdraw(ledger, rule_id, every, "", now)[0]


@tried(300)
@given(st.lists(steps, max_size=12))
def test_no_sequence_of_calls_without_a_person_widens_anything(sequence: list[tuple[object, ...]]) -> None:
    before = after = decided_by_a_person()
    at = NOW
    for step in sequence:
        at += timedelta(seconds=int(str(step[-1])))
        with suppress(Conflict, InvalidInput, NotFound):
            after = act(after, step, at)
    for seconds in (0, 1, 10, 7200):
        now = at + timedelta(seconds=seconds)
        for operation, target in ASKED:
            request = judge_request(operation, target, HERE)
            said = STRENGTH[check(after, request, now).verdict]
            assert said <= STRENGTH[check(before, request, now).verdict], (operation, target)


shown = st.builds(
    Shown,
    st.sampled_from(["", *OPERATIONS]),
    st.sampled_from(COMMANDS),
    st.sampled_from(["", *map(str, Scope)]),
    st.booleans(),
    st.sampled_from(["", "a rule"]),
    st.booleans(),
)


def in_so_many_words(ledger: Ledger, shown: Shown, place: Place, now: datetime) -> Ledger:
    """What a person makes of the ledger who does just what a dialog showed."""
    if not shown.operation:
        rules = tuple(rule for rule in ledger.rules if shown.all is False and rule.id != shown.rule_id)
        return replace(ledger, rules=rules)
    request = judge_request(shown.operation, shown.target, place)
    recorded = Recorded(Verdict.ALLOW, Scope(shown.scope or "session"), exact=shown.exact)
    with suppress(Conflict, InvalidInput):
        return record(ledger, request, recorded, now, LEARN_AFTER)[0]
    return ledger


@tried(80)
@given(st.lists(steps, max_size=8), shown, st.integers(0, 9), st.lists(steps, max_size=4))
def test_a_dialog_widens_nothing_beyond_what_it_showed(
    first: list[tuple[object, ...]], told: Shown, which: int, later: list[tuple[object, ...]]
) -> None:
    before = after = decided_by_a_person()
    for step in first:
        with suppress(Conflict, InvalidInput, NotFound):
            after = act(after, step, NOW)
    if told.rule_id and after.rules:
        told = replace(told, rule_id=after.rules[which % len(after.rules)].id)
    if after.proposals:  # an answer names whatever proposal it likes
        with suppress(Conflict, NotFound):
            after = decide(after, after.proposals[which % len(after.proposals)].id, True, NOW, told)[0]
    for step in later:
        with suppress(Conflict, InvalidInput, NotFound):
            after = act(after, step, NOW)
    done = [before, *(in_so_many_words(before, told, place, NOW) for place in PLACES)]
    for (operation, target), place in product(ASKED, PLACES):
        request = judge_request(operation, target, place)
        said = STRENGTH[check(after, request, NOW).verdict]
        assert said <= max(STRENGTH[check(each, request, NOW).verdict] for each in done), (operation, target, place)


def test_a_dialog_about_something_else_decides_nothing() -> None:
    request = judge_request("Bash", "make *", HERE)
    ledger, rule, _ = propose(Ledger("ada"), request, Recorded(Verdict.ALLOW, by_person=False), NOW)
    for told in (
        Shown("Bash", "make"),
        Shown("Bash", "make *", "always"),
        Shown("Bash", "make *", exact=True),
        Shown(),
    ):
        with pytest.raises(NotFound, match="not about"):
            decide(ledger, rule.id, True, NOW, told)
    assert decide(ledger, rule.id, True, NOW, Shown("Bash", "make *"))[0].rules == (rule,)


def test_what_a_dialog_shows_as_claude_code_writes_it_is_the_same() -> None:
    request = judge_request("bash", "git log *", HERE)
    ledger, rule, _ = propose(Ledger("ada"), request, Recorded(Verdict.ALLOW, by_person=False), NOW)
    assert decide(ledger, rule.id, True, NOW, Shown("Bash(git log:*)"))[0].rules == (rule,)


def test_an_accepted_proposal_holds_for_its_time_from_then_on() -> None:
    request = judge_request("Bash", "make", HERE)
    ledger, rule, _ = propose(Ledger("ada"), request, Recorded(Verdict.ALLOW, expires_in_s=60, by_person=False), NOW)
    later = NOW + timedelta(hours=1)
    ledger, proposal = decide(ledger, rule.id, True, later)
    assert ledger.proposals == ()
    assert proposal.rule.expires_at == later + timedelta(seconds=60)
    assert check(ledger, request, later).verdict is Verdict.ALLOW


def test_a_proposal_that_a_deny_contradicts_meanwhile_does_not_hold() -> None:
    request = judge_request("Bash", "make", HERE)
    ledger, rule, _ = propose(Ledger("ada"), request, Recorded(Verdict.ALLOW, by_person=False), NOW)
    ledger, _, _ = record(ledger, request, Recorded(Verdict.DENY), NOW, LEARN_AFTER)
    with pytest.raises(Conflict, match="deny beats"):
        decide(ledger, rule.id, True, NOW)


def test_the_oldest_proposals_make_room() -> None:
    ledger = Ledger("ada")
    for number in range(proposals_max + 1):
        request = judge_request("Bash", f"make {number}", HERE)
        ledger, _, _ = propose(ledger, request, Recorded(Verdict.ALLOW, by_person=False), NOW)
    assert [each.rule.pattern for each in ledger.proposals][:1] == ["make 1"]
    assert len(ledger.proposals) == proposals_max


def test_a_deny_that_expires_does_not_end_a_longer_one() -> None:
    for first, second in ((0.0, 5.0), (5.0, 0.0), (3600.0, 5.0)):
        ledger, request = Ledger("ada"), judge_request("Bash", "make", HERE)
        for expires_in_s in (first, second):
            recorded = Recorded(Verdict.DENY, Scope.PROJECT, expires_in_s)
            ledger, _, _ = record(ledger, request, recorded, NOW, LEARN_AFTER)
        assert len(ledger.rules) == 1
        assert check(ledger, request, NOW + timedelta(seconds=60)).verdict is Verdict.DENY


def test_rules_of_earlier_versions_stay_in_force() -> None:
    from services.session.store.records import LEDGER

    book = Book()
    book.allow("Bash", "make *", Scope.PROJECT)
    kept = LEDGER.dump_python(book.ledger, mode="json")
    del kept["proposals"]
    book.ledger = LEDGER.validate_python(kept)
    assert book.verdict("Bash", "make x", replace(HERE, session_id="s2")) == "allow"
