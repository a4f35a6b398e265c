"""Decisions and corrections are found in what users say, and little else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.memory.marks import CORRECTION, DECISION, RULES, Rule, marks

LABELLED = [
    (label.strip(), text.strip())
    for line in Path(__file__).with_name("marked_words.txt").read_text().splitlines()
    if not line.startswith("#")
    for label, _, text in [line.partition(" | ")]
]
MEANT = {"decision": {DECISION}, "correction": {CORRECTION}, "both": {DECISION, CORRECTION}, "-": set()}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.example)
def test_each_rule_marks_its_example(rule: Rule) -> None:
    assert rule.mark in marks(rule.example)


@pytest.mark.parametrize("mark", [DECISION, CORRECTION])
def test_the_marks_of_a_labelled_set_are_precise_and_few_are_missed(
    mark: str, record_property: pytest.FixtureRequest
) -> None:
    assert len(LABELLED) >= 150
    meant = {text for label, text in LABELLED if mark in MEANT[label]}
    found = {text for _, text in LABELLED if mark in marks(text)}
    precision, recall = len(meant & found) / len(found), len(meant & found) / len(meant)
    print(f"\n{mark}: precision {precision:.3f}, recall {recall:.3f} of {len(meant)} among {len(LABELLED)}")
    for text in sorted(found - meant):
        print("  too much:", text)
    for text in sorted(meant - found):
        print("  missed:", text)
    assert precision >= 0.95
    assert recall >= 0.85


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
