"""What nobody sees is no text; whatever anybody sees is one."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.errors import InvalidInput
from services.kit.visible_text import is_blank
from services.memory.domain.memories import Kind, Memory, accept
from tests.claude_transcripts import Transcript, said
from tests.unit.memory.imports.test_sources import memories
from tests.unit.memory.rows import NOW

UNSEEN = [
    "",
    " \n\t",
    "\x00",
    "\u200b",
    "\ufeff \u200d",
    "\x1b\x07",
    "\u202e\u2066",
    "\u3164\u2800",
    "\u00ad",
    "\ufe0f",
]


@pytest.mark.parametrize("text", UNSEEN, ids=ascii)
def test_what_nobody_sees_is_no_memory(text: str) -> None:
    assert is_blank(text)
    with pytest.raises(InvalidInput, match=r"content is empty\."):
        accept(Memory(text, Kind.REFLECTION, "p", NOW), NOW)


@given(st.text(min_size=1), st.characters(categories=("L", "N", "P", "Sm", "Sc", "Co")))
def test_a_text_with_a_letter_a_digit_or_a_sign_is_one(around: str, seen: str) -> None:
    assert is_blank(f"{around[0]}{seen}{around[1:]}") == (is_blank(around) and is_blank(seen))
    assert not is_blank(seen) or unicodedata.name(seen).endswith(("FILLER", "BLANK"))


@pytest.mark.parametrize("text", ["👍", "?", "é", "e\u0301", "한", "\ue0a0", "a\u200b", "[31m", "\ufffd"], ids=ascii)
def test_a_sign_of_any_script_is_seen(text: str) -> None:
    assert not is_blank(text)


@pytest.mark.parametrize("text", UNSEEN[2:], ids=ascii)
def test_a_turn_that_nobody_sees_is_left_out(text: str, tmp_path: Path) -> None:
    transcript = (
        Transcript().user(text).assistant(said(text)).user("Count the pears").assistant(said("There are nine."))
    )
    found = memories(transcript.save(tmp_path / "session.jsonl"))
    assert [each.content for each in found] == ["Count the pears", "There are nine."]
