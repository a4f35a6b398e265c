"""Nothing that a command prints is obeyed by a terminal, wherever it came from."""

from __future__ import annotations

import re
import subprocess
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cli.__main__ import main
from services.cli.printing import without_control

EVIL = "e\x1b[31mv\x1b]0;il\x07\x9b2J\u202e\r\u2066\x7f"
obeyed = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029]")


@given(st.text())
def test_any_text_keeps_its_lines_and_letters_and_nothing_that_is_obeyed(text: str) -> None:
    shown = without_control(f">{text}")[1:]
    assert len(shown) == len(text)
    assert not obeyed.search(shown)
    for before, after in zip(text, shown, strict=True):
        assert before == after or (after == "?" and unicodedata.category(before)[0] in "CZ")


def test_a_line_of_progress_is_still_replaced() -> None:
    assert without_control("\r3 lines\033[K") == "\r3 lines\033[K"
    assert without_control("\r\033[K") == "\r\033[K"
    assert without_control("\r\033[Know: 3\x1b") == "\r\033[Know: 3?"


@pytest.mark.parametrize(
    "command",
    [
        ("restore", f"/nowhere/{EVIL}"),
        ("backup", EVIL),
        ("export", f"/nowhere/{EVIL}"),
        ("import", f"/nowhere/{EVIL}"),
        ("key", "status", "--directory", f"/nowhere/{EVIL}"),
        ("key", "generate", f"/nowhere/{EVIL}"),
        ("checkpoint", "show", EVIL),
        ("install", "claude-code", "--project", "--dry-run"),
        ("install", "cursor", "--print"),
        ("status",),
        ("doctor",),
    ],
    ids=lambda command: command[0],
)
def test_names_of_any_kind_do_nothing_in_a_terminal(
    command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here = tmp_path / EVIL
    here.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=here, check=True)
    monkeypatch.chdir(here)
    monkeypatch.setenv("HOME", str(here))
    monkeypatch.setenv("SEGUE_DATA_DIR", str(here / "data"))
    monkeypatch.setenv("SEGUE_URL", "http://127.0.0.1:1/mcp")
    main(command)
    out, err = capsys.readouterr()
    assert out + err
    assert not obeyed.search(out + err)
