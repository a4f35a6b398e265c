"""A user is told once that what is said is no longer stored."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from services.cli.hooks import capture_notice, spool
from services.cli.hooks.capture_notice import STOPPED_AFTER_S, with_notice
from services.cli.hooks.state_files import OVER_QUOTA, gateway_name, hooks_directory

BRIEFING = b'{"hookSpecificOutput": {"hookEventName": "SessionStart", "additionalContext": "x"}}'


@pytest.fixture(autouse=True)
def data_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("SEGUE_URL", raising=False)


def leave_waiting(age_s: float) -> Path:
    path = Path(spool.directory()) / f"{time.time_ns() - int(age_s * 1e9):020}-1-Stop.json"
    path.write_text("{}")
    return path


def notice(answer: bytes = b"") -> str:
    said = with_notice(answer)
    return str(json.loads(said).get("systemMessage", "")) if said else ""


def test_nothing_is_said_while_all_is_stored() -> None:
    assert with_notice(b"") == b""
    assert with_notice(BRIEFING) == BRIEFING
    leave_waiting(5)
    assert with_notice(b"") == b""


def test_events_that_nobody_takes_are_told_of_once_until_they_are_taken() -> None:
    waiting = leave_waiting(STOPPED_AFTER_S + 60)
    assert "not stored yet" in notice()
    assert "segue doctor" not in notice()
    waiting.unlink()
    assert not notice()
    leave_waiting(STOPPED_AFTER_S + 60)
    assert "segue doctor" in notice()


def test_a_full_quota_is_told_of_beside_the_briefing() -> None:
    (Path(hooks_directory(OVER_QUOTA)) / gateway_name()).touch()
    said = json.loads(with_notice(BRIEFING))
    assert "over quota" in said["systemMessage"]
    assert said["hookSpecificOutput"] == json.loads(BRIEFING)["hookSpecificOutput"]
    assert with_notice(BRIEFING) == BRIEFING


def test_another_trouble_is_told_of_although_there_was_one_before() -> None:
    leave_waiting(STOPPED_AFTER_S + 60)
    assert "not stored yet" in notice()
    (Path(hooks_directory(OVER_QUOTA)) / gateway_name()).touch()
    assert "over quota" in notice()


def test_a_link_in_place_of_the_note_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("kept")
    leave_waiting(STOPPED_AFTER_S + 60)
    (Path(hooks_directory(capture_notice.TOLD)) / gateway_name()).symlink_to(elsewhere)
    assert with_notice(BRIEFING) == BRIEFING
    assert elsewhere.read_text() == "kept"
