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


@pytest.mark.parametrize(
    "text",
    [
        "never twice, from now on",
        "Retry a charge once, never twice, from now on.",
        "from now on always run the linter",
        "Ask before you delete anything, from now on.",
        "Never more than once per hour",
        "Never again force-push to main",
        "do not ever mock the database again please",
        "No more Friday deploys, please.",
        "In the future, always ask first",
        "I said: from now on, no default exports.",
        *("Nie wieder freitags deployen!", "Von jetzt an immer squashen", "Ab heute nur noch uv, bitte"),
        *("Ne déploie plus jamais le vendredi.", "plus jamais de force push", "À l'avenir, toujours des tests"),
        *("No vuelvas a hacer push a main", "nunca más hagas push a main", "desde ahora siempre con tests"),
        *("d'ora in poi sempre con i test", "mai più deploy di venerdì", "nunca mais faça deploy na sexta"),
        *("voortaan nooit twee keer", "Больше никогда так не делай", "впредь только uv, пожалуйста"),
        *(
            "以后都用 uv。",
            "再也不要在周五部署",
            "今後は main に直接 push しないこと。",
            "앞으로는 절대 main에 푸시하지 마세요",
        ),
    ],
)
def test_what_holds_from_now_on_or_never_again_is_a_decision_in_whatever_language(text: str) -> None:
    assert DECISION in marks(text)


@pytest.mark.parametrize(
    "text",
    [
        "from now on?",
        "As of today we have 3 failures",
        "starting now we get timeouts",
        "In the future we might use Kafka",
        "The server never comes up again after a crash",
        "it won't ever start again",
        "Never again did it crash",
        "no more errors",
        "tell me what changes from now on",
        "Translate: never again",
        "`never twice, from now on`",
        '"from now on always use tabs" is what he said',
        *("The tenant said from now on he pays monthly", "They want tabs from now on", "He told me: never again"),
        *("ab heute bin ich im Urlaub", "nie wieder gesehen", "Er sagte, ab jetzt immer zwei Reviews"),
        *("plus jamais vu cette erreur", "Ça ne marche plus jamais", "Le client a dit que désormais il paie en euros"),
        *("Nunca más lo vi", "El cliente dice que a partir de ahora solo pagan en euros", "nunca mais aconteceu"),
        *("non è mai più successo", "nooit meer gezien", "никогда больше не падало"),
        *("Клиент сказал, что отныне платит в евро", "客户说今后只用欧元付款", "以后再说", "以后要不要用 uv 呢"),
        *("再也没有出现这个错误", "二度と起きなかった", "今後はどうなりますか", "다시는 발생하지 않았다"),
    ],
)
def test_what_tells_asks_or_reports_of_such_a_rule_is_none(text: str) -> None:
    assert DECISION not in marks(text)


def test_a_decision_in_a_long_prompt_is_found() -> None:
    text = "Here is the log:\n```\nfails\n```\nThe tests are slow.\nLet's use xdist from now on.\nThanks!"
    assert marks(text) == (DECISION,)


@pytest.mark.parametrize(
    "text", ["no " * 100_000, "always " * 100_000, "a" * 1_000_000, "let's use " * 50_000, "?" * 10**6]
)
def test_any_text_is_looked_at_in_bounded_work(text: str) -> None:
    marks(text)
