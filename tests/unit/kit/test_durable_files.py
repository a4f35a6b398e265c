"""A small file that is replaced in one step: the earlier one or the new one, never half of either."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.kit.durable_files import write_private


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_file_is_written_whole_and_for_its_owner_alone(tmp_path: Path) -> None:
    (tmp_path / ".shards.new").write_text("of a process that was killed")
    for text in ("3\n", "4 and more\n"):
        write_private(tmp_path / "shards", text)
        assert (tmp_path / "shards").read_text() == text
    assert names(tmp_path) == ["shards"]
    assert (tmp_path / "shards").stat().st_mode & 0o777 == 0o600


def test_where_it_cannot_be_written_the_earlier_one_stays_and_no_draft(tmp_path: Path) -> None:
    write_private(tmp_path / "shards", "3\n")
    with pytest.raises(UnicodeEncodeError):
        write_private(tmp_path / "shards", "\ud800")
    (tmp_path / "place").mkdir()
    (tmp_path / "place" / "full").touch()
    with pytest.raises(OSError, match="directory"):
        write_private(tmp_path / "place", "4\n")
    assert names(tmp_path) == ["place", "shards"]
    assert (tmp_path / "shards").read_text() == "3\n"


def test_a_link_in_the_draft_s_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("theirs")
    (tmp_path / ".shards.new").symlink_to(tmp_path / "elsewhere")
    write_private(tmp_path / "shards", "3\n")
    assert (tmp_path / "elsewhere").read_text() == "theirs"
