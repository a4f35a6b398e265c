"""The score: one table of components, and the arithmetic over it. Pure: the same evidence, the same score."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from services.quality.evidence import Evidence, only_possible, unmeasured

Curve: TypeAlias = tuple[tuple[float, float], ...]
"""Corners (value, share of the weight), straight between them and level outside: never better for worse values."""


class Group(StrEnum):
    """What a component belongs to. The first four make up the project's health."""

    CODE = "code_quality"
    PROJECT = "project"
    VELOCITY = "velocity"
    SECURITY = "security"
    PERMISSIONS = "permissions"
    TOOLS = "tools"


HEALTH = (Group.CODE, Group.PROJECT, Group.VELOCITY, Group.SECURITY)


@dataclass(frozen=True, slots=True)
class Component:
    """A row of the table. `weight` is the points of 100 that it earns at best; `advice` is what earns them."""

    name: str
    group: Group
    weight: float
    unit: str
    curve: Curve
    advice: str


SHARE: Curve = ((0, 0), (1, 1))
# Health's four parts are 40, 30, 20 and 10 of 100; health itself is 80 of the 100 overall points, hence x 0.8.
COMPONENTS: tuple[Component, ...] = (
    Component("test_coverage", Group.CODE, 12, "percent of lines", ((0, 0), (90, 1)), "Cover more lines by tests."),
    Component("lint", Group.CODE, 8, "findings per 1,000 lines", ((0, 1), (20, 0)), "Mend what the linter finds."),
    Component("types", Group.CODE, 4, "type errors per 1,000 lines", ((0, 1), (10, 0)), "Mend the type errors."),
    Component("annotations", Group.CODE, 4, "share of functions with types", SHARE, "Give functions types."),
    Component(
        "complexity", Group.CODE, 4, "share of functions over 10 branches", ((0, 1), (0.2, 0)), "Split long functions."
    ),
    Component("tests_passed", Group.PROJECT, 8, "share of the last run", ((0.5, 0), (1, 1)), "Mend the failing tests."),
    Component("tests_present", Group.PROJECT, 4, "test files per source file", ((0, 0), (0.5, 1)), "Write more tests."),
    Component("dependencies", Group.PROJECT, 4, "share of locks that agree", SHARE, "Lock the dependencies again."),
    Component("readme", Group.PROJECT, 2, "words", ((0, 0), (150, 1)), "Write a README."),
    Component("docstrings", Group.PROJECT, 2, "share of public names", ((0, 0), (0.8, 1)), "Document public names."),
    Component(
        "continuous_integration", Group.PROJECT, 4, "1 where configured", SHARE, "Set up continuous integration."
    ),
    Component("active_days", Group.VELOCITY, 6, "days of 30", ((0, 0), (10, 1)), "Commit more often."),
    Component("uncommitted", Group.VELOCITY, 5, "changed files", ((0, 1), (50, 0)), "Commit what has changed."),
    Component("commit_subjects", Group.VELOCITY, 5, "share of commits", SHARE, "Say in a subject what changed."),
    Component("secrets", Group.SECURITY, 4, "found in tracked files", ((0, 1), (1, 0)), "Take the secrets out."),
    Component("vulnerabilities", Group.SECURITY, 2, "known", ((0, 1), (5, 0)), "Upgrade vulnerable dependencies."),
    Component("security_lint", Group.SECURITY, 2, "findings", ((0, 1), (5, 0)), "Mend the security findings."),
    Component("permissions", Group.PERMISSIONS, 10, "share of narrow rules", SHARE, "Narrow or revoke broad rules."),
    Component("tools", Group.TOOLS, 10, "share of the project's tools", SHARE, "Install what the project asks for."),
)
BY_NAME: Mapping[str, Component] = {component.name: component for component in COMPONENTS}
_DAY_S = 86_400.0
TRUST: Curve = ((3_600, 1), (7 * _DAY_S, 0.5), (90 * _DAY_S, 0))
"""What a measurement is worth by how much older it is than its sources: all within the hour, nothing after 90 days."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A component's line of the report; `points` of at most `weight`."""

    component: Component
    evidence: Evidence
    points: float


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What to do, and the points of the overall score it gains."""

    component: str
    text: str
    points: float


@dataclass(frozen=True, slots=True)
class Score:
    """All scores are 0 to 100; the components' points add up to `overall`. `coverage` is 0 to 1, by weight."""

    overall: float
    health: float
    permissions: float
    tools: float
    coverage: float
    components: tuple[Scored, ...]
    recommendations: tuple[Recommendation, ...]


def score(evidence: Mapping[str, Evidence]) -> Score:
    """The score of what was measured; what was not earns nothing.

    Permissions and tools are of a project: without any measured health there is none, and they earn nothing either.
    """
    is_project = any(_given(evidence, each).measured for each in COMPONENTS if each.group in HEALTH)
    rows = tuple(_scored(each, _given(evidence, each), is_project) for each in COMPONENTS)
    return Score(
        overall=_total(rows),
        health=_percent(rows, HEALTH),
        permissions=_percent(rows, (Group.PERMISSIONS,)),
        tools=_percent(rows, (Group.TOOLS,)),
        coverage=round(sum(row.component.weight for row in rows if row.evidence.measured) / 100, 3),
        components=rows,
        recommendations=_recommendations(rows) if is_project else (),
    )


def share(curve: Curve, value: float) -> float:
    """The curve at `value`."""
    place = bisect_right([corner for corner, _ in curve], value)
    if place == 0:
        return curve[0][1]
    if place == len(curve):
        return curve[-1][1]
    (left, low), (right, high) = curve[place - 1], curve[place]
    return low + (high - low) * (value - left) / (right - left)


def _given(evidence: Mapping[str, Evidence], component: Component) -> Evidence:
    given = evidence.get(component.name) or unmeasured(component.name, "nothing measures it here")
    given = only_possible(given)
    if given.measured and share(TRUST, given.age_s) == 0:
        return unmeasured(given.name, f"is {given.age_s / _DAY_S:.0f} days older than its sources", given.source)
    return given


def _scored(component: Component, evidence: Evidence, is_project: bool) -> Scored:
    if not is_project and evidence.measured:
        evidence = unmeasured(component.name, "there is no project to measure", evidence.source)
    if not evidence.measured:
        return Scored(component, evidence, 0.0)
    earned = component.weight * share(component.curve, evidence.value) * share(TRUST, evidence.age_s)
    return Scored(component, evidence, round(earned, 2))


def _total(rows: Sequence[Scored]) -> float:
    return round(sum(row.points for row in rows), 2)


def _percent(rows: Sequence[Scored], groups: Sequence[Group]) -> float:
    mine = [row for row in rows if row.component.group in groups]
    return round(100 * _total(mine) / sum(row.component.weight for row in mine), 2)


def _recommendations(rows: Sequence[Scored]) -> tuple[Recommendation, ...]:
    found = [_recommendation(row) for row in rows]
    gains = [each for each in found if each.points > 0]
    return tuple(sorted(gains, key=lambda each: (-each.points, each.component)))


def _recommendation(row: Scored) -> Recommendation:
    """For what is measured, its advice; for what is stale, to measure again; else how to have it measured."""
    component, evidence = row.component, row.evidence
    missing = round(component.weight - row.points, 2)
    if not evidence.measured:
        text = f"Let {component.name} be measured ({evidence.detail}); worth up to this when it is good."
    elif share(component.curve, evidence.value) == 1:
        text = f"Measure {component.name} again: its report is older than the sources."
    else:
        text = f"{component.advice} {component.name} is at {evidence.value:.4g} {component.unit}."
    return Recommendation(component.name, text, missing)
