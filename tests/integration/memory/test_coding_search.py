"""Search on coding memories: the set is well-formed, and what search finds in it does not get worse unseen."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.memory.embedder.onnx import OnnxEmbedder
from tests.performance.corpora.coding import NOW, PROJECTS, SMALL, memories, moments, questions, turns, unanswered
from tests.performance.corpora.coding.answers import Answers, answered, mean, silent


def test_the_set_is_well_formed() -> None:
    stored, asked = {memory.id: memory for memory in memories()}, list(questions())
    assert len(stored) == len(list(memories())) >= 1_000
    assert len({question.text for question in asked}) == len(asked) >= 300
    assert {memory.project for memory in stored.values()} == set(PROJECTS)
    assert all(memory.timestamp <= NOW for memory in stored.values())
    for question in asked:
        assert {stored[name].project for name in question.evidence} == {question.project}
    for turn in turns():
        assert not turn.replaces or stored[turn.replaces].timestamp < turn.memory.timestamp
    assert len(list(unanswered())) >= 40


def test_each_kind_of_question_is_there_often_enough_to_tell_something() -> None:
    categories = [question.category for question in questions()]
    assert min(categories.count(each) for each in set(categories)) >= 10
    assert {"error", "long", "paraphrase", "replaced", "time", "typo"} < set(categories)


@pytest.mark.slow
async def test_search_is_better_than_words_or_meaning_alone(model_directory: Path) -> None:
    is_better(await answered(model_directory, SMALL))


@pytest.mark.slow
async def test_so_it_is_on_all_of_the_set_and_it_knows_when_there_is_no_answer(model_directory: Path) -> None:
    found = await answered(model_directory)
    is_better(found)
    assert silent(found, "shown") <= 5.0
    assert silent(found, "elsewhere") >= 85.0
    assert silent(found, "shown", answered=False) >= 75.0


def is_better(found: Answers) -> None:
    for measure, least in (("any@1", 80.0), ("any@5", 95.0), ("any@10", 97.0), ("MRR", 87.0)):
        reached = mean(found, "search", measure)
        assert reached >= least, measure
        assert reached >= mean(found, "words alone", measure)
        assert reached >= mean(found, "meaning alone", measure)


def test_there_are_a_hundred_moments_whose_memories_are_of_their_projects() -> None:
    project_of = {memory.id: memory.project for memory in memories()}
    assert len({each.prompt for each in moments.moments()}) >= 95
    assert len(moments.moments()) == 100
    for each in moments.moments():
        assert {project_of[name] for name in each.evidence} == {each.project}
        assert each.error or each.files


@pytest.mark.slow
async def test_a_prompt_helps_twice_as_often_with_the_work_at_hand_and_no_less_where_it_changes_the_subject(
    model_directory: Path,
) -> None:
    async with OnnxEmbedder(model_directory) as embedder:
        told = await moments.measure(embedder)
    alone, both = moments.helped(told["the prompt alone"]), moments.helped(told["both"])
    assert sum(both) >= max(2 * sum(alone), 80)
    assert sum(both[-moments.OTHER_SUBJECT :]) >= sum(alone[-moments.OTHER_SUBJECT :])
