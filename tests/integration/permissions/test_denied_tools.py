"""What the user denied is not done by Segue's own tools either, in whatever scope it was denied."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.calls import call, refused
from tests.integration.person import decide
from tests.integration.sessions.test_sessions import git, repository  # noqa: F401  # a fixture, too
from tests.integration.stack import ProcessStack

pytestmark = pytest.mark.slow

SCOPES = ["session", "project", "always"]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessStack]:
    with ProcessStack(tmp_path_factory.mktemp("denied")) as stack:
        yield stack


@pytest.fixture(params=SCOPES)
async def scope(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(autouse=True)
def nothing_denied(here: ProcessStack) -> None:
    decide(here.url, "revoke", all=True)


async def denied(stack: ProcessStack, directory: Path, tool: str, scope: str) -> tuple[str, str]:
    """The session in the directory, and the id of a rule there that denies the tool."""
    begun = await call(stack, "init", working_directory=str(directory))
    deny = {"operation": tool, "decision": "deny", "scope": scope, "working_directory": str(directory)}
    rule = (await call(stack, "record_permission", **deny))["rule"]
    return begun["session_id"], rule["id"]


async def test_a_denied_checkpoint_commits_nothing(here: ProcessStack, repository: Path, scope: str) -> None:  # noqa: F811
    session, _ = await denied(here, repository, "checkpoint", scope)
    (repository / "app.py").write_text("print(3)\n")
    assert await refused(here, "checkpoint", session_id=session) == "PERMISSION_DENIED"
    assert await refused(here, "checkpoint", session_id=session, commit=True) == "PERMISSION_DENIED"
    assert git(repository, "log", "--format=%s").splitlines() == ["begin"]
    assert (await call(here, "checkpoint", session_id=session, commit=False))["git_checkpoint_created"] is False


async def test_a_denied_end_ends_nothing(here: ProcessStack, repository: Path, scope: str) -> None:  # noqa: F811
    session, _ = await denied(here, repository, "end", scope)
    assert await refused(here, "end", session_id=session) == "PERMISSION_DENIED"
    assert (await call(here, "status", session_id=session))["session_active"]


async def test_denied_tools_of_the_project_do_not_run(here: ProcessStack, repository: Path, scope: str) -> None:  # noqa: F811
    await denied(here, repository, "quality_check", scope)
    asked = {"working_directory": str(repository)}
    assert await refused(here, "quality_check", run_tools=True, **asked) == "PERMISSION_DENIED"
    assert (await call(here, "quality_check", **asked))["report"]["runs"] == []


async def test_a_denied_deletion_deletes_nothing(here: ProcessStack, repository: Path, scope: str) -> None:  # noqa: F811
    """By a client that works nowhere in particular: the user's only session counts."""
    for session in (await call(here, "list_sessions", state="active"))["sessions"]:
        await call(here, "end", session_id=session["session_id"])
    await denied(here, repository, "delete_conversations", scope)
    stored = await call(here, "store_reflection", content="The pears are ripe.", project=repository.name)
    proposed = await call(here, "delete_conversations", ids=[stored["reflection_id"]])
    confirmed: dict[str, Any] = {"ids": [stored["reflection_id"]], "confirm": True}
    confirmed["confirmation_token"] = proposed["confirmation_token"]
    assert await refused(here, "delete_conversations", **confirmed) == "PERMISSION_DENIED"
    assert (await call(here, "get_memory", id=stored["reflection_id"]))["memory"]["content"] == "The pears are ripe."


async def test_a_rule_of_the_project_holds_where_no_session_is_active(
    here: ProcessStack,
    repository: Path,  # noqa: F811
) -> None:
    session, _ = await denied(here, repository, "quality_check", "project")
    await call(here, "end", session_id=session)
    (repository / "docs").mkdir()
    for directory in (repository, repository / "docs"):
        asked = {"working_directory": str(directory), "run_tools": True}
        assert await refused(here, "quality_check", **asked) == "PERMISSION_DENIED"
    elsewhere = repository.parent / "elsewhere"
    subprocess.run(["git", "init", "-q", str(elsewhere)], check=True)
    assert await refused(here, "quality_check", working_directory=str(elsewhere), run_tools=True) == ""


async def test_memories_of_a_project_are_not_deleted_from_elsewhere(here: ProcessStack, repository: Path) -> None:  # noqa: F811
    await denied(here, repository, "delete_conversations", "project")
    await call(here, "store_reflection", content="The plums are ripe.", project=repository.name)
    asked: dict[str, Any] = {"project": repository.name, "confirm": True, "confirmation_token": "any"}
    assert await refused(here, "delete_conversations", **asked) == "PERMISSION_DENIED"
