"""Whatever a text holds: redaction, the index, handoffs and briefings take it, in a time that grows as it does."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.arguments.time_expressions import moment, span
from services.gateway.workflows.briefing import Reader, Section, compose
from services.kit.errors import InvalidInput
from services.kit.redaction import redact, redact_json, without_private
from services.memory.imports.decisions import marks
from services.memory.text.code_detection import has_code
from services.memory.text.dialogue import asks, speaker
from services.memory.text.file_mentions import file_paths
from services.memory.text.named_dates import date_spans
from services.memory.text.terms import query_terms, terms
from services.memory.text.wording import wording
from services.pb import memory_pb2, session_pb2
from services.session.domain.command_risk import destroys, only_reads
from services.session.domain.operation_risk import classify
from tests.fuzz import known
from tests.fuzz.budget import tried
from tests.fuzz.known import is_known
from tests.fuzz.mutations import mutated, values
from tests.fuzz.nasty import texts
from tests.unit.session.domain.test_handoff import SESSION, everywhere, headings, written

SECRET = "AKIA" + "Z7QWERTY2UIOPASD"
PROSE = b"""# Lantern, v2.10.1
We decided: retry 3 times, see src/cart.py:17 and `git push --force`. <private>pin</private> don't
```py
def total(prices): return sum(prices)
```
> 1. password = hunter2secret, DATABASE_URL=postgres://ada:pw@db/shop  since 2026-03-01, $12,400.50
| a | b | \xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e \xd0\xbf\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82
"""
COMMANDS = (
    b'cd /tmp && rm -rf "$HOME"/x; git push --force origin main | tee a 2>&1',
    b"find . -name '*.py' -exec cat {} +",
)
TIMES = (b"2026-03-01T09:30:00+01:00", b"3 days ago", b"last week", b"in March", b"since yesterday", b"2026-W47")
READERS: tuple[Callable[[str], object], ...] = (
    *(terms, query_terms, date_spans, marks, has_code, speaker, asks, destroys, only_reads, redact, without_private),
    lambda text: file_paths(text, {"file_path": text, "files": [text]}),
    wording,
    lambda text: classify("bash", text, "/work"),
    lambda text: written(SESSION, *everywhere(text)),
    lambda text: _briefing(text),  # noqa: PLW0108  # it is defined below
)


def _is_tried(text: str) -> bool:
    odd = text.lower().replace("\u2019", "'").replace("\u02bc", "'")
    return not ("n't" in odd and is_known(known.CONTRACTION))


prose = (mutated([PROSE, *COMMANDS]).map(lambda raw: raw.decode("utf-8", "replace")) | st.sampled_from(texts())).filter(
    _is_tried
)


@tried(25)
@given(text=prose)
def test_every_text_is_read(text: str) -> None:
    for read in READERS:
        read(text)


@tried(25)
@given(before=prose, after=prose)
def test_a_secret_is_found_whatever_is_around_it(before: str, after: str) -> None:
    redacted = redact(f"{before}\n{SECRET}\n{after}")
    assert SECRET not in redacted.text
    assert redacted.count
    assert redact(redacted.text) == (redacted.text, 0, ())


@tried(30)
@given(value=values())
def test_every_value_is_redacted_and_keeps_no_secret(value: object) -> None:
    redacted = redact_json({"a": value, "b": [SECRET]})
    assert SECRET not in str(redacted.value)
    assert redact_json(redacted.value).value == redacted.value or redacted.value != redacted.value


@tried(25)
@given(text=prose)
def test_a_text_cannot_break_out_of_a_handoff_or_a_briefing(text: str) -> None:
    plain = headings(written(SESSION, *everywhere("said")).markdown)
    markdown = written(SESSION, *everywhere(text)).markdown
    assert set(headings(markdown)) <= set(plain)
    assert markdown.encode()
    opening, *inner, closing = _briefing(text).splitlines() or ("<", "", "<")
    assert opening.startswith("<")
    assert closing.startswith("<")
    assert not [line for line in inner if line.lstrip().startswith(("<", "#"))]


@tried(50)
@given(text=mutated(TIMES).map(lambda raw: raw.decode("utf-8", "replace")) | st.sampled_from(texts()))
def test_every_time_is_understood_or_refused(text: str) -> None:
    if "999" in text and is_known(known.LAST_YEAR):
        return
    for read in (moment, lambda each: span(each, datetime(2026, 3, 1, tzinfo=UTC), ZoneInfo("Europe/Berlin"))):
        try:
            read(text)
        except InvalidInput:
            continue


PIECES = (
    *(
        "a",
        "A",
        "1",
        " ",
        ".",
        ",",
        "-",
        "_",
        "/",
        "\\",
        ":",
        ";",
        "=",
        '"',
        "'",
        "`",
        "<",
        ">",
        "(",
        "[",
        "{",
        "|",
        "&",
        "@",
    ),
    *(
        "\t",
        "\r",
        "ﬀ",
        "日",
        "\u202e",
        "\0",
        "e\u0301",
        "```",
        "1.",
        "a.b",
        "../",
        "x=",
        "://",
        "<private>",
        "rm -rf ",
        "don't ",
    ),
    *("eyJ", "AKIA", "password: ", "-----BEGIN ", "def f(", "$(", "2026-03-01 ", "\n"),
)
small, large = 20_000, 80_000
"""Characters; both are beyond what a grammar reads, so that both are read the same way."""
_numbers = itertools.count()


@pytest.mark.slow
@pytest.mark.parametrize("read", READERS, ids=lambda read: read.__name__ if read.__name__ != "<lambda>" else None)
def test_time_grows_as_the_text_does(read: Callable[[str], object]) -> None:
    read("warm up: a.py, 1.2.3, 日本")

    @tried(25)
    @given(pieces=st.lists(st.sampled_from(PIECES), min_size=1, max_size=4))
    def grows(pieces: list[str]) -> None:
        unit = "".join(pieces)
        is_blank = not unit.strip() and "\n" in unit
        if (is_blank and is_known(known.BLANK_LINES)) or not _is_tried(unit):
            return
        assert _grows_linearly(read, unit), f"{unit!r} again and again takes more than its length"

    grows()


def _grows_linearly(read: Callable[[str], object], unit: str) -> bool:
    """Four times the text in less than nine times the time; it is 16 where each character looks at all others."""
    for _ in range(3):  # something else may have run meanwhile
        longer = _seconds(read, (unit * large)[:large])
        if longer < 0.03 or longer < 9 * _seconds(read, (unit * small)[:small]):
            return True
    return False


def _seconds(read: Callable[[str], object], text: str) -> float:
    """Of this thread on the processor; no text comes twice, for it might be remembered."""
    text += str(next(_numbers))
    began = time.thread_time()
    read(text)
    return time.thread_time() - began


def _briefing(text: str) -> str:
    when = Timestamp(seconds=1_772_357_400)
    encodable = text.encode("utf-8", "replace").decode()
    memory = memory_pb2.StoredMemory(id="m", content=encodable, role=encodable, timestamp=when)
    handoff = session_pb2.HandoffDocument(
        summary=encodable, next_steps=[encodable], open_questions=[encodable], ended_at=when
    )
    return compose([handoff], [Section("What was decided:", [memory])], 3000, Reader()).text
