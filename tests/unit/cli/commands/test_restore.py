"""What is no backup is not restored, and the way to one is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.cli.__main__ import main
from services.kit.backup import MANIFEST

TIMES = ("segue-20261130T080000.000000Z-aa", "segue-20261201T080000.000000Z-aa", "segue-20261202T080000.000000Z-aa")


@pytest.fixture
def backups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEGUE_DATA_DIR", str(tmp_path / "data"))
    for name in TIMES:
        (tmp_path / "backups" / name).mkdir(parents=True)
    return tmp_path / "backups"


def test_the_directory_of_backups_names_the_latest_in_it(backups: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in TIMES[:2]:  # the third was not finished
        (backups / name / MANIFEST).write_text("{}")
    assert main(["restore", str(backups)]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"segue restore: {backups} is not a backup")
    assert said.endswith(f"The latest below it is {backups / TIMES[1]}.\n")


@pytest.mark.parametrize("name", ["", "missing", TIMES[0]])
def test_where_there_is_none_none_is_named(name: str, backups: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["restore", str(backups / name)]) == 1
    said = capsys.readouterr().err
    assert "is not a backup" in said
    assert "latest" not in said


def test_an_import_of_nothing_says_what_to_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import"]) == 2
    assert capsys.readouterr().err == "segue import: name what to import: segue import ~/.claude/projects\n"
    assert main(["import", "x", "--project", "p" * 201]) == 2
    assert "at most 200 characters" in capsys.readouterr().err
