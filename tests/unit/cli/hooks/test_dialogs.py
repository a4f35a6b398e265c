"""What a hook keeps of the dialogs of the client: little, nothing readable, and not for long."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from services.cli.hooks import dialogs
from tests.hooked import Hooked

CALL = {"tool_name": "Bash", "permission_mode": "default", "prompt_id": "1"}


@pytest.fixture
def hooked(tmp_path: Path) -> Hooked:
    return Hooked(tmp_path, SEGUE_URL="http://127.0.0.1:1/mcp")


def noted(hooked: Hooked) -> Path:
    return hooked.data / "hooks" / "asked" / hooked.transcript.session_id


def ask(hooked: Hooked, command: str) -> None:
    assert hooked.hook("PermissionRequest", **CALL, tool_input={"command": command}).stdout == b""


def allowed(hooked: Hooked, command: str) -> bool:
    """Whether the command's having run is taken for the user's leave."""
    before = len(hooked.waiting)
    hooked.hook("PostToolUse", **CALL, tool_input={"command": command})
    return len(hooked.waiting) > before


def test_digests_alone_are_kept_for_the_user_alone(hooked: Hooked) -> None:
    ask(hooked, "make pears")
    assert "pears" not in noted(hooked).read_text()
    assert stat.S_IMODE(noted(hooked).stat().st_mode) == 0o600
    assert hooked.waiting == []
    assert not allowed(hooked, "make plums")
    assert allowed(hooked, "make pears")
    assert not allowed(hooked, "make pears")
    assert noted(hooked).read_text() == ""


def test_the_oldest_dialogs_make_room(hooked: Hooked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_DATA_DIR", str(hooked.data))
    for number in range(dialogs.DIALOGS_MAX + 1):
        dialogs.note_dialog(
            f'{{"session_id": "s", "tool_name": "Bash", "tool_input": {{"command": "{number}"}}}}'.encode()
        )
    assert len((hooked.data / "hooks" / "asked" / "s").read_text().splitlines()) == dialogs.DIALOGS_MAX
    assert not dialogs.take_dialog(b'{"session_id": "s", "tool_name": "Bash", "tool_input": {"command": "0"}}')
    assert dialogs.take_dialog(b'{"session_id": "s", "tool_name": "Bash", "tool_input": {"command": "1"}}')


def test_a_dialog_of_long_ago_is_none(hooked: Hooked) -> None:
    ask(hooked, "make pears")
    at, digest = noted(hooked).read_text().split()
    noted(hooked).write_text(f"{int(at) - dialogs.KEPT_S} {digest}\n")
    assert not allowed(hooked, "make pears")


@pytest.mark.parametrize("content", [b"", b"\n\n", b"x y z\n", b"-1 x\n", b"\xff\xfe 1\n", b"1" * 100_000])
def test_a_file_of_any_form_is_no_dialog_and_no_trouble(hooked: Hooked, content: bytes) -> None:
    ask(hooked, "make pears")
    noted(hooked).write_bytes(content)
    assert not allowed(hooked, "make pears")
    ask(hooked, "make pears")
    assert allowed(hooked, "make pears")
    assert "Error" not in hooked.log.replace("the gateway does not answer: ConnectionRefusedError", "")


def test_a_link_in_its_place_is_not_followed(hooked: Hooked) -> None:
    ask(hooked, "make pears")
    noted(hooked).unlink()
    noted(hooked).symlink_to(hooked.home / "kept")
    (hooked.home / "kept").write_text("kept")
    ask(hooked, "make pears")
    assert (hooked.home / "kept").read_text() == "kept"


def test_turned_off_it_notes_nothing(hooked: Hooked) -> None:
    hooked.environment["SEGUE_HOOK_PERMISSION_REQUEST"] = "off"
    ask(hooked, "make pears")
    assert not noted(hooked).exists()
    assert not allowed(hooked, "make pears")
