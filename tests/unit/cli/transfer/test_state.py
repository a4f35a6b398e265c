"""An import goes on where it stopped, and never in the middle of what is another file by now."""

from __future__ import annotations

from pathlib import Path

from services.cli.transfer.state import ImportState
from services.memory.imports.json_lines import START, Position
from services.memory.imports.sources import SourceFile, find_files


def found(path: Path) -> SourceFile:
    (file,) = find_files([path])
    assert isinstance(file, SourceFile)
    return file


def test_a_file_that_grew_is_read_on_from_where_it_was_stored(tmp_path: Path) -> None:
    path, state = tmp_path / "s.jsonl", ImportState(tmp_path, "local")
    path.write_text("one\ntwo\n")
    state.record_position(found(path), Position(8, 2), whole=True)
    assert state.is_unchanged(found(path))
    path.write_text("one\ntwo\nthree\n")
    assert state.start(found(path)) == Position(8, 2)


def test_a_file_that_was_replaced_while_it_was_read_is_read_from_its_beginning(tmp_path: Path) -> None:
    path, state = tmp_path / "s.jsonl", ImportState(tmp_path, "local")
    path.write_text("one\ntwo\n")
    read = found(path)
    state.record_position(read, Position(4, 1), whole=False)
    (tmp_path / "other").write_text("eins\nzwei\ndrei\n")
    (tmp_path / "other").replace(path)
    state.record_position(read, Position(8, 2), whole=True)
    assert state.start(found(path)) == START
    assert not state.is_unchanged(found(path))


def test_a_file_that_was_cut_while_it_was_read_is_read_from_its_beginning(tmp_path: Path) -> None:
    path, state = tmp_path / "s.jsonl", ImportState(tmp_path, "local")
    path.write_text("one\ntwo\n")
    read = found(path)
    path.write_text("one\n")
    state.record_position(read, Position(8, 2), whole=True)
    path.write_text("one\ntwo\nthree\n")
    assert state.start(found(path)) == START
    path.unlink()
    state.record_position(read, Position(8, 2), whole=True)


def test_a_file_that_was_written_anew_while_it_was_read_is_read_from_its_beginning(tmp_path: Path) -> None:
    path, state = tmp_path / "s.jsonl", ImportState(tmp_path, "local")
    path.write_text("one\ntwo\n")
    read = found(path)
    assert state.start(read) == START
    path.write_text("eins\nzwei\ndrei\n")
    state.record_position(read, Position(8, 2), whole=True)
    assert state.start(found(path)) == START
