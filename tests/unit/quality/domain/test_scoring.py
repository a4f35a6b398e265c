"""What a score promises, for any evidence whatever."""

from __future__ import annotations

import locale
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.quality.domain.evidence import MAXIMUM, NO_CODE, Evidence
from services.quality.domain.scoring import BY_NAME, COMPONENTS, HEALTH, TRUST, Component, score, share

any_number = some.floats() | some.integers().map(float)
any_evidence = some.fixed_dictionaries(
    {},
    optional={
        name: some.builds(
            Evidence,
            some.just(name),
            any_number,
            some.booleans(),
            age_s=any_number,
            detail=some.text(max_size=5),
            applies=some.booleans(),
        )
        for name in MAXIMUM
    },
)
possible_evidence = some.fixed_dictionaries(
    {},
    optional={
        name: some.builds(
            Evidence,
            some.just(name),
            some.floats(0, min(maximum, 1e6)),
            some.booleans(),
            age_s=some.floats(0, 1e8),
            applies=some.booleans(),
        )
        for name, maximum in MAXIMUM.items()
    },
)


def good(component: Component) -> Evidence:
    """The best there can be."""
    best = max(component.curve, key=lambda corner: corner[1])[0]
    return Evidence(component.name, best, measured=True, source="a test")


PERFECT = {component.name: good(component) for component in COMPONENTS}


def test_the_weights_of_the_table_are_those_that_were_agreed() -> None:
    weights = {group: sum(each.weight for each in COMPONENTS if each.group == group) for group in HEALTH}
    assert list(weights.values()) == [40, 30, 20, 10]
    assert sum(component.weight for component in COMPONENTS) == 100
    assert set(MAXIMUM) == set(BY_NAME)


def test_a_curve_never_turns() -> None:
    for curve in (TRUST, *(component.curve for component in COMPONENTS)):
        shares = [height for _, height in curve]
        assert shares in (sorted(shares), sorted(shares, reverse=True))
        assert {min(shares), max(shares)} == {0, 1}


@given(any_evidence)
def test_every_score_is_from_0_to_100(evidence: dict[str, Evidence]) -> None:
    result = score(evidence)
    for value in (result.overall, result.health, result.permissions, result.tools):
        assert 0 <= value <= 100
    assert 0 <= result.coverage <= 1
    assert 0 <= result.of_measured <= 100
    assert all(0 <= row.points <= row.weight for row in result.components)


@given(any_evidence)
def test_the_components_add_up_to_the_total(evidence: dict[str, Evidence]) -> None:
    result = score(evidence)
    assert sum(row.points for row in result.components) == pytest.approx(result.overall, abs=0.005)
    assert result.health == result.overall
    assert sum(row.weight for row in result.components) == pytest.approx(100, abs=0.01) or not result.coverage


@given(possible_evidence, some.sampled_from(COMPONENTS), some.floats(0, 1), some.floats(0, 1))
def test_better_evidence_never_lowers_the_score(
    evidence: dict[str, Evidence], component: Component, nearer: float, fresher: float
) -> None:
    before = evidence.get(component.name) or Evidence(component.name)
    goal = good(component)
    if not before.applies and not before.measured:  # what nobody asks for, and is measured all the same
        better = replace(goal, value=goal.value * nearer, applies=False, age_s=before.age_s * fresher)
    elif before.measured:
        value = before.value + (goal.value - before.value) * nearer
        better = replace(before, value=value, age_s=before.age_s * fresher)
    else:
        better = replace(goal, age_s=before.age_s * fresher)
    assert score({**evidence, component.name: better}).overall >= score(evidence).overall


@given(possible_evidence, some.randoms())
def test_order_does_not_matter(evidence: dict[str, Evidence], random: object) -> None:
    shuffled = list(evidence.items())
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert score(dict(shuffled)) == score(evidence)


def test_the_locale_does_not_matter() -> None:
    evidence = {**PERFECT, "lint": replace(PERFECT["lint"], value=1234.5678)}
    before, kept = score(evidence), locale.setlocale(locale.LC_ALL)
    try:
        for name in ("tr_TR.UTF-8", "de_DE.UTF-8", "C.UTF-8", "C"):
            if name in locale.locale_alias.values() or name.startswith("C"):
                locale.setlocale(locale.LC_ALL, name)
                assert score(evidence) == before
    finally:
        locale.setlocale(locale.LC_ALL, kept)


def test_all_that_is_perfect_is_100_and_needs_nothing() -> None:
    result = score(PERFECT)
    assert (result.overall, result.health, result.permissions, result.tools, result.coverage) == (100,) * 4 + (1,)
    assert result.recommendations == ()


def test_nothing_measured_is_0_and_lists_everything_as_unmeasured() -> None:
    result = score({})
    assert (result.overall, result.health, result.coverage) == (0, 0, 0)
    assert not any(row.evidence.measured for row in result.components)
    assert all(row.evidence.detail for row in result.components)


def test_permissions_and_tools_without_a_project_earn_nothing() -> None:
    result = score({name: PERFECT[name] for name in ("permissions", "tools")})
    assert result.overall == 0
    assert result.coverage == 0


def test_a_recommendation_gains_the_points_it_names_and_the_largest_is_first() -> None:
    evidence = {**PERFECT, "lint": replace(PERFECT["lint"], value=15.0), "readme": Evidence("readme")}
    result = score(evidence)
    assert [each.component for each in result.recommendations] == ["lint", "readme"]
    for each in result.recommendations:
        followed = score({**evidence, each.component: PERFECT[each.component]})
        assert followed.overall - result.overall == pytest.approx(each.points)


def test_permissions_and_tools_have_figures_of_their_own_and_no_part_in_the_score() -> None:
    without = {**PERFECT, "permissions": replace(PERFECT["permissions"], value=0.25), "tools": Evidence("tools")}
    result = score(without)
    assert (result.overall, result.permissions, result.tools) == (100, 25, 0)
    assert result.recommendations == ()


def test_what_does_not_apply_leaves_the_weights_and_is_not_advised() -> None:
    names = ("types", "annotations", "docstrings", "security_lint")
    result = score({**PERFECT, **{name: Evidence(name, applies=False) for name in names}})
    assert (result.overall, result.recommendations) == (100, ())
    assert result.coverage == pytest.approx(1)
    assert [row.weight for row in result.components if row.component.name in names] == [0] * 4


def test_the_score_says_of_how_much_it_is_and_what_would_be_next() -> None:
    evidence = {name: each for name, each in PERFECT.items() if name not in {"test_coverage", "lint"}}
    result = score({**evidence, "readme": replace(PERFECT["readme"], value=0)})
    assert (result.overall, result.coverage) == (72.5, 0.75)
    assert result.of_measured == pytest.approx(96.67)
    assert result.summary.startswith("72 of the 75 points that were measured (97 %); 25 of 100 were not. Next: ")
    assert len(score({"readme": PERFECT["readme"]}).recommendations) == 3


def test_without_code_there_is_little_to_score() -> None:
    code = {"test_coverage", "lint", "types", "annotations", "complexity", "tests_passed", "tests_present"}
    evidence = {
        name: Evidence(name, detail="there is no code") if name in code else each for name, each in PERFECT.items()
    }
    result = score(evidence, NO_CODE)
    assert result.overall < 35
    assert "there is no code" in result.summary
    assert not {each.component for each in result.recommendations} & code


def test_a_report_older_than_its_sources_earns_less_and_after_90_days_nothing() -> None:
    day_s = 86_400.0
    points = []
    for age_s in (0, 1800, day_s, 7 * day_s, 60 * day_s, 90 * day_s):
        result = score({**PERFECT, "test_coverage": replace(PERFECT["test_coverage"], age_s=age_s)})
        points.append(next(row.points for row in result.components if row.component.name == "test_coverage"))
    assert points[0] == points[1] == 15
    assert points[3] == 7.5
    assert points == sorted(points, reverse=True)
    assert points[-1] == 0


def test_an_impossible_value_is_no_measurement() -> None:
    result = score({**PERFECT, "test_coverage": replace(PERFECT["test_coverage"], value=300.0)})
    row = next(row for row in result.components if row.component.name == "test_coverage")
    assert not row.evidence.measured
    assert "300" in row.evidence.detail


@pytest.mark.parametrize(("value", "expected"), [(-1, 0), (0, 0), (45, 0.5), (90, 1), (100, 1)])
def test_a_curve_is_straight_between_its_corners_and_level_outside(value: float, expected: float) -> None:
    assert share(BY_NAME["test_coverage"].curve, value) == pytest.approx(expected)


@given(possible_evidence, some.sampled_from(COMPONENTS), some.floats(0, 1), some.floats(0, 1e8))
def test_evidence_that_nobody_asked_for_never_lowers_the_score(
    evidence: dict[str, Evidence], component: Component, part: float, age_s: float
) -> None:
    without = {**evidence, component.name: Evidence(component.name, applies=False)}
    value = part * min(MAXIMUM[component.name], 1e6)
    measured = Evidence(component.name, value, measured=True, age_s=age_s, applies=False)
    before, after = score(without), score({**evidence, component.name: measured})
    assert after.overall >= before.overall or not before.coverage


def test_what_nobody_asked_for_is_advised_if_it_found_something() -> None:
    found = Evidence("security_lint", 3, measured=True, applies=False)
    result = score({**PERFECT, "security_lint": found})
    assert result.overall == 100
    assert not result.recommendations, "there is nothing to gain"
    poor = {**PERFECT, "readme": replace(PERFECT["readme"], value=0), "security_lint": found}
    advice = next(each for each in score(poor).recommendations if each.component == "security_lint")
    mended = score({**poor, "security_lint": replace(found, value=0)})
    assert mended.overall - score(poor).overall == pytest.approx(advice.points, abs=0.01)
