"""No text costs more than in proportion to its length: whatever repeats in it, whichever function reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.gateway.workflows.briefing import quote
from services.gateway.workflows.handoffs.utterances import asks_for_something, is_substantial, points_of
from services.gateway.workflows.repetition import KnownSentences
from services.kit.redaction import redact, without_private
from services.memory.imports.decisions import marks
from services.memory.imports.narration import is_narration
from services.memory.imports.tool_calls import Doings, Failures
from services.memory.imports.transcripts import Projects
from services.memory.imports.wrappers import summary_text, typed_text, wrapped_words
from services.memory.text.code_detection import has_code
from services.memory.text.dialogue import asks, speaker, words_of
from services.memory.text.file_mentions import file_paths
from services.memory.text.named_dates import date_spans
from services.memory.text.terms import query_terms, terms
from services.memory.text.wording import wording
from services.session.domain.operation_risk import classify, target_judged_max_chars
from tests.fuzz.budget import examples
from tests.growth import GROWTH_MAX, growth

CHARS = 32_000
WORTH_A_LOOK_S = 0.012
"""What a text of that many characters may cost before it is looked at how the cost grows."""
_numbers = count()


def call_tool(text: str) -> None:
    doings = Doings()
    doings.record_call({"name": "Bash", "id": "1", "input": {"command": text}})
    Failures().take({"tool_use_id": "1", "is_error": True, "content": text}, doings, "m")


READERS: Mapping[str, Callable[[str], object]] = {
    "asks": asks,
    "briefing": quote,
    "code": has_code,
    "dates": date_spans,
    "directory": lambda text: Projects(Path("x"), "").name(text),
    "files": lambda text: file_paths(text, {"file_path": text, "files": [text]}),
    "wording": wording,
    "marks": marks,
    "narration": is_narration,
    "peers": wrapped_words,
    "private": without_private,
    "query": query_terms,
    "secrets": redact,
    "speaker": speaker,
    "summary": summary_text,
    "terms": terms,
    "tools": call_tool,
    "transcript": typed_text,
    "words": words_of,
    "asks_for_something": asks_for_something,
    "is_substantial": is_substantial,
    "points_of": points_of,
    "fresh": KnownSentences().fresh,
}
WHITE = (" ", "\n", "\r\n", " \n", "\n\t", "\t", "\u2028", "\x0b", "\u00a0")
SIGNS = (*"()[]{}<>\"'`~\\/.,:;@#+$%&|*?!=_-^", "()", "[]", "{}", "<>", "```", "~~~\n", "```\n", "./", "../")
WORDS = (
    *("1", "1.", "1,", ":1", "a", "A", "aA", "a.", "a/", "a-", "a_", "a'", "n't ", "'s", "é", "e\u0301", "\u0301"),
    *("漢", "漢a", "\u200d", "v1.", "c++", "a=", "a=b;", "a:", "a@", "%41", "0a", "\\n", "a b ", "- ", "C:\\"),
)
PHRASES = (
    *("password=", "token=a ", "sk-", "ghp_", "eyJa.", "-----BEGIN ", "https://", "a:b@", "https://a:b@c ", "Bearer "),
    *("<private>", "</private>", "<private></private>", "<command-name>/", "<command-args>", "<system-reminder>"),
    *("<system-reminder></system-reminder>", "export let a ", "if (", "return a ", "select a, ", "cd a && ", "A=b "),
    *("thanks, ", "good now ", "commit and push ", "let me ", "still to be ", "谢谢", "コミット", "next: "),
    *("Jan ", "in 2023 ", "1 jan 2020, ", "ok, ", "no, ", "we use ", "prefer a ", "error:", "uv run ", "> ", "drop "),
)
LINES = tuple(
    (unit * 300)[:280] + "\n" for unit in (" ", "a", "a ", "a,", "a.", ") ", "= ", "a;", "\\", "select a ", "{")
)
UNITS = (*WHITE, *SIGNS, *WORDS, *PHRASES, *LINES)


def grows(name: str, unit: str, before: str, after: str) -> float:
    def read(chars: int) -> None:
        READERS[name](f"{next(_numbers)}{before}{unit * (chars // len(unit))}{after}")  # no cache knows it

    return growth(read, CHARS, WORTH_A_LOOK_S)


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(("before", "after"), [("", ""), ('begin\nx = "(', "\n) end")])
def test_what_repeats_costs_in_proportion(name: str, before: str, after: str) -> None:
    grown = {unit: grows(name, unit, before, after) for unit in UNITS}
    assert {unit: ratio for unit, ratio in grown.items() if ratio >= GROWTH_MAX} == {}


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(READERS)), st.text("\n\t \"'`()[]{}<>=:;.,-_/\\@#$|aA1é漢", min_size=1, max_size=6))
def test_whatever_repeats_costs_in_proportion(name: str, unit: str) -> None:
    assert grows(name, unit, "x", "y") < GROWTH_MAX


def test_the_measure_sees_what_is_quadratic() -> None:
    def work(size: int) -> None:
        for at in range(0, size, 64):
            sum(range(at))

    assert any(growth(work, CHARS) > GROWTH_MAX for _ in range(20))  # it leans to what costs less


SHELL_UNITS = (
    *UNITS,
    *("a|", "a&&", "a;", "x $(", "$(", '"$(', "<(", "if ", "{ a; ", "<<E\n", "${a:-", "case a in ", "do ", "a > b "),
)


@pytest.mark.slow
@pytest.mark.parametrize("unit", SHELL_UNITS, ids=repr)
def test_a_command_never_takes_long_to_understand(unit: str) -> None:
    """The grammar takes the square of what it does not understand, so such commands are not given to it."""

    def judge(chars: int) -> None:
        classify("Bash", f"{next(_numbers)} {unit * (chars // len(unit))}")  # no cache knows it

    assert growth(judge, target_judged_max_chars - 100, worth_a_look_s=0.3) < GROWTH_MAX
