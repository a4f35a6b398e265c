"""Which files an import finds, and how it shows that it gets on."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from services.cli.transfer import progress
from services.cli.transfer.progress import Done, ImportProgress
from services.memory.imports.containers.unreadable import Unreadable
from services.memory.imports.sources import SourceFile, find_files


def found(*paths: Path) -> list[str]:
    return [file.path.name for file in find_files(paths) if isinstance(file, SourceFile)]


def test_a_directory_gives_its_jsonl_files_sorted_and_each_once(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.jsonl", "notes.txt", "folder.jsonl/c.jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "again.jsonl").symlink_to(tmp_path / "b.jsonl")
    (tmp_path / "folder.jsonl" / "loop").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe.jsonl")

    assert found(tmp_path, tmp_path / "a.jsonl") == ["a.jsonl", "again.jsonl", "c.jsonl"]


def test_paths_that_cannot_be_read_are_told_and_the_others_found(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").touch()
    (tmp_path / "round.jsonl").symlink_to("round.jsonl")
    os.mkfifo(tmp_path / "pipe")
    told = [
        str(file)
        for file in find_files([tmp_path / "none", tmp_path, tmp_path / "pipe"])
        if isinstance(file, Unreadable)
    ]

    assert [line.removeprefix(str(tmp_path)) for line in told] == [
        "/none: No such file or directory",
        "/round.jsonl: Too many levels of symbolic links",
        "/pipe: neither a file nor a directory",
    ]
    assert found(tmp_path / "none", tmp_path) == ["a.jsonl"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stream", "shown"), [(Terminal(), "[######"), (io.StringIO(), " 25%")])
def test_progress_tells_share_files_memories_rate_and_time_left(
    stream: io.StringIO, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "bar_interval_s", 0.0)
    monkeypatch.setattr(progress, "line_interval_s", 0.0)
    done = Done(files_total=7, bytes_total=1000, files=2, bytes_before=200, bytes_of_file=50, memories=1234)
    ImportProgress(done, stream).show()

    text = stream.getvalue()
    assert text.lstrip("\r").startswith(shown)
    assert "25%  2/7 files  1,234 memories" in text
    assert text.split("/s  ")[1].startswith("0:00 left")


def test_progress_that_was_just_shown_is_not_shown_again() -> None:
    stream = io.StringIO()
    progress = ImportProgress(Done(), stream)
    progress.show()
    progress.clear()

    assert stream.getvalue() == ""


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0:00"), (75, "1:15"), (3661, "1:01:01")])
def test_a_duration_reads_like_a_clock(seconds: float, text: str) -> None:
    assert progress.clock(seconds) == text
