"""The score: one table of components, and its arithmetic. Pure: the same evidence gives the same score."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias

from services.quality.domain.evidence import (
    CODE,
    NO_CODE,
    WITHOUT_CODE,
    Evidence,
    no_measurement,
    not_applicable,
    only_possible,
)

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
GIT = "Put the project under git."
SOURCE = "It is measured in the source."
# The four groups of health have 40, 30, 20 and 10 of the 100 points of a project to which everything applies.
# Permissions and tools are the user's and the machine's: figures of their own, and no part in the project's score.
COMPONENTS: tuple[Component, ...] = (
    Component(
        "test_coverage", Group.CODE, 15, "percent of lines", ((0, 0), (90, 1)),
        "Cover more lines with tests", "{value:.0f} % are covered",
        "Leave a report (coverage.json, coverage.xml, lcov.info, cover.out).",
    ),
    Component(
        "lint", Group.CODE, 10, "findings per 1,000 lines", ((0, 1), (20, 0)),
        "Fix the linter's findings", "{value:.1f} findings in 1,000 lines",
        "Leave the linter's report (ruff.json, eslint.json).",
    ),
    Component(
        "types", Group.CODE, 5, "type errors per 1,000 lines", ((0, 1), (10, 0)),
        "Fix the type errors", "{value:.1f} in 1,000 lines",
        "Leave the type checker's report (mypy.json, pyright.json, tsc.txt).",
    ),
    Component(
        "annotations", Group.CODE, 5, "share of functions with types", SHARE,
        "Annotate functions with types", "{percent:.0f} % have them", SOURCE,
    ),
    Component(
        "complexity", Group.CODE, 5, "share of functions over 10 branches", ((0, 1), (0.2, 0)),
        "Split functions of more than 10 branches", "{detail}", SOURCE,
    ),
    Component(
        "tests_passed", Group.PROJECT, 10, "share of the last run", ((0.5, 0), (1, 1)),
        "Fix the failing tests", "{detail}", "Leave a report (junit.xml).",
    ),
    Component(
        "tests_present", Group.PROJECT, 5, "test files per source file", ((0, 0), (0.5, 1)),
        "Write more tests", "{detail}", SOURCE,
    ),
    Component(
        "dependencies", Group.PROJECT, 5, "share of locks that agree", SHARE,
        "Lock the dependencies", "{detail}", "Name them in a manifest (pyproject.toml, package.json, go.mod, …).",
    ),
    Component(
        "readme", Group.PROJECT, 2.5, "words", ((0, 0), (150, 1)), "Say in a README what this is", "{value:.0f} words",
        "Write one.",
    ),
    Component(
        "docstrings", Group.PROJECT, 2.5, "share of public names", ((0, 0), (0.8, 1)),
        "Document public names", "{percent:.0f} % have a docstring", "It is measured in Python.",
    ),
    Component(
        "continuous_integration", Group.PROJECT, 5, "1 where configured", SHARE,
        "Set up continuous integration", "{detail}", "Set it up.",
    ),
    Component(
        "active_days", Group.VELOCITY, 7.5, "days of 30", ((0, 0), (10, 1)),
        "Commit on more days", "{detail}", GIT,
    ),
    Component(
        "uncommitted", Group.VELOCITY, 6.25, "changed files", ((0, 1), (50, 0)),
        "Commit what has changed", "{detail}", GIT,
    ),
    Component(
        "commit_subjects", Group.VELOCITY, 6.25, "share of commits", SHARE,
        "Say in commit subjects what changed", "{detail} do", GIT,
    ),
    Component(
        "secrets", Group.SECURITY, 5, "found in tracked files", ((0, 1), (1, 0)),
        "Remove the secrets", "{value:.0f} found; {detail}", GIT,
    ),
    Component(
        "vulnerabilities", Group.SECURITY, 2.5, "known", ((0, 1), (5, 0)),
        "Upgrade vulnerable dependencies", "{value:.0f} known vulnerabilities",
        "Leave an audit's report (pip-audit.json, npm-audit.json).",
    ),
    Component(
        "security_lint", Group.SECURITY, 2.5, "findings", ((0, 1), (5, 0)),
        "Fix the security findings", "{value:.0f} of medium severity and above",
        "Leave a security scanner's report (bandit.json, or SARIF).",
    ),
    Component(
        "permissions", Group.PERMISSIONS, 0, "1, less a quarter for each broad rule", SHARE,
        "Narrow or revoke broad rules", "{detail}", "The session service says which rules are in force.",
    ),
    Component(
        "tools", Group.TOOLS, 0, "share of the project's tools", SHARE,
        "Install the project's tools", "{detail}", "Configure its tools (pyproject.toml, package.json, …).",
    ),
)  # fmt: skip
BY_NAME: Mapping[str, Component] = {component.name: component for component in COMPONENTS}
_DAY_S = 86_400.0
RULES = 2
"""The version of the rules; scores of another one do not compare. The first counted permissions and tools."""
recommended_max = 3
UNCERTAIN = 0.5
IMPROVE, MEASURE = "improve", "measure"
"""The kinds of recommendations: to make a component better, or to have it measured."""
UNFOLLOWED = frozenset({WITHOUT_CODE, "a shallow clone does not have the commits", "only merge commits"})
"""Reasons for which nothing was measured, and that no advice changes."""
FINDINGS = frozenset({"lint", "types", "vulnerabilities", "security_lint"})
"""What is worth mending even where nobody asks for its report."""
TRUST: Curve = ((3_600, 1), (7 * _DAY_S, 0.5), (90 * _DAY_S, 0))
"""The worth of a measurement by how much older it is than its sources: full within an hour, none after 90 days."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A component's row of the report; `points` of at most `weight`, its part of the 100 that apply to the project.

    `gain` is what the best evidence would add to the score.
    """

    component: Component
    evidence: Evidence
    points: float
    weight: float
    gain: float = 0.0


@dataclass(frozen=True, slots=True)
class Recommendation:
    """Advice, and the points of the overall score to gain; the maximum if the component is not measured yet.

    `kind` is improve or measure; `why` says for what reasons it is shown.
    """

    component: str
    text: str
    points: float
    is_measured: bool = True
    kind: str = IMPROVE
    why: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The same at each check of any project."""
        return f"{self.kind}:{self.component}"

    @property
    def expected_points(self) -> float:
        """What is not measured yet counts half, since nobody knows what it would earn."""
        return self.points * (1 if self.is_measured else UNCERTAIN)


@dataclass(frozen=True, slots=True)
class Score:
    """All scores are 0 to 100; the components' points add up to `overall`. `coverage` is 0 to 1, by weight.

    `of_measured` is the share of the points that could be had from what was measured, `measured_summary` all of it in
    words. `candidates` are all recommendations that can be made, the largest gain first, `recommendations` those that
    are.
    """

    overall: float
    health: float
    permissions: float
    tools: float
    coverage: float
    components: tuple[Scored, ...]
    recommendations: tuple[Recommendation, ...]
    candidates: tuple[Recommendation, ...] = ()
    of_measured: float = 0.0
    measured_summary: str = ""

    @property
    def summary(self) -> str:
        """The score, of how much, and what would be next."""
        text = self.measured_summary
        if self.coverage and self.recommendations:
            text += f". Next: {self.recommendations[0].text}"
        return text if text.endswith(".") else f"{text}."


def score(evidence: Mapping[str, Evidence], kind: str = CODE) -> Score:
    """The score of all evidence; unmeasured components earn nothing, and what does not apply has no weight.

    A project without code keeps the weights of what is asked of code, and earns nothing by being worked on. Permissions
    and tools are measured only where there is a project. What nobody asks of such a project, and is measured all the
    same, counts where it raises the score: evidence that need not be there lowers none.
    """
    found = {each.name: _component_evidence(evidence, each, kind) for each in COMPONENTS}
    is_project = any(found[each.name].measured for each in COMPONENTS if each.group in HEALTH)
    counting = _Counting.of(found)
    rows = tuple(_score_component(each, found[each.name], counting, is_project) for each in COMPONENTS)
    measured = sum(row.weight for row in rows if row.evidence.measured or _is_missing_code(row, kind))
    overall = _total(rows)
    candidates = _recommendations(rows) if is_project else ()
    made = Score(
        overall=overall,
        health=overall,
        permissions=_own_figure(rows, Group.PERMISSIONS),
        tools=_own_figure(rows, Group.TOOLS),
        coverage=min(1.0, round(measured / 100, 6)),
        components=rows,
        recommendations=candidates[:recommended_max],
        candidates=candidates,
        of_measured=min(round(100 * overall / measured, 2), 100.0) if measured else 0.0,
    )
    return replace(made, measured_summary=_measured_summary(made, kind))


def share(curve: Curve, value: float) -> float:
    """The value of the curve at `value`."""
    place = bisect_right([corner for corner, _ in curve], value)
    if place == 0:
        return curve[0][1]
    if place == len(curve):
        return curve[-1][1]
    (left, low), (right, high) = curve[place - 1], curve[place]
    return low + (high - low) * (value - left) / (right - left)


def _is_missing_code(row: Scored, kind: str) -> bool:
    """Whether it is known that there is nothing to measure: a project without code has no tests of it either."""
    return kind == NO_CODE and row.evidence.detail == WITHOUT_CODE


@dataclass(frozen=True, slots=True)
class _Counting:
    """The components that have a part in the score, their weights in all, and what they earned of them."""

    names: frozenset[str]
    weight: float
    earned: float

    @classmethod
    def of(cls, found: Mapping[str, Evidence]) -> _Counting:
        """All that can be asked for, and of the rest what raises the score: the best first."""
        health = [each for each in COMPONENTS if each.group in HEALTH]
        shares = {each.name: _earned_share(each, found[each.name]) for each in health}
        asked = [each for each in health if found[each.name].applies]
        names, weight = {each.name for each in asked}, sum(each.weight for each in asked)
        earned = sum(each.weight * shares[each.name] for each in asked)
        extra = [each for each in health if found[each.name].measured and each.name not in names]
        for each in sorted(extra, key=lambda one: -shares[one.name]):
            if shares[each.name] * weight >= earned:
                names.add(each.name)
                weight, earned = weight + each.weight, earned + each.weight * shares[each.name]
        return cls(frozenset(names), weight, earned)

    def part(self, component: Component) -> float:
        """The component's part of the 100."""
        return round(100 * component.weight / self.weight, 4) if component.name in self.names and self.weight else 0.0

    def gain_by(self, component: Component) -> float:
        """What a component that does not count yet would add at its best."""
        weight = self.weight + component.weight
        best = 100 * (self.earned + component.weight) / weight if weight else 0.0
        return round(best - (100 * self.earned / self.weight if self.weight else 0.0), 2)


def _earned_share(component: Component, evidence: Evidence) -> float:
    return share(component.curve, evidence.value) * share(TRUST, evidence.age_s) if evidence.measured else 0.0


def _component_evidence(evidence: Mapping[str, Evidence], component: Component, kind: str) -> Evidence:
    given = evidence.get(component.name) or no_measurement(component.name, "nothing measures it here")
    given = only_possible(given)
    if kind == NO_CODE and component.group == Group.VELOCITY:
        return not_applicable(given.name, WITHOUT_CODE)
    if given.measured and share(TRUST, given.age_s) == 0:
        reason = f"is {given.age_s / _DAY_S:.0f} days older than its sources"
        return replace(no_measurement(given.name, reason, given.source), applies=given.applies)
    return given


def _score_component(component: Component, evidence: Evidence, counting: _Counting, is_project: bool) -> Scored:
    weight = counting.part(component)
    if not is_project and evidence.measured:
        evidence = no_measurement(component.name, "there is no project to measure", evidence.source)
    if not evidence.measured:
        return Scored(component, evidence, 0.0, weight, weight)
    points = min(round(weight * _earned_share(component, evidence), 4), weight)
    is_extra = not weight and component.group in HEALTH
    return Scored(component, evidence, points, weight, counting.gain_by(component) if is_extra else weight - points)


def _total(rows: Sequence[Scored]) -> float:
    return min(100.0, round(sum(row.points for row in rows), 2))


def _own_figure(rows: Sequence[Scored], group: Group) -> float:
    """The value of a group that has a figure of its own; 0 where it was not measured."""
    row = next(row for row in rows if row.component.group == group)
    return round(100 * share(row.component.curve, row.evidence.value), 2) if row.evidence.measured else 0.0


def _measured_summary(made: Score, kind: str) -> str:
    """The score, and of how much."""
    if not made.coverage:
        return "Nothing of it was measured."
    measured = 100 * made.coverage
    text = f"{made.overall:.0f} of the {measured:.0f} points that were measured ({made.of_measured:.0f} %)"
    if measured < 99.5:
        text += f"; {100 - measured:.0f} of 100 were not"
    if kind == NO_CODE:
        text += "; there is no code, which the score is about"
    return text


def _recommendations(rows: Sequence[Scored]) -> tuple[Recommendation, ...]:
    """What is expected to gain most first."""
    found = [_recommendation(row) for row in rows if _is_advised(row)]
    gains = [each for each in found if each.points > 0]
    return tuple(sorted(gains, key=lambda each: (-each.expected_points, each.component)))


def _is_advised(row: Scored) -> bool:
    """Whether advice could be followed: nobody can commit on days that have passed, or test what is no code."""
    if row.component.group not in HEALTH or row.component.name == "active_days" or row.gain <= 0:
        return False
    if not row.weight and row.component.name not in FINDINGS:
        return False
    return row.evidence.measured or row.evidence.detail not in UNFOLLOWED


def _recommendation(row: Scored) -> Recommendation:
    """The advice if measured; to measure again if stale; else how to have it measured.

    The gain of an unmeasured component is its maximum.
    """
    component, evidence = row.component, row.evidence
    kind, missing = MEASURE, round(row.gain, 2)
    if not evidence.measured:
        text = f"{component.name} is not measured: {evidence.detail}. {evidence.advice or component.measure}"
        why = f"up to {missing:.1f} points are not measured"
    elif share(component.curve, evidence.value) == 1:
        age = _how_long(evidence.age_s)
        text = f"Measure {component.name} again: {evidence.source} is {age} older than the sources."
        why = f"what was measured {age} ago earns {missing:.1f} points less"
    else:
        fact = component.fact.format(value=evidence.value, percent=100 * evidence.value, detail=evidence.detail)
        kind, text = IMPROVE, f"{component.advice}: {fact}."
        why = f"it earns {row.points:.1f} of {row.points + missing:.1f} points"
    return Recommendation(component.name, text, missing, evidence.measured, kind, (why,))


def _how_long(seconds: float) -> str:
    return f"{seconds / _DAY_S:.0f} days" if seconds >= 2 * _DAY_S else f"{seconds / 3_600:.0f} hours"
