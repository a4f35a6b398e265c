"""Deleted words come back by no fork, import or export, and no handoff tells them; and corrections hold."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.client.elicitation import ElicitResult

from tests.hooked import Hooked
from tests.integration.stack import Stack, client

SEGUE = (sys.executable, "-P", "-m", "services.cli")
WORD = "Thistlewood"
SLIP = f"Our landlord is called Mr {WORD}, I should not have said that."


@pytest.fixture
def hooked(stack: Stack, tmp_path: Path, project: str) -> Hooked:
    (tmp_path / "data").mkdir()
    environment = {"SEGUE_DATA_DIR": str(tmp_path / "data"), **stack.environment}
    return Hooked(tmp_path, project, **environment)


async def call(mcp: Client, tool: str, **arguments: Any) -> dict[str, Any]:  # type: ignore[type-arg]
    return (await mcp.call_tool(tool, arguments)).structured_content or {}


async def delete(mcp: Client, **meant: Any) -> dict[str, Any]:  # type: ignore[type-arg]
    asked = await call(mcp, "delete_conversations", **meant)
    confirmed = {"confirm": True, "confirmation_token": asked["confirmation_token"]}
    return await call(mcp, "delete_conversations", **meant, **confirmed)


def segue(environment: Mapping[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*SEGUE, *words], env=dict(environment), capture_output=True, text=True, check=False)


def fork(hooked: Hooked) -> Hooked:
    """The conversation that `--resume --fork-session` begins: all lines again, with their uuids, in another file."""
    forked = Hooked(hooked.project.parent, hooked.project.name, **hooked.environment)
    forked.transcript.lines = [
        {**line, "sessionId": forked.transcript.session_id} if "sessionId" in line else line
        for line in hooked.transcript.lines
    ]
    return forked


async def contents(mcp: Client, project: str) -> list[str]:  # type: ignore[type-arg]
    return [each["content"] for each in (await call(mcp, "list_memories", project=project, limit=50))["memories"]]


@pytest.mark.slow
async def test_neither_a_fork_nor_an_import_brings_back_what_was_deleted(hooked: Hooked, stack: Stack) -> None:
    hooked.begin()
    hooked.say(SLIP, "I will not repeat it.")
    hooked.hook("Stop")
    hooked.settle()
    project = hooked.project.name
    async with client(stack) as mcp:
        assert WORD in str(await contents(mcp, project))
        assert (await delete(mcp, project=project))["deleted"] == 2
        forked = fork(hooked)
        forked.say("One more line.", "Yes.")
        forked.hook("Stop")
        forked.settle()
        hooked.hook("Stop")
        (hooked.data / "imports.json").unlink(missing_ok=True)
        hooked.settle()
        folder = str(hooked.path.parent)
        imported = segue(hooked.environment, "import", folder)
        assert imported.returncode == 0
        assert "not stored, deleted before" in imported.stderr
        assert sorted(await contents(mcp, project)) == ["One more line.", "Yes."]
        imported = segue(hooked.environment, "import", "--deleted-too", folder)
        assert "Imported 2 memories" in imported.stdout
        assert WORD in str(await contents(mcp, project))


async def test_deleted_words_are_told_by_no_handoff(hooked: Hooked, stack: Stack) -> None:
    hooked.converse(SLIP, "I will not repeat it.")
    project = hooked.project.name
    handoffs = hooked.project / ".claude" / "handoffs"
    async with client(stack) as mcp:
        assert WORD in str(await contents(mcp, project))
        done = await delete(mcp, project=project)
        assert done["handoffs_cleared"] == 1
        assert WORD not in str(await contents(mcp, project))
        following = Hooked(hooked.project.parent, hooked.project.name, **hooked.environment)
        assert WORD not in following.context("SessionStart", source="startup")
        assert WORD not in str(await mcp.read_resource(f"segue://handoff/{project}"))
        # On compose nobody knows whose directory this is: it is a second project of that name from here on.
        assert WORD not in json.dumps(await call(mcp, "init", working_directory=str(hooked.project)))
        following.settle()
    assert not [path for path in handoffs.glob("*") if WORD in path.read_text()]


@pytest.mark.slow
async def test_a_handoff_that_quotes_one_deleted_memory_is_cleared_and_others_stay(
    hooked: Hooked, stack: Stack
) -> None:
    hooked.converse(SLIP, "I will not repeat it.")
    other = Hooked(hooked.project.parent, hooked.project.name, **hooked.environment)
    other.converse("Let's plant the pears by the wall from now on.", "Noted: the pears go by the wall.")
    async with client(stack) as mcp:
        listed = (await call(mcp, "list_memories", project=hooked.project.name, limit=50))["memories"]
        slip = next(each["id"] for each in listed if each["content"] == SLIP)
        preview = (await call(mcp, "delete_conversations", ids=[slip]))["preview"]
        assert (preview["conversations"], preview["reflections"], preview["derived"]) == (1, 0, 0)
        assert (await delete(mcp, ids=[slip]))["handoffs_cleared"] == 1
        following = Hooked(hooked.project.parent, hooked.project.name, **hooked.environment)
        given = following.context("SessionStart", source="startup")
        assert "pears by the wall" in given
        assert WORD not in given
        done = await call(mcp, "undelete", last=True)
        assert (done["restored"], done["too_late"]) == (1, 0)
        assert SLIP in await contents(mcp, hooked.project.name)


async def test_a_handoff_copy_that_somebody_changed_is_theirs(hooked: Hooked, stack: Stack) -> None:
    hooked.converse(SLIP, "I will not repeat it.")
    copies = list((hooked.project / ".claude" / "handoffs").glob("*.md"))
    for copy in copies:
        copy.write_text("My own notes now.")
    async with client(stack) as mcp:
        await delete(mcp, project=hooked.project.name)
    assert [copy.read_text() for copy in copies] == ["My own notes now."] * len(copies)


@pytest.mark.slow
async def test_an_old_export_brings_nothing_back(hooked: Hooked, stack: Stack, project: str, tmp_path: Path) -> None:
    file = tmp_path / "old.jsonl"
    async with client(stack) as mcp:
        old = await call(mcp, "store_reflection", content=f"The {WORD} rule", project=project)
        await call(mcp, "store_reflection", content="The newer rule", project=project, replaces=[old["reflection_id"]])
        assert segue(hooked.environment, "export", str(file)).returncode == 0
        await delete(mcp, ids=[old["reflection_id"]])
        assert segue(hooked.environment, "import", str(file)).returncode == 0
        assert await contents(mcp, project) == ["The newer rule"]
        undone = segue(hooked.environment, "undelete", "--last")
        assert undone.stdout == "Brought back 1.\n"
        memory = await call(mcp, "get_memory", id=old["reflection_id"])
        assert memory["memory"]["in_force"] is False
        assert len(memory["memory"]["replaced_by"]) == 1
        assert segue(hooked.environment, "undelete", old["reflection_id"]).returncode == 1


async def test_what_is_corrected_and_withdrawn_is_told_so(stack: Stack, project: str) -> None:
    async with client(stack) as mcp:
        old = await call(
            mcp, "store_reflection", content="Deploys go out on Fridays", tags=["decision"], project=project
        )
        new = await call(
            mcp,
            "store_reflection",
            content="Deploys go out on Mondays",
            tags=["decision"],
            project=project,
            replaces=[old["reflection_id"]],
        )
        found = (await call(mcp, "reflect_on_past", query="deploys on Fridays", project=project))["results"]
        assert [(each["id"], each["in_force"]) for each in found] == [
            (new["reflection_id"], True),
            (old["reflection_id"], False),
        ]
        changed = await call(mcp, "update_memory", id=new["reflection_id"], content="Deploys go out on Tuesdays")
        assert changed["changed"] is True
        read = await call(mcp, "get_memory", id=new["reflection_id"])
        assert [each["content"] for each in read["versions"]] == ["Deploys go out on Mondays"]
        assert read["memory"]["replaces"] == [old["reflection_id"]]
        taken = await call(mcp, "withdraw", id=new["reflection_id"])
        assert taken["memory"]["in_force"] is False
        assert taken["memory"]["withdrawn_at"]
        missing = await mcp.call_tool("withdraw", {"id": "unknown"}, raise_on_error=False)
        assert missing.is_error


@pytest.mark.parametrize("agrees", [True, False])
async def test_a_client_that_can_asks_the_person_before_anything_is_deleted(
    stack: Stack, project: str, agrees: bool
) -> None:
    asked: list[str] = []

    async def answer(message: str, response_type: Any, params: Any, context: Any) -> ElicitResult[Any]:
        asked.append(message)
        return ElicitResult(action="accept", content=response_type(decision="yes" if agrees else "no"))

    async with Client(stack.url, elicitation_handler=answer) as mcp:
        await call(mcp, "store_conversation", content="The walrus sleeps", project=project)
        meant = {"project": project}
        token = (await call(mcp, "delete_conversations", **meant))["confirmation_token"]
        assert asked == []
        told = {**meant, "confirm": True, "confirmation_token": token}
        done = await mcp.call_tool("delete_conversations", told, raise_on_error=False)
        assert done.is_error is not agrees
        assert [("The walrus sleeps" in message, "1 conversations" in message) for message in asked] == [(True, True)]
        assert await contents(mcp, project) == ([] if agrees else ["The walrus sleeps"])
