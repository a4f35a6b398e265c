"""The score orders real projects as an engineer judges them; their evidence was recorded from themselves."""

from __future__ import annotations

import statistics
from itertools import pairwise, product

import pytest

from services.quality.domain.scoring import COMPONENTS
from tests.performance.corpora.calibration import GRADES, Project, projects

PROJECTS = projects()
SCRIPTED = {"python", "javascript", "typescript", "ruby", "php"}


def graded(grade: str) -> list[Project]:
    return [each for each in PROJECTS if each.grade == grade]


def family(each: Project) -> str:
    """Projects of one kind: in scripting languages, in compiled ones, notebooks, and infrastructure."""
    if each.language in {"notebooks", "terraform"}:
        return each.language
    return "scripted" if each.language in SCRIPTED else "compiled"


def test_there_are_projects_of_every_grade_and_of_many_languages() -> None:
    assert len(PROJECTS) >= 24
    assert {each.grade for each in PROJECTS} == set(GRADES)
    assert len({each.language for each in PROJECTS}) >= 10
    assert {name for each in PROJECTS for name in each.evidence} <= {component.name for component in COMPONENTS}


def test_no_exemplary_project_scores_below_an_ordinary_or_neglected_one_of_its_kind() -> None:
    wrong = [
        f"{better.name} {better.score.overall} < {worse.name} {worse.score.overall}"
        for better, worse in product(graded("exemplary"), graded("ordinary") + graded("neglected"))
        if family(better) == family(worse) and better.score.overall <= worse.score.overall
    ]
    assert wrong == []


def test_a_neglected_project_scores_below_most_ordinary_ones() -> None:
    middle = statistics.median(each.score.overall for each in graded("ordinary"))
    assert max(each.score.overall for each in graded("neglected")) < middle


def test_nothing_without_code_scores_above_anything_with_code() -> None:
    code = [each.score.overall for each in PROJECTS if each.grade != "without code"]
    assert max(each.score.overall for each in graded("without code")) < min(code)


@pytest.mark.parametrize("project", graded("exemplary"), ids=lambda each: each.name)
def test_an_exemplary_project_has_most_of_what_was_measured(project: Project) -> None:
    assert project.score.of_measured >= 80


@pytest.mark.parametrize("project", graded("neglected") + graded("without code"), ids=lambda each: each.name)
def test_a_neglected_project_has_little_of_what_was_measured(project: Project) -> None:
    assert project.score.of_measured <= 45


@pytest.mark.parametrize("project", PROJECTS, ids=lambda each: each.name)
def test_advice_can_be_followed(project: Project) -> None:
    made = project.score
    assert len(made.recommendations) <= 3
    applying = {row.component.name for row in made.components if row.weight}
    assert {each.component for each in made.recommendations} <= applying - {"active_days"}


VERY_GOOD = (
    *("BurntSushi/ripgrep", "nedbat/coveragepy", "pallets/flask", "colinhacks/zod", "spf13/cobra", "pypa/virtualenv"),
    "pypa/build",
)
GOOD = ("withastro/starlight", "fastapi/full-stack-fastapi-template", "spring-projects/spring-petclinic")
FAIR = ("tinygrad/tinygrad",)
SAMPLES = ("nestjs/typescript-starter", "astral-sh/uv-docker-example", "wsvincent/djangox")
BOOKS = ("jakevdp/PythonDataScienceHandbook",)
LISTS = ("github/gitignore", "minimaxir/big-list-of-naughty-strings")


def test_seventeen_trees_are_ordered_as_they_were_judged() -> None:
    scores = {each.name: each.score.overall for each in PROJECTS}
    shares = {each.name: each.score.of_measured for each in PROJECTS}
    ranks = [[scores[name] for name in names] for names in ((*VERY_GOOD, *GOOD), FAIR, SAMPLES, LISTS)]
    assert sum(map(len, (VERY_GOOD, GOOD, FAIR, SAMPLES, BOOKS, LISTS))) == 17
    for better, worse in pairwise(ranks):
        assert min(better) > max(worse)
    assert max(scores[name] for name in LISTS) < scores[BOOKS[0]] < min(scores[name] for name in (*VERY_GOOD, *GOOD))
    assert min(shares[name] for name in (*VERY_GOOD, *GOOD)) >= 80
    assert max(shares[name] for name in LISTS) <= 45
    assert min(scores["pallets/flask"] - scores[name] for name in LISTS) > 30, "a list of text scores as code does"
