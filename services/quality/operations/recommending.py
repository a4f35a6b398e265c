"""The recommendations of a check, as its caller is shown them; and what the caller says of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from services.kit.errors import DeadlineExceeded, InvalidInput, NotReady, Unavailable
from services.quality.config import Recommendations
from services.quality.domain.recommendations import Choice, Known, Standing, check_answer, check_id, choose
from services.quality.domain.scoring import Score
from services.quality.storage.history import name_max_chars
from services.quality.storage.recommendation_log import RecommendationLog


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose recommendations, in which project; whether they share memories there."""

    user: str
    project: str
    shares: bool = False


@dataclass(frozen=True, slots=True)
class Recommending:
    """By the setting: learning, plain or off."""

    log: RecommendationLog
    setting: Recommendations

    @property
    def learns(self) -> bool:
        """Whether recommendations can be answered."""
        return self.setting == Recommendations.LEARNING

    async def choose(self, score: Score, whose: Whose, *, remember_shown: bool) -> Score:
        """The score with the recommendations that are made; the plain ones while the log cannot be read."""
        if self.setting == Recommendations.OFF:
            return replace(score, recommendations=(), candidates=())
        if not self.learns or not whose.project:
            return score
        try:
            known = await self.log.of(whose.user, whose.project, shared=whose.shares)
            choice = choose(score, known, datetime.now(UTC), shared=whose.shares)
            await self._note(whose, choice, remember_shown=remember_shown)
        except (Unavailable, DeadlineExceeded):
            return score
        return replace(score, recommendations=choice.recommendations)

    async def _note(self, whose: Whose, choice: Choice, *, remember_shown: bool) -> None:
        if remember_shown and choice.changes:
            await self.log.note(whose.user, whose.project, choice.changes)

    async def answer(self, whose: Whose, id: str, answer: str, days: int | None) -> Standing:
        """Keeps what the person says. Raises InvalidInput, NotFound, NotReady."""
        if not self.learns:
            raise NotReady("Answers to recommendations are switched off here.", "SEGUE_QUALITY_RECOMMENDATIONS is it.")
        meant = check_answer(answer, days)
        return await self.log.answer(whose.user, _valid_project(whose.project), check_id(id), meant, days)

    async def standings(self, whose: Whose) -> Known:
        """What is known of the person's in the project."""
        return await self.log.of(whose.user, _valid_project(whose.project), shared=whose.shares)


def _valid_project(project: str) -> str:
    if not project or len(project) > name_max_chars:
        raise InvalidInput(f"project must have 1 to {name_max_chars} characters.")
    return project
