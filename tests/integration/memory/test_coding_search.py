"""Search on coding memories: the set is well-formed, and what search finds in it does not get worse unseen."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.performance.corpora.coding import answered, mean, memories, questions, silent


def test_the_set_is_well_formed() -> None:
    stored, asked = list(memories()), list(questions())
    assert len(stored) >= 200
    assert len(asked) >= 60
    assert len({memory.id for memory in stored}) == len({memory.content for memory in stored}) == len(stored)
    project_of = {memory.id: memory.project for memory in stored}
    for question in asked:
        assert {project_of[name] for name in question.evidence} == {question.project}
    assert len({question.text for question in asked}) == len(asked)


async def test_search_is_better_than_words_or_meaning_alone(model_directory: Path) -> None:
    answers = await answered(model_directory)
    for measure, least in (("any@1", 85.0), ("any@5", 97.0), ("any@10", 98.0), ("MRR", 90.0)):
        found = mean(answers, "search", measure)
        assert found >= least
        assert found >= mean(answers, "words alone", measure)
        assert found >= mean(answers, "meaning alone", measure)


@pytest.mark.slow
async def test_a_question_about_something_else_or_what_nobody_said_finds_nothing(model_directory: Path) -> None:
    answers = await answered(model_directory)
    assert silent(answers, "shown") <= 3.0
    assert silent(answers, "elsewhere") >= 85.0
    assert silent(answers, "shown", answered=False) >= 75.0
