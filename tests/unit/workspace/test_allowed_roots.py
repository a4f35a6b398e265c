"""Resolving a working directory: inside the roots, and otherwise an error that says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.kit.errors import Denied, InvalidInput, NotFound
from services.workspace.allowed_roots import inside, resolve_directory, upwards


def test_a_directory_inside_a_root_is_its_real_path(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "link").symlink_to("project")
    assert resolve_directory(tmp_path / "link" / ".." / "project", [tmp_path]) == tmp_path / "project"
    assert resolve_directory(str(tmp_path / "link"), [tmp_path]) == tmp_path / "project"


def test_a_root_may_be_a_link_itself(tmp_path: Path) -> None:
    (tmp_path / "real" / "project").mkdir(parents=True)
    (tmp_path / "root").symlink_to("real")
    assert resolve_directory(tmp_path / "root" / "project", [tmp_path / "root"]) == tmp_path / "real" / "project"


@pytest.mark.parametrize("text", ["", "project", "./project", "~", "-rf", "/a\0b", "/" + "a" * 5000, "/\ud800"])
def test_what_is_no_absolute_path_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        resolve_directory(text, [tmp_path])
    assert refused.value.suggestions
    assert len(refused.value.message) < 400


def test_what_is_not_there_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    for name in ("missing", "loop", "loop/below", "a" * 300):
        with pytest.raises(NotFound):
            resolve_directory(tmp_path / name, [tmp_path])


def test_a_file_is_no_working_directory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match="not a directory"):
        resolve_directory(tmp_path / "file", [tmp_path])


def test_outside_the_roots_is_denied_even_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link").symlink_to(tmp_path / "outside")
    (tmp_path / "root-beside").mkdir()
    for place in ("root/link", "root/../outside", "outside", "root-beside", "."):
        with pytest.raises(Denied, match="outside the allowed roots"):
            resolve_directory(tmp_path / place, [tmp_path / "root"])


def test_the_whole_file_system_is_no_project() -> None:
    with pytest.raises(InvalidInput, match="whole file system"):
        resolve_directory("/", [Path("/")])


def test_the_home_directory_is_a_project_only_as_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(InvalidInput, match="home directory"):
        resolve_directory(tmp_path, [tmp_path])
    (tmp_path / ".git").mkdir()
    assert resolve_directory(tmp_path, [tmp_path]) == tmp_path


def test_a_refusal_quotes_no_control_characters(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as refused:
        resolve_directory(f"{tmp_path}/a\n\x1b[31mb", [tmp_path])
    assert refused.value.message.isprintable()


def test_looking_upwards_ends_at_the_roots(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    assert upwards(deep, [tmp_path]) == (deep, tmp_path / "a", tmp_path)
    assert upwards(deep, [tmp_path / "other"]) == ()


def test_a_path_through_a_link_that_leads_out_is_not_inside(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc")
    assert inside(tmp_path / "new" / "file", [tmp_path])
    assert not inside(tmp_path / "link" / "passwd", [tmp_path])
