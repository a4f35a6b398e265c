"""Rules of how long memories are kept, and when the clock they are kept by is believed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from services.kit.errors import InvalidInput
from services.memory.domain.retention_policy import (
    Clock,
    Due,
    Rule,
    Standing,
    advance_clock,
    checked_rule,
    doubt_lasts,
    jump_max,
    standing,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_a_rule_says_what_it_keeps() -> None:
    assert Rule("p").keeps_all
    assert Rule("p").words == "conversations kept for ever"
    both = Rule("p", days=1000, size_mb=1.5, reflections=True)
    assert both.words == "conversations and reflections kept for 1,000 days and up to 1.5 MB, the newest"


@pytest.mark.parametrize(
    "rule", [Rule(" "), Rule("p", days=0), Rule("p", days=36_501), Rule("p", size_mb=0), Rule("p", size_mb=2e6)]
)
def test_a_rule_that_makes_no_sense_is_refused(rule: Rule) -> None:
    with pytest.raises(InvalidInput):
        checked_rule(rule)
    assert checked_rule(replace(rule, project=" p ", days=1, size_mb=0.5)).project == "p"


def test_the_settings_rule_stands_since_it_was_changed() -> None:
    rule, since = Rule(days=30), NOW - timedelta(days=3)
    assert standing(None, rule, NOW) == Standing(rule, NOW)
    assert standing(Standing(rule, since), rule, NOW) == Standing(rule, since)
    assert standing(Standing(Rule(days=31), since), rule, NOW) == Standing(rule, NOW)
    assert standing(Standing(rule, NOW + timedelta(days=1)), rule, NOW) == Standing(rule, NOW)


def test_what_is_due_comes_in_batches_that_hold_all_of_it_in_order() -> None:
    due = Due(np.arange(5), np.arange(5) * 10)
    batches = list(due.batches(2))
    assert [len(batch) for batch in batches] == [2, 2, 1]
    assert np.concatenate([batch.sequences for batch in batches]).tolist() == [0, 1, 2, 3, 4]
    assert list(Due(np.arange(0), np.arange(0)).batches(2)) == []


def test_a_clock_is_believed_while_it_goes_on_and_when_it_is_set_back() -> None:
    clock = Clock(NOW)
    for now in (NOW + jump_max, NOW - timedelta(days=400)):
        assert advance_clock(clock, now) == Clock(now)


def test_a_clock_that_jumped_is_believed_after_it_went_on_evenly_for_long_enough() -> None:
    jumped = NOW + jump_max + timedelta(seconds=1)
    clock = advance_clock(Clock(NOW), jumped)
    assert not clock.is_believed
    assert not advance_clock(clock, jumped + doubt_lasts - timedelta(seconds=1)).is_believed
    assert advance_clock(clock, jumped + doubt_lasts).is_believed


def test_a_second_jump_begins_the_doubt_anew() -> None:
    first = advance_clock(Clock(NOW), NOW + timedelta(days=30))
    second = advance_clock(first, NOW + timedelta(days=60))
    assert second.doubted_since == NOW + timedelta(days=60)
    assert advance_clock(second, NOW).is_believed
