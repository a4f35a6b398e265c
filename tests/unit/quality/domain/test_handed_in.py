"""What CI handed in counts by its commit, beside what is found here."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.quality.domain.evidence import MAXIMUM, Evidence
from services.quality.domain.handed_in import FROM_TOOLS, HandedEvidence, Present, with_handed_in
from services.quality.domain.scoring import score

NOW = datetime(2026, 3, 10, tzinfo=UTC)
HEAD, BEFORE = "a" * 40, "b" * 40
TIMES = {HEAD: NOW - timedelta(days=1), BEFORE: NOW - timedelta(days=4)}
PRESENT = Present(HEAD, TIMES[HEAD], TIMES.get, None, NOW)


def by_ci(value: float, commit: str = HEAD, name: str = "tests_passed", **more: object) -> HandedEvidence:
    made = HandedEvidence(commit, name, value, "reported by CI at commit x: JUnit XML: junit.xml", "", NOW)
    return replace(made, **more)  # type: ignore[arg-type]


def here(value: float, age_s: float = 0, name: str = "tests_passed") -> dict[str, Evidence]:
    return {name: Evidence(name, value, True, "JUnit XML: junit.xml", NOW, age_s)}


def outcome(
    found: dict[str, Evidence], *handed: HandedEvidence, present: Present = PRESENT, name: str = "tests_passed"
) -> Evidence:
    return with_handed_in(found, handed, present).get(name) or Evidence(name)


def test_evidence_of_head_is_of_now() -> None:
    found = outcome({}, by_ci(0.75))
    assert (found.measured, found.value, found.age_s) == (True, 0.75, 0)
    assert outcome({}, by_ci(0.75, HEAD[:7])).age_s == 0


def test_evidence_of_an_earlier_commit_is_as_old_as_what_came_after_it() -> None:
    assert outcome({}, by_ci(0.75, BEFORE)).age_s == 3 * 86_400
    assert outcome({}, by_ci(0.75, BEFORE), by_ci(0.5, HEAD)).value == 0.5


def test_evidence_of_a_commit_that_is_not_here_does_not_count() -> None:
    assert not outcome({}, by_ci(0.75, "c" * 40)).measured
    assert outcome(here(0.5), by_ci(1, "c" * 40)).value == 0.5


def test_what_is_too_old_does_not_count() -> None:
    old = replace(PRESENT, committed_at={BEFORE: NOW - timedelta(days=200)}.get)
    assert not outcome({}, by_ci(1, BEFORE), present=old).measured


@pytest.mark.parametrize(
    ("name", "local", "ci", "counts"), [("tests_passed", 1, 0.5, 0.5), ("lint", 3, 8, 8), ("test_coverage", 60, 80, 80)]
)
def test_of_two_that_are_fresh_the_worse_counts_and_of_coverage_the_better(
    name: str, local: float, ci: float, counts: float
) -> None:
    assert outcome(here(local, name=name), by_ci(ci, name=name), name=name).value == counts
    assert outcome(here(ci, name=name), by_ci(local, name=name), name=name).value == counts


def test_what_is_closer_to_the_sources_of_now_counts() -> None:
    assert outcome(here(0.5, age_s=86_400), by_ci(1)).value == 1
    assert outcome(here(1), by_ci(0.5, BEFORE)).value == 1


def test_edits_since_then_are_newer() -> None:
    edited = replace(PRESENT, edited_at=NOW + timedelta(hours=5))
    assert outcome({}, by_ci(1), present=edited).age_s == 5 * 3600


def test_where_no_repository_is_seen_its_own_time_counts() -> None:
    blind = Present("", None, lambda _: None, None, NOW + timedelta(days=2))
    assert outcome({}, by_ci(1), present=blind).age_s == 2 * 86_400


@pytest.mark.parametrize("name", sorted(set(MAXIMUM) - set(FROM_TOOLS)))
def test_ci_vouches_for_nothing_that_is_seen_in_the_directory(name: str) -> None:
    assert not outcome({}, by_ci(1, name=name), name=name).measured


def test_what_does_not_apply_stays_so() -> None:
    found = outcome({"types": Evidence("types", applies=False)}, by_ci(9, name="types"), name="types")
    assert (found.measured, found.applies) == (True, False)


@given(some.floats(0, 1), some.floats(0, 1), some.floats(0, 1), some.floats(0, 1e7))
def test_better_reports_by_ci_never_lower_the_score(local: float, one: float, other: float, age_s: float) -> None:
    worse, better = sorted((one, other))
    found = here(local, age_s)
    scores = [score(with_handed_in(found, [by_ci(value)], PRESENT)).overall for value in (worse, better)]
    assert scores == sorted(scores)
