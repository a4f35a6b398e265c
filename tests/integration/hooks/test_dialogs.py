"""What is learned of the client's own permission dialogs, told as the client tells it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.hooked import Hooked
from tests.integration.hooks.test_hooks import another, decision, followed, hooked, rules  # noqa: F401  # a fixture, too

ALLOWED = 3
"""So often in a project, as SEGUE_SESSION_LEARN_AFTER says unless set."""


def call(command: str, **fields: Any) -> dict[str, Any]:
    """What the client tells of a call; each field as it is in all of its events."""
    tool_input = {"command": command, "description": "for the pears"}
    return {"tool_name": "Bash", "tool_input": tool_input, "permission_mode": "default", "prompt_id": "1", **fields}


def ask(client: Hooked, told: dict[str, Any]) -> None:
    """The client asks its user."""
    client.hook("PreToolUse", **told)
    suggested = [{"type": "setMode", "mode": "acceptEdits", "destination": "session"}]
    assert client.hook("PermissionRequest", **told, permission_suggestions=suggested).stdout == b""


def run(client: Hooked, told: dict[str, Any]) -> None:
    """The tool has run."""
    client.hook("PostToolUse", **told, tool_response={"stdout": ""}, tool_use_id="toolu_1", duration_ms=3)
    client.settle()


@pytest.fixture
def begun(hooked: Hooked) -> Hooked:  # noqa: F811
    hooked.begin()
    return hooked


@pytest.mark.slow
def test_a_command_that_is_allowed_three_times_runs_unasked_and_no_other_does(begun: Hooked) -> None:
    for _ in range(ALLOWED):
        assert decision(begun, "make pears") == "None"  # one allow is leave for that time alone
        ask(begun, call("make pears"))
        run(begun, call("make pears"))
    assert decision(begun, "make pears") == "allow"
    assert decision(begun, "make pears plums") == "None"
    assert decision(followed(begun), "make pears") == "allow"


@pytest.mark.slow
def test_an_address_that_is_allowed_three_times_is_fetched_unasked_and_no_other_is(begun: Hooked) -> None:
    def fetch(url: str) -> dict[str, Any]:
        return call("", tool_name="WebFetch", tool_input={"url": url, "prompt": "what are pears?"})

    pears = "https://pears.example/a"
    for _ in range(ALLOWED):
        assert begun.said("PreToolUse", **fetch(pears)) == {}
        ask(begun, fetch(pears))
        run(begun, fetch(pears))
    assert begun.said("PreToolUse", **fetch(pears))["permissionDecision"] == "allow"
    assert begun.said("PreToolUse", **fetch("https://pears.example/a/b")) == {}


@pytest.mark.slow
def test_a_file_to_read_that_is_allowed_three_times_is_read_unasked_and_no_other_is(begun: Hooked) -> None:
    def read(path: str) -> dict[str, Any]:
        return call("", tool_name="Read", tool_input={"file_path": path})

    elsewhere = str(begun.home / "pears.txt")
    for _ in range(ALLOWED):
        assert begun.said("PreToolUse", **read(elsewhere)) == {}
        ask(begun, read(elsewhere))
        run(begun, read(elsewhere))
    assert begun.said("PreToolUse", **read(elsewhere))["permissionDecision"] == "allow"
    for other in (f"{elsewhere}.orig", str(begun.home / "plums.txt"), "/etc/passwd"):
        assert begun.said("PreToolUse", **read(other)) == {}


def test_what_was_refused_or_ran_without_being_asked_about_teaches_nothing(begun: Hooked) -> None:
    bypassing = call("make pears", permission_mode="bypassPermissions")
    for number in range(ALLOWED):
        run(begun, call("make pears"))
        ask(begun, call("make pears"))  # refused; then the user lets everything run
        run(begun, bypassing)
        run(begun, call("make pears", prompt_id=f"later {number}"))
        run(another(begun), call("make pears"))
        begun.hook("PreToolUse", **call("make pears"))  # allowed by a rule meanwhile
        run(begun, call("make pears"))
    assert decision(begun, "make pears") == "None"


@pytest.mark.slow
def test_what_is_critical_inexact_denied_or_no_command_is_never_learned(begun: Hooked) -> None:
    rules(begun, {"operation": "Bash", "decision": "deny", "target": "make plums", "scope": "project"})
    file = {"file_path": str(begun.project / "pears.py"), "new_string": "x"}
    expected: list[tuple[dict[str, Any], str]] = [
        (call("rm -rf pears"), "ask"),
        (call("make pear*"), "None"),
        (call("make " + "pears " * 100), "None"),
        (call("", tool_input={}), "None"),
        (call("make plums"), "deny"),
        (call("", tool_name="Edit", tool_input=file), "None"),
    ]
    for told, then in expected:
        for _ in range(ALLOWED):
            ask(begun, told)
            run(begun, told)
        assert str(begun.said("PreToolUse", **told).get("permissionDecision")) == then
    assert begun.waiting == []


@pytest.mark.slow
def test_a_dialog_counts_once_however_often_it_is_told(begun: Hooked) -> None:
    for _ in range(ALLOWED - 1):
        ask(begun, call("make pears"))
        begun.hook("PermissionRequest", **call("make pears"))
        begun.hook("PostToolUse", **call("make pears"))
        run(begun, call("make pears"))
    assert decision(begun, "make pears") == "None"
    ask(begun, call("make pears"))
    run(begun, call("make pears"))
    assert decision(begun, "make pears") == "allow"


def test_a_deny_holds_where_dialogs_cannot_be_noted(begun: Hooked) -> None:
    rules(begun, {"operation": "Bash", "decision": "deny", "target": "make plums", "scope": "project"})
    notes = begun.data / "hooks" / "asked"
    notes.mkdir(parents=True, exist_ok=True)
    (notes / begun.transcript.session_id).symlink_to(begun.home / "elsewhere")
    assert decision(begun, "make plums") == "deny"
    assert "could not be removed: OSError" in begun.log
