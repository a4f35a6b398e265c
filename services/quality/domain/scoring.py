"""The score: one table of components, and its arithmetic. Pure: the same evidence gives the same score."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from services.quality.domain.evidence import Evidence, no_measurement, only_possible

Curve: TypeAlias = tuple[tuple[float, float], ...]
"""Points (value, share of the weight), linear between them and constant outside; worse values never score higher."""


class Group(StrEnum):
    """The group of a component. The first four make up the project's health."""

    CODE = "code_quality"
    PROJECT = "project"
    VELOCITY = "velocity"
    SECURITY = "security"
    PERMISSIONS = "permissions"
    TOOLS = "tools"


HEALTH = (Group.CODE, Group.PROJECT, Group.VELOCITY, Group.SECURITY)


@dataclass(frozen=True, slots=True)
class Component:
    """A row of the table. `weight` is the maximum number of points, of 100.

    `advice` says how to earn them; `fact` states the value in words (`{value}`, `{percent}` of a share, `{detail}`);
    `measure` says how to have it measured.
    """

    name: str
    group: Group
    weight: float
    unit: str
    curve: Curve
    advice: str
    fact: str
    measure: str


SHARE: Curve = ((0, 0), (1, 1))
RUN = "or call quality_check with run_tools"
GIT = "Put the project under git."
SOURCE = "It is measured in Python, JavaScript, TypeScript, Go and Rust."
# Health's four groups have 40, 30, 20 and 10 of 100 points; health is 80 of the 100 overall points, hence x 0.8.
COMPONENTS: tuple[Component, ...] = (
    Component(
        "test_coverage", Group.CODE, 12, "percent of lines", ((0, 0), (90, 1)),
        "Cover more lines with tests", "{value:.0f} % are covered",
        f"Leave a report (coverage.json, coverage.xml, lcov.info, cover.out), {RUN}.",
    ),
    Component(
        "lint", Group.CODE, 8, "findings per 1,000 lines", ((0, 1), (20, 0)),
        "Fix the linter's findings", "{value:.1f} findings in 1,000 lines",
        f"Leave the linter's report (ruff.json, eslint.json), {RUN}.",
    ),
    Component(
        "types", Group.CODE, 4, "type errors per 1,000 lines", ((0, 1), (10, 0)),
        "Fix the type errors", "{value:.1f} in 1,000 lines",
        f"Leave the type checker's report (mypy.json, pyright.json, tsc.txt), {RUN}.",
    ),
    Component(
        "annotations", Group.CODE, 4, "share of functions with types", SHARE,
        "Annotate functions with types", "{percent:.0f} % have them", SOURCE,
    ),
    Component(
        "complexity", Group.CODE, 4, "share of functions over 10 branches", ((0, 1), (0.2, 0)),
        "Split functions of more than 10 branches", "{detail}", SOURCE,
    ),
    Component(
        "tests_passed", Group.PROJECT, 8, "share of the last run", ((0.5, 0), (1, 1)),
        "Fix the failing tests", "{detail}", f"Leave a report (junit.xml; pytest's cache counts, too), {RUN}.",
    ),
    Component(
        "tests_present", Group.PROJECT, 4, "test files per source file", ((0, 0), (0.5, 1)),
        "Write more tests", "{detail}", SOURCE,
    ),
    Component(
        "dependencies", Group.PROJECT, 4, "share of locks that agree", SHARE,
        "Lock the dependencies", "{detail}", "Name them in a manifest (pyproject.toml, package.json, go.mod, …).",
    ),
    Component(
        "readme", Group.PROJECT, 2, "words", ((0, 0), (150, 1)), "Say in a README what this is", "{value:.0f} words",
        "Write one.",
    ),
    Component(
        "docstrings", Group.PROJECT, 2, "share of public names", ((0, 0), (0.8, 1)),
        "Document public names", "{percent:.0f} % have a docstring", "It is measured in Python.",
    ),
    Component(
        "continuous_integration", Group.PROJECT, 4, "1 where configured", SHARE,
        "Set up continuous integration", "{detail}", "Set it up.",
    ),
    Component(
        "active_days", Group.VELOCITY, 6, "days of 30", ((0, 0), (10, 1)),
        "Commit on more days", "{detail}", GIT,
    ),
    Component(
        "uncommitted", Group.VELOCITY, 5, "changed files", ((0, 1), (50, 0)),
        "Commit what has changed", "{detail}", GIT,
    ),
    Component(
        "commit_subjects", Group.VELOCITY, 5, "share of commits", SHARE,
        "Say in commit subjects what changed", "{detail} do", GIT,
    ),
    Component(
        "secrets", Group.SECURITY, 4, "found in tracked files", ((0, 1), (1, 0)),
        "Remove the secrets", "{value:.0f} found; {detail}", GIT,
    ),
    Component(
        "vulnerabilities", Group.SECURITY, 2, "known", ((0, 1), (5, 0)),
        "Upgrade vulnerable dependencies", "{value:.0f} known vulnerabilities",
        "Leave an audit's report (pip-audit.json, npm-audit.json).",
    ),
    Component(
        "security_lint", Group.SECURITY, 2, "findings", ((0, 1), (5, 0)),
        "Fix the security findings", "{value:.0f} of medium severity and above", "Leave bandit.json.",
    ),
    Component(
        "permissions", Group.PERMISSIONS, 10, "1, less a quarter for each broad rule", SHARE,
        "Narrow or revoke broad rules", "{detail}", "The session service says which rules are in force.",
    ),
    Component(
        "tools", Group.TOOLS, 10, "share of the project's tools", SHARE,
        "Install the project's tools", "{detail}", "Configure its tools (pyproject.toml, package.json, …).",
    ),
)  # fmt: skip
BY_NAME: Mapping[str, Component] = {component.name: component for component in COMPONENTS}
_DAY_S = 86_400.0
TRUST: Curve = ((3_600, 1), (7 * _DAY_S, 0.5), (90 * _DAY_S, 0))
"""The worth of a measurement by how much older it is than its sources: full within an hour, none after 90 days."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A component's row of the report; `points` of at most `weight`."""

    component: Component
    evidence: Evidence
    points: float


@dataclass(frozen=True, slots=True)
class Recommendation:
    """Advice, and the points of the overall score to gain; the maximum if the component is not measured yet."""

    component: str
    text: str
    points: float
    is_measured: bool = True


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
    """The score of all evidence; unmeasured components earn nothing.

    Permissions and tools also earn nothing without any measured health: then there is no project.
    """
    is_project = any(_component_evidence(evidence, each).measured for each in COMPONENTS if each.group in HEALTH)
    rows = tuple(_score_component(each, _component_evidence(evidence, each), is_project) for each in COMPONENTS)
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
    """The value of the curve at `value`."""
    place = bisect_right([corner for corner, _ in curve], value)
    if place == 0:
        return curve[0][1]
    if place == len(curve):
        return curve[-1][1]
    (left, low), (right, high) = curve[place - 1], curve[place]
    return low + (high - low) * (value - left) / (right - left)


def _component_evidence(evidence: Mapping[str, Evidence], component: Component) -> Evidence:
    given = evidence.get(component.name) or no_measurement(component.name, "nothing measures it here")
    given = only_possible(given)
    if given.measured and share(TRUST, given.age_s) == 0:
        return no_measurement(given.name, f"is {given.age_s / _DAY_S:.0f} days older than its sources", given.source)
    return given


def _score_component(component: Component, evidence: Evidence, is_project: bool) -> Scored:
    if not is_project and evidence.measured:
        evidence = no_measurement(component.name, "there is no project to measure", evidence.source)
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
    """The advice if measured; to measure again if stale; else how to have it measured.

    The gain of an unmeasured component is its maximum.
    """
    component, evidence = row.component, row.evidence
    missing = round(component.weight - row.points, 2)
    if not evidence.measured:
        text = f"{component.name} is not measured: {evidence.detail}. {component.measure}"
    elif share(component.curve, evidence.value) == 1:
        text = (
            f"Measure {component.name} again: {evidence.source} is {_how_long(evidence.age_s)} older than the sources."
        )
    else:
        fact = component.fact.format(value=evidence.value, percent=100 * evidence.value, detail=evidence.detail)
        text = f"{component.advice}: {fact}."
    return Recommendation(component.name, text, missing, is_measured=evidence.measured)


def _how_long(seconds: float) -> str:
    return f"{seconds / _DAY_S:.0f} days" if seconds >= 2 * _DAY_S else f"{seconds / 3_600:.0f} hours"
