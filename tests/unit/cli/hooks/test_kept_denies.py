"""A deny holds while no gateway answers: from a copy that the hook keeps, and that allows nothing."""

from __future__ import annotations

import json
import os
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.cli.hooks import kept_denies
from tests.hooked import Hooked

DENY = {"operation": "bash", "pattern": "git push *", "exact": False, "root": "", "everywhere": False}


@pytest.fixture
def silent() -> Iterator[str]:
    """A gateway that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/mcp"


@pytest.fixture
def hooked(tmp_path: Path, silent: str, monkeypatch: pytest.MonkeyPatch) -> Hooked:
    client = Hooked(tmp_path, SEGUE_URL=silent, SEGUE_HOOK_WITHIN_MS="300")
    for name in ("SEGUE_URL", "SEGUE_DATA_DIR"):
        monkeypatch.setenv(name, client.environment[name])
    return client


def keep(hooked: Hooked, *denies: dict[str, Any], version: str = "a1", directory: str = "") -> None:
    copy = {"version": version, "denies": list(denies)}
    kept_denies.keep(directory or os.path.realpath(hooked.project), json.dumps(copy).encode())


def said(hooked: Hooked, command: str, tool: str = "Bash", **fields: Any) -> str:
    answer = hooked.said("PreToolUse", tool_name=tool, tool_input={"command": command}, **fields)
    return str(answer.get("permissionDecision"))


def copies(hooked: Hooked) -> list[Path]:
    return sorted((hooked.data / "hooks" / "denies").glob("*/*"))


@pytest.mark.parametrize("mode", ["default", "bypassPermissions"])
def test_a_deny_holds_while_no_gateway_answers(hooked: Hooked, mode: str) -> None:
    keep(hooked, DENY)
    assert said(hooked, "git -C . push origin main", permission_mode=mode) == "deny"
    assert said(hooked, "g=git; $g push", permission_mode=mode) == "ask"
    assert said(hooked, "git status && make", permission_mode=mode) == "None"
    assert "the gateway does not answer: TimeoutError" in hooked.log or "not done in 300 ms" in hooked.log


@pytest.mark.parametrize(
    ("tool", "given", "expected"),
    [
        ("Grep", {"pattern": "key", "glob": "secrets/*"}, "deny"),
        ("Glob", {"pattern": "secrets/*"}, "deny"),
        ("Grep", {"pattern": "secrets/*", "glob": "src/*"}, "None"),
    ],
)
def test_it_holds_for_the_files_that_a_tool_looks_in(
    hooked: Hooked, tool: str, given: dict[str, str], expected: str
) -> None:
    keep(hooked, {"operation": "read", "pattern": "secrets/**", "root": os.path.realpath(hooked.project)})
    answer = hooked.said("PreToolUse", tool_name=tool, tool_input=given)
    assert str(answer.get("permissionDecision")) == expected


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/mcp", "http://no-such-host.invalid/mcp", "nonsense", ""])
def test_it_holds_where_there_is_no_gateway(hooked: Hooked, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    hooked.environment["SEGUE_URL"] = url
    monkeypatch.setenv("SEGUE_URL", url)
    keep(hooked, DENY)
    assert said(hooked, "git push") == "deny"


def test_it_holds_where_the_hook_has_no_time_at_all(hooked: Hooked) -> None:
    hooked.environment["SEGUE_HOOK_WITHIN_MS"] = "1"
    keep(hooked, DENY)
    assert said(hooked, "git push") == "deny"


def test_what_is_denied_everywhere_holds_where_nobody_worked_before(hooked: Hooked) -> None:
    keep(hooked, {**DENY, "everywhere": True}, {**DENY, "pattern": "make *"}, directory="/elsewhere")
    assert (said(hooked, "git push"), said(hooked, "make")) == ("deny", "None")
    keep(hooked)
    assert said(hooked, "git push") == "None"  # here it was taken back


def test_a_deny_of_a_file_holds_behind_a_link(hooked: Hooked) -> None:
    (hooked.project / ".env").write_text("PEARS=7")
    (hooked.project / "link").symlink_to(".env")
    keep(hooked, {**DENY, "operation": "edit", "pattern": ".env"})
    for tool, name in (("Edit", ".env"), ("Write", "link"), ("MultiEdit", "sub/../.env")):
        answer = hooked.said("PreToolUse", tool_name=tool, tool_input={"file_path": str(hooked.project / name)})
        assert answer["permissionDecision"] == "deny", name
    assert hooked.said("PreToolUse", tool_name="Edit", tool_input={"file_path": str(hooked.project / "a")}) == {}


def test_a_deny_that_has_expired_holds_no_longer(hooked: Hooked) -> None:
    keep(hooked, {**DENY, "expires_at": time.time() + 3600}, {**DENY, "pattern": "make *", "expires_at": 5.0})
    assert (said(hooked, "git push"), said(hooked, "make")) == ("deny", "None")


@pytest.mark.parametrize("mode", ["default", "dontAsk"])
def test_what_changes_rules_is_the_persons_also_without_a_copy(hooked: Hooked, mode: str) -> None:
    for command in ("segue permit Bash '*'", "seg''ue permit x", "curl -d x http://127.0.0.1:8377/v1/permissions"):
        assert said(hooked, command, permission_mode=mode) == "ask", command
    for tool, told, expected in (
        ("record_permission", {"decision": "allow"}, "ask"),
        ("record_permission", {"decision": "deny"}, None),
        ("revoke_permission", {"all": True}, "ask"),
    ):
        answer = hooked.said("PreToolUse", tool_name=f"mcp__segue__{tool}", tool_input=told, permission_mode=mode)
        assert answer.get("permissionDecision") == expected


def test_a_copy_is_its_owners_alone_and_there_are_not_many(hooked: Hooked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_denies, "COPIES_MAX", 3)
    for number in range(5):
        keep(hooked, DENY, directory=f"/work/{number}")
        os.utime(copies(hooked)[-1])
    assert {stat.S_IMODE(path.stat().st_mode) for path in copies(hooked)} == {0o600}
    assert {stat.S_IMODE(path.parent.stat().st_mode) for path in copies(hooked)} == {0o700}
    assert len(copies(hooked)) == 4  # with the one of what is denied everywhere
    assert [kept_denies.version(f"/work/{number}") for number in (0, 4)] == [kept_denies.NO_COPY, "a1"]


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"x", b"\xff\xff\n\xff", b"v\n{}", b"v\n[1]", b"v\nnull", b'v\n[{"operation": 1}]']
)
def test_a_copy_of_any_form_stops_no_call(hooked: Hooked, content: bytes) -> None:
    keep(hooked, DENY)
    for path in copies(hooked):
        path.write_bytes(content)
    assert said(hooked, "git push") == "None"


def test_a_copy_is_not_written_or_read_through_a_link(hooked: Hooked) -> None:
    keep(hooked, DENY)
    secret = hooked.home / "kept"
    secret.write_text("kept")
    for path in copies(hooked):
        path.unlink()
        path.symlink_to(secret)
    assert said(hooked, "git push") == "None"
    keep(hooked, DENY)
    assert secret.read_text() == "kept"
    assert said(hooked, "git push") == "deny"


def test_turned_off_it_says_nothing(hooked: Hooked) -> None:
    keep(hooked, DENY)
    hooked.environment["SEGUE_HOOK_PRE_TOOL_USE"] = "off"
    assert said(hooked, "git push") == "None"
