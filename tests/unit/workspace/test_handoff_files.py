"""A handoff's copy in the project: it is written there or nowhere, and nothing is made behind a link."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from services.kit.errors import InvalidInput
from services.workspace.handoff_files import remove_handoff, write_handoff

NAME = "2026-03-01T1030Z-0123abcd.md"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


def test_a_handoff_is_written_into_the_project(project: Path) -> None:
    written = write_handoff(project, [project], NAME, "# Handoff")
    assert written == project / ".claude" / "handoffs" / NAME
    assert written.read_text() == "# Handoff"
    assert [path.name for path in written.parent.iterdir()] == [NAME]


@pytest.mark.parametrize("linked", [".claude", ".claude/handoffs"])
@pytest.mark.parametrize("is_there", [True, False])
def test_nothing_is_made_where_a_link_leads(tmp_path: Path, project: Path, linked: str, is_there: bool) -> None:
    elsewhere = tmp_path / "elsewhere"
    if is_there:
        elsewhere.mkdir()
    (project / linked).parent.mkdir(exist_ok=True)
    (project / linked).symlink_to(elsewhere)
    with pytest.raises(InvalidInput, match="link to elsewhere"):
        write_handoff(project, [tmp_path], NAME, "# Handoff")
    assert elsewhere.exists() is is_there
    assert not is_there or list(elsewhere.iterdir()) == []


def test_a_project_may_be_reached_through_a_link(tmp_path: Path, project: Path) -> None:
    (tmp_path / "link").symlink_to(project)
    assert write_handoff(tmp_path / "link", [project], NAME, "x").read_text() == "x"
    assert (project / ".claude" / "handoffs" / NAME).exists()


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_a_copy_that_is_as_it_was_written_can_be_removed(project: Path) -> None:
    written = write_handoff(project, [project], NAME, "# Handoff: ü")
    assert not remove_handoff(project, [project], NAME, digest("# Another"))
    assert written.exists()
    assert remove_handoff(project, [project], NAME, digest("# Handoff: ü"))
    assert not written.exists()
    assert not remove_handoff(project, [project], NAME, digest("# Handoff: ü"))


@pytest.mark.parametrize(
    "name", ["../../notes.md", "notes.md", ".hidden.md", "/etc/hosts", f"{NAME}\n", f"x/{NAME}", ""]
)
def test_only_a_file_of_segue_s_own_naming_is_removed(project: Path, name: str) -> None:
    (project / "notes.md").write_text("mine")
    with pytest.raises(InvalidInput):
        remove_handoff(project, [project], name, digest("mine"))
    assert (project / "notes.md").read_text() == "mine"


def test_nothing_is_removed_through_a_link(tmp_path: Path, project: Path) -> None:
    mine = tmp_path / "mine.md"
    mine.write_text("mine")
    folder = project / ".claude" / "handoffs"
    folder.mkdir(parents=True)
    (folder / NAME).symlink_to(mine)
    assert not remove_handoff(project, [tmp_path], NAME, digest("mine"))
    (folder / NAME).unlink()
    folder.rmdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / NAME).write_text("mine")
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InvalidInput, match="link to elsewhere"):
        remove_handoff(project, [tmp_path], NAME, digest("mine"))
    assert mine.read_text() == (tmp_path / "elsewhere" / NAME).read_text() == "mine"
