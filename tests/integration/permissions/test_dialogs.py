"""What a model proposes is put to the user where the client has dialogs: what they choose holds, nothing else does."""

from __future__ import annotations

import re
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


class Typing(Dialog):
    """Its user types the number that it shows."""

    def __init__(self) -> None:
        super().__init__("accept")

    async def __call__(self, message: str, *_: Any) -> ElicitResult[Any]:
        await super().__call__(message)
        (shown,) = re.findall(r"Type (\d{4}) to do so", message)
        return ElicitResult(action="accept", content={"decision": f" {shown} "})


class FillingIn(Dialog):
    """A client without a person: it accepts what it is asked, and fills the form in by its schema."""

    def __init__(self, text: str) -> None:
        super().__init__("accept")
        self._text = text

    async def __call__(self, message: str, _: Any, params: Any, __: Any) -> ElicitResult[Any]:
        await super().__call__(message)
        fields = params.requested_schema["properties"]
        filled = {name: (each.get("enum") or [each.get("default", self._text)])[0] for name, each in fields.items()}
        return ElicitResult(action="accept", content=filled)


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


@pytest.mark.slow
@pytest.mark.parametrize("era", ERAS)
async def test_what_the_user_allows_in_a_dialog_holds(here: ProcessStack, tmp_path: Path, era: str) -> None:
    dialog = Typing()
    told = await propose(here, era, tmp_path, dialog)
    assert (told["status"], await check(here, tmp_path)) == ("recorded", "allow")
    (asked,) = dialog.asked
    assert repr(COMMAND) in asked
    assert "\u202e" not in asked


@pytest.mark.slow
@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(
    ("dialog", "status"),
    [
        (Dialog("accept", decision="no"), "declined"),
        (Dialog("decline"), "declined"),
        (Dialog("cancel"), "proposed"),
        (Dialog("accept", decision="perhaps"), "proposed"),
        (Dialog("accept", other="yes"), "proposed"),
        (Dialog("accept", decision="yes"), "proposed"),
        (Dialog("accept", decision=True), "proposed"),
        (Dialog("accept", decision="1234567890"), "proposed"),
        (FillingIn("string"), "proposed"),
        (FillingIn("yes"), "proposed"),
        (FillingIn(""), "proposed"),
        (None, "proposed"),
    ],
)
async def test_nothing_else_makes_it_hold(
    here: ProcessStack, tmp_path: Path, era: str, dialog: Dialog | None, status: str
) -> None:
    told = await propose(here, era, tmp_path, dialog)
    assert (told.get("status"), await check(here, tmp_path)) == (status, "ask")


@pytest.mark.slow
@pytest.mark.parametrize("era", ERAS)
async def test_a_deny_goes_where_the_user_says_so_in_a_dialog(here: ProcessStack, tmp_path: Path, era: str) -> None:
    made = decide(here.url, "deny", operation="Bash", target=COMMAND, directory=str(tmp_path), exact=True)
    for dialog, decision in ((Dialog("decline"), "deny"), (FillingIn("yes"), "deny"), (Typing(), "ask")):
        async with client_of(here.url, era, elicitation_handler=dialog) as client:
            await client.call_tool("revoke_permission", {"rule_id": made["rule"]["id"]})
        assert (await check(here, tmp_path), len(dialog.asked)) == (decision, 1)


@pytest.mark.parametrize("era", ERAS)
async def test_the_number_is_the_same_when_the_tool_is_called_again(
    here: ProcessStack, tmp_path: Path, era: str
) -> None:
    made = {"operation": "Bash", "target": COMMAND, "decision": "allow", "scope": "project", "expires_in_s": 600}
    async with client_of(here.url, era, elicitation_handler=Typing()) as client:
        told = await client.call_tool("record_permission", {**made, "working_directory": str(tmp_path), "exact": True})
    assert (told.structured_content or {})["status"] == "recorded"
    assert await check(here, tmp_path) == "allow"
