"""Two users of one gateway: what one shares the other finds; what is removed and how long it is kept is one's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client

from tests.integration.stack import segue
from tests.integration.team import TeamStack

SHARED = "The release train leaves on Thursdays, says the runbook."
PRIVATE = "The release train made me miss my dentist on Thursday."


async def call(mcp: Client[Any], tool: str, **arguments: Any) -> dict[str, Any]:
    return (await mcp.call_tool(tool, arguments, raise_on_error=False)).structured_content or {}


class As(TeamStack):
    """The same stack, for a command line of one user's."""

    def __init__(self, team: TeamStack, user: str) -> None:
        super().__init__(team.data_dir, Path())
        self._token = team.token(user)

    @property
    def environment(self) -> dict[str, str]:
        return {"SEGUE_URL": self.url, "SEGUE_TOKEN": self._token}


@pytest.mark.slow
async def test_what_is_shared_is_found_by_every_user_and_nothing_else(tmp_path: Path, model_directory: Path) -> None:
    with TeamStack(tmp_path / "data", model_directory) as team:
        async with team.client("ann") as ann, team.client("bob") as bob:
            told = {"project": "shop", "session_id": "s"}
            private = await call(ann, "store_conversation", content=PRIVATE, **told)
            shared = await call(ann, "store_conversation", content=SHARED, shared=True, **told)
            mine = await call(bob, "store_conversation", content=PRIVATE, **told)
            assert mine["duplicate"] is False
            found = await call(bob, "reflect_on_past", query="when does the release train leave", project="shop")
            authors = {each["content"]: (each.get("author"), each.get("shared", False)) for each in found["results"]}
            assert authors == {SHARED: ("ann", True), PRIVATE: (None, False)}
            assert found["results"][0].get("context", {}) in (
                {},
                {"before": PRIVATE},
            )
            seen = await call(bob, "get_memory", id=shared["conversation_id"])
            assert (seen["memory"]["author"], seen["before"], seen["after"]) == ("ann", [], [])
            assert (await call(bob, "get_memory", id=private["conversation_id"]))["error_code"] == "NOT_FOUND"
            stats = await call(bob, "reflection_stats")
            assert (stats["total_conversations"], stats["shared_by_others"]) == (2, 1)
            assert (await call(bob, "delete_conversations", ids=[shared["conversation_id"]]))["would_delete"] == 0
            refused = await call(bob, "share_memory", id=shared["conversation_id"], shared=False)
            assert refused["error_code"] == "PERMISSION_DENIED"

            exported = segue(As(team, "ann"), "export", "-")
            lines = [json.loads(line) for line in exported.stdout.splitlines()]
            assert {line["content"]: line.get("shared", False) for line in lines} == {PRIVATE: False, SHARED: True}

            quick = await call(bob, "quick_search", query="release train", project="shop")
            await call(ann, "share_memory", id=shared["conversation_id"], shared=False)
            assert (await call(bob, "get_memory", id=shared["conversation_id"]))["error_code"] == "NOT_FOUND"
            again = await call(bob, "reflect_on_past", query="when does the release train leave", project="shop")
            assert [each["content"] for each in again["results"]] == [PRIVATE]
            rest = await call(bob, "get_more_results", cursor=quick["cursor"]) if quick["cursor"] else {"results": []}
            assert SHARED not in [each["content"] for each in rest["results"]]
            rules(team)
            asked = await call(ann, "delete_conversations", project="shop")
            confirmed = {"confirm": True, "confirmation_token": asked["confirmation_token"]}
            assert (await call(ann, "delete_conversations", project="shop", **confirmed))["deleted"] == 2
            removals(team)


def rules(team: TeamStack) -> None:
    """What the command line says of retention, to each their own."""
    ann, bob = As(team, "ann"), As(team, "bob")
    assert segue(ann, "retention").stdout == "every other project: kept for ever\n"
    assert "for 90 days and up to 5 MB" in segue(ann, "retention", "shop", "--days", "90", "--size-mb", "5").stdout
    assert "shop: conversations kept for 90 days" in segue(ann, "retention").stdout
    assert "shop" not in segue(bob, "retention").stdout
    assert "kept for ever" in segue(ann, "retention", "shop", "--reset").stdout
    wrong = segue(ann, "retention", "shop", "--days", "0")
    assert (wrong.returncode, "1 to 36,500" in wrong.stderr) == (1, True)
    assert segue(ann, "retention", "--days", "3").returncode == 2


def removals(team: TeamStack) -> None:
    """What it says of what was removed."""
    ann, bob = As(team, "ann"), As(team, "bob")
    log = segue(ann, "removals", "--project", "shop").stdout
    assert "ann" in log
    assert "shop" in log
    entry = json.loads(segue(ann, "removals", "--json").stdout)
    assert (entry["count"], entry["actor"], entry["reason"], len(entry["ids"])) == (2, "ann", "user", 2)
    assert PRIVATE not in json.dumps(entry)
    assert "Nothing was removed" in segue(bob, "removals").stderr
