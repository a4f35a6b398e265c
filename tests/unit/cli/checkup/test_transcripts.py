"""What `segue doctor` says of Claude Code's transcripts and version."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from services.cli.checkup.finding import DEGRADED, OK
from services.cli.checkup.transcripts import (
    DAY_S,
    deleted_soon,
    kept_for_days,
    transcripts_of,
    unseen,
    version_finding,
)
from services.cli.clients.client_version import OLDEST, TRIED, parsed_version
from services.cli.transfer.state import ImportState
from services.memory.imports.json_lines import Position
from services.memory.imports.sources import SourceFile

NOW = 1_790_000_000.0


def transcript(config: Path, project: str, name: str, days_old: float) -> Path:
    path = config / "projects" / project / f"{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}\n")
    os.utime(path, (NOW - days_old * DAY_S,) * 2)
    return path


def test_transcripts_that_go_soon_are_named_with_the_date_and_the_command(tmp_path: Path) -> None:
    transcript(tmp_path, "-home-ada-shop", "a", 26)
    transcript(tmp_path, "-home-ada-shop", "b", 25)
    transcript(tmp_path, "-home-ada-shop", "young", 3)
    (found,) = deleted_soon(transcripts_of(tmp_path), [], ImportState(tmp_path / "data", "local"), NOW)
    assert found.status == DEGRADED
    day = time.strftime("%d %B", time.localtime(NOW + 4 * DAY_S))
    assert found.detail.startswith(f"2 not stored, and deleted by Claude Code from {day}")
    assert found.remedy == f"segue import {tmp_path}/projects/-home-ada-shop"


def test_transcripts_of_several_projects_are_imported_together(tmp_path: Path) -> None:
    transcript(tmp_path, "-home-ada-shop", "a", 40)
    transcript(tmp_path, "-home-ada-barn", "a", 40)
    (found,) = deleted_soon(transcripts_of(tmp_path), [], ImportState(tmp_path / "data", "local"), NOW)
    assert "from today" in found.detail
    assert found.remedy == f"segue import {tmp_path}/projects"


def test_what_is_stored_or_kept_for_longer_is_not_named(tmp_path: Path) -> None:
    path = transcript(tmp_path, "-home-ada-shop", "a", 26)
    state, status = ImportState(tmp_path / "data", "local"), path.stat()
    longer = ['{"cleanupPeriodDays": 365}']
    assert not list(deleted_soon(transcripts_of(tmp_path), longer, state, NOW))
    file = SourceFile(path, status.st_size, status.st_mtime_ns, status.st_ino)
    state.start(file)
    state.record_position(file, Position(status.st_size, 1), whole=True)
    assert not list(deleted_soon(transcripts_of(tmp_path), [], state, NOW))


@pytest.mark.parametrize(
    ("text", "days"), [("", 30), ("{}", 30), ("[]", 30), ("{", 30), (json.dumps({"cleanupPeriodDays": 0}), 0)]
)
def test_how_long_the_client_keeps_transcripts(text: str, days: int) -> None:
    assert kept_for_days([text]) == days


def test_a_conversation_that_went_on_without_hooks_is_noticed(tmp_path: Path) -> None:
    written = {tmp_path / "a.jsonl": NOW - 60}
    found = unseen(written, NOW - 3 * DAY_S, NOW)
    assert found
    assert found.status == DEGRADED
    assert "3 days ago" in found.detail
    assert found.remedy.startswith("segue import")
    assert unseen(written, NOW - 300, NOW) is None  # a long answer
    assert unseen({}, NOW - 3 * DAY_S, NOW) is None
    assert unseen(written, 0.0, NOW) is None  # no hook ran yet, which is said otherwise


@pytest.mark.parametrize(
    ("said", "status", "word"),
    [
        ("1.0.128 (Claude Code)", DEGRADED, "no plugins"),
        ("2.1.100 (Claude Code)", DEGRADED, "hooks that it knows"),
        ("2.1.197 (Claude Code)", OK, "2.1.197"),
        ("2.1.332 (Claude Code)", OK, "2.1.332"),
        ("3.0.0 (Claude Code)", OK, "newer than Segue was tried with"),
    ],
)
def test_a_client_that_is_too_old_or_newer_than_tried(said: str, status: str, word: str) -> None:
    found = version_finding(parsed_version(said), TRIED, OLDEST)
    assert found
    assert found.status == status
    assert word in found.detail
    assert bool(found.remedy) == (status == DEGRADED)


def test_a_client_that_does_not_say_is_not_judged() -> None:
    assert version_finding(parsed_version("command not found"), TRIED, OLDEST) is None
