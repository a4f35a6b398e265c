"""Which recommendations a person is shown: by what they answered, what they followed, and what helped others.

Pure: what is known of a person in a project and a score give what is shown, and what is to be remembered of it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from services.kit.errors import InvalidInput, NotFound
from services.quality.domain.scoring import (
    COMPONENTS,
    HEALTH,
    IMPROVE,
    MEASURE,
    Recommendation,
    Score,
    Scored,
    recommended_max,
    share,
)

changed_share = 0.1
"""Evidence has changed when a component earns so much more or less of its weight."""
rest = timedelta(days=30)
"""How long "not now" holds where nothing is said, and "done" once a measurement has confirmed it."""
believed = timedelta(days=7)
"""How long "done" is believed of what is still not measured: the next run of CI may bring it."""
days_max = 365
unanswered_days = 7
"""So many days on which it was shown, without being followed, count as one refusal."""
helped_max = 4
"""More others than these do not raise a recommendation further, by half at most."""
_digits = re.compile(r"\d+")
IDS = tuple(f"{kind}:{each.name}" for each in COMPONENTS if each.group in HEALTH for kind in (IMPROVE, MEASURE))


class Answer(StrEnum):
    """What a person can say of a recommendation; to undo takes the last answer back."""

    DONE = "done"
    NOT_NOW = "not_now"
    NEVER = "never"
    UNDO = "undo"


REFUSALS = frozenset({Answer.NOT_NOW, Answer.NEVER})


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a recommendation stands with a person in a project. Shares are 0 to 1 of a component's weight.

    `shown_at` begins the time since when it is shown and was not followed yet, `shown_days` counts the days of it.
    `returned` says why the answer no longer holds. `shared` is whether the person shares memories in the project: only
    then does it count for others. `version` rises with each change.
    """

    id: str
    shown_at: datetime | None = None
    last_shown_at: datetime | None = None
    shown_days: int = 0
    first_share: float | None = None
    share: float | None = None
    basis: str = ""
    answer: str = ""
    answered_at: datetime | None = None
    until: datetime | None = None
    answered_share: float | None = None
    answered_basis: str = ""
    returned: str = ""
    followed: int = 0
    refused: int = 0
    shared: bool = False
    version: int = 0

    @property
    def answer_in_force(self) -> str:
        """The answer, as long as it holds."""
        return "" if self.returned else self.answer


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a person's recommendations in a project, by id.

    `totals` are how often they followed and refused each in all projects; `helped` how many others of the project,
    who share memories there, followed it.
    """

    standings: Mapping[str, Standing] = field(default_factory=dict)
    totals: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    helped: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Choice:
    """What is shown, the first first; and the standings that this changes."""

    recommendations: tuple[Recommendation, ...]
    changes: Sequence[Standing] = ()


@dataclass(frozen=True, slots=True)
class _Finding:
    """What a check says of one id: whether it is advised, and by which evidence; `is_satisfied` if nobody needs it."""

    id: str
    recommendation: Recommendation | None
    is_satisfied: bool
    share: float
    basis: str
    measured_at: datetime | None


def check_id(id: str) -> str:
    """The id if there is such a recommendation. Raises NotFound, with those of its component."""
    if id in IDS:
        return id
    near = [each for each in IDS if each.partition(":")[2] == id.strip().partition(":")[2] or id.strip() in each]
    raise NotFound("There is no such recommendation.", f"Its ids are of the form {', '.join(near[:4] or IDS[:2])}.")


def check_answer(answer: str, days: int | None) -> Answer:
    """The answer. Raises InvalidInput for another one, and for days that do not fit it."""
    if answer not in set(Answer):
        raise InvalidInput("The answer is not known.", f"It is one of {', '.join(Answer)}.")
    if days is not None and (answer != Answer.NOT_NOW or not 0 < days <= days_max):
        raise InvalidInput(f"days takes 1 to {days_max}, and goes with not_now alone.")
    return Answer(answer)


def with_answer(standing: Standing, answer: Answer, days: int | None, now: datetime) -> Standing:
    """The standing after the answer. An earlier answer makes room; to repeat one counts once."""
    taken_back = replace(standing, refused=max(0, standing.refused - (standing.answer in REFUSALS)))
    if answer == Answer.UNDO:
        return replace(taken_back, answer="", answered_at=None, until=None, returned="")
    return replace(
        taken_back,
        answer=str(answer),
        answered_at=now,
        until=now + (timedelta(days=days) if days else rest) if answer == Answer.NOT_NOW else None,
        answered_share=standing.share,
        answered_basis=standing.basis,
        returned="",
        refused=taken_back.refused + (answer in REFUSALS),
    )


def choose(score: Score, known: Known, now: datetime, *, shared: bool = False) -> Choice:
    """What is shown of the score's candidates, and what is to be remembered. Nothing is where there is no project."""
    if not any(each.evidence.measured for each in score.components if each.component.group in HEALTH):
        return Choice(())
    findings = list(_findings(score))
    standings = {each.id: _observe(known.standings.get(each.id, Standing(each.id)), each, now) for each in findings}
    advised = [
        (each, each.recommendation, _worth(each.recommendation, standings[each.id], known))
        for each in findings
        if each.recommendation and not standings[each.id].answer_in_force
    ]
    ranked = sorted(advised, key=lambda each: (-each[2], each[0].id))[:recommended_max]
    for finding, _, _ in ranked:
        standings[finding.id] = _show(standings[finding.id], finding, now, shared=shared)
    changes = [each for each in standings.values() if each != known.standings.get(each.id, Standing(each.id))]
    return Choice(tuple(_with_reasons(each, standings[each.id], known) for _, each, _ in ranked), changes)


def summary_begins(id: str) -> Sequence[str]:
    """How the text of the recommendation begins."""
    kind, _, name = id.partition(":")
    advice = next(each.advice for each in COMPONENTS if each.name == name)
    return (f"{advice}:",) if kind == IMPROVE else (f"{name} is not measured:", f"Measure {name} again:")


def _findings(score: Score) -> Iterator[_Finding]:
    advised = {each.id: each for each in score.candidates}
    for row in score.components:
        if row.component.group in HEALTH:
            for kind in (IMPROVE, MEASURE):
                yield _finding(row, kind, advised.get(f"{kind}:{row.component.name}"))


def _finding(row: Scored, kind: str, recommendation: Recommendation | None) -> _Finding:
    evidence, earned = row.evidence, 0.0
    if evidence.measured:
        earned = share(row.component.curve, evidence.value)
    basis = ""
    if kind == MEASURE:
        basis = "stale" if evidence.measured else _digest(evidence.detail)
    is_satisfied = evidence.measured and recommendation is None
    name = f"{kind}:{row.component.name}"
    return _Finding(name, recommendation, is_satisfied, round(earned, 4), basis, evidence.measured_at)


def _digest(reason: str) -> str:
    """Tells reasons apart, but not the numbers in them, and has nothing of their text."""
    return hashlib.sha256(_digits.sub("", reason).encode()).hexdigest()[:16]


def _observe(standing: Standing, finding: _Finding, now: datetime) -> Standing:
    """The standing after a check: whether it was followed, and whether an answer still holds."""
    if _is_followed(standing, finding):
        standing = replace(standing, followed=standing.followed + 1, shown_at=None, shown_days=0, first_share=None)
        if standing.answer_in_force == Answer.DONE:
            standing = replace(standing, until=now + rest, answered_share=finding.share, answered_basis=finding.basis)
    if not standing.answer_in_force or standing.answer == Answer.NEVER:
        return standing
    if finding.is_satisfied:
        return replace(standing, answer="", until=None)
    if finding.recommendation is None:
        return standing
    if standing.answered_share is None:
        return replace(standing, answered_share=finding.share, answered_basis=finding.basis)
    reason = _return_reason(standing, finding, now)
    return replace(standing, returned=reason) if reason else standing


def _is_followed(standing: Standing, finding: _Finding) -> bool:
    """Whether a measurement since it was shown first says so."""
    is_done = standing.answer_in_force == Answer.DONE and standing.until is None
    since = standing.shown_at or (standing.answered_at if is_done else None)
    before = standing.answered_share if standing.shown_at is None else standing.first_share
    if since is None or before is None or not _is_since(finding, since):
        return False
    if finding.id.startswith(MEASURE):
        return finding.is_satisfied
    better = finding.share - before
    return better >= changed_share or (better > 0 and finding.is_satisfied)


def _return_reason(standing: Standing, finding: _Finding, now: datetime) -> str:
    """Why an answer no longer holds; empty if it does."""
    moved = abs(finding.share - (standing.answered_share or 0.0)) >= changed_share
    has_changed = moved or finding.basis != standing.answered_basis
    if standing.until:
        return "the time is over" if now >= standing.until else "the evidence has changed" if has_changed else ""
    answered_at = standing.answered_at or now
    if _is_since(finding, answered_at):
        return "it was measured since"
    if finding.id.startswith(MEASURE) and now >= answered_at + believed:
        return f"{believed.days} days later it is not measured yet"
    return ""


def _is_since(finding: _Finding, time: datetime) -> bool:
    return finding.measured_at is not None and finding.measured_at > time


def _show(standing: Standing, finding: _Finding, now: datetime, *, shared: bool) -> Standing:
    """The standing after it was shown. It changes once a day at most, unless the evidence does."""
    new_day = standing.last_shown_at is None or standing.last_shown_at.astimezone(UTC).date() != now.date()
    if standing.shown_at is None:
        standing = replace(standing, shown_at=now, first_share=finding.share)
        new_day = True
    if not new_day and standing.basis == finding.basis and standing.share == finding.share:
        return replace(standing, shared=shared)
    return replace(
        standing,
        last_shown_at=now,
        shown_days=standing.shown_days + new_day,
        share=finding.share,
        basis=finding.basis,
        shared=shared,
    )


def _worth(recommendation: Recommendation, standing: Standing, known: Known) -> float:
    """The points to expect, by half as much more or less for what the person does with such advice, and by up to half
    more for others whom it helped. Without any answer it is the points alone."""
    followed, refused = known.totals.get(recommendation.id, (0, 0))
    passed = refused + standing.shown_days // unanswered_days
    own = 0.5 + (followed + 1) / (followed + passed + 2)
    others = 1 + min(known.helped.get(recommendation.id, 0), helped_max) / helped_max / 2
    return recommendation.expected_points * own * others


def _with_reasons(recommendation: Recommendation, standing: Standing, known: Known) -> Recommendation:
    why = [*recommendation.why]
    if helped := known.helped.get(standing.id, 0):
        why.append(f"it helped {helped} {'other' if helped == 1 else 'others'} in this project")
    if followed := known.totals.get(standing.id, (0, 0))[0]:
        why.append("you followed it before" if followed == 1 else f"you followed it {followed} times before")
    if standing.returned and standing.answered_at:
        said = f"you said {standing.answer.replace('_', ' ')} on {standing.answered_at.date().isoformat()}"
        why.append(f"{said}, but {standing.returned}")
    return replace(recommendation, why=tuple(why))
