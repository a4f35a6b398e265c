"""What a model proposes is put to the user where the client has dialogs: what they choose holds, nothing else does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastmcp.client.elicitation import ElicitResult

from tests.bridged import ERAS, client_of
from tests.integration.person import decide
from tests.integration.stack import ProcessStack

COMMAND = "make pears \u202e; echo '?' yes"


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessStack]:
    with ProcessStack(tmp_path_factory.mktemp("dialogs")) as stack:
        yield stack


class Dialog:
    """A client's: it keeps what it was asked, and answers as it was told to."""

    def __init__(self, action: str, **content: Any) -> None:
        self.asked: list[str] = []
        self._answer: ElicitResult[Any] = ElicitResult(action=action, content=content or None)

    async def __call__(self, message: str, *_: Any) -> ElicitResult[Any]:
        self.asked.append(message)
        return self._answer


async def propose(here: ProcessStack, era: str, directory: Path, dialog: Dialog | None) -> dict[str, Any]:
    made = {"operation": "Bash", "target": COMMAND, "decision": "allow", "scope": "project", "exact": True}
    async with client_of(here.url, era, elicitation_handler=dialog) as client:
        told = await client.call_tool("record_permission", {**made, "working_directory": str(directory)})
        return dict(told.structured_content or {})


async def check(here: ProcessStack, directory: Path) -> str:
    asked = {"operation": "Bash", "target": COMMAND, "working_directory": str(directory)}
    async with client_of(here.url, "legacy") as client:
        told = await client.call_tool("check_permission", asked)
        return str((told.structured_content or {})["decision"])


@pytest.mark.parametrize("era", ERAS)
async def test_what_the_user_allows_in_a_dialog_holds(here: ProcessStack, tmp_path: Path, era: str) -> None:
    dialog = Dialog("accept", decision="yes")
    told = await propose(here, era, tmp_path, dialog)
    assert (told["status"], await check(here, tmp_path)) == ("recorded", "allow")
    (asked,) = dialog.asked
    assert repr(COMMAND) in asked
    assert "\u202e" not in asked


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(
    ("dialog", "status"),
    [
        (Dialog("accept", decision="no"), "declined"),
        (Dialog("decline"), "declined"),
        (Dialog("cancel"), "proposed"),
        (Dialog("accept", decision="perhaps"), "proposed"),
        (Dialog("accept", other="yes"), "proposed"),
        (None, "proposed"),
    ],
)
async def test_nothing_else_makes_it_hold(
    here: ProcessStack, tmp_path: Path, era: str, dialog: Dialog | None, status: str
) -> None:
    told = await propose(here, era, tmp_path, dialog)
    assert (told.get("status"), await check(here, tmp_path)) == (status, "ask")


@pytest.mark.parametrize("era", ERAS)
async def test_a_deny_goes_where_the_user_says_so_in_a_dialog(here: ProcessStack, tmp_path: Path, era: str) -> None:
    made = decide(here.url, "deny", operation="Bash", target=COMMAND, directory=str(tmp_path), exact=True)
    for dialog, decision in ((Dialog("decline"), "deny"), (Dialog("accept", decision="yes"), "ask")):
        async with client_of(here.url, era, elicitation_handler=dialog) as client:
            await client.call_tool("revoke_permission", {"rule_id": made["rule"]["id"]})
        assert (await check(here, tmp_path), len(dialog.asked)) == (decision, 1)
