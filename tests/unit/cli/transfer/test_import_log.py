"""Which import can be undone, and what its log holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.cli.transfer import import_log
from services.cli.transfer.import_log import ImportLog, list_imports, undo_import


def test_an_import_is_listed_with_what_it_stored_and_where_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = ImportLog(tmp_path, "local")
    begun = log.begin([Path("/home/ada/notes")])
    begun.note(["a", "b"])
    begun.note([])
    begun.note(["c"])

    assert begun.id in begun.end()
    assert log.ids(begun.id) == ["a", "b", "c"]
    assert list_imports(log) == 0
    assert "/home/ada/notes" in capsys.readouterr().out
    assert ImportLog(tmp_path, "https://elsewhere").imports() == []


def test_an_import_that_stored_nothing_leaves_no_log(tmp_path: Path) -> None:
    log = ImportLog(tmp_path, "local")
    begun = log.begin([Path("x")])
    begun.note([])

    assert begun.end() == ""
    assert not (tmp_path / "imports").exists()


def test_what_was_undone_is_not_undone_again(tmp_path: Path) -> None:
    log = ImportLog(tmp_path, "local")
    begun = log.begin([Path("x")])
    begun.note(["a"])
    log.note_undone(begun.id)

    assert log.imports()[0].is_undone
    assert undo_import(log, "last") == 1
    assert undo_import(log, "../../etc/passwd") == 1


def test_the_oldest_logs_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_log, "imports_max", 2)
    log = ImportLog(tmp_path, "local")
    for _ in range(4):
        log.begin([Path("x")]).note(["a"])

    assert len(log.imports()) == 3


def test_a_damaged_log_costs_only_itself(tmp_path: Path) -> None:
    folder = tmp_path / "imports"
    folder.mkdir()
    (folder / "20260101-000000-abcd.jsonl").write_text('not json\n[1]\n{"gateway": "local", "paths": 7, "ids": 3}\n')

    assert [each.stored for each in ImportLog(tmp_path, "local").imports()] == [0]
