"""Recommendations and a person's answers: what returns, what does not, what is learned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.kit.errors import InvalidInput, NotFound
from services.quality.domain.evidence import Evidence
from services.quality.domain.recommendations import (
    IDS,
    Answer,
    Known,
    Standing,
    check_answer,
    check_id,
    choose,
    summary_begins,
    with_answer,
)
from services.quality.domain.scoring import BY_NAME, Score, score
from tests.unit.quality.domain.test_scoring import PERFECT, any_evidence

MAY = datetime(2026, 5, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def measured(at: datetime, **values: float) -> Score:
    """Of a project that is perfect but for these components, measured then."""
    worse = {name: replace(PERFECT[name], value=value, measured_at=at) for name, value in values.items()}
    return score({**{name: replace(each, measured_at=at) for name, each in PERFECT.items()}, **worse})


def unmeasured(reason: str = "there is no report") -> Score:
    return score({**PERFECT, "lint": Evidence("lint", detail=reason)})


class Person:
    """Looks, and answers, one day after another."""

    def __init__(self, now: datetime = MAY) -> None:
        self.now = now
        self.standings: dict[str, Standing] = {}
        self.others: dict[str, int] = {}

    @property
    def known(self) -> Known:
        totals = {each.id: (each.followed, each.refused) for each in self.standings.values()}
        return Known(dict(self.standings), totals, self.others)

    def look(self, made: Score, days: float = 0) -> Mapping[str, tuple[str, ...]]:
        """What is shown so many days later, with the reasons."""
        self.now += days * DAY
        choice = choose(made, self.known, self.now)
        self.standings |= {each.id: each for each in choice.changes}
        return {each.id: each.why for each in choice.recommendations}

    def say(self, id: str, answer: Answer, days: int | None = None) -> None:
        self.standings[id] = with_answer(self.standings.get(id, Standing(id)), answer, days, self.now)


def test_what_was_refused_for_ever_does_not_return_however_the_evidence_changes() -> None:
    person = Person()
    assert list(person.look(measured(MAY, lint=10))) == ["improve:lint"]
    person.say("improve:lint", Answer.NEVER)
    for days in range(1, 800, 40):
        assert not person.look(measured(person.now, lint=5 + days % 15), days)


def test_not_now_returns_when_its_time_is_over_and_says_so() -> None:
    person = Person()
    person.look(measured(MAY, lint=10))
    person.say("improve:lint", Answer.NOT_NOW, 10)
    assert not person.look(measured(MAY, lint=10), 9)
    why = person.look(measured(MAY, lint=10), 1)["improve:lint"]
    assert why[-1] == "you said not now on 2026-05-01, but the time is over"
    assert person.look(measured(MAY, lint=10), 1), "once it has returned it stays"


@pytest.mark.parametrize(("findings", "returns"), [(10.0, False), (11.0, False), (13.0, True), (7.0, True)])
def test_not_now_returns_earlier_if_the_evidence_has_changed(findings: float, returns: bool) -> None:
    person = Person()
    person.look(measured(MAY, lint=10))
    person.say("improve:lint", Answer.NOT_NOW)
    shown = person.look(measured(MAY + DAY, lint=findings), 2)
    assert bool(shown) is returns
    if returns:
        assert shown["improve:lint"][-1].endswith("but the evidence has changed")


def test_another_reason_for_no_measurement_is_other_evidence_and_another_number_is_not() -> None:
    person = Person()
    assert list(person.look(unmeasured("the report is 5 days old"))) == ["measure:lint"]
    person.say("measure:lint", Answer.NOT_NOW)
    assert not person.look(unmeasured("the report is 6 days old"), 1)
    assert person.look(unmeasured("the report cannot be read"), 1)


def test_done_is_believed_until_a_measurement_says_otherwise() -> None:
    person = Person()
    person.look(measured(MAY, lint=10))
    person.say("improve:lint", Answer.DONE)
    assert not person.look(measured(MAY - DAY, lint=10), 40), "nothing was measured since"
    why = person.look(measured(person.now + DAY, lint=10), 2)["improve:lint"]
    assert why[-1] == "you said done on 2026-05-01, but it was measured since"


def test_what_was_done_and_shows_is_followed_and_rests() -> None:
    person = Person()
    person.look(measured(MAY, lint=10))
    person.say("improve:lint", Answer.DONE)
    assert not person.look(measured(MAY + DAY, lint=5), 2), "there is more to gain, but something was done"
    assert person.standings["improve:lint"].followed == 1
    assert not person.look(measured(MAY + DAY, lint=5), 20)
    why = person.look(measured(MAY + DAY, lint=5), 20)["improve:lint"]
    assert "you followed it before" in why


def test_done_of_what_is_still_not_measured_is_believed_for_a_week() -> None:
    person = Person()
    person.look(unmeasured())
    person.say("measure:lint", Answer.DONE)
    assert not person.look(unmeasured(), 6.9)
    assert person.look(unmeasured(), 0.2)["measure:lint"][-1].endswith("7 days later it is not measured yet")


def test_a_recommendation_that_was_followed_without_a_word_is_noticed() -> None:
    person = Person()
    person.look(unmeasured())
    person.look(measured(MAY + DAY), 2)
    assert person.standings["measure:lint"].followed == 1
    assert person.standings["measure:lint"].shown_at is None


def test_what_is_measured_as_before_was_not_followed() -> None:
    person = Person()
    person.look(measured(MAY, lint=10))
    person.look(measured(MAY + DAY, lint=9.9), 2)
    person.look(measured(MAY, lint=10), 2)
    assert person.standings["improve:lint"].followed == 0


def test_an_answer_is_taken_back() -> None:
    person = Person()
    before = person.look(measured(MAY, lint=10))
    for answer in (Answer.NEVER, Answer.NOT_NOW, Answer.DONE):
        person.say("improve:lint", answer)
        assert not person.look(measured(MAY, lint=10))
        person.say("improve:lint", Answer.UNDO)
        assert person.look(measured(MAY, lint=10)) == before
    assert person.standings["improve:lint"].refused == 0


def test_the_same_answer_twice_counts_once() -> None:
    person = Person()
    person.say("improve:lint", Answer.NEVER)
    person.say("improve:lint", Answer.NEVER)
    assert person.standings["improve:lint"].refused == 1


def test_what_a_person_refuses_elsewhere_comes_later_and_what_helped_others_earlier() -> None:
    made = measured(MAY, lint=10, readme=0, docstrings=0, tests_passed=0.75)
    plain = list(Person().look(made))
    assert plain == ["improve:lint", "improve:tests_passed", "improve:docstrings"]
    refused = choose(made, Known({}, {"improve:lint": (0, 4)}), MAY).recommendations
    assert refused[0].id == "improve:tests_passed"
    helped = choose(made, Known({}, {}, {"improve:readme": 2}), MAY).recommendations
    assert [each.id for each in helped][2] == "improve:readme"
    assert helped[2].why[-1] == "it helped 2 others in this project"


def test_what_is_shown_for_weeks_and_never_followed_makes_room() -> None:
    person = Person()
    made = {"lint": 10.0, "tests_passed": 0.75, "readme": 0.0, "docstrings": 0.0}
    first = list(person.look(measured(MAY, **made)))
    for _ in range(80):
        last = list(person.look(measured(MAY, **made), 1))
    assert set(last) != set(first), "what nobody does is not all that is said"


@given(any_evidence, some.dictionaries(some.sampled_from(IDS), some.sampled_from(list(Answer)), max_size=8))
def test_of_any_evidence_no_refused_one_is_shown_and_each_has_a_reason(
    evidence: Mapping[str, Evidence], answers: Mapping[str, Answer]
) -> None:
    standings = {each: with_answer(Standing(each), answers[each], None, MAY) for each in answers}
    choice = choose(score(evidence), Known(standings), MAY + DAY)
    shown = [each.id for each in choice.recommendations]
    assert len(shown) <= 3
    assert not {each for each in shown if answers.get(each) in {Answer.NEVER, Answer.DONE, Answer.NOT_NOW}}
    assert all(each.why and all(each.why) for each in choice.recommendations)
    again = choose(score(evidence), Known({**standings, **{each.id: each for each in choice.changes}}), MAY + DAY)
    assert [each.id for each in again.recommendations] == shown
    assert not again.changes, "to look again changes nothing"


@given(any_evidence)
def test_without_any_answer_the_order_is_that_of_the_score(evidence: Mapping[str, Evidence]) -> None:
    made = score(evidence)
    chosen = choose(made, Known(), MAY).recommendations
    assert sorted(each.expected_points for each in chosen) == sorted(
        each.expected_points for each in made.recommendations
    )
    assert {each.id for each in made.candidates} <= set(IDS)


def test_how_a_recommendation_begins_is_known() -> None:
    for name in BY_NAME:
        for made in (measured(MAY, **{name: BY_NAME[name].curve[0][0]}), score({**PERFECT, name: Evidence(name)})):
            for each in made.candidates:
                assert each.text.startswith(tuple(summary_begins(each.id))), each


def test_unknown_ids_and_answers_are_refused_with_the_way_out() -> None:
    with pytest.raises(NotFound) as refusal:
        check_id("fix:lint")
    assert "improve:lint" in str(refusal.value.suggestions)
    for answer, days in (("later", None), ("done", 3), ("not_now", 0), ("not_now", 366)):
        with pytest.raises(InvalidInput):
            check_answer(answer, days)
