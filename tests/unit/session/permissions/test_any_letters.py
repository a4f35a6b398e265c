"""Commands in any script are read to the letter, and none ends the process."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.session.permissions.shell import read_command

ODD = [
    "\u077a\U000880fc",
    "do }",
    "\u02af\x1ah\U000b2c37H\U000bcb1f\U0007d945~\U000fa77a\U000e9b0e Z\n{\U0009f57e.(\u6d3d G",
]
AGAIN_AND_AGAIN = f"""
from services.session.permissions.shell import _read
for _ in range(1500):
    for text in {ODD!r}:
        _read(text, 0, 16_000)
"""


@pytest.mark.slow
def test_no_letter_ends_the_process() -> None:
    """The grammar reads past a table for letters beyond Latin-1, and whether that fails depends on the addresses."""
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", AGAIN_AND_AGAIN], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "message", ["ship it \U0001f680", "日本語のコミット", "Ünïcödé and ž", "\U0001f680" * 300, "naïve À\U0001f600Ā"]
)
def test_words_are_as_they_were_written(message: str) -> None:
    line = read_command(f"git commit -m '{message}' && echo {message.rsplit(maxsplit=1)[-1]} > '{message}.txt'")
    assert line.is_understood
    assert line.calls[0].words == ("git", "commit", "-m", message)
    assert line.written == (f"{message}.txt",)


def test_what_a_shell_is_given_is_read_with_its_letters() -> None:
    line = read_command("bash -c 'rm \"\U0001f600 日\"' <<< '日'")
    assert ("rm", "\U0001f600 日") in [call.words for call in line.calls]


@pytest.mark.parametrize("text", ["echo $'\\xc0' \U0001f600", "echo " + "".join(map(chr, range(0x4E00, 0x4E80)))])
def test_where_a_letter_may_mean_another_nothing_is_understood(text: str) -> None:
    assert not read_command(text).is_understood


@given(st.text(st.characters(min_codepoint=0x100, exclude_categories=["Cs"]), min_size=1, max_size=30))
def test_letters_beyond_latin_are_one_word(word: str) -> None:
    calls = read_command(f"echo a{word}b").calls
    if all(each.isalnum() for each in word):
        assert calls[0].words == ("echo", f"a{word}b")
