"""Decisions and corrections are found in what users say, and little else is."""

from __future__ import annotations

import pytest

from services.memory.imports.decisions import CORRECTION, DECISION, RULES, Rule, marks
from tests.marked import labelled, measured


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.example)
def test_each_rule_marks_its_example(rule: Rule) -> None:
    assert rule.mark in marks(rule.example)


@pytest.mark.parametrize("mark", [DECISION, CORRECTION])
def test_the_marks_of_a_labelled_set_are_precise_and_few_are_missed(mark: str) -> None:
    assert len(labelled()) >= 150
    how = measured(mark)
    print(f"\n{mark}: precision {how.precision:.3f}, recall {how.recall:.3f}; missed: {how.missed}")
    assert how.precision >= 0.95, how.too_much
    assert how.recall >= 0.85, how.missed


@pytest.mark.parametrize(
    "text",
    [
        "```\nlet's use Postgres\n```",
        "> Never commit to main",
        "    always = never(use)",
        "$ never gonna give",
        "Traceback (most recent call last)",
        "x = 1; // always use 1;",
    ],
)
def test_what_was_pasted_decides_nothing(text: str) -> None:
    assert marks(text) == ()


def test_a_decision_in_a_long_prompt_is_found() -> None:
    text = "Here is the log:\n```\nfails\n```\nThe tests are slow.\nLet's use xdist from now on.\nThanks!"
    assert marks(text) == (DECISION,)


@pytest.mark.parametrize(
    "text", ["no " * 100_000, "always " * 100_000, "a" * 1_000_000, "let's use " * 50_000, "?" * 10**6]
)
def test_any_text_is_looked_at_in_bounded_work(text: str) -> None:
    marks(text)
