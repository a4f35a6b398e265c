"""Decisions and corrections are found in what users say, and little else is."""

from __future__ import annotations

import pytest

from services.memory.imports.decisions import CORRECTION, DECISION, RULES, Rule, marks
from tests.marked import labelled, measured, seen, unseen


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.example)
def test_each_rule_marks_its_example(rule: Rule) -> None:
    assert rule.mark in marks(rule.example)


@pytest.mark.parametrize("mark", [DECISION, CORRECTION])
def test_the_marks_of_turns_nobody_tuned_for_are_precise_and_few_are_missed(mark: str) -> None:
    assert len(labelled()) >= 500
    assert len(unseen()) >= 200
    how = measured(mark, unseen())
    print(f"\n{mark}, unseen: precision {how.precision:.3f}, recall {how.recall:.3f}; missed: {how.missed}")
    assert how.precision >= 0.95, how.too_much
    assert how.recall >= 0.8, how.missed


@pytest.mark.parametrize("mark", [DECISION, CORRECTION])
def test_the_marks_of_turns_that_were_tuned_for_stay(mark: str) -> None:
    how = measured(mark, seen())
    assert how.precision >= 0.98, how.too_much
    assert how.recall >= 0.85, how.missed


@pytest.mark.parametrize(
    "text",
    [
        "Let's keep going",
        "Let's use the debugger here",
        "I never saw this error. No idea.",
        "Translate to German: From now on, all orders are shipped by courier.",
        "Review this PR description: We decided to move to gRPC. It was never fast enough.",
        "Fix the typo in 'the rule is: one schema per tenent'",
        'The customer wrote: "we have agreed to go with Oracle". Draft a friendly no.',
        "ok, keep it short instead of long please, just this once",
        "Proofread: Always lock the door. Never leave the key.",
        "What did we decide about the queue?",
        "If we go with Kafka, we will use Avro.",
        "The docs say we should always use a lock here.",
        "It always fails and never says why",
        "Write a commit message: we decided to drop Python 3.10",
    ],
)
def test_what_only_sounds_like_a_decision_is_none(text: str) -> None:
    assert DECISION not in marks(text)


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
