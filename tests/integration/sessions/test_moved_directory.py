"""A plain directory that was renamed or moved goes on with its project; a copy, and another in its place, do not."""

from __future__ import annotations

import json
import secrets
import shutil
from pathlib import Path

import pytest

from tests.integration.sessions.test_project_identity import briefing, call, elsewhere, hooked, name_of
from tests.integration.stack import ComposeStack, Stack, segue


@pytest.fixture
def stack(stack: Stack) -> Stack:
    """One process: it sees the directories."""
    if isinstance(stack, ComposeStack):
        pytest.skip("the gateway does not see the directories")
    return stack


async def work(stack: Stack, directory: Path, word: str) -> str:
    """A session in it that decides something and leaves a handoff; returns the project's label."""
    begun = await call(stack, "init", working_directory=str(directory))
    name = str(begun["project_context"]["name"])
    await call(stack, "store_reflection", content=f"Decision: the {word} is blue.", tags=["decision"], project=name)
    await call(stack, "end", session_id=begun["session_id"], summary=f"painted the {word}")
    return name


def status(stack: Stack, directory: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(directory)
    return segue(stack, "status").stdout


@pytest.mark.slow
@pytest.mark.parametrize("sees", [True, False])
async def test_a_renamed_directory_goes_on_and_says_so_once(
    stack: Stack, tmp_path: Path, project: str, sees: bool
) -> None:
    """Whether the gateway sees it, or is told by the client."""
    tell = briefing if sees else elsewhere
    old, new = tmp_path / project, tmp_path / f"{project}-2026"
    old.mkdir()
    tell(stack, old)
    assert await work(stack, old, "lamp") == project
    old.rename(new)
    first, second = tell(stack, new), tell(stack, new)
    assert all("the lamp is blue" in each and "painted the lamp" in each for each in (first, second))
    assert f"This directory was {old}" in first
    assert f"segue project split {project} {new.name}" in first
    assert "segue project split" not in second
    assert await name_of(stack, new) == project
    done = segue(stack, "project", "split", project, new.name)
    assert f"{new.name} is a project of its own again" in done.stdout, done.stderr
    assert "the lamp is blue" not in tell(stack, new)
    assert await name_of(stack, new) == new.name
    assert "the lamp is blue" in json.dumps(await call(stack, "reflect_on_past", query="lamp", project=project))
    old.mkdir()
    assert "the lamp is blue" not in tell(stack, old)


async def test_a_copy_beside_its_original_is_another_project(
    stack: Stack, tmp_path: Path, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, copy = tmp_path / project, tmp_path / f"{project}-copy"
    old.mkdir()
    await work(stack, old, "lamp")
    shutil.copytree(old, copy)
    told = briefing(stack, copy)
    assert "the lamp is blue" not in told
    assert "segue project merge" not in told
    assert "segue project merge" not in status(stack, copy, monkeypatch)


@pytest.mark.slow
async def test_a_copy_whose_original_is_gone_names_the_command_that_joins_them(
    stack: Stack, tmp_path: Path, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, copy = tmp_path / project, tmp_path / "disk" / f"{project} b"
    old.mkdir()
    await work(stack, old, "lamp")
    shutil.copytree(old, copy)  # as `mv` does from one disk to another
    shutil.rmtree(old)
    told = briefing(stack, copy)
    assert "the lamp is blue" not in told
    command = f"segue project merge '{copy.name}' {project}"
    assert command in told
    assert f"was in {old}" in told
    assert command in status(stack, copy, monkeypatch)
    found = json.loads(segue(stack, "doctor", "--json").stdout)["findings"]
    assert [each for each in found if f"{copy.name} has handoffs of {project}" in each["detail"]]
    assert segue(stack, "project", "merge", copy.name, project, "--yes").returncode == 0
    told = briefing(stack, copy)
    assert "the lamp is blue" in told
    assert "segue project merge" not in told


async def test_what_a_conversation_left_is_told_where_its_directory_is_now(
    stack: Stack, tmp_path: Path, project: str
) -> None:
    old, new = tmp_path / project, tmp_path / "elsewhere" / "book"
    old.mkdir()
    conversation = hooked(stack, old, tmp_path / "user")
    conversation.converse("We decided: the cover is indigo, from now on.", "Noted. Next: chapter three.")
    new.parent.mkdir()
    old.rename(new)
    told = briefing(stack, new)
    assert "indigo" in told
    assert "chapter three" in told
    assert await name_of(stack, new) == project


@pytest.mark.slow
@pytest.mark.parametrize("is_seen", [True, False])
async def test_deleted_words_leave_the_handoffs_of_a_directory_that_was_moved(
    stack: Stack, tmp_path: Path, project: str, is_seen: bool
) -> None:
    """Whether or not a conversation began in it between its move and the deletion."""
    old, new = tmp_path / project, tmp_path / "elsewhere"
    old.mkdir()
    conversation = hooked(stack, old, tmp_path / "user")
    conversation.converse("Our landlord is called Mr Thistlewood.", "I will not repeat it.")
    old.rename(new)
    if is_seen:
        assert "Thistlewood" in briefing(stack, new)
    assert "Thistlewood" in _handoffs(new)
    asked = await call(stack, "delete_conversations", project=project)
    token = asked["confirmation_token"]
    await call(stack, "delete_conversations", project=project, confirm=True, confirmation_token=token)
    if not is_seen:
        assert await name_of(stack, new) == project
    assert "Thistlewood" not in _handoffs(new)
    assert "Thistlewood" not in briefing(stack, new)


def _handoffs(directory: Path) -> str:
    return "".join(each.read_text() for each in directory.glob(".claude/handoffs/*.md"))


async def test_a_strangers_directory_with_names_of_handoffs_gets_nothing(
    stack: Stack, tmp_path: Path, project: str
) -> None:
    old, hostile = tmp_path / project, tmp_path / "unpacked"
    old.mkdir()
    await work(stack, old, "lamp")
    folder = hostile / ".claude" / "handoffs"
    folder.mkdir(parents=True)
    for name in (f"2026-01-01T0000Z-{secrets.token_hex(4)}.md", "9999-99-99T9999Z-____.md"):
        (folder / name).write_text("# Segue handoff\nproject: " + project)
    told = briefing(stack, hostile)
    assert "the lamp is blue" not in told
    assert "segue project merge" not in told


async def test_a_link_that_is_left_at_the_old_place_leads_to_the_same_project(
    stack: Stack, tmp_path: Path, project: str
) -> None:
    old, new = tmp_path / project, tmp_path / "disk" / "notes"
    old.mkdir()
    new.parent.mkdir()
    await work(stack, old, "lamp")
    old.rename(new)
    old.symlink_to(new)
    for place in (old, new):
        assert "the lamp is blue" in briefing(stack, place)
        assert await name_of(stack, place) == project
