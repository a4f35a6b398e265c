"""A handoff's copy in the project: it is written there or nowhere, and nothing is made behind a link."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.kit.errors import InvalidInput
from services.workspace.handoff_files import write_handoff

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
