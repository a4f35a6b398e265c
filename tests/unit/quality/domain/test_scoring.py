"""What a score promises, for any evidence whatever."""

from __future__ import annotations

import locale
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.quality.domain.evidence import MAXIMUM, Evidence
from services.quality.domain.scoring import BY_NAME, COMPONENTS, HEALTH, TRUST, Component, score, share

any_number = some.floats() | some.integers().map(float)
any_evidence = some.fixed_dictionaries(
    {},
    optional={
        name: some.builds(
            Evidence, some.just(name), any_number, some.booleans(), age_s=any_number, detail=some.text(max_size=5)
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
    assert [weight / 0.8 for weight in weights.values()] == pytest.approx([40, 30, 20, 10])
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
    assert all(0 <= row.points <= row.component.weight for row in result.components)


@given(any_evidence)
def test_the_components_add_up_to_the_total(evidence: dict[str, Evidence]) -> None:
    result = score(evidence)
    assert sum(row.points for row in result.components) == pytest.approx(result.overall, abs=0.005)
    health = sum(row.points for row in result.components if row.component.group in HEALTH)
    assert 100 * health / 80 == pytest.approx(result.health, abs=0.01)


@given(possible_evidence, some.sampled_from(COMPONENTS), some.floats(0, 1), some.floats(0, 1))
def test_better_evidence_never_lowers_the_score(
    evidence: dict[str, Evidence], component: Component, nearer: float, fresher: float
) -> None:
    before = evidence.get(component.name) or Evidence(component.name)
    goal = good(component)
    if before.measured:
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
        mended = score({**evidence, each.component: PERFECT[each.component]})
        assert mended.overall - result.overall == pytest.approx(each.points)


def test_a_report_older_than_its_sources_earns_less_and_after_90_days_nothing() -> None:
    day_s = 86_400.0
    points = []
    for age_s in (0, 1800, day_s, 7 * day_s, 60 * day_s, 90 * day_s):
        result = score({**PERFECT, "test_coverage": replace(PERFECT["test_coverage"], age_s=age_s)})
        points.append(next(row.points for row in result.components if row.component.name == "test_coverage"))
    assert points[0] == points[1] == 12
    assert points[3] == 6
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
